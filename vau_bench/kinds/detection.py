"""Detection: which frames are anomalous, by a score a frame or by intervals; any number of events, or none."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.kinds.grounding import Grounding
from vau_bench.metrics import detection as metrics
from vau_bench.metrics.base import FloatArray, Metric
from vau_bench.metrics.grounding import set_tiou
from vau_bench.parsing import parse_interval, write_interval
from vau_bench.records import JSON, Sample, Segment

Scores: TypeAlias = tuple[tuple[float, float, float], ...]
"""`(start, end, score)` in seconds and [0, 1], `()` for normal; where pieces overlap the highest score counts, where
there is none the score is 0."""

FPS = 30.0
"""Frames a second where the dataset does not say."""
ALARM = 0.5
"""Score from which a piece is a detected segment of its own."""

_SCORES = re.compile(r"<scores>(.{0,1000000}?)</scores>", re.DOTALL)
_NUMBERS = 3


class Detection(Kind[Scores]):
    """The answer is a score for each part of the video, or the intervals that are anomalous."""

    name: ClassVar[str] = "detection"
    headline: ClassVar[str] = "auc"
    floors: ClassVar[tuple[str, ...]] = ("always_normal", "whole_video", "prior_interval", "random")
    placeholders: ClassVar[frozenset[str]] = frozenset()

    @property
    def metrics(self) -> Mapping[str, Metric]:  # noqa: D102
        used = (
            metrics.AUC,
            metrics.AP,
            metrics.AP_TRAPEZOID,
            metrics.VIDEO_AUC,
            metrics.MACRO_AUC,
            metrics.MAP,
            *metrics.MAPS,
        )
        return {m.name: m for m in used}

    def exclusion(self, sample: Sample) -> str | None:  # noqa: D102
        if sample.target.segments is None:
            return "unknown_time"
        return None if frames_of(sample) else "unknown_length"

    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:  # noqa: D102
        return {}

    def choices(self, sample: Sample) -> tuple[str, ...]:  # noqa: D102
        return ()

    def read(self, text: str, sample: Sample) -> Reading[Scores] | None:
        """Find scores in `<scores>`, where there are none intervals, or that nothing is anomalous."""
        written = [*_SCORES.finditer(text)]
        if written:
            scores = _listed(written[-1][1])
            return None if scores is None else Reading(scores, "scores", written[-1].span(1))
        found = parse_interval(text)
        if not found:
            return None
        pairs = () if found.value.normal else found.value.segments
        return Reading(tuple((s, e, 1.0) for s, e in pairs), found.rule, found.span, found.value.flags)

    def read_as_paper(self, text: str, sample: Sample) -> Reading[Scores] | None:
        """Find the answer; there is no other evaluation to follow here."""
        return self.read(text, sample)

    def write(self, answer: Scores) -> str:
        """Return the intervals where all scores are 1, else the scores."""
        if all(score == 1 for *_, score in answer):
            return write_interval(*(Segment(s, e) for s, e, _ in answer)) if answer else write_interval(None)
        return write_scores(answer)

    def truth(self, sample: Sample) -> Scores:  # noqa: D102
        return tuple((s.start, s.end, 1.0) for s in sample.target.segments or ())

    def values(self, answer: Scores | None, sample: Sample) -> dict[str, float]:
        """Return how many frames of each kind have each score, and which segments were found.

        Without an answer each frame has the score that is wrong for it, and no threshold finds an anomalous one.
        """
        true, rate = sample.target.segments or (), _fps(sample)
        anomalous = rasterised(self.truth(sample), frames_of(sample), rate) > 0
        scores = (~anomalous).astype(np.float64) if answer is None else rasterised(answer, len(anomalous), rate)
        positive, negative = metrics.frame_counts(scores, anomalous)
        values = dict(zip(metrics.POSITIVE, positive.tolist(), strict=True))
        values |= zip(metrics.NEGATIVE, negative.tolist(), strict=True)
        values[metrics.MISSED] = float(positive.sum()) if answer is None else 0.0
        values[metrics.VIDEO_AUC_COLUMN] = float(metrics.roc_auc(positive, negative))
        padded = 0.0 if answer is None else float(metrics.padded_roc_auc(positive, negative))  # no point for padding
        values[metrics.MACRO_AUC_COLUMN] = padded
        detected = detections(answer) if answer is not None else ()
        levels = [round(confidence * (metrics.CONFIDENCES - 1)) for *_, confidence in detected]
        values |= _counted(metrics.DETECTED, levels)
        for threshold, names in zip(metrics.THRESHOLDS, metrics.HITS, strict=True):
            hits = metrics.match_segments(detected, true, threshold)
            values |= _counted(names, [level for level, hit in zip(levels, hits, strict=True) if hit])
        values[metrics.SEGMENTS] = float(len(true))
        return values

    def worth(self, answer: Scores | None, sample: Sample) -> float:
        """Return the tIoU of what was detected and what is true; of a normal video whether nothing was detected."""
        found = [(start, end) for start, end, _ in detections(answer or ())]
        true = sample.target.segments
        return set_tiou(found, true) if true else float(answer is not None and not found)

    def as_json(self, answer: Scores) -> JSON:  # noqa: D102
        return [[float(start), float(end), float(score)] for start, end, score in answer]

    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[Scores | None]:
        """Return the floors of grounding, whose intervals are scored 1, and random scores a second."""
        if name == "random":
            return [_random(s, context.seed) for s in samples]
        if name not in self.floors:
            raise UnknownNameError("floor of detection tasks", name, self.floors)
        answers = Grounding().floor(name, samples, context)
        return [None if a is None else tuple((s, e, 1.0) for s, e in a) for a in answers]


def write_scores(scores: Scores) -> str:
    """Return the canonical text of scores, in hundredths."""
    pieces = ", ".join(f"[{start:g}, {end:g}, {score:.2f}]" for start, end, score in scores)
    return f"<scores>[{pieces}]</scores>"


def frames_of(sample: Sample) -> int:
    """Return how many frames the video officially has; 0 where nothing tells."""
    if "frames" in sample.fields:
        return int(sample.fields["frames"])
    return math.ceil(float(sample.fields.get("duration", 0.0)) * _fps(sample) - 1e-6)


def rasterised(scores: Scores, frames: int, fps: float) -> FloatArray:
    """Return the score of each frame, (frames,); a piece `[start, end)` holds the frames that begin within it."""
    out = np.zeros(frames)
    for start, end, score in scores:
        first, last = (math.ceil(min(max(at * fps - 1e-6, 0.0), frames)) for at in (start, end))
        np.maximum(out[first:last], score, out=out[first:last])
    return out


def detections(scores: Scores) -> Scores:
    """Return the detected segments, the most confident first: neighbouring pieces from `ALARM` on are one.

    Its confidence is the highest score in it.
    """
    joined: list[tuple[float, float, float]] = []
    for start, end, score in sorted(piece for piece in scores if piece[2] >= ALARM and piece[1] > piece[0]):
        if joined and start <= joined[-1][1] and not _whole(score, joined[-1][2]):
            last = joined.pop()
            joined.append((last[0], max(last[1], end), max(last[2], score)))
        else:
            joined.append((start, end, score))
    return tuple(sorted(joined, key=lambda piece: (-piece[2], piece[0])))


def _whole(*scores: float) -> bool:
    """Tell whether pieces are intervals that somebody has drawn, which stay apart."""
    return all(score == 1.0 for score in scores)


def _fps(sample: Sample) -> float:
    return float(sample.fields.get("fps", FPS))


def _counted(names: Sequence[str], levels: Sequence[int]) -> dict[str, float]:
    counts: NDArray[np.int64] = np.bincount(np.array(levels, dtype=np.intp), minlength=len(names))
    return dict(zip(names, counts.astype(np.float64).tolist(), strict=True))


def _listed(text: str) -> Scores | None:
    """Return the scores of a JSON list of `[start, end, score]`, `None` where it is no such list."""
    try:
        rows = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(rows, list) or not all(map(_is_piece, rows)):
        return None
    return tuple((float(start), float(end), float(score)) for start, end, score in rows)


def _is_piece(row: object) -> bool:
    if not isinstance(row, list) or len(row) != _NUMBERS:
        return False
    if not all(isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in row):
        return False
    start, end, score = map(float, row)
    return 0 <= start <= end and 0 <= score <= 1


def _random(sample: Sample, seed: int) -> Scores:
    rate, frames = _fps(sample), frames_of(sample)
    rng = np.random.default_rng([seed, *sample.id.encode()])
    seconds = math.ceil(frames / rate)
    return tuple((float(s), float(s + 1), round(float(rng.random()), 2)) for s in range(seconds))
