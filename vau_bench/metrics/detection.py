"""Detection: how well scores of frames tell anomalous from normal ones, and detected segments from none.

Scores are kept in hundredths. A curve over all frames of a data set then needs no more than how many anomalous and how
many normal frames have each score, which adds up over videos: the metrics are exact for these scores, and resampling
videos is as cheap as for any other metric. Of segments, confidences are kept in tenths.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vau_bench.metrics.base import Columns, FloatArray, Metric, mean_of, ratio
from vau_bench.metrics.grounding import tiou

LEVELS = 101
"""Scores that a frame can have: 0, 0.01 ... 1."""
CONFIDENCES = 11
"""Confidences that a segment can have: 0, 0.1 ... 1."""
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
POSITIVE = tuple(f"anomalous_{level:03d}" for level in range(LEVELS))
NEGATIVE = tuple(f"normal_{level:03d}" for level in range(LEVELS))
DETECTED = tuple(f"detected_{level:02d}" for level in range(CONFIDENCES))
HITS = tuple(tuple(f"hit@{t:g}_{level:02d}" for level in range(CONFIDENCES)) for t in THRESHOLDS)
SEGMENTS, VIDEO_AUC_COLUMN, MACRO_AUC_COLUMN = "segments", "video_auc", "macro_auc"
MISSED = "missed"
"""Anomalous frames of a video without an answer, which stand among those of score 0: no threshold finds them."""


def frame_counts(scores: FloatArray, anomalous: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """Return how many anomalous and how many normal frames have each score, (LEVELS,) each.

    Args:
        scores: (frames,) in [0, 1].
        anomalous: (frames,) the truth.
    """
    levels = np.rint(np.clip(scores, 0, 1) * (LEVELS - 1)).astype(np.intp)
    positive, negative = (
        np.bincount(levels[chosen], minlength=LEVELS).astype(np.float64) for chosen in (anomalous, ~anomalous)
    )
    return positive, negative


def roc_auc(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Return the area under the ROC curve: P(an anomalous frame scores above a normal one), ties count half.

    Args:
        positive: (..., LEVELS) anomalous frames by score, ascending.
        negative: (..., LEVELS) normal frames.

    Returns:
        (...); NaN where all frames are of one kind.
    """
    below = np.cumsum(negative, axis=-1) - negative / 2
    pairs = positive.sum(-1) * negative.sum(-1)
    return ratio(np.stack([(positive * below).sum(-1), pairs], axis=-1))


def padded_roc_auc(positive: FloatArray, negative: FloatArray) -> FloatArray:
    """Return the area under the ROC curve with an anomalous frame of score 1 and a normal one of score 0 added.

    UBnormal is scored so (`compute_auc_score.py`): it is defined of a video whose frames are all of one kind.
    """
    one = np.eye(LEVELS)
    return roc_auc(positive + one[-1], negative + one[0])


def average_precision(positive: FloatArray, negative: FloatArray, total: FloatArray | None = None) -> FloatArray:
    """Return the average precision, `sum_i (R_i - R_{i-1}) P_i` over descending scores.

    Args:
        positive: (..., K) right ones by score, ascending.
        negative: (..., K) wrong ones.
        total: (...) how many there are to be found; default: the right ones.
    """
    precision, recall = _curve(positive, negative, total)
    steps = np.diff(recall, axis=-1, prepend=0.0)
    return _where_any(positive, total, (steps * precision).sum(-1))


def trapezoid_precision(positive: FloatArray, negative: FloatArray, total: FloatArray | None = None) -> FloatArray:
    """Return the area under the precision-recall curve by trapezoids from (0, 1) on, as XD-Violence is scored.

    Args: as of `average_precision`.
    """
    precision, recall = _curve(positive, negative, total)
    before = np.concatenate([np.ones_like(precision[..., :1]), precision[..., :-1]], axis=-1)
    steps = np.diff(recall, axis=-1, prepend=0.0)
    return _where_any(positive, total, (steps * (precision + before) / 2).sum(-1))


