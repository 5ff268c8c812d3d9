"""The answer rules of VAU-R1 (arXiv 2505.23504), for scores in the paper's own mode.

They are written anew from their description and keep its laxness: a letter anywhere counts, the first class name wins,
the first bracket is an interval. What cannot be read is `None` here; the paper's evaluation counts an unreadable
interval as (0, 0), which is for the scoring to do.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

from vau_bench.parsing.answers import IntervalAnswer, Parsed

_ANSWER = re.compile(r"<answer>([^<]*)</answer>", re.IGNORECASE)
_LETTER_TAG = re.compile(r"<answer>\s*([A-D])\s*</answer>")
_LETTER_BRACKETS = re.compile(r"<([A-D])>")
_LONE_LETTER = re.compile(r"(?<!\w)[A-D](?!\w)")
_THINK_END = "</think>"
_GLUE = re.compile(r"<glue>([^<]*)</glue>")
_BRACKETS = re.compile(r"\[([^\[\]]*)\]")
_TIME = re.compile(r"-?[0-9]{1,16}(?:\.[0-9]{1,24})?")
_CLOCK = re.compile(r"(?:([0-9]{1,2}):)?([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{1,9})?)")


def paper_option(text: str) -> Parsed[str] | None:
    """Return `<answer>X</answer>`, else `<X>`, else the last lone A-D after `</think>`, else the last anywhere."""
    for rule, pattern in (("paper/answer", _LETTER_TAG), ("paper/brackets", _LETTER_BRACKETS)):
        match = pattern.search(text)
        if match is not None:
            return Parsed(match[1], rule, match.span(1))
    after = text.rfind(_THINK_END)
    starts = [("paper/last_after_think", after + len(_THINK_END))] if after >= 0 else []
    for rule, start in [*starts, ("paper/last_letter", 0)]:
        last = deque(_LONE_LETTER.finditer(text, start), maxlen=1)
        if last:
            return Parsed(last[0][0], rule, last[0].span())
    return None


def paper_label(text: str, classes: Sequence[str]) -> Parsed[str] | None:
    """Return the class name that comes first inside `<answer>`; of two at one place the longer."""
    answer = _ANSWER.search(text)
    if answer is None or not classes:
        return None
    spaced = re.sub(r"[_-]", " ", answer[1].lower())
    if len(spaced) != len(answer[1]):
        return None
    names = [(re.sub(r"[_-]", " ", name.lower()), name) for name in classes]
    found = [(at, -len(key), name) for key, name in names if (at := spaced.find(key)) >= 0]
    if not found:
        return None
    at, length, name = min(found)
    start = answer.start(1) + at
    return Parsed(name, "paper/first_class", (start, start - length))


def paper_interval(text: str) -> Parsed[IntervalAnswer] | None:
    """Return `<glue>[s, e]</glue>`, else the first pair of brackets; clock readings are seconds."""
    match = _GLUE.search(text) or _BRACKETS.search(text)
    if match is None:
        return None
    parts = match[1].split(",")
    if len(parts) != 2:
        return None
    times = [_seconds(part) for part in parts]
    if times[0] is None or times[1] is None:
        return None
    pair = (times[0], times[1])
    rule = "paper/glue" if match.re is _GLUE else "paper/brackets"
    return Parsed(IntervalAnswer((pair,), pair == (-1.0, -1.0)), rule, match.span(1))


def _seconds(text: str) -> float | None:
    clock = _CLOCK.search(text)
    if clock is not None:
        return 3600 * float(clock[1] or 0) + 60 * float(clock[2]) + float(clock[3])
    number = _TIME.search(text)
    return float(number[0]) if number is not None else None
