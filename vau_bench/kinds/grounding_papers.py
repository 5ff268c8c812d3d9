"""How papers read an answer about time, and which answers they count."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from vau_bench.kinds.base import Reading
from vau_bench.kinds.papers import VAU_R1
from vau_bench.parsing import IntervalAnswer, paper_interval
from vau_bench.records import NORMAL, Sample

Intervals: TypeAlias = tuple[tuple[float, float], ...]
"""Predicted intervals as written, `()` for normal; a reversed or empty one is an answer that scores 0."""

_NO = re.compile(r"\W*no\W*", re.IGNORECASE)
_TAGGED = re.compile(r"<which>|<when>")
_WHICH = re.compile(r"<which>(.{0,1000}?)</which>")
_WHEN = re.compile(r"<when>\[([0-9.]+)\s*,\s*([0-9.]+)\]</when>")


class Paper(NamedTuple):
    """The rules of a paper.

    Attributes:
        read: a text, its sample and what strict scoring has read in it -> the answer, as the paper reads it.
        counts: whether an answer to a sample takes part in the averages; `None` is an answer that cannot be read.
    """

    read: Callable[[str, Sample, Reading[Intervals] | None], Reading[Intervals] | None]
    counts: Callable[[Sample, Intervals | None], bool]


def intervals_of(answer: IntervalAnswer) -> Intervals:
    """Return an answer's intervals."""
    return () if answer.normal else answer.segments


def tagged_as_vad_r1(text: str, sample: Sample) -> bool:
    """Whether a text about a sample of Vad-R1's has the tags that its own models write."""
    return sample.fields.get("paper") == "vad_r1" and _TAGGED.search(text) is not None


def which_when(text: str, sample: Sample) -> Reading[Intervals] | None:
    """Find the last verdict in `<which>` and the last time in `<when>`; `None` unless they say what is meant."""
    which, when = _last(_WHICH, text), _last(_WHEN, text)
    verdict = which[1].strip() if which else ""
    if which and verdict == NORMAL:
        return Reading((), "which", which.span(1))
    if when and verdict == "Abnormal":
        return Reading((_part(when, sample),), "when", when.span())
    return None


def _anomalous(sample: Sample, answer: Intervals | None) -> bool:
    return bool(sample.target.segments)


def _as_vau_r1(text: str, sample: Sample, strict: Reading[Intervals] | None) -> Reading[Intervals] | None:
    found = paper_interval(text)
    return Reading(intervals_of(found.value), found.rule, found.span, found.value.flags) if found else None


def _as_tabot(text: str, sample: Sample, strict: Reading[Intervals] | None) -> Reading[Intervals] | None:
    """Find the answer as TABot does: what says neither "normal" or "no" nor a time counts as found with a tIoU of 0."""
    if _NO.fullmatch(text):
        return Reading((), "paper/no", (0, len(text)))
    return strict if strict and strict.answer == () else _as_vau_r1(text, sample, strict)


def _as_vad_r1(text: str, sample: Sample, strict: Reading[Intervals] | None) -> Reading[Intervals] | None:
    """Find the answer as the evaluation of Vad-R1 does: what is not exactly `<which>Normal</which>` is abnormal.

    Without a time that is from 0 to 0. Its prompts ask for tags of their own, ours for others: a text without any of
    its tags is worth what was read in it otherwise.
    """
    which, when = _WHICH.search(text), _WHEN.search(text)
    if which and which[1] == NORMAL:
        return Reading((), "paper/which", which.span(1))
    if strict and not _TAGGED.search(text):
        return strict
    return Reading((_part(when, sample),), "paper/when", when.span() if when else (0, len(text)))


PAPERS: Mapping[str, Paper] = {
    VAU_R1: Paper(_as_vau_r1, _anomalous),
    # averages over the accidents that were answered as such
    "tabot": Paper(_as_tabot, lambda sample, answer: bool(sample.target.segments) and answer != ()),
    "vad_r1": Paper(_as_vad_r1, lambda sample, answer: True),
    # scores no times; a video may have several, which VAU-R1 does not read
    "no_rule": Paper(lambda text, sample, strict: strict, _anomalous),
}


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter([*pattern.finditer(text)][-1:]), None)


def _part(when: re.Match[str] | None, sample: Sample) -> tuple[float, float]:
    """Return a part of a video in seconds, and where there is none that can be read no time at all."""
    try:
        start, end = (float(text) * sample.fields["duration"] for text in when.groups()) if when else (0.0, 0.0)
    except ValueError:  # 0.4.2
        return 0.0, 0.0
    return (start, end) if math.isfinite(start) and math.isfinite(end) else (0.0, 0.0)
