"""Intervals for metrics over clustered samples: bootstrap, jackknife with Student's t, detectable effect.

Samples of one source video are not independent, so every interval resamples source videos (clusters), not samples.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vau_bench.metrics.base import FloatArray, Metric

FEW_CLUSTERS = 20
"""Below this many clusters the percentile bootstrap is too narrow and Student's t is used."""

_CELLS = 1 << 18  # counts held at once while resampling: they stay in the processor's cache
Method = Literal["bootstrap", "t", "exact", "none"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value with its 95 % interval.

    Attributes:
        value: the point estimate; `None` when the metric is undefined on these samples.
        low: lower end of the interval; `None` when one cluster or none leaves no way to tell.
        high: upper end of the interval.
        se: standard error.
        n: samples that take part.
        clusters: source videos among them.
        mde: the smallest difference to an equally noisy independent run that a two-sided test at 5 % finds with 80 %
            power; smaller gains cannot be told from noise.
        method: how the interval was made.
    """

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    n: int
    clusters: int
    mde: float | None
    method: Method


def cluster_codes(groups: Sequence[Hashable]) -> NDArray[np.int64]:
    """Return integers 0..K-1 of shape (n,), equal for equal groups, numbered by first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.fromiter((numbers.setdefault(g, len(numbers)) for g in groups), dtype=np.int64, count=len(groups))


def cluster_sums(contributions: FloatArray, codes: NDArray[np.int64]) -> FloatArray:
    """Sum contributions (n, q) within clusters: (K, q)."""
    clusters = int(codes.max()) + 1 if codes.size else 0
    sums = np.empty((clusters, contributions.shape[1]))
    for column in range(contributions.shape[1]):
        sums[:, column] = np.bincount(codes, weights=contributions[:, column], minlength=clusters)
    return sums


def bootstrap_sums(sums: FloatArray, resamples: int, seed: int, *, merge_alike: bool = True) -> FloatArray:
    """Resample K clusters with replacement and return the sums of each resample.

    Args:
        sums: (K, q) sums within clusters.
        resamples: B, how many resamples.
        seed: of the generator; the same seed gives the same result.
        merge_alike: draw clusters with equal sums as one, where that is faster. Without, the draws depend on K and the
            seed alone, and not on what else is summed.

    Returns:
        (B, q).
    """
    clusters, width = sums.shape
    rng = np.random.Generator(np.random.PCG64(seed))
    distinct, times = np.unique(sums, axis=0, return_counts=True) if merge_alike else (sums, np.ones(clusters))
    if len(distinct) <= clusters / 16:  # clusters that contribute the same need not be told apart
        return rng.multinomial(clusters, times / clusters, size=resamples).astype(np.float64) @ distinct
    out = np.empty((resamples, width))
    rows = max(1, min(resamples, _CELLS // max(1, clusters)))
    offsets = (np.arange(rows, dtype=np.int32) * clusters)[:, None]
    for begin in range(0, resamples, rows):
        size = min(rows, resamples - begin)
        drawn = rng.integers(0, clusters, size=(size, clusters), dtype=np.int32)
        drawn += offsets[:size]
        counts = np.bincount(drawn.ravel(), minlength=size * clusters).reshape(size, clusters)
        out[begin : begin + size] = counts.astype(np.float64) @ sums
    return out


def estimate_all(
    metrics: Sequence[Metric],
    contributions: Sequence[FloatArray],
    codes: NDArray[np.int64],
    *,
    resamples: int = 10_000,
    seed: int = 0,
    merge_alike: bool = True,
) -> list[Estimate]:
    """Return one estimate per metric, all from the same resamples.

    Args:
        metrics: the metrics.
        contributions: for each metric the contributions (n, q) of the same n samples.
        codes: (n,) cluster of each sample.
        resamples: 0 (or 1) leaves the intervals out where the bootstrap would make them.
        seed: of the resampling.
        merge_alike: see `bootstrap_sums`; without, an estimate does not depend on which others it is made with.
    """
    sums = [cluster_sums(c, codes) for c in contributions]
    few = sums[0].shape[0] < FEW_CLUSTERS if sums else True
    resampled: list[FloatArray | None] = [None] * len(metrics)
    if not few and resamples > 1:
        stacked = bootstrap_sums(np.concatenate(sums, axis=1), resamples, seed, merge_alike=merge_alike)
        edges = np.cumsum([s.shape[1] for s in sums])[:-1]
        resampled = list(np.split(stacked, edges, axis=1))
    return [
        estimate_one(metric, contribution, codes, clustered, resample)
        for metric, contribution, clustered, resample in zip(metrics, contributions, sums, resampled, strict=True)
    ]


def estimate_one(
    metric: Metric,
    contributions: FloatArray,
    codes: NDArray[np.int64],
    sums: FloatArray,
    resampled: FloatArray | None,
) -> Estimate:
    """Return the estimate of one metric from resamples that are made.

    Args:
        metric: the metric.
        contributions: (n, q) of the samples.
        codes: (n,) cluster of each sample.
        sums: (K, q) of the contributions within clusters.
        resampled: (B, q) sums of each resample, or `None` without; not needed for few clusters.
    """
    taking_part = np.any(contributions != 0, axis=1)
    n = int(taking_part.sum())
    clusters = int(np.unique(codes[taking_part]).size)
    value = float(metric.compute(sums.sum(axis=0)))
    if not math.isfinite(value):
        return Estimate(None, None, None, None, 0, 0, None, "none")
    if clusters < 2:
        return Estimate(value, None, None, None, n, clusters, None, "none")
    sums = sums[np.any(sums != 0, axis=1)]
    method: Method
    if clusters < FEW_CLUSTERS:
        low, high, se = _t_interval(metric, sums, value)
        method = "t"
    elif resampled is None:
        return Estimate(value, None, None, None, n, clusters, None, "none")
    else:
        values = metric.compute(resampled)
        values = values[np.isfinite(values)]
        low, high = (float(q) for q in np.quantile(values, [0.025, 0.975]))
        se = float(values.std(ddof=1))
        method = "bootstrap"
    if high - low < 1e-12 and all(map(math.isfinite, metric.bounds)):
        low, high, method = *_exact_bound(value, clusters, metric.bounds), "exact"
    mde = (NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)) * math.sqrt(2) * se if se > 0 else None
    return Estimate(value, low, high, se, n, clusters, mde, method)


def _t_interval(metric: Metric, sums: FloatArray, value: float) -> tuple[float, float, float]:
    """Delete-one-cluster jackknife standard error with Student's t (Efron & Tibshirani 1993, ch. 11)."""
    left_out = metric.compute(sums.sum(axis=0) - sums)
    left_out = left_out[np.isfinite(left_out)]
    k = left_out.size
    if k < 2:
        return value, value, 0.0
    se = math.sqrt((k - 1) / k * float(((left_out - left_out.mean()) ** 2).sum()))
    reach = student_t_quantile(0.975, k - 1) * se
    lowest, highest = metric.bounds
    return max(lowest, value - reach), min(highest, value + reach), se


def _exact_bound(value: float, clusters: int, bounds: tuple[float, float]) -> tuple[float, float]:
    """Return the interval when all clusters agree, where resampling sees no variance.

    At a bound it is that of Clopper and Pearson (1934): a share of up to `1 - 0.025 ** (1 / K)` of the clusters may
    differ without one of K showing it. Between the bounds that share may differ towards either of them.
    """
    lowest, highest = bounds
    unseen = 1 - 0.025 ** (1 / clusters)
    return value - unseen * (value - lowest), value + unseen * (highest - value)


def student_t_quantile(p: float, df: int) -> float:
    """Return the quantile of Student's t with integer degrees of freedom, for 0.5 <= p < 1.

    Bisection on the closed form of the distribution function (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4).
    """
    low, high = 0.0, 1.0
    while _t_cdf(high, df) < p:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_cdf(middle, df) < p else (low, middle)
    return (low + high) / 2


def _t_cdf(t: float, df: int) -> float:
    theta = math.atan(t / math.sqrt(df))
    cos2 = math.cos(theta) ** 2
    term = total = 1.0 if df % 2 == 0 else math.cos(theta)
    for j in range(2 if df % 2 == 0 else 3, df - 1, 2):
        term *= cos2 * (j - 1) / j
        total += term
    if df % 2 == 0:
        between = math.sin(theta) * total
    elif df == 1:
        between = 2 * theta / math.pi
    else:
        between = 2 / math.pi * (theta + math.sin(theta) * total)
    return 0.5 + between / 2
