"""The class of an anomaly, or the verdict that the video is normal.

The rules, best first. Where one finds different classes, there is none, and no weaker rule is asked.

    exact     the answer is one class name or alias and nothing else; inside `<answer>` it is called `tag`
    json      `{"class": "Fire"}`, `{"anomaly": false}`
    labelled  "Class: Fire", "classified as Arson", "the answer is Normal"; the last statement wins
    mention   the one class that the text names; denied names ("no fire") do not count

"Anomaly" beside a class is that class. "Not normal" is an anomaly without a class; "nothing abnormal" is normal.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from vau_bench.parsing.answers import Parsed
from vau_bench.parsing.lexicon import Lexicon, Mention, build_lexicon, common_lexicon, say
from vau_bench.parsing.scope import Scope, find_final
from vau_bench.parsing.statements import UNDECIDED, Undecided, is_followed_by_contrast, is_hypothetical
from vau_bench.records import ANOMALY, NORMAL

Found: TypeAlias = Mention | Undecided | None
Rule: TypeAlias = Callable[[str, Lexicon], Found]

_NO_ALIASES: Mapping[str, Sequence[str]] = MappingProxyType({})

_WRAPPING = " \t\r\n*_`'\"()[]{}$<>.:;,!#"
_JSON_LABEL = re.compile(
    r"[\"'](?:final[ _]?|predicted[ _]?)?(?:class|label|category|anomaly[ _]?(?:class|type|category)|event[ _]?type"
    r"|type|answer|prediction|result|verdict|classification|anomaly|is_anomaly|abnormal)"
    r"[\"']\s{0,8}:\s{0,8}[\"']([^\"'\n]{1,80})[\"']",
    re.IGNORECASE,
)
_JSON_VERDICT = re.compile(
    r"[\"'](?:is[ _]?)?(?:anomaly|abnormal|anomalous)(?:[ _]?detected)?[\"']"
    r"\s{0,8}:\s{0,8}[\"']?(true|false|yes|no|[01])\b(?!\.)",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:(?<![a-z])(?:class|label|category|type|answer|prediction|verdict|classification|conclusion)"
    r"(?:\s{1,3}of\s{1,3}(?:the\s{1,3})?(?:anomaly|event|video|abnormality))?[*_`'\"]{0,4}\s{0,3}(?:is|was|would\s{1,3}be|:|=|->)"
    r"|\b(?:classified|categori[sz]ed|labell?ed)\s{1,3}(?:as|under)\b"
    r"|\b(?:belongs|falls)\s{1,3}(?:to|under|into)\b|(?:类别|答案|类型)(?:是|为|:))",
    re.IGNORECASE,
)
_NOT = re.compile(r"(?:\bnot|n't|\bnever)\s{1,2}(?:be\s|been\s)?$", re.IGNORECASE)
_STATEMENT = 120
_WORD = re.compile(r"\S")
_STATEMENT_END = re.compile(r"[.;!?\n](?=\s|$)|\n")


def parse_label(
    text: str, classes: Sequence[str], aliases: Mapping[str, Sequence[str]] = _NO_ALIASES
) -> Parsed[str] | None:
    """Return the class that a response names, or `None` when it does not say.

    Args:
        text: the response, reasoning included.
        classes: the canonical class names. `NORMAL` is always known.
        aliases: further names by class, beside those of `aliases.toml`.

    Returns:
        One of `classes`, `NORMAL`, or `ANOMALY` when the text only says that something is wrong.

    Raises:
        ValueError: if an alias names two classes.
    """
    lexicon = build_lexicon(classes, aliases)
    final = find_final(text)
    scope = final.answer or final.free
    if scope is not None:
        return _apply(_RULES, scope, lexicon)
    if final.thought is None:
        return None
    inner = find_final(final.thought.text)
    if inner.answer is not None:
        return _apply(_RULES, final.thought.narrowed(inner.answer), lexicon)
    if inner.free is not None:
        return _apply(_EXPLICIT, final.thought.narrowed(inner.free), lexicon)
    return None


def read_verdict(text: str) -> Mention | None:
    """Return whether a piece of text says `NORMAL` or `ANOMALY`; any class of VAU-Bench is an anomaly."""
    lexicon = common_lexicon()
    for rule in _RULES.values():
        found = rule(text, lexicon)
        if isinstance(found, Undecided):
            return None
        if found is not None:
            return found if found.label == NORMAL else found._replace(label=ANOMALY)
    return None


def _apply(rules: dict[str, Rule], scope: Scope, lexicon: Lexicon) -> Parsed[str] | None:
    for name, rule in rules.items():
        found = rule(scope.text, lexicon)
        if isinstance(found, Undecided):
            return None
        if found is not None:
            return Parsed(found.label, scope.rule(name, canonical="exact"), scope.span(found.start, found.end))
    return None


def _exact(text: str, lexicon: Lexicon) -> Found:
    stripped = text.strip(_WRAPPING)
    label = lexicon.exact(stripped)
    if label is None:
        return None
    start = text.index(stripped)
    return Mention(label, start, start + len(stripped))


def _json(text: str, lexicon: Lexicon) -> Found:
    found: list[Mention] = []
    for match in _JSON_LABEL.finditer(text):
        value = _exact(match[1], lexicon) or _agreed(lexicon.mentions(match[1]))
        if isinstance(value, Undecided):
            return UNDECIDED
        if value is not None:
            found.append(Mention(value.label, match.start(1) + value.start, match.start(1) + value.end))
    for match in _JSON_VERDICT.finditer(text):
        label = ANOMALY if match[1].lower() in ("true", "yes", "1") else NORMAL
        found.append(Mention(label, *match.span()))
    return _agreed(found)


def _labelled(text: str, lexicon: Lexicon) -> Found:
    named = list(lexicon.named(text))
    starts = [mention.start for mention in named]
    last: Found = None
    for match in _LABEL.finditer(text) if named else ():
        if is_hypothetical(text, match.start()) or _NOT.search(text, max(0, match.start() - 12), match.start()):
            continue
        within = slice(bisect_left(starts, match.end()), bisect_left(starts, _statement_end(text, match.end())))
        told = [say(text, mention, match.end()) for mention in named[within]]
        stated = _agreed(mention for mention in told if mention is not None)
        if isinstance(stated, Mention):
            last = stated._replace(start=match.start())
        elif stated is UNDECIDED:
            last = UNDECIDED
    return last


def _statement_end(text: str, start: int) -> int:
    """Return where the line or sentence ends that has its first word behind `start`."""
    within = min(len(text), start + _STATEMENT)
    word = _WORD.search(text, start, within)
    end = _STATEMENT_END.search(text, word.start(), within) if word is not None else None
    return end.start() if end is not None else within


def _mention(text: str, lexicon: Lexicon) -> Found:
    found = _agreed(lexicon.mentions(text))
    if isinstance(found, Mention) and found.label == NORMAL and is_followed_by_contrast(text, found.end):
        return UNDECIDED
    return found


def _agreed(mentions: Iterable[Mention]) -> Found:
    """Return the one class of several mentions; a bare "anomaly" agrees with any class."""
    chosen: Mention | None = None
    for mention in mentions:
        if chosen is None or (chosen.label == ANOMALY and mention.label != NORMAL):
            chosen = mention
        elif mention.label != chosen.label and (mention.label != ANOMALY or chosen.label == NORMAL):
            return UNDECIDED
    return chosen


_EXPLICIT: dict[str, Rule] = {"exact": _exact, "json": _json, "labelled": _labelled}
_RULES: dict[str, Rule] = {**_EXPLICIT, "mention": _mention}
