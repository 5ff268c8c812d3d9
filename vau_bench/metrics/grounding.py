"""Temporal grounding: tIoU, mIoU, R@t, false alarms on normal videos, errors of start and end.

Strict scoring keeps every sample in the denominator: an anomalous video without a valid predicted interval has
tIoU 0, a normal video that was not answered as normal is a false alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from vau_bench.metrics import verdict
from vau_bench.metrics.base import Columns, FloatArray, Metric, mean_of, ratio
from vau_bench.records import Segment

THRESHOLDS = (0.3, 0.5, 0.7)
_CHUNK = 1 << 14  # pairs whose intermediate arrays stay in the cache


def tiou(predicted: ArrayLike, true: ArrayLike) -> FloatArray:
    """Return the temporal intersection over union of pairs of intervals.

    Args:
        predicted: (..., 2) starts and ends in seconds; NaN or `end <= start` is no interval.
        true: (..., 2), broadcast against `predicted`.

    Returns:
        (...) fractions; 0 where either is not an interval.
    """
    p = np.asarray(predicted, dtype=np.float64)
    t = np.asarray(true, dtype=np.float64)
    shape = np.broadcast_shapes(p.shape, t.shape)[:-1]
    if p.shape == t.shape and len(shape) == 1 and shape[0] > _CHUNK:
        out = np.empty(shape)
        for begin in range(0, shape[0], _CHUNK):
            part = slice(begin, begin + _CHUNK)
            out[part] = _tiou(p[part, 0], p[part, 1], t[part, 0], t[part, 1])
        return out
    return _tiou(p[..., 0], p[..., 1], t[..., 0], t[..., 1])


def _tiou(p0: FloatArray, p1: FloatArray, t0: FloatArray, t1: FloatArray) -> FloatArray:
    intersection = np.minimum(p1, t1) - np.maximum(p0, t0)
    union = np.maximum(p1, t1) - np.minimum(p0, t0)
    # For overlapping intervals the hull is the union; for disjoint ones the numerator is 0 anyway.
    valid = (intersection > 0) & (p1 > p0) & (t1 > t0)
    out: FloatArray = np.zeros(np.shape(union))
    np.divide(intersection, union, out=out, where=valid)
    return out


def set_tiou(predicted: Sequence[tuple[float, float]], true: Sequence[Segment]) -> float:
    """Return the measure of the intersection over that of the union of two sets of intervals.

    With one interval on each side this is `tiou`. Parts of `predicted` that are not intervals count as nothing.
    """
    p = _merged([(s, e) for s, e in predicted if e > s])
    t = _merged(list(true))
    both = sum(max(0.0, min(b, d) - max(a, c)) for a, b in p for c, d in t)
    union = sum(b - a for a, b in p) + sum(d - c for c, d in t) - both
    return both / union if union > 0 else 0.0


def _merged(intervals: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    if len(intervals) < 2:
        return list(intervals)
    merged: list[tuple[float, float]] = []
    for start, end in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _recall_at(threshold: float) -> Metric:
    def update(columns: Columns) -> FloatArray:
        values = columns["tiou"]
        hit = np.where(np.isfinite(values), values >= threshold, np.nan)
        return mean_of(hit, columns["anomalous"])

    return Metric(
        f"recall@{threshold:g}",
        f"share of anomalous videos with tIoU of at least {threshold:g}",
        update,
        ratio,
    )


def _overall(columns: Columns) -> FloatArray:
    """Return the tIoU of anomalous videos, and 1 or 0 for normal ones that were or were not answered as normal."""
    tious: FloatArray = np.where(columns["anomalous"] > 0, columns["tiou"], 1 - columns["called"])
    return tious


def _overall_recall_at(threshold: float) -> Metric:
    """Return what the evaluation of Vad-R1 calls R@t: `sum_i [v_i >= t] / n` over all n videos.

    v is the tIoU, 0 where an anomaly was answered as normal; of a normal video it is 1 for the right verdict, else 0.
    """

    def update(columns: Columns) -> FloatArray:
        values = _overall(columns)
        return mean_of(np.where(np.isfinite(values), values >= threshold, np.nan))

    return Metric(
        f"overall_recall@{threshold:g}",
        f"share of all videos with tIoU of at least {threshold:g}; of a normal one it is 1 when answered as normal",
        update,
        ratio,
    )


def _of_verdicts(metric: Metric) -> Metric:
    """Return a metric of verdicts for what answers with times say of whether anything is anomalous."""
    return replace(metric, update=lambda c: metric.update({"truth": c["anomalous"], "predicted": c["called"]}))


def _ap_at(threshold: float) -> Metric:
    """Return what the evaluation of TABot calls AP: `sum_i [tIoU_i > t] / n`.

    n counts the anomalous videos that have a tIoU. There it leaves out those that were answered as normal, which have
    none in paper mode; in strict scoring every anomalous video has one.
    """

    def update(columns: Columns) -> FloatArray:
        values = columns["tiou"]
        hit = np.where(np.isfinite(values), values > threshold, np.nan)
        return mean_of(hit, columns["anomalous"])

    return Metric(
        f"ap@{threshold:g}",
        f"share of anomalous videos with tIoU above {threshold:g}",
        update,
        ratio,
    )


MIOU = Metric(
    "miou",
    "mean tIoU over anomalous videos with a known time",
    lambda c: mean_of(c["tiou"], c["anomalous"]),
    ratio,
)
RECALLS = tuple(_recall_at(t) for t in THRESHOLDS)
APS = tuple(_ap_at(t) for t in THRESHOLDS)
FALSE_ALARM_RATE = Metric(
    "false_alarm_rate",
    "share of normal videos that were not answered as normal",
    lambda c: mean_of(c["alarm"], 1 - c["anomalous"]),
    ratio,
    higher_is_better=False,
)
MISS_RATE = Metric(
    "miss_rate",
    "share of anomalous videos without a valid predicted interval",
    lambda c: mean_of(1 - c["alarm"], c["anomalous"]),
    ratio,
    higher_is_better=False,
)
START_ERROR = Metric(
    "start_error",
    "mean absolute error of the start, over anomalous videos with a valid predicted interval",
    lambda c: mean_of(c["start_error"]),
    ratio,
    higher_is_better=False,
    bounds=(0.0, float("inf")),
    unit="s",
    answered_only=True,
)
END_ERROR = Metric(
    "end_error",
    "mean absolute error of the end, over anomalous videos with a valid predicted interval",
    lambda c: mean_of(c["end_error"]),
    ratio,
    higher_is_better=False,
    bounds=(0.0, float("inf")),
    unit="s",
    answered_only=True,
)
OVERALL_MIOU = Metric(
    "overall_miou",
    "mean tIoU over all videos; of a normal one it is 1 when answered as normal, else 0",
    lambda c: mean_of(_overall(c)),
    ratio,
)
OVERALL_RECALLS = tuple(_overall_recall_at(t) for t in THRESHOLDS)
VERDICTS = tuple(map(_of_verdicts, (verdict.ACCURACY, verdict.PRECISION, verdict.RECALL, verdict.F1)))
