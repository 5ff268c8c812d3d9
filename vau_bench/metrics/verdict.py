"""Verdicts: whether anything anomalous happens. The positive is "abnormal".

Columns: `truth` is 1 for an abnormal video, `predicted` 1 for the answer "abnormal", and the wrong one of 0 and 1 where
there is no answer; `vague` is 1 for videos that people disagree about.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vau_bench.metrics.base import Columns, FloatArray, Metric, mean_of, ratio


def _right(columns: Columns) -> FloatArray:
    right: FloatArray = (columns["truth"] == columns["predicted"]).astype(np.float64)
    return right


def _share(name: str, summary: str, among: Callable[[Columns], FloatArray]) -> Metric:
    return Metric(name, summary, lambda columns: mean_of(_right(columns), among(columns)), ratio)


def _counts(columns: Columns) -> FloatArray:
    """Return (n, 3): abnormal ones found, answers "abnormal", abnormal ones."""
    truth, predicted = columns["truth"], columns["predicted"]
    return np.column_stack([truth * predicted, predicted, truth])


ACCURACY = _share("accuracy", "share of right verdicts", lambda c: np.ones_like(c["truth"]))
RECALL = _share("recall", "share of abnormal videos that were called so", lambda c: c["truth"])
NORMAL_ACCURACY = _share("normal_accuracy", "share of normal videos that were called so", lambda c: 1 - c["truth"])
CLEAR_ACCURACY = _share("clear_accuracy", "share of right verdicts without the vague videos", lambda c: 1 - c["vague"])
VAGUE_ACCURACY = _share("vague_accuracy", "share of vaguely abnormal videos called abnormal", lambda c: c["vague"])
PRECISION = Metric("precision", "share of videos called abnormal that are", _counts, lambda sums: ratio(sums[..., :2]))
F1 = Metric(
    "f1",
    "harmonic mean of precision and recall",
    _counts,
    lambda sums: ratio(np.stack([2 * sums[..., 0], sums[..., 1] + sums[..., 2]], axis=-1)),
)
