"""Two or more models on the same samples: differences with intervals, permutation tests, Holm.

Pairing removes what the samples have in common: a hard video is hard for both. A difference of one metric is itself a
metric over the contributions of both models side by side, so it is estimated as every other one (`vau_bench.stats`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from vau_bench.metrics.base import FloatArray, Metric
from vau_bench.stats import FEW_CLUSTERS, Estimate, bootstrap_sums, cluster_sums, estimate_all, estimate_one

EXACT_CLUSTERS = 13
"""Up to this many clusters that differ, all swaps are tried: fewer than 10,000."""

_CELLS = 1 << 18
_TIE = 1e-12  # differences closer than this are equal: sums in another order


def difference(metric: Metric) -> Metric:
    """Return the metric's value of a first model less that of a second, over their contributions side by side."""
    low, high = metric.bounds

    def compute(sums: FloatArray) -> FloatArray:
        first, second = np.split(sums, 2, axis=-1)
        return metric.compute(first) - metric.compute(second)

    return replace(metric, compute=compute, bounds=(low - high, high - low))


def side_by_side(metric: Metric, first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the contributions (n, 2q) of two models for `difference`.

    A metric over answered samples alone is compared where both answered: elsewhere they are not about one thing.
    """
    if metric.answered_only:
        both = (np.any(first != 0, axis=1) & np.any(second != 0, axis=1))[:, None]
        first, second = first * both, second * both
    return np.concatenate([first, second], axis=1)


def estimate_differences(
    metrics: Sequence[Metric],
    first: Sequence[FloatArray],
    second: Sequence[FloatArray],
    codes: NDArray[np.int64],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> list[Estimate]:
    """Return the paired difference first - second per metric, all from the same resamples of source videos.

    Args:
        metrics: the metrics.
        first: for each metric the contributions (n, q) of the first model.
        second: those of the second, for the same n samples.
        codes: (n,) cluster of each sample.
        resamples: of the bootstrap; few clusters need none.
        seed: of the resampling.

    Returns:
        Estimates whose `mde` is the smallest true difference that this pair of runs would show with 80 % power.
    """
    pairs = [side_by_side(m, a, b) for m, a, b in zip(metrics, first, second, strict=True)]
    estimates = estimate_all([difference(m) for m in metrics], pairs, codes, resamples=resamples, seed=seed)
    return [_of_a_pair(estimate) for estimate in estimates]


def estimate_pairs(
    metric: Metric,
    contributions: Sequence[FloatArray],
    codes: NDArray[np.int64],
    *,
    resamples: int = 10_000,
    seed: int = 0,
) -> dict[tuple[int, int], Estimate]:
    """Return the paired difference of each two of several models, by their numbers `(i, j)` with i < j.

    The same as `estimate_differences` of each pair, with the resamples made once for all.
    """
    sums = [cluster_sums(c, codes) for c in contributions]
    resampled: list[FloatArray] = []
    if sums and sums[0].shape[0] >= FEW_CLUSTERS and resamples > 1 and not metric.answered_only:
        stacked = bootstrap_sums(np.concatenate(sums, axis=1), resamples, seed)
        resampled = np.split(stacked, len(sums), axis=1)
    found = {}
    for i, j in combinations(range(len(sums)), 2):
        pair = side_by_side(metric, contributions[i], contributions[j])
        if metric.answered_only:
            estimate = estimate_all([difference(metric)], [pair], codes, resamples=resamples, seed=seed)[0]
        else:
            replicates = np.concatenate([resampled[i], resampled[j]], axis=1) if resampled else None
            both = np.concatenate([sums[i], sums[j]], axis=1)
            estimate = estimate_one(difference(metric), pair, codes, both, replicates)
        found[i, j] = _of_a_pair(estimate)
    return found


def _of_a_pair(estimate: Estimate) -> Estimate:
    """Return an estimate of a difference as it is to be read.

    Its standard error is that of a difference already, so the detectable effect has no further factor. Where all
    source videos agree, the detectable effect is as far as their exact interval reaches; without bounds there is none.
    """
    value, low, high = estimate.value, estimate.low, estimate.high
    if estimate.mde is not None:
        return replace(estimate, mde=estimate.mde / math.sqrt(2))
    if value is None or low is None or high is None:
        return estimate
    if estimate.method == "exact":
        return replace(estimate, mde=max(high - value, value - low))
    return replace(estimate, low=None, high=None, method="none")


def swap_p_values(
    metrics: Sequence[Metric],
    first: Sequence[FloatArray],
    second: Sequence[FloatArray],
    codes: NDArray[np.int64],
    *,
    permutations: int = 10_000,
    seed: int = 0,
) -> list[float | None]:
    """Return two-sided p-values of the hypothesis that the two models are interchangeable on every source video.

    Per permutation the answers of the two models to all samples of a cluster are swapped with probability 1/2 (for a
    mean, the sign of the cluster's difference is flipped). All swaps are tried where few clusters differ; else the
    p-value is `(1 + as extreme) / (1 + permutations)` (Phipson & Smyth 2010).

    Args:
        metrics: the metrics.
        first: for each metric the contributions (n, q) of the first model.
        second: those of the second.
        codes: (n,) cluster of each sample.
        permutations: how many random swaps.
        seed: of the swaps.

    Returns:
        One p-value per metric, `None` where the difference is undefined.
    """
    sides = [np.split(side_by_side(m, a, b), 2, axis=1) for m, a, b in zip(metrics, first, second, strict=True)]
    one = [cluster_sums(a, codes) for a, _ in sides]
    other = [cluster_sums(b, codes) for _, b in sides]
    apart = [a - b for a, b in zip(one, other, strict=True)]
    both = [(a + b).sum(axis=0) for a, b in zip(one, other, strict=True)]
    if not apart:
        return []
    stacked = np.concatenate(apart, axis=1)
    stacked = stacked[np.any(stacked != 0, axis=1)]
    edges = np.cumsum([d.shape[1] for d in apart])[:-1]
    exact = len(stacked) <= EXACT_CLUSTERS
    counted = [np.zeros(2) for _ in metrics]
    observed = [_swapped(m, total, d.sum(axis=0)) for m, total, d in zip(metrics, both, apart, strict=True)]
    for signs in _all_signs(len(stacked)) if exact else _random_signs(len(stacked), permutations, seed):
        parts = np.split(signs @ stacked, edges, axis=1)
        for count, metric, total, part, seen in zip(counted, metrics, both, parts, observed, strict=True):
            values = np.abs(_swapped(metric, total, part))
            values = values[np.isfinite(values)]
            count += np.array([np.count_nonzero(values >= abs(float(seen)) - _TIE), values.size])
    extra = 0 if exact else 1
    return [
        (float(count[0]) + extra) / (float(count[1]) + extra) if math.isfinite(float(seen)) else None
        for count, seen in zip(counted, observed, strict=True)
    ]


def _swapped(metric: Metric, both: FloatArray, apart: FloatArray) -> FloatArray:
    """Return the difference of the metric where the sums of two models add up to `both` and differ by `apart`."""
    return metric.compute((both + apart) / 2) - metric.compute((both - apart) / 2)


def _all_signs(clusters: int) -> Iterator[FloatArray]:
    numbers = np.arange(1 << clusters)[:, None]
    yield 1.0 - 2.0 * ((numbers >> np.arange(clusters)) & 1).astype(np.float64)


def _random_signs(clusters: int, permutations: int, seed: int) -> Iterator[FloatArray]:
    rng = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, _CELLS // clusters)
    for begin in range(0, permutations, rows):
        size = min(rows, permutations - begin)
        yield 1.0 - 2.0 * rng.integers(0, 2, size=(size, clusters), dtype=np.int8).astype(np.float64)


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for testing several hypotheses (Holm 1979); `None` is no hypothesis and stays."""
    tested = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, i) in enumerate(tested):
        highest = max(highest, min(1.0, (len(tested) - rank) * p))
        adjusted[i] = highest
    return adjusted
