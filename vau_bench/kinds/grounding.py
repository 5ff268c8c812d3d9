"""Temporal grounding: when the anomaly happens, or that nothing does."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.kinds.grounding_papers import PAPERS, Intervals, Paper, intervals_of, tagged_as_vad_r1, which_when
from vau_bench.kinds.papers import rules_of
from vau_bench.metrics import grounding as metrics
from vau_bench.metrics.base import Metric
from vau_bench.parsing import parse_interval, write_interval
from vau_bench.records import JSON, Sample, Segment

_SEARCH_BUDGET = 30_000_000  # pairs of candidate and truth that the search for a constant may compare


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
        if tagged_as_vad_r1(text, sample):
            return which_when(text, sample)
        found = parse_interval(text)
        if not found:
            return None
        answer = found.value
        flags = answer.flags + (("several",) if len(answer.segments) > 1 else ())
        return Reading(intervals_of(answer), found.rule, found.span, flags)

    def read_as_paper(self, text: str, sample: Sample) -> Reading[Intervals] | None:
        """Find the answer by the rules of the sample's paper."""
        return self._paper(sample).read(text, sample, self.read(text, sample))

    def in_paper_score(self, sample: Sample, answer: Intervals | None) -> bool:  # noqa: D102
        return self._paper(sample).counts(sample, answer)

    def _paper(self, sample: Sample) -> Paper:
        return rules_of(sample, PAPERS, self.name)

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
            "tiou": metrics.set_tiou(valid, true) if true else nan,
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
