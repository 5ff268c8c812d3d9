"""What a metric is: additive contributions per sample, and a function of their sums.

Because the sums are all that a metric needs, a point estimate, a jackknife and 10,000 bootstrap resamples of it
are one matrix product each (`vau_bench.stats`), and a metric can be merged over shards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, FloatArray]
"""Scores of n samples by name, each of shape (n,). NaN marks a value that a sample does not have."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One number over many samples.

    Attributes:
        name: as it stands in `results.json`.
        summary: one sentence for tables and docs.
        update: columns of n samples -> contributions of shape (n, q).
        compute: sums of contributions, shape (..., q) -> values of shape (...); NaN where undefined.
        higher_is_better: `None` for a descriptive figure.
        bounds: the smallest and the largest possible value.
        unit: `"%"` for fractions that are printed as percentages, `"s"` for seconds, or `""`.
        answered_only: defined over answered samples alone, so a missing answer cannot count as wrong.
    """

    name: str
    summary: str
    update: Callable[[Columns], FloatArray]
    compute: Callable[[FloatArray], FloatArray]
    higher_is_better: bool | None = True
    bounds: tuple[float, float] = (0.0, 1.0)
    unit: str = "%"
    answered_only: bool = False

    def __call__(self, columns: Columns) -> float:
        """Return the value over all samples of `columns`."""
        return float(self.compute(self.update(columns).sum(axis=0)))


class Confusion(TypedDict):
    """Counts of answers by truth: `counts[i][j]` samples of truth `rows[i]` were answered with `columns[j]`."""

    rows: list[str]
    columns: list[str]
    counts: list[list[int]]


def confusion_of(
    truth: FloatArray, predicted: FloatArray, names: Sequence[str], others: Mapping[int, str]
) -> Confusion:
    """Count answers by truth.

    Args:
        truth: (n,) codes from 0, or codes below 0 that `others` names.
        predicted: (n,) likewise.
        names: of the codes from 0 on.
        others: names of codes below 0; they come last, and as a truth only where they occur.
    """
    codes = [*range(len(names)), *others]
    place = {code: i for i, code in enumerate(codes)}
    counts = [[0] * len(codes) for _ in codes]
    for true, answer in zip(truth.astype(int).tolist(), predicted.astype(int).tolist(), strict=True):
        counts[place[true]][place[answer]] += 1
    labels = [*names, *others.values()]
    kept = [i for i, row in enumerate(counts) if i < len(names) or any(row)]
    return Confusion(rows=[labels[i] for i in kept], columns=labels, counts=[counts[i] for i in kept])


def ratio(sums: FloatArray) -> FloatArray:
    """Return `sums[..., 0] / sums[..., 1]`, NaN where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        quotient: FloatArray = np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)
    return quotient


def mean_of(values: FloatArray, where: FloatArray | None = None) -> FloatArray:
    """Return contributions (n, 2) whose `ratio` is the mean of `values` where it is finite and `where` holds."""
    counted = np.isfinite(values) if where is None else np.isfinite(values) & (where > 0)
    return np.column_stack([np.where(counted, values, 0.0), counted.astype(np.float64)])