def _curve(positive: FloatArray, negative: FloatArray, total: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Return precision and recall (..., K) at each score as threshold, the highest first; 1 and 0 above all scores."""
    right, wrong = (np.cumsum(counts[..., ::-1], axis=-1) for counts in (positive, negative))
    found = right + wrong
    there = (positive.sum(-1) if total is None else total)[..., None]
    precision = np.divide(right, found, out=np.ones_like(found), where=found > 0)
    return precision, np.divide(right, there, out=np.zeros_like(right), where=there > 0)


def _where_any(positive: FloatArray, total: FloatArray | None, value: FloatArray) -> FloatArray:
    there = positive.sum(-1) if total is None else total
    out: FloatArray = np.where(there > 0, value, np.nan)
    return out


def match_segments(
    predicted: Sequence[tuple[float, float, float]], true: Sequence[tuple[float, float]], threshold: float
) -> list[bool]:
    """Tell of each predicted segment whether it finds a true one that none before it has found.

    Args:
        predicted: `(start, end, confidence)`, the most confident first.
        true: segments in seconds.
        threshold: tIoU from which one finds another; of several it takes the one that overlaps most.
    """
    free, hits = list(range(len(true))), []
    for start, end, _ in predicted:
        overlaps = {i: float(tiou((start, end), true[i])) for i in free}
        best = max(overlaps, key=lambda i: overlaps[i], default=None)
        hits.append(best is not None and overlaps[best] >= threshold)
        if best is not None and hits[-1]:
            free.remove(best)
    return hits


def _frames(columns: Columns) -> FloatArray:
    """Return (n, 2 LEVELS): anomalous frames by score, normal frames by score."""
    return np.column_stack([columns[name] for name in (*POSITIVE, *NEGATIVE)])


def _found_frames(columns: Columns) -> FloatArray:
    """Return (n, 2 LEVELS + 1): anomalous frames of answered videos by score, normal frames by score, all anomalous."""
    counts = _frames(columns)
    total = counts[:, :LEVELS].sum(axis=1)
    counts[:, 0] -= columns[MISSED]
    return np.column_stack([counts, total])


def _segment_precision(sums: FloatArray, place: int) -> FloatArray:
    """Return the average precision of segments at one threshold, from the sums of `_segments`."""
    detected, total = sums[..., :CONFIDENCES], sums[..., -1]
    begin = (place + 1) * CONFIDENCES
    hits = sums[..., begin : begin + CONFIDENCES]
    return average_precision(hits, detected - hits, total)


def _segments(columns: Columns) -> FloatArray:
    """Return (n, 6 CONFIDENCES + 1): detected segments by confidence, hits at each threshold, true segments."""
    names = [*DETECTED, *(name for level in HITS for name in level), SEGMENTS]
    return np.column_stack([columns[name] for name in names])


AUC = Metric(
    "auc",
    "frame AUC over all videos together (micro): how often an anomalous frame scores above a normal one",
    _frames,
    lambda sums: roc_auc(sums[..., :LEVELS], sums[..., LEVELS:]),
)
AP = Metric(
    "ap",
    "average precision of frames over all videos together",
    _found_frames,
    lambda sums: average_precision(sums[..., :LEVELS], sums[..., LEVELS:-1], sums[..., -1]),
)
AP_TRAPEZOID = Metric(
    "ap_trapezoid",
    "area under the precision-recall curve of frames by trapezoids, as XD-Violence is scored",
    _found_frames,
    lambda sums: trapezoid_precision(sums[..., :LEVELS], sums[..., LEVELS:-1], sums[..., -1]),
)
VIDEO_AUC = Metric(
    "video_auc",
    "mean over the anomalous videos of the frame AUC within each",
    lambda columns: mean_of(columns[VIDEO_AUC_COLUMN]),
    ratio,
)
MACRO_AUC = Metric(
    MACRO_AUC_COLUMN,
    "mean over all videos of the frame AUC within each, with a frame of score 0 and one of score 1 added (macro)",
    lambda columns: mean_of(columns[MACRO_AUC_COLUMN]),
    ratio,
)
MAP = Metric(
    "map",
    "mean over tIoU 0.1, 0.2 ... 0.5 of the average precision of detected segments",
    _segments,
    lambda sums: np.mean([_segment_precision(sums, place) for place in range(len(THRESHOLDS))], axis=0),
)
MAPS = tuple(
    Metric(
        f"ap@{threshold:g}",
        f"average precision of detected segments, which find a true one from a tIoU of {threshold:g} on",
        _segments,
        lambda sums, place=place: _segment_precision(sums, place),  # type: ignore[misc]
    )
    for place, threshold in enumerate(THRESHOLDS)
)
