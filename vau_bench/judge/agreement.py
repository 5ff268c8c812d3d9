"""How far verdicts agree, and what they follow that they should not: pure functions of arrays, with intervals.

Every interval resamples source videos. What is additive over samples is a `Metric` and estimated as all others are
(`vau_bench.stats`); rank statistics are computed anew on each resample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau_bench.metrics.base import Columns, FloatArray, Metric, mean_of, ratio
from vau_bench.stats import Estimate, estimate_all

RESAMPLES = 2_000
_ANYWHERE = (float("-inf"), float("inf"))


def estimated(
    metric: Metric, columns: Columns, codes: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """Return the estimate of one metric over n samples whose clusters are `codes`, of shape (n,)."""
    (estimate,) = estimate_all([metric], [metric.update(columns)], codes, resamples=resamples, seed=seed)
    return estimate


def mean(bounds: tuple[float, float]) -> Metric:
    """Return the mean of the column `value` where it is not NaN."""
    return Metric("mean", "mean", lambda c: mean_of(c["value"]), ratio, bounds=bounds, unit="")


def krippendorff(ratings: FloatArray, codes: NDArray[np.int64], *, resamples: int = RESAMPLES) -> Estimate:
    """Return Krippendorff's alpha for interval data.

    1 is perfect agreement, 0 what chance gives, below 0 systematic disagreement. `None` where no two ratings meet in
    a sample, or all ratings are equal.

    Args:
        ratings: (n, r) of n samples by r raters; NaN where a rater gave none.
        codes: (n,) cluster of each sample.
        resamples: of the bootstrap.

    Source: Krippendorff 2011, Computing Krippendorff's Alpha-Reliability. With squared differences, all sums over
    pairs follow from count, sum and sum of squares: the sum over ordered pairs of m values is 2 (m Σx² - (Σx)²).
    """
    columns = {str(rater): ratings[:, rater] for rater in range(ratings.shape[1])}
    metric = Metric("alpha", "Krippendorff's alpha", _pair_sums, _alpha, bounds=_ANYWHERE, unit="")
    return estimated(metric, columns, codes, resamples=resamples)


def _pair_sums(columns: Columns) -> FloatArray:
    ratings = np.column_stack(list(columns.values()))
    given = np.isfinite(ratings)
    m = given.sum(axis=1).astype(np.float64)
    paired = m >= 2
    values = np.where(given & paired[:, None], ratings, 0.0)
    total, squares = values.sum(axis=1), (values**2).sum(axis=1)
    within = np.where(paired, 2 * (m * squares - total**2) / np.maximum(m - 1, 1), 0.0)
    return np.column_stack([within, np.where(paired, m, 0.0), total, squares])


def _alpha(sums: FloatArray) -> FloatArray:
    within, n, total, squares = (sums[..., i] for i in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = within / n
        expected = 2 * (n * squares - total**2) / (n * (n - 1))
        alpha: FloatArray = np.where((n > 1) & (expected > 1e-12), 1 - observed / expected, np.nan)
    return alpha


def repeat_spread(ratings: FloatArray, codes: NDArray[np.int64], *, resamples: int = RESAMPLES) -> Estimate:
    """Return the standard deviation of one sample's verdicts over repeats, pooled over samples.

    Args:
        ratings: (n, r) of n samples by r repeats; NaN where there is none.
        codes: (n,) cluster of each sample.
        resamples: of the bootstrap.
    """
    columns = {str(repeat): ratings[:, repeat] for repeat in range(ratings.shape[1])}
    metric = Metric("spread", "spread of repeats", _within, _root, None, (0.0, float("inf")), "")
    return estimated(metric, columns, codes, resamples=resamples)


def _within(columns: Columns) -> FloatArray:
    sums = _pair_sums(columns)
    m, total, squares = sums[:, 1], sums[:, 2], sums[:, 3]
    deviation = np.where(m > 0, squares - total**2 / np.maximum(m, 1), 0.0)
    return np.column_stack([np.maximum(deviation, 0.0), np.maximum(m - 1, 0.0)])


def _root(sums: FloatArray) -> FloatArray:
    return np.sqrt(ratio(sums))


def length_slope(
    scores: FloatArray, characters: FloatArray, codes: NDArray[np.int64], *, resamples: int = RESAMPLES
) -> Estimate:
    """Return by how much the score rises when an answer is twice as long: least squares on log2 of its length.

    Args:
        scores: (n,), NaN where there is none.
        characters: (n,) lengths, at least 1.
        codes: (n,) cluster of each sample.
        resamples: of the bootstrap.
    """
    x = np.log2(np.maximum(characters, 1.0))
    # Centred, so that the products of the sums keep their digits.
    columns = {"x": x - (x.mean() if x.size else 0.0), "y": scores}
    metric = Metric("slope", "points per doubling of length", _moments, _slope, None, _ANYWHERE, "")
    return estimated(metric, columns, codes, resamples=resamples)


def _moments(columns: Columns) -> FloatArray:
    there = np.isfinite(columns["y"]).astype(np.float64)
    x, y = columns["x"] * there, np.where(there > 0, columns["y"], 0.0)
    return np.column_stack([there, x, y, x * y, x * x])


def _slope(sums: FloatArray) -> FloatArray:
    n, x, y, xy, xx = (sums[..., i] for i in range(5))
    spread = n * xx - x**2
    with np.errstate(divide="ignore", invalid="ignore"):
        slope: FloatArray = np.where((n > 2) & (spread > 1e-9), (n * xy - x * y) / spread, np.nan)
    return slope


def spearman(
    first: FloatArray, second: FloatArray, codes: NDArray[np.int64], *, resamples: int = RESAMPLES, seed: int = 0
) -> Estimate:
    """Return Spearman's rank correlation of two raters over the samples that both rated.

    Args:
        first: (n,), NaN where there is no rating.
        second: (n,), likewise.
        codes: (n,) cluster of each sample.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    both = np.isfinite(first) & np.isfinite(second)
    a, b = first[both], second[both]

    def correlate(rows: NDArray[np.intp]) -> float:
        return _correlation(ranks(a[rows]), ranks(b[rows]))

    return _by_rows(correlate, codes[both], resamples, seed)


