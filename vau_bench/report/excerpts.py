"""Texts of models and datasets made fit to be shown: every character visible, none dangerous, none too long."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, cast

from vau_bench.parsing.tags import Block

LONGEST = 4_000
AROUND = 600
"""Characters shown around the evidence when it lies beyond what is shown of a long text."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff0-\uffff\ud800-\udfff\ufeff]"
)


Kind = Literal["plain", "think", "answer", "glue", "reflect", "gap"]


@dataclass(frozen=True)
class Part:
    """A piece of a text.

    Attributes:
        kind: the element of the response grammar that it lies in, `plain` outside of all, or `gap`, a note on what was
            left out.
        evidence: the answer was read from it.
    """

    kind: Kind
    text: str
    evidence: bool = False


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


def excerpt(
    text: str, span: tuple[int, int] | None, blocks: Sequence[Block] = (), longest: int = LONGEST
) -> list[Part]:
    """Cut a text to about `longest` characters, so that its beginning and the evidence are among them.

    Args:
        text: of any length.
        span: where the evidence stands in it, if anywhere.
        blocks: the elements of the response grammar in it.
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
    return _parts(text, windows, (start, end), blocks)


def _parts(text: str, windows: list[tuple[int, int]], evidence: tuple[int, int], blocks: Sequence[Block]) -> list[Part]:
    parts: list[Part] = []
    shown = 0
    edges = sorted({*evidence, *(edge for block in blocks for edge in (block.start, block.end))})
    for begin, stop in windows:
        if begin > shown:
            parts.append(_gap(begin - shown))
        cuts = [begin, *(edge for edge in edges if begin < edge < stop), stop]
        for low, high in pairwise(cuts):
            if low < high:
                inside = next((b.name for b in blocks if b.start <= low < b.end), "plain")
                parts.append(Part(cast("Kind", inside), text[low:high], evidence[0] <= low < evidence[1]))
        shown = stop
    if shown < len(text):
        parts.append(_gap(len(text) - shown))
    return parts


def _gap(count: int) -> Part:
    return Part("gap", f"{count:,} characters left out")
