"""Intervals: against a naive bootstrap, published quantiles, simulated coverage, and at the edges."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest

from vau_bench.metrics import classification, grounding, mcq
from vau_bench.metrics.base import FloatArray, Metric, mean_of, ratio
from vau_bench.stats import (
    FEW_CLUSTERS,
    Estimate,
    bootstrap_sums,
    cluster_codes,
    cluster_sums,
    estimate_all,
    student_t_quantile,
)

MEAN = Metric("mean", "mean of x", lambda c: mean_of(c["x"]), ratio)


def estimate(x: list[float] | FloatArray, groups: list[int] | FloatArray | None = None, **options: int) -> Estimate:
    values = np.asarray(x, dtype=np.float64)
    codes = cluster_codes(list(range(len(values)) if groups is None else groups))
    return estimate_all([MEAN], [MEAN.update({"x": values})], codes, **options)[0]


def test_codes_number_groups_by_first_appearance() -> None:
    assert cluster_codes(["b", "a", "b", ("c", 1)]).tolist() == [0, 1, 0, 2]
    assert cluster_codes([]).tolist() == []


def test_cluster_sums_are_sums_in_a_loop() -> None:
    rng = np.random.default_rng(0)
    contributions, codes = rng.normal(size=(50, 3)), rng.integers(0, 7, 50)
    expected = np.zeros((codes.max() + 1, 3))
    for row, code in zip(contributions, codes, strict=True):
        expected[code] += row
    assert cluster_sums(contributions, codes) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("df", "expected"),
    [
        (1, 12.706),
        (2, 4.303),
        (3, 3.182),
        (4, 2.776),
        (5, 2.571),
        (9, 2.262),
        (10, 2.228),
        (18, 2.101),
        (30, 2.042),
        (120, 1.980),
    ],
)
def test_quantiles_are_those_of_the_tables(df: int, expected: float) -> None:
    assert student_t_quantile(0.975, df) == pytest.approx(expected, abs=5e-4)


def test_quantiles_at_other_levels() -> None:
    assert student_t_quantile(0.5, 3) == pytest.approx(0, abs=1e-9)
    assert student_t_quantile(0.95, 7) == pytest.approx(1.895, abs=5e-4)
    assert student_t_quantile(0.995, 2) == pytest.approx(9.925, abs=5e-4)


def naive_bootstrap(x: FloatArray, groups: FloatArray, resamples: int) -> FloatArray:
    """Draw source videos with replacement, pool their samples, take the mean."""
    rng = np.random.default_rng(99)
    members = [x[groups == g] for g in np.unique(groups)]
    means = []
    for _ in range(resamples):
        drawn = [members[i] for i in rng.integers(0, len(members), len(members))]
        means.append(np.concatenate(drawn).mean())
    return np.array(means)


def test_the_bootstrap_agrees_with_a_naive_one_over_clusters_of_many_sizes() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), rng.integers(1, 6, 40))
    x = np.clip(rng.normal(0.5, 0.2, groups.size) + rng.normal(0, 0.2, 40)[groups], 0, 1)
    naive = naive_bootstrap(x, groups, 4000)
    found = estimate(x, groups, resamples=4000)
    assert found.method == "bootstrap"
    assert found.value == pytest.approx(x.mean())
    assert found.se == pytest.approx(naive.std(ddof=1), rel=0.06)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=0.006)


def test_the_bootstrap_agrees_with_a_naive_one_where_many_clusters_are_alike() -> None:
    groups = np.repeat(np.arange(120), 2)
    x = (np.random.default_rng(4).uniform(size=240) < 0.3).astype(float)
    naive = naive_bootstrap(x, groups, 4000)
    found = estimate(x, groups, resamples=4000)
    assert found.se == pytest.approx(naive.std(ddof=1), rel=0.06)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=0.01)


def test_resamples_that_do_not_fit_at_once_are_as_good() -> None:
    sums = np.random.default_rng(5).uniform(size=(5000, 2))
    out = bootstrap_sums(sums, 1000, seed=0)  # more counts than are held at once
    assert out.shape == (1000, 2)
    assert out.mean(axis=0) == pytest.approx(sums.sum(axis=0), rel=0.005)
    assert out.std(axis=0) == pytest.approx(sums.std(axis=0) * math.sqrt(5000), rel=0.1)
    assert len(np.unique(out[:, 0])) == 1000


def test_every_resample_draws_as_many_clusters_as_there_are() -> None:
    for kind in (np.zeros(37), np.arange(37)):  # all alike, all different
        sums = np.column_stack([np.ones(37), kind])
        assert (bootstrap_sums(sums, 500, seed=1)[:, 0] == 37).all()


def test_the_seed_alone_decides() -> None:
    x = np.random.default_rng(0).uniform(size=60)
    assert estimate(x, seed=1) == estimate(x, seed=1)
    assert estimate(x, seed=1) != estimate(x, seed=2)


def test_metrics_share_their_resamples_and_do_not_depend_on_their_company() -> None:
    rng = np.random.default_rng(0)
    columns = {"truth": rng.integers(0, 3, 90).astype(float), "predicted": rng.integers(0, 3, 90).astype(float)}
    metrics = [classification.ACCURACY, classification.macro_f1_metric(3)]
    codes = cluster_codes(rng.integers(0, 30, 90).tolist())
    both = estimate_all(metrics, [m.update(columns) for m in metrics], codes, resamples=500)
    alone = [estimate_all([m], [m.update(columns)], codes, resamples=500)[0] for m in metrics]
    assert both == alone


def coverage(clusters: int, size: int, trials: int, resamples: int) -> float:
    """Share of simulated data sets whose interval holds the true mean; clusters differ, so samples are not alone."""
    rng = np.random.default_rng(clusters)
    groups = np.repeat(np.arange(clusters), size)
    hits = 0
    for _ in range(trials):
        # Success rates of the videos, uniform around the true mean of 0.6.
        rates = rng.uniform(0.3, 0.9, clusters)
        found = estimate((rng.uniform(size=groups.size) < rates[groups]).astype(float), groups, resamples=resamples)
        hits += found.low is not None and found.high is not None and found.low <= 0.6 <= found.high
    return hits / trials


@pytest.mark.parametrize(("clusters", "size"), [(5, 8), (12, 4), (25, 3), (100, 2)])
def test_the_interval_holds_the_truth_about_as_often_as_it_says(clusters: int, size: int) -> None:
    assert 0.90 <= coverage(clusters, size, trials=400, resamples=400) <= 0.99


def test_samples_of_one_video_are_not_independent() -> None:
    x = np.repeat(np.random.default_rng(0).integers(0, 2, 40), 10).astype(float)
    alone = estimate(x, list(range(400)))
    clustered = estimate(x, np.repeat(np.arange(40), 10))
    assert alone.value == clustered.value
    assert alone.se is not None and clustered.se is not None
    assert clustered.se == pytest.approx(alone.se * math.sqrt(10), rel=0.1)
    assert (alone.n, alone.clusters, clustered.n, clustered.clusters) == (400, 400, 400, 40)


def test_few_clusters_take_students_t() -> None:
    x = [0.1, 0.5, 0.9, 0.4, 0.6]
    found = estimate(x)
    se = float(np.std(x, ddof=1)) / math.sqrt(5)  # the jackknife of a mean is the textbook standard error
    assert found.method == "t"
    assert found.se == pytest.approx(se)
    assert (found.low, found.high) == pytest.approx((0.5 - 2.776 * se, 0.5 + 2.776 * se), abs=1e-3)


def test_an_interval_never_leaves_the_range_of_the_metric() -> None:
    found = estimate([0.0, 1.0, 1.0])
    assert found.high == 1.0 and found.low == 0.0


@pytest.mark.parametrize("count", [FEW_CLUSTERS - 1, FEW_CLUSTERS])
def test_the_method_changes_at_the_limit(count: int) -> None:
    x = np.linspace(0, 1, count)
    assert estimate(x, resamples=50).method == ("t" if count < FEW_CLUSTERS else "bootstrap")


def test_one_cluster_has_a_value_and_no_interval() -> None:
    found = estimate([0.0, 1.0, 1.0], [0, 0, 0])
    assert found == Estimate(2 / 3, None, None, None, 3, 1, None, "none")


def test_a_metric_without_samples_has_no_value() -> None:
    assert estimate([math.nan, math.nan]) == Estimate(None, None, None, None, 0, 0, None, "none")


def test_samples_that_a_metric_does_not_count_are_not_its_clusters() -> None:
    found = estimate([1.0, 0.5, math.nan, math.nan], [0, 1, 2, 3])
    assert (found.value, found.n, found.clusters, found.method) == (0.75, 2, 2, "t")


@pytest.mark.parametrize("clusters", [5, 40])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_when_all_agree_the_bound_is_exact(clusters: int, value: float) -> None:
    found = estimate([value] * clusters)
    reach = 1 - 0.025 ** (1 / clusters)  # Clopper and Pearson
    assert found.method == "exact"
    assert (found.low, found.high) == pytest.approx((1 - reach, 1) if value else (0, reach))
    assert found.mde is None


def test_the_detectable_effect_is_that_of_two_independent_runs() -> None:
    found = estimate(np.random.default_rng(0).uniform(size=100))
    assert found.se is not None
    assert found.mde == pytest.approx((1.959964 + 0.841621) * math.sqrt(2) * found.se, rel=1e-5)


@pytest.mark.parametrize("resamples", [0, 1])
def test_without_resamples_there_is_no_interval(resamples: int) -> None:
    found = estimate(np.linspace(0, 1, 30), resamples=resamples)
    assert (found.value, found.low, found.high, found.se, found.method) == (0.5, None, None, None, "none")
    assert (found.n, found.clusters) == (30, 30)


def test_a_metric_over_a_part_of_the_samples_has_their_interval() -> None:
    tiou = np.full(60, math.nan)
    tiou[::2] = np.linspace(0.2, 0.8, 30)
    columns = {"tiou": tiou, "anomalous": np.isfinite(tiou).astype(float)}
    found = estimate_all([grounding.MIOU], [grounding.MIOU.update(columns)], cluster_codes(range(60)))[0]
    alone = estimate(np.linspace(0.2, 0.8, 30))
    assert (found.n, found.clusters, found.method) == (30, 30, "bootstrap")
    assert found.value == pytest.approx(alone.value)
    assert found.se == pytest.approx(alone.se, rel=0.05)


def test_every_estimate_can_be_written_as_json() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 5, 19, 20, 50):
        columns = {"truth": rng.integers(0, 4, n).astype(float), "predicted": rng.integers(-1, 4, n).astype(float)}
        metrics = [mcq.ACCURACY, mcq.POSITION_BALANCED, classification.macro_f1_metric(4)]
        codes = cluster_codes(range(n))
        for found in estimate_all(metrics, [m.update(columns) for m in metrics], codes, resamples=2):
            json.dumps(asdict(found), allow_nan=False)


def test_agreement_between_the_bounds_is_no_certainty_either() -> None:
    """A reflection that changed none of 40 answers may still change one in twelve."""
    signed = Metric("change", "mean change", lambda c: mean_of(c["x"]), ratio, bounds=(-1.0, 1.0))
    zeros = signed.update({"x": np.zeros(40)})
    (found,) = estimate_all([signed], [zeros], np.arange(40))
    unseen = 1 - 0.025 ** (1 / 40)
    assert found.method == "exact"
    assert (found.low, found.high) == (pytest.approx(-unseen), pytest.approx(unseen))


def test_an_estimate_that_merges_no_clusters_does_not_depend_on_its_company() -> None:
    """Two answers over 200 videos are 4 kinds of videos: drawn as such, unless the draws must be the same for all."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 2, (2, 200)).astype(float)
    contributions = [MEAN.update({"x": x}), MEAN.update({"x": y + rng.uniform(size=200)})]
    codes = np.arange(200)
    both = estimate_all([MEAN, MEAN], contributions, codes, merge_alike=False)
    alone = [estimate_all([MEAN], [c], codes, merge_alike=False)[0] for c in contributions]
    for one, other in zip(both, alone, strict=True):
        assert (one.low, one.high, one.se) == pytest.approx((other.low, other.high, other.se), abs=1e-12)
    merged = estimate_all([MEAN], contributions[:1], codes)[0]
    assert merged.se == pytest.approx(alone[0].se, rel=0.05)
