"""What rules about sentences share: clause limits, negation, and the value "not decided"."""

from __future__ import annotations

import re
from enum import Enum
from typing import Final


class Undecided(Enum):
    """The text answers in more than one way, or takes its answer back: no weaker rule may be asked."""

    UNDECIDED = "undecided"


UNDECIDED: Final = Undecided.UNDECIDED

_REACH = 80
_CLAUSE_END = re.compile(r"[.;:!?\n](?!\d)|,|\b(?:but|however|although|though|instead|while|then)\b", re.IGNORECASE)
_LIST_CLAUSE_END = re.compile(r"[.;:!?\n](?!\d)|\b(?:but|however|although|though|instead|while|then)\b", re.IGNORECASE)
_NEGATION = re.compile(
    r"\b(?:no|not|never|neither|nor|none|nothing|without|cannot|lack(?:s|ing)?|absence|free\s+of|free\s+from|rather\s+than"
    r"|instead\s+of|unlike|rules?\s+out|ruled\s+out|ruling\s+out|excluding|except"
    r"|deviat(?:es|ed|ing|ion)\s+from|differ(?:s|ent)\s+from|departure\s+from)\b|n't\b|\bkein\w*|\bnicht\b|\bsin\b|不|没有|无",
    re.IGNORECASE,
)
_ASSENT = re.compile(
    r"\b(?:no\s+doubt|without\s+(?:a\s+|any\s+)?doubt|no\s+question|not\s+only|not\s+just|cannot\s+be\s+denied)\b",
    re.IGNORECASE,
)
_CONTRAST = re.compile(r"\b(?:however|but|until|suddenly|although|yet|except|abruptly)\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"[.!?;\n](?![0-9])")
_HYPOTHESIS = re.compile(r"\b(?:if|whether|unless|could|might|may)\b", re.IGNORECASE)
_DENIED_AFTER = re.compile(
    r"\W{0,3}(?:(?:is|was|are|were|can|could|has|have|do|does|did)\s{1,3}(?:be\s{1,3}|been\s{1,3})?"
    r"(?:not|never|ruled\s+out|excluded|absent|unlikely|wrong|incorrect|missing)\b|(?:is|was|are|were|do|does|did|has)n't\b)",
    re.IGNORECASE,
)


def is_denied_before(text: str, start: int, *, since: int = 0, reach: int = _REACH, lists: bool = False) -> bool:
    """Tell whether the words before `start`, within its clause and behind `since`, deny what follows.

    With `lists`, a comma does not end the clause: "no fire, smoke or explosion" denies all three.
    """
    before = clause_before(text, start, since=since, lists=lists)[-reach:]
    return _NEGATION.search(_ASSENT.sub(" ", before)) is not None


def is_denied_after(text: str, end: int) -> bool:
    """Tell whether what ends at `end` is denied right behind it: "a fire was not seen"."""
    return _DENIED_AFTER.match(text, end) is not None


def is_hypothetical(text: str, start: int) -> bool:
    """Tell whether what begins at `start` is only supposed: "if the answer is B"."""
    return _HYPOTHESIS.search(clause_before(text, start)) is not None


def is_asked(text: str, end: int) -> bool:
    """Tell whether the sentence that goes on at `end` is a question."""
    stop = _SENTENCE_END.search(text, end, min(len(text), end + _REACH))
    return stop is not None and stop[0] == "?"


def is_followed_by_contrast(text: str, end: int) -> bool:
    """Tell whether what ends at `end` is soon qualified: "a normal scene. However, ..."."""
    return _CONTRAST.search(text, end, min(len(text), end + 2 * _REACH)) is not None


def clause_before(text: str, start: int, *, since: int = 0, lists: bool = False) -> str:
    """Return the words of the same clause before `start`; with `lists`, a comma does not end it."""
    before = text[max(since, start - _REACH) : start]
    ends = [match.end() for match in (_LIST_CLAUSE_END if lists else _CLAUSE_END).finditer(before)]
    return before[ends[-1] :] if ends else before
