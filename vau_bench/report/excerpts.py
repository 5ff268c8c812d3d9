"""Texts of models and datasets made fit to be shown: every character visible, none dangerous, none too long."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

LONGEST = 4_000
AROUND = 600
"""Characters shown around the evidence when it lies beyond what is shown of a long text."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff0-\uffff\ud800-\udfff\ufeff]"
)


@dataclass(frozen=True)
class Part:
    """A piece of a text: plain, the evidence of the answer, or a note on what was left out."""

    kind: Literal["plain", "evidence", "gap"]
    text: str


def legible(text: str) -> str:
    """Return the text with control, direction and surrogate characters written as escapes; lines and tabs stay.

    What remains can be encoded, is allowed in HTML, and reads in the order in which it is stored.
    """
    return _UNSEEN.sub(lambda m: m[0].encode("unicode_escape").decode("ascii"), text.replace("\r\n", "\n"))


def clipped(text: str, longest: int = LONGEST) -> str:
    """Return the text, cut with a note if it is longer than that."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]} ... ({len(text) - longest:,} more characters)"


def excerpt(text: str, span: tuple[int, int] | None, longest: int = LONGEST) -> list[Part]:
    """Cut a text to about `longest` characters, so that its beginning and the evidence are among them.

    Args:
        text: of any length.
        span: where the evidence stands in it, if anywhere.
        longest: of the parts together.
    """
    size = len(text)
    start, end = span if span is not None and 0 <= span[0] < span[1] <= size else (size, size)
    if size <= longest or end <= longest:
        windows = [(0, min(size, longest))]
    elif start == size:
        windows = [(0, longest)]
    else:
        end = min(end, start + longest // 2)
        begin, stop = max(0, start - AROUND), min(size, end + AROUND)
        head = min(begin, max(0, longest - (stop - begin)))
        windows = [(0, head), (begin, stop)] if head < begin else [(0, stop)]
    return _parts(text, windows, (start, end))


def _parts(text: str, windows: list[tuple[int, int]], evidence: tuple[int, int]) -> list[Part]:
    parts: list[Part] = []
    shown = 0
    for begin, stop in windows:
        if begin > shown:
            parts.append(_gap(begin - shown))
        cuts = [begin, *(min(max(c, begin), stop) for c in evidence), stop]
        for kind, (low, high) in zip(("plain", "evidence", "plain"), pairwise(cuts), strict=True):
            if low < high:
                parts.append(Part(kind, text[low:high]))  # type: ignore[arg-type]
        shown = stop
    if shown < len(text):
        parts.append(_gap(len(text) - shown))
    return parts


def _gap(count: int) -> Part:
    return Part("gap", f"{count:,} characters left out")
