"""Temporal grounding: when the anomaly happens, or that nothing does."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar, TypeAlias

import numpy as np

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.metrics import grounding as metrics
from vau_bench.metrics.base import Metric
from vau_bench.parsing import IntervalAnswer, paper_interval, parse_interval, write_interval
from vau_bench.records import JSON, NORMAL, Sample, Segment

Intervals: TypeAlias = tuple[tuple[float, float], ...]
"""Predicted intervals as written, `()` for normal; a reversed or empty one is an answer that scores 0."""

FOUND_ONLY = "found_only"
"""Under `paper` in the fields of a sample: its paper averages over the anomalies that were answered as such."""
WHICH_WHEN = "which_when"
"""Under `paper`: its paper takes a verdict in `<which>` and a part of the video in `<when>`, and counts every video."""
NO_RULE = "no_rule"
"""Under `paper`: its paper scores no times, and a video may have several, which VAU-R1 does not read."""

_NO = re.compile(r"\W*no\W*", re.IGNORECASE)
_TAGGED = re.compile(r"<which>|<when>")
_WHICH = re.compile(r"<which>(.{0,1000}?)</which>")
_WHEN = re.compile(r"<when>\[([0-9.]+)\s*,\s*([0-9.]+)\]</when>")
_SEARCH_BUDGET = 30_000_000  # pairs of candidate and truth that the search for a constant may compare


class LeftOut(tuple[tuple[float, float], ...]):
    """`()`, said of an anomaly that is left out of the averages for it."""

    __slots__ = ()


class Grounding(Kind[Intervals]):
    """The answer is one interval in seconds, or none.

    What is asked for is the anomaly, or what a sample describes under `query`.
    """

    name: ClassVar[str] = "grounding"
    headline: ClassVar[str] = "miou"
    floors: ClassVar[tuple[str, ...]] = ("always_normal", "whole_video", "prior_interval", "random")
    placeholders: ClassVar[frozenset[str]] = frozenset({"query"})

    @property
    def metrics(self) -> Mapping[str, Metric]:  # noqa: D102
        used = (
            metrics.MIOU,
            *metrics.RECALLS,
            *metrics.APS,
            metrics.FALSE_ALARM_RATE,
            metrics.MISS_RATE,
            metrics.START_ERROR,
            metrics.END_ERROR,
            metrics.OVERALL_MIOU,
            *metrics.OVERALL_RECALLS,
            *metrics.VERDICTS,
        )
        return {m.name: m for m in used}

    def exclusion(self, sample: Sample) -> str | None:  # noqa: D102
        return "unknown_time" if sample.target.segments is None else None

    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:  # noqa: D102
        return {"query": sample.fields.get("query", "")}

    def choices(self, sample: Sample) -> tuple[str, ...]:  # noqa: D102
        return ()

    def read(self, text: str, sample: Sample) -> Reading[Intervals] | None:
        """Find times in seconds, or that nothing is anomalous; in a text with the tags of Vad-R1 what these say."""
        if sample.fields.get("paper") == WHICH_WHEN and _TAGGED.search(text):
            return _which_when(text, sample)
        found = parse_interval(text)
        if not found:
            return None
        answer = found.value
        flags = answer.flags + (("several",) if len(answer.segments) > 1 else ())
        return Reading(_intervals(answer), found.rule, found.span, flags)

    def read_as_paper(self, text: str, sample: Sample) -> Reading[Intervals] | None:
        """Find the answer as VAU-R1 does; where the paper says `FOUND_ONLY`, a miss is `LeftOut`.

        There, what says neither "normal" or "no" nor a time counts as found with a tIoU of 0. See `_as_vad_r1` for
        `WHICH_WHEN`; with `NO_RULE` it is found as in strict scoring.
        """
        if sample.fields.get("paper") == NO_RULE:
            return self.read(text, sample)
        if sample.fields.get("paper") == WHICH_WHEN:
            return _as_vad_r1(text, sample, self.read(text, sample))
        if sample.fields.get("paper") == FOUND_ONLY:
            if _NO.fullmatch(text):
                return Reading(LeftOut(), "paper/no", (0, len(text)))
            reading = self.read(text, sample)
            if reading and reading.answer == ():
                return replace(reading, answer=LeftOut())
        found = paper_interval(text)
        return Reading(_intervals(found.value), found.rule, found.span, found.value.flags) if found else None

    def in_paper_score(self, sample: Sample) -> bool:  # noqa: D102
        return bool(sample.target.segments) or sample.fields.get("paper") == WHICH_WHEN

    def write(self, answer: Intervals) -> str:  # noqa: D102
        return write_interval(*(Segment(*pair) for pair in answer)) if answer else write_interval(None)

    def truth(self, sample: Sample) -> Intervals:  # noqa: D102
        assert sample.target.segments is not None
        return sample.target.segments

    def values(self, answer: Intervals | None, sample: Sample) -> dict[str, float]:  # noqa: D102
        true = sample.target.segments or ()
        valid = [p for p in answer or () if p[1] > p[0]]
        nan = float("nan")
        values = {
            "anomalous": float(bool(true)),
            # No answer is wrong on either side: an alarm on a normal video, none on an anomalous one.
            "called": float(not true if answer is None else answer != ()),  # anomalous, at whatever time
            "alarm": float(bool(valid) if true else answer != ()),
            "tiou": metrics.set_tiou(valid, true) if true and not isinstance(answer, LeftOut) else nan,
            "start_error": nan,
            "end_error": nan,
        }
        if true and valid:
            values["start_error"] = abs(min(p[0] for p in valid) - true[0].start)
            values["end_error"] = abs(max(p[1] for p in valid) - true[-1].end)
        return values

    def worth(self, answer: Intervals | None, sample: Sample) -> float:  # noqa: D102
        true = sample.target.segments
        return metrics.set_tiou(answer or (), true) if true else float(answer == ())

    def as_json(self, answer: Intervals) -> JSON:  # noqa: D102
        return [[float(start), float(end)] for start, end in answer]

    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[Intervals | None]:  # noqa: D102
        if name == "always_normal":
            return [()] * len(samples)
        if name == "whole_video":
            lengths = (context.durations.get(s.id) for s in samples)
            return [((0.0, length),) if length else None for length in lengths]
        if name == "prior_interval":
            best = best_constant_interval([s.target.segments[0] for s in context.tuning if s.target.segments])
            return [(best,) if best else None] * len(samples)
        if name == "random":
            return [_random(s, context) for s in samples]
        raise UnknownNameError("floor of grounding tasks", name, self.floors)


def _intervals(answer: IntervalAnswer) -> Intervals:
    return () if answer.normal else answer.segments


def _which_when(text: str, sample: Sample) -> Reading[Intervals] | None:
    """Find the last verdict in `<which>` and the last time in `<when>`; `None` unless they say what is meant."""
    which, when = _last(_WHICH, text), _last(_WHEN, text)
    verdict = which[1].strip() if which else ""
    if which and verdict == NORMAL:
        return Reading((), "which", which.span(1))
    if when and verdict == "Abnormal":
        return Reading((_part(when, sample),), "when", when.span())
    return None


def _as_vad_r1(text: str, sample: Sample, worded: Reading[Intervals] | None) -> Reading[Intervals]:
    """Find the answer as the evaluation of Vad-R1 does: what is not exactly `<which>Normal</which>` is abnormal.

    Without a time that is from 0 to 0. Its prompts ask for tags of their own, ours for others: a text without any of
    its tags is worth what was read in it otherwise.
    """
    which, when = _WHICH.search(text), _WHEN.search(text)
    if which and which[1] == NORMAL:
        return Reading((), "paper/which", which.span(1))
    if worded and not _TAGGED.search(text):
        return worded
    return Reading((_part(when, sample),), "paper/when", when.span() if when else (0, len(text)))


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    return next(iter([*pattern.finditer(text)][-1:]), None)


def _part(when: re.Match[str] | None, sample: Sample) -> tuple[float, float]:
    """Return a part of a video in seconds, and where there is none that can be read no time at all."""
    try:
        start, end = (float(text) * sample.fields["duration"] for text in when.groups()) if when else (0.0, 0.0)
    except ValueError:  # 0.4.2
        return 0.0, 0.0
    return (start, end) if math.isfinite(start) and math.isfinite(end) else (0.0, 0.0)


def _random(sample: Sample, context: FloorContext) -> Intervals:
    rng = random.Random(f"{context.seed}/{sample.id}")
    if rng.random() < 0.5:
        return ()
    end = context.durations.get(sample.id, context.horizon)
    first, second = sorted((rng.uniform(0, end), rng.uniform(0, end)))
    return ((round(first, 2), round(second, 2)),)


def best_constant_interval(true: Sequence[Segment]) -> tuple[float, float] | None:
    """Return the interval with the highest mean tIoU among those with ends on whole seconds.

    This is what a model that never looks can reach by knowing the data. Above a budget of comparisons the grid
    gets coarser: steps of 2, 4, ... seconds. Ties go to the earliest, then the shortest.

    Returns:
        `(start, end)` in seconds, or `None` when there is no truth to fit.
    """
    if not true:
        return None
    distinct, counts = np.unique(np.asarray(true, dtype=np.float64), axis=0, return_counts=True)
    weights = counts / counts.sum()
    # A few hour-long videos would only blow up the grid: a constant that fits them fits nothing else.
    horizon = float(np.quantile(distinct[:, 1], 0.95))
    step = 1.0
    while (horizon / step) ** 2 / 2 * len(distinct) > _SEARCH_BUDGET:
        step *= 2
    marks = np.arange(0.0, np.ceil(horizon / step) * step + step / 2, step)
    best, best_score = (0.0, max(step, horizon)), -1.0
    for start in marks[:-1]:
        ends = marks[marks > start]
        pairs = np.column_stack([np.full_like(ends, start), ends])
        scores = metrics.tiou(pairs[:, None], distinct[None]) @ weights
        top = int(scores.argmax())
        if scores[top] > best_score + 1e-12:
            best, best_score = (float(start), float(ends[top])), float(scores[top])
    return best
