"""Paired statistics: against slow obvious ones, exact small cases, and simulated errors of the first kind."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.metrics import classification, grounding
from vau_bench.metrics.base import FloatArray, Metric, mean_of, ratio
from vau_bench.paired import difference, estimate_differences, estimate_pairs, holm, side_by_side, swap_p_values
from vau_bench.stats import Estimate, cluster_codes

MEAN = Metric("mean", "mean of x", lambda c: mean_of(c["x"]), ratio)
SECONDS = Metric("error", "", lambda c: mean_of(c["x"]), ratio, False, (0.0, math.inf), "s", answered_only=True)


def contributions(x: object) -> FloatArray:
    return MEAN.update({"x": np.asarray(x, dtype=np.float64)})


def differ(a: object, b: object, groups: object = None, metric: Metric = MEAN, **options: int) -> Estimate:
    first, second = contributions(a), contributions(b)
    codes = cluster_codes(list(range(len(first))) if groups is None else list(groups))  # type: ignore[call-overload]
    return estimate_differences([metric], [first], [second], codes, **options)[0]


def p_value(a: object, b: object, groups: object = None, **options: int) -> float:
    codes = cluster_codes(list(range(len(a))) if groups is None else list(groups))  # type: ignore
    (p,) = swap_p_values([MEAN], [contributions(a)], [contributions(b)], codes, **options)
    assert p is not None
    return p


def clustered(seed: int, clusters: int = 40) -> tuple[FloatArray, FloatArray, FloatArray]:
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(clusters), rng.integers(1, 5, clusters))
    hard = rng.uniform(0.2, 0.9, clusters)[groups]
    draw = rng.uniform(size=(2, groups.size))
    return (draw[0] < hard).astype(float), (draw[1] < hard * 0.8).astype(float), groups


def test_a_difference_is_the_value_of_one_less_that_of_the_other() -> None:
    a, b, groups = clustered(0)
    assert differ(a, b, groups).value == pytest.approx(a.mean() - b.mean())
    assert differ(b, a, groups).value == pytest.approx(b.mean() - a.mean())
    assert difference(MEAN).bounds == (-1, 1)


def test_the_interval_is_that_of_a_bootstrap_that_draws_videos_for_both_at_once() -> None:
    a, b, groups = clustered(1)
    rng = np.random.default_rng(7)
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)]
    naive = []
    for _ in range(4000):
        drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        naive.append(a[drawn].mean() - b[drawn].mean())
    found = differ(a, b, groups, resamples=4000)
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(naive, [0.025, 0.975])), abs=0.01)
    assert found.se == pytest.approx(np.std(naive), rel=0.06)
    assert found.mde == pytest.approx((1.959964 + 0.841621) * found.se, rel=1e-5)


def test_what_both_have_in_common_leaves_the_interval() -> None:
    rng = np.random.default_rng(0)
    common = rng.uniform(size=60)
    close = differ(common, common - 0.1 + rng.normal(0, 0.01, 60))
    assert close.low is not None and close.high is not None
    assert 0.09 < close.low < close.high < 0.11


def test_the_same_answers_are_not_taken_for_a_proof_of_equality() -> None:
    same = differ(np.ones(30), np.ones(30))
    reach = 1 - 0.025 ** (1 / 30)
    assert same.value == 0 and same.method == "exact"
    assert (same.low, same.high) == pytest.approx((-reach, reach))


def test_one_video_can_tell_nothing() -> None:
    found = differ([1, 1, 0], [0, 1, 0], ["v", "v", "v"])
    assert (found.low, found.high, found.method, found.clusters) == (None, None, "none", 1)


def test_errors_in_seconds_are_compared_where_both_answered() -> None:
    nan = math.nan
    found = differ([1.0, 2.0, nan, 50.0], [3.0, 5.0, 9.0, nan], metric=SECONDS)
    assert found.value == pytest.approx(1.5 - 4.0)
    assert found.n == 2
    nobody = differ([1.0, nan], [nan, 1.0], metric=SECONDS)
    assert (nobody.value, nobody.n) == (None, 0)
    alike = differ([1.0, 2.0], [1.0, 2.0], metric=SECONDS)
    assert (alike.value, alike.low, alike.high) == (0, None, None)


@pytest.mark.parametrize("clusters", [6, 30])
@pytest.mark.parametrize("metric", [MEAN, SECONDS])
def test_all_pairs_at_once_are_the_pairs_one_by_one(clusters: int, metric: Metric) -> None:
    rng = np.random.default_rng(2)
    codes = cluster_codes(rng.integers(0, clusters, 90).tolist())
    models = [contributions(rng.uniform(size=90) < p) for p in (0.3, 0.5, 0.7)]
    models.append(models[0])
    found = estimate_pairs(metric, models, codes, resamples=400, seed=5)
    assert sorted(found) == list(itertools.combinations(range(4), 2))
    for (i, j), estimate in found.items():
        (alone,) = estimate_differences([metric], [models[i]], [models[j]], codes, resamples=400, seed=5)
        assert (estimate.value, estimate.low, estimate.high) == pytest.approx((alone.value, alone.low, alone.high))


def naive_exact_p(a: FloatArray, b: FloatArray, groups: FloatArray) -> float:
    """Swap the answers within every subset of videos, and count what is as extreme."""
    names = np.unique(groups)
    extreme = 0
    observed = abs(a.mean() - b.mean())
    for swaps in itertools.product([False, True], repeat=len(names)):
        swapped = np.isin(groups, names[np.array(swaps)])
        x, y = np.where(swapped, b, a), np.where(swapped, a, b)
        extreme += abs(x.mean() - y.mean()) >= observed - 1e-12
    return extreme / 2 ** len(names)


@pytest.mark.parametrize("seed", range(5))
def test_few_videos_are_tested_exactly(seed: int) -> None:
    a, b, groups = clustered(seed, clusters=8)
    assert p_value(a, b, groups) == pytest.approx(naive_exact_p(a, b, groups))


def test_many_videos_are_tested_by_random_swaps_that_agree_with_the_exact_test() -> None:
    rng = np.random.default_rng(4)
    a, b = rng.uniform(size=15), rng.uniform(size=15)
    b -= 0.1
    exact = naive_exact_p(a, b, np.arange(15))
    assert p_value(a, b, permutations=20_000) == pytest.approx(exact, abs=0.01)
    assert p_value(a, b, seed=1) == p_value(a, b, seed=1) != p_value(a, b, seed=2)


def test_a_test_of_a_ratio_of_sums_swaps_whole_videos() -> None:
    """Macro F1 is no mean over samples: the swapped answers are counted anew."""
    rng = np.random.default_rng(6)
    truth = rng.integers(0, 3, 24).astype(float)
    first = np.where(rng.uniform(size=24) < 0.8, truth, 0)
    second = np.where(rng.uniform(size=24) < 0.4, truth, 1)
    groups = np.repeat(np.arange(6), 4)
    metric = classification.macro_f1_metric(3)
    observed = abs(metric({"truth": truth, "predicted": first}) - metric({"truth": truth, "predicted": second}))
    extreme = 0
    for swaps in itertools.product([False, True], repeat=6):
        swapped = np.array(swaps)[groups]
        x, y = np.where(swapped, second, first), np.where(swapped, first, second)
        apart = metric({"truth": truth, "predicted": x}) - metric({"truth": truth, "predicted": y})
        extreme += abs(apart) >= observed - 1e-12
    sides = [[metric.update({"truth": truth, "predicted": side})] for side in (first, second)]
    assert swap_p_values([metric], *sides, cluster_codes(groups.tolist())) == [pytest.approx(extreme / 64)]


def test_tests_of_several_metrics_do_not_depend_on_their_company() -> None:
    rng = np.random.default_rng(8)
    columns = [{"anomalous": np.ones(60), "tiou": rng.uniform(size=60), "alarm": np.ones(60)} for _ in range(2)]
    metrics = [grounding.MIOU, *grounding.RECALLS, grounding.FALSE_ALARM_RATE]
    first, second = ([m.update(c) for m in metrics] for c in columns)
    codes = np.arange(60)
    together = swap_p_values(metrics, first, second, codes, permutations=500)
    assert together[-1] is None  # no normal video: no false alarm to compare
    assert together[0] == swap_p_values(metrics[:1], first[:1], second[:1], codes, permutations=500)[0]


def test_equal_answers_have_p_1() -> None:
    assert p_value([1, 0, 1], [1, 0, 1]) == 1
    assert p_value(np.ones(50), np.ones(50)) == 1
    assert swap_p_values([], [], [], cluster_codes([])) == []


@pytest.mark.parametrize(("clusters", "size"), [(10, 4), (30, 3), (80, 1)])
def test_equal_models_are_told_apart_in_about_one_of_twenty_tries(clusters: int, size: int) -> None:
    """Two models with one success rate per video, which differs between videos."""
    rng = np.random.default_rng(clusters)
    groups = np.repeat(np.arange(clusters), size)
    by_test = by_interval = 0
    trials = 400
    for trial in range(trials):
        rates = rng.uniform(0.2, 0.9, clusters)[groups]
        a, b = (contributions(rng.uniform(size=groups.size) < rates) for _ in range(2))
        (p,) = swap_p_values([MEAN], [a], [b], groups, permutations=400, seed=trial)
        (found,) = estimate_differences([MEAN], [a], [b], groups, resamples=400, seed=trial)
        by_test += p is not None and p < 0.05
        by_interval += found.low is not None and found.high is not None and not found.low <= 0 <= found.high
    assert by_test / trials <= 0.08  # 0.05 and three standard errors
    assert 0.01 <= by_interval / trials <= 0.09


def test_the_detectable_effect_is_detected_in_about_four_of_five_tries() -> None:
    rng = np.random.default_rng(3)
    found = 0
    for trial in range(200):
        noise = rng.normal(0, 0.2, size=(2, 100))
        mde = differ(noise[0], noise[1], resamples=300, seed=trial).mde
        assert mde is not None
        again = rng.normal(0, 0.2, size=(2, 100))
        shifted = differ(again[0] + mde, again[1], resamples=300, seed=trial)
        found += shifted.low is not None and shifted.low > 0
    assert 0.7 <= found / 200 <= 0.9


def naive_holm(p_values: list[float]) -> list[float]:
    """Reject step by step: the adjusted p is the lowest level at which a hypothesis falls."""
    adjusted = []
    for own in p_values:
        before = sorted(p for p in p_values if p <= own)
        adjusted.append(min(1.0, max((len(p_values) - k) * p for k, p in enumerate(before))))
    return adjusted


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=8, unique=True))
def test_holm_is_a_step_down_over_the_sorted_p_values(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(naive_holm(p_values))


def test_holm_leaves_out_what_was_not_tested() -> None:
    assert holm([0.01, None, 0.04]) == [0.02, None, 0.04]
    assert holm([None]) == [None] and holm([]) == []


def test_sides_keep_every_sample_of_strict_metrics() -> None:
    assert side_by_side(MEAN, contributions([1, 0]), contributions([0, 0])).tolist() == [[1, 1, 0, 1], [0, 1, 0, 1]]
