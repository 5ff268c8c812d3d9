"""What a reflection changed: the answer before it against the answer after it, on the same samples.

Columns: `first` and `revised` are scores of the two answers in [0, 1]: 1 and 0 for right and wrong, or the tIoU of the
two intervals. NaN marks a sample without such a pair (no reflection took place); an answer that failed is a 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from vau_bench.metrics.base import Columns, FloatArray, Metric, mean_of, ratio

RIGHT = 0.5
"""From this score on an answer counts as right, so tIoU is cut where R@0.5 cuts it."""


class Cells(NamedTuple):
    """Counts of samples; the four add up to the number of pairs.

    Attributes:
        repaired: wrong first, right after the reflection.
        broken: right first, wrong after it.
        kept_right: right both times.
        kept_wrong: wrong both times.
    """

    repaired: int
    broken: int
    kept_right: int
    kept_wrong: int

    @property
    def pairs(self) -> int:
        """Samples with both answers."""
        return sum(self)

    @property
    def net_gain(self) -> float:
        """`(repaired - broken) / pairs`; NaN without a pair."""
        return (self.repaired - self.broken) / self.pairs if self.pairs else float("nan")


def reflection_cells(first: ArrayLike, revised: ArrayLike, right: float = RIGHT) -> Cells:
    """Count what became of right and wrong answers.

    Args:
        first: (n,) scores of the first answers.
        revised: (n,) scores of the answers after the reflection.
        right: the score from which on an answer is right.

    Raises:
        ValueError: if the shapes differ or a score lies outside [0, 1].
    """
    before, after = (scores >= right for scores in _pairs(first, revised))
    counts = (~before & after, before & ~after, before & after, ~before & ~after)
    return Cells(*(int(np.count_nonzero(cell)) for cell in counts))


def _pairs(first: ArrayLike, revised: ArrayLike) -> tuple[FloatArray, FloatArray]:
    before = np.asarray(first, dtype=np.float64)
    after = np.asarray(revised, dtype=np.float64)
    if before.shape != after.shape or before.ndim != 1:
        raise ValueError(f"two lists of one length are needed; found shapes {before.shape} and {after.shape}")
    both = np.isfinite(before) & np.isfinite(after)
    for scores in (before, after):
        outside = ~np.isnan(scores) & ~((scores >= 0) & (scores <= 1))
        if outside.any():
            raise ValueError(f"a score must lie in [0, 1], not {scores[outside][0]:g}")
    return before[both], after[both]


def _paired(columns: Columns) -> tuple[FloatArray, FloatArray, FloatArray]:
    first, revised = columns["first"], columns["revised"]
    both = np.isfinite(first) & np.isfinite(revised)
    return np.where(both, first >= RIGHT, 0.0), np.where(both, revised >= RIGHT, 0.0), both.astype(np.float64)


def _net_gain(columns: Columns) -> FloatArray:
    first, revised, both = _paired(columns)
    return mean_of(revised - first, both)


def _repaired(columns: Columns) -> FloatArray:
    first, revised, both = _paired(columns)
    return mean_of(revised, both * (1 - first))


def _broken(columns: Columns) -> FloatArray:
    first, revised, both = _paired(columns)
    return mean_of(1 - revised, both * first)


NET_GAIN = Metric(
    "net_gain",
    "share of answers that the reflection repaired less the share that it broke",
    _net_gain,
    ratio,
    bounds=(-1.0, 1.0),
)
GRADED_GAIN = Metric(
    "graded_gain",
    "mean change of the score by the reflection; for intervals the mean change of tIoU",
    lambda c: mean_of(c["revised"] - c["first"]),
    ratio,
    bounds=(-1.0, 1.0),
)
REPAIR_RATE = Metric("repair_rate", "share of wrong first answers that the reflection repaired", _repaired, ratio)
BREAK_RATE = Metric(
    "break_rate",
    "share of right first answers that the reflection broke",
    _broken,
    ratio,
    higher_is_better=False,
)
REFLECTION = (NET_GAIN, GRADED_GAIN, REPAIR_RATE, BREAK_RATE)
