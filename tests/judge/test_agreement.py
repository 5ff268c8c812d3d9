"""Agreement and its kin, against published values and second, obvious implementations."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.judge.agreement import auc, krippendorff, length_slope, ranks, repeat_spread, spearman

NO = np.nan
KRIPPENDORFF_2011 = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NO, NO, NO],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NO, 3],
        [NO, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NO],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NO],
    ]
).T


def alone(n: int) -> np.ndarray:
    return np.arange(n)


def slow_alpha(ratings: np.ndarray) -> float:
    """Krippendorff's alpha by its definition: observed over expected disagreement, pair by pair."""
    units = [[v for v in row if np.isfinite(v)] for row in ratings]
    units = [u for u in units if len(u) > 1]
    values = [v for u in units for v in u]
    n = len(values)
    observed = sum(sum((a - b) ** 2 for a, b in permutations(u, 2)) / (len(u) - 1) for u in units) / n
    expected = sum((a - b) ** 2 for a, b in permutations(values, 2)) / (n * (n - 1))
    return 1 - observed / expected


def test_alpha_of_the_published_example() -> None:
    estimate = krippendorff(KRIPPENDORFF_2011, alone(12))
    assert estimate.value == pytest.approx(0.849, abs=0.0005)
    assert estimate.low < estimate.value < estimate.high
    assert estimate.n == 11, "the unit that one observer alone rated takes no part"


@given(st.lists(st.lists(st.none() | st.integers(0, 20), min_size=3, max_size=3), min_size=2, max_size=12))
@settings(max_examples=150)
def test_alpha_is_what_its_definition_says(rows: list[list[int | None]]) -> None:
    ratings = np.array([[NO if v is None else v / 2 for v in row] for row in rows])
    value = krippendorff(ratings, alone(len(rows)), resamples=0).value
    paired = [v for row in ratings if np.isfinite(row).sum() > 1 for v in row if np.isfinite(v)]
    if len(set(paired)) < 2:
        assert value is None
    else:
        assert value == pytest.approx(slow_alpha(ratings))


def test_alpha_of_perfect_agreement_and_of_noise() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 21, 200) / 2
    assert krippendorff(np.column_stack([truth, truth]), alone(200)).value == pytest.approx(1.0)
    noise = krippendorff(rng.integers(0, 21, (200, 3)) / 2, alone(200))
    assert noise.low < 0.0 < noise.high
    opposed = krippendorff(np.column_stack([truth, 10 - truth]), alone(200))
    assert opposed.high < -0.5


def test_samples_of_one_video_are_one_cluster() -> None:
    rng = np.random.default_rng(1)
    ratings = np.repeat(rng.normal(5, 2, (30, 1)) + rng.normal(0, 1, (30, 2)), 4, axis=0)
    alone_ = krippendorff(ratings, alone(120))
    clustered = krippendorff(ratings, np.repeat(np.arange(30), 4))
    assert alone_.value == pytest.approx(clustered.value)
    assert clustered.se > 1.5 * alone_.se


@pytest.mark.parametrize("resamples", [0, 200])
def test_nothing_to_compare_is_no_value(resamples: int) -> None:
    empty = np.empty((0, 2))
    for estimate in (
        krippendorff(empty, alone(0), resamples=resamples),
        krippendorff(np.full((5, 2), NO), alone(5), resamples=resamples),
        krippendorff(np.full((5, 2), 3.0), alone(5), resamples=resamples),
        krippendorff(np.ones((5, 1)), alone(5), resamples=resamples),
        repeat_spread(np.ones((5, 1)), alone(5), resamples=resamples),
        spearman(np.ones(5), np.ones(5), alone(5), resamples=resamples),
        spearman(np.full(5, NO), np.arange(5.0), alone(5), resamples=resamples),
        length_slope(np.arange(5.0), np.full(5, 7.0), alone(5), resamples=resamples),
        auc(np.empty(0), alone(0), np.ones(3), alone(3), resamples=resamples),
    ):
        assert estimate.value is None and estimate.low is None


def test_spread_is_the_pooled_standard_deviation() -> None:
    ratings = np.array([[4.0, 6.0, NO], [5.0, 5.0, 5.0], [1.0, NO, NO]])
    # Deviations 2 and 0 over 1 + 2 degrees of freedom.
    assert repeat_spread(ratings, alone(3)).value == pytest.approx(np.sqrt(2 / 3))


def test_slope_is_in_points_per_doubling() -> None:
    lengths = np.array([100.0, 200.0, 400.0, 800.0, 1600.0] * 10)
    scores = 10 + 1.5 * np.log2(lengths / 100) + np.tile([0.1, -0.1], 25)
    estimate = length_slope(scores, lengths, alone(50))
    assert estimate.value == pytest.approx(np.polyfit(np.log2(lengths), scores, 1)[0])
    assert estimate.low < 1.5 < estimate.high


def test_ranks_share_ties() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_spearman_is_that_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(2)
    a = rng.integers(0, 10, 60).astype(float)
    b = a + rng.integers(-3, 4, 60)
    estimate = spearman(a, b, alone(60))
    assert estimate.value == pytest.approx(stats.spearmanr(a, b).statistic)
    assert estimate.low < estimate.value < estimate.high
    a[3] = NO
    assert spearman(a, b, alone(60), resamples=0).n == 59


@given(st.lists(st.integers(0, 6), min_size=1, max_size=8), st.lists(st.integers(0, 6), min_size=1, max_size=8))
@settings(max_examples=100)
def test_auc_is_the_share_of_pairs_in_order(right: list[int], wrong: list[int]) -> None:
    pairs = [1.0 if r > w else 0.5 if r == w else 0.0 for r in right for w in wrong]
    r, w = np.array(right, float), np.array(wrong, float)
    assert auc(r, alone(len(r)), w, alone(len(w)), resamples=0).value == pytest.approx(np.mean(pairs))