def auc(
    right: FloatArray,
    right_codes: NDArray[np.int64],
    wrong: FloatArray,
    wrong_codes: NDArray[np.int64],
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate:
    """Return the probability that a right answer scores higher than a wrong one, ties counted half.

    Args:
        right: (n,) scores of right answers.
        right_codes: (n,) their clusters.
        wrong: (m,) scores of wrong answers.
        wrong_codes: (m,) their clusters, in the same numbering.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """
    scores = np.concatenate([right, wrong])
    is_right = np.arange(scores.size) < right.size

    def compare(rows: NDArray[np.intp]) -> float:
        picked = is_right[rows]
        n, m = int(picked.sum()), int((~picked).sum())
        if not n or not m:
            return float("nan")
        rank_sum = ranks(scores[rows])[picked].sum()  # Mann & Whitney 1947
        return float((rank_sum - n * (n + 1) / 2) / (n * m))

    return _by_rows(compare, np.concatenate([right_codes, wrong_codes]), resamples, seed)


def ranks(values: FloatArray) -> FloatArray:
    """Return the ranks 1..n, equal values sharing the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    shared: FloatArray = (last - (count - 1) / 2)[place]
    return shared


def _correlation(a: FloatArray, b: FloatArray) -> float:
    if a.size < 3 or a.std() == 0 or b.std() == 0:
        return float("nan")
    return float(np.corrcoef(a, b)[0, 1])


def _by_rows(
    statistic: Callable[[NDArray[np.intp]], float], codes: NDArray[np.int64], resamples: int, seed: int
) -> Estimate:
    """Return the estimate of a statistic of rows, by the percentile bootstrap over clusters."""
    n = codes.size
    value = statistic(np.arange(n)) if n else float("nan")
    members = [np.flatnonzero(codes == code) for code in np.unique(codes)]
    if not np.isfinite(value):
        return Estimate(None, None, None, None, 0, 0, None, "none")
    if len(members) < 3 or resamples < 2:
        return Estimate(value, None, None, None, n, len(members), None, "none")
    rng = np.random.default_rng(seed)
    drawn = (rng.integers(0, len(members), len(members)) for _ in range(resamples))
    values = np.array([statistic(np.concatenate([members[i] for i in picks])) for picks in drawn])
    values = values[np.isfinite(values)]
    if values.size < 2:
        return Estimate(value, None, None, None, n, len(members), None, "none")
    low, high = (float(q) for q in np.quantile(values, [0.025, 0.975]))
    return Estimate(value, low, high, float(values.std(ddof=1)), n, len(members), None, "bootstrap")


def as_json(estimate: Estimate) -> dict[str, Any]:
    """Return an estimate as it stands in `results.json`."""
    return {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": estimate.n,
        "clusters": estimate.clusters,
        "method": estimate.method,
    }
