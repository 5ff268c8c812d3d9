"""Moments as CUVA and ECVA write them: `[0005,0011],[0022,0127]`, minutes and then two digits of seconds."""

from __future__ import annotations

import re
from collections import Counter

from vau_bench.errors import DataError
from vau_bench.records import Segment

_MOMENT = re.compile(r"\[\s*(\d{1,6})\s*[,\uff0c]\s*(\d{1,6})\s*\]")
_BETWEEN = re.compile(r"[\s,;\uff0c\[\]]*")


def moments_of(text: str, where: str, notes: Counter[str]) -> tuple[Segment, ...] | None:
    """Return the moments of a text in order of time, `None` where it names none.

    Args:
        text: one pair of brackets a moment; the list may have a pair of its own.
        where: its place, for messages.
        notes: counts those that were `reversed_moment`, and are turned round, or `empty_moment`, and are left out.

    Raises:
        DataError: if it holds anything else, or a time with more than 59 seconds.
    """
    if not _BETWEEN.fullmatch(_MOMENT.sub("", text)):
        raise DataError(f"{where}: not moments such as [0005,0011],[0022,0127]: {text[:80]!r}")
    found = []
    for pair in _MOMENT.findall(text):
        start, end = sorted(times := [_seconds(digits, where) for digits in pair])
        notes["reversed_moment"] += times != [start, end]
        notes["empty_moment"] += start == end
        if start < end:
            found.append(Segment(float(start), float(end)))
    return tuple(sorted(found)) or None


def _seconds(digits: str, where: str) -> int:
    minutes, seconds = int(digits[:-2] or 0), int(digits[-2:])
    if seconds > 59:
        raise DataError(f"{where}: {digits!r} is no time in minutes and two digits of seconds")
    return 60 * minutes + seconds
