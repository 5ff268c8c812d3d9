"""Temporal grounding metrics against slow, obvious implementations, and by their properties."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.metrics import Columns, set_tiou, tiou
from vau_bench.metrics import grounding as metrics
from vau_bench.metrics.base import Metric
from vau_bench.records import Segment

ALL: tuple[Metric, ...] = (
    metrics.MIOU,
    *metrics.RECALLS,
    metrics.FALSE_ALARM_RATE,
    metrics.MISS_RATE,
    metrics.START_ERROR,
    metrics.END_ERROR,
)

# Quarters of a second: sums and differences of them are exact.
ticks = st.integers(0, 400).map(lambda tick: tick / 4)
intervals = st.tuples(ticks, ticks).filter(lambda pair: pair[0] < pair[1])
any_pair = st.tuples(ticks, ticks)
sets = st.lists(intervals, min_size=1, max_size=4)


def slow_tiou(p: tuple[float, float], t: tuple[float, float]) -> float:
    if not (p[1] > p[0] and t[1] > t[0]):
        return 0.0
    intersection = max(0.0, min(p[1], t[1]) - max(p[0], t[0]))
    return intersection / ((p[1] - p[0]) + (t[1] - t[0]) - intersection)


def rasterised_tiou(predicted: list[tuple[float, float]], true: list[tuple[float, float]]) -> float:
    """Count quarter-second cells."""
    p = {cell for start, end in predicted for cell in range(int(start * 4), int(end * 4))}
    t = {cell for start, end in true for cell in range(int(start * 4), int(end * 4))}
    return len(p & t) / len(p | t) if p | t else 0.0


@given(any_pair, any_pair)
def test_tiou_is_intersection_over_union(p: tuple[float, float], t: tuple[float, float]) -> None:
    assert float(tiou(p, t)) == pytest.approx(slow_tiou(p, t), abs=1e-12)


@given(any_pair, any_pair)
def test_tiou_is_a_symmetric_fraction(p: tuple[float, float], t: tuple[float, float]) -> None:
    value = float(tiou(p, t))
    assert 0.0 <= value <= 1.0
    assert value == float(tiou(t, p))


@given(intervals, intervals)
def test_tiou_is_one_for_the_same_interval_and_only_then(p: tuple[float, float], t: tuple[float, float]) -> None:
    assert float(tiou(p, p)) == 1.0
    assert (float(tiou(p, t)) == 1.0) == (p == t)


@given(intervals, intervals, st.integers(0, 1000), st.integers(1, 50))
def test_tiou_depends_neither_on_the_origin_nor_on_the_unit_of_time(
    p: tuple[float, float], t: tuple[float, float], shift: int, scale: int
) -> None:
    moved = [[scale * x + shift for x in pair] for pair in (p, t)]
    assert float(tiou(*moved)) == pytest.approx(float(tiou(p, t)), abs=1e-12)


@pytest.mark.parametrize("bad", [(5.0, 5.0), (9.0, 1.0), (math.nan, 5.0), (1.0, math.nan), (math.nan, math.nan)])
def test_what_is_no_interval_overlaps_with_nothing(bad: tuple[float, float]) -> None:
    assert float(tiou(bad, (0.0, 10.0))) == 0.0
    assert float(tiou((0.0, 10.0), bad)) == 0.0


def test_touching_intervals_do_not_overlap() -> None:
    assert float(tiou((0, 5), (5, 9))) == 0.0


def test_tiou_broadcasts_candidates_against_truths() -> None:
    rng = np.random.default_rng(0)
    p, t = rng.uniform(0, 50, (7, 2)), rng.uniform(0, 50, (5, 2))
    table = tiou(p[:, None], t[None])
    assert table.shape == (7, 5)
    for i in range(7):
        for j in range(5):
            assert table[i, j] == pytest.approx(slow_tiou(tuple(p[i]), tuple(t[j])), abs=1e-12)


def test_many_pairs_are_the_pairs_one_by_one() -> None:
    rng = np.random.default_rng(1)
    p, t = rng.uniform(0, 50, (40_000, 2)), rng.uniform(0, 50, (40_000, 2))
    assert np.array_equal(
        tiou(p, t), np.concatenate([tiou(p[i : i + 777], t[i : i + 777]) for i in range(0, 40_000, 777)])
    )


def test_no_pair_gives_no_value() -> None:
    assert tiou(np.empty((0, 2)), np.empty((0, 2))).shape == (0,)


@given(intervals, intervals)
def test_the_measure_of_sets_is_tiou_for_single_intervals(p: tuple[float, float], t: tuple[float, float]) -> None:
    assert set_tiou([p], [Segment(*t)]) == pytest.approx(float(tiou(p, t)), abs=1e-12)


@given(st.lists(intervals, max_size=4), sets)
def test_the_measure_of_sets_counts_cells_of_time(p: list[tuple[float, float]], t: list[tuple[float, float]]) -> None:
    assert set_tiou(p, [Segment(*x) for x in t]) == pytest.approx(rasterised_tiou(p, t), abs=1e-12)


@given(sets, sets, st.permutations(range(4)))
def test_sets_have_no_order_and_no_repeats(
    p: list[tuple[float, float]], t: list[tuple[float, float]], order: list[int]
) -> None:
    shuffled = [p[i] for i in order if i < len(p)]
    true = [Segment(*x) for x in t]
    assert set_tiou(shuffled + p[:1], true) == pytest.approx(set_tiou(p, true), abs=1e-12)


def test_parts_of_an_answer_that_are_no_intervals_count_as_nothing() -> None:
    assert set_tiou([(9, 3), (4, 4), (0, 10)], [Segment(0, 10)]) == 1.0
    assert set_tiou([(9, 3)], [Segment(0, 10)]) == 0.0
    assert set_tiou([], [Segment(0, 10)]) == 0.0
    assert set_tiou([], []) == 0.0


def columns(rows: list[dict[str, float]]) -> Columns:
    names = ("anomalous", "alarm", "tiou", "start_error", "end_error")
    return {name: np.array([row[name] for row in rows], dtype=np.float64) for name in names}


def anomalous(value: float, *, alarm: float = 1.0, start: float = math.nan, end: float = math.nan) -> dict[str, float]:
    return {"anomalous": 1.0, "alarm": alarm, "tiou": value, "start_error": start, "end_error": end}


def normal(alarm: float) -> dict[str, float]:
    return {"anomalous": 0.0, "alarm": alarm, "tiou": math.nan, "start_error": math.nan, "end_error": math.nan}


@pytest.mark.parametrize("threshold", metrics.THRESHOLDS)
def test_recall_counts_the_threshold_itself(threshold: float) -> None:
    recall = next(m for m in metrics.RECALLS if m.name == f"recall@{threshold:g}")
    assert recall(columns([anomalous(threshold)])) == 1.0
    assert recall(columns([anomalous(float(np.nextafter(threshold, 0)))])) == 0.0


def test_recall_at_half_counts_an_interval_that_is_half_right() -> None:
    assert metrics.RECALLS[1](columns([anomalous(float(tiou((0, 5), (0, 10))))])) == 1.0


rows = st.lists(
    st.one_of(
        st.builds(
            anomalous,
            st.floats(0, 1),
            alarm=st.just(1.0),
            start=st.floats(0, 100),
            end=st.floats(0, 100),
        ),
        st.just(anomalous(0.0, alarm=0.0)),
        st.sampled_from([normal(0.0), normal(1.0)]),
    ),
    min_size=1,
    max_size=30,
)


def mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


@given(rows)
def test_metrics_are_means_over_their_own_samples(rows: list[dict[str, float]]) -> None:
    bad = [r for r in rows if r["anomalous"]]
    good = [r for r in rows if not r["anomalous"]]
    expected = {
        "miou": mean([r["tiou"] for r in bad]),
        **{f"recall@{t:g}": mean([float(r["tiou"] >= t) for r in bad]) for t in metrics.THRESHOLDS},
        "false_alarm_rate": mean([r["alarm"] for r in good]),
        "miss_rate": mean([1 - r["alarm"] for r in bad]),
        "start_error": mean([r["start_error"] for r in bad if not math.isnan(r["start_error"])]),
        "end_error": mean([r["end_error"] for r in bad if not math.isnan(r["end_error"])]),
    }
    found = {m.name: m(columns(rows)) for m in ALL}
    assert found == pytest.approx(expected, nan_ok=True)


@given(rows)
def test_metrics_stay_within_their_bounds(rows: list[dict[str, float]]) -> None:
    for metric in ALL:
        value = metric(columns(rows))
        assert math.isnan(value) or metric.bounds[0] <= value <= metric.bounds[1] + 1e-12


@given(rows, rows)
def test_contributions_can_be_merged_over_shards(one: list[dict[str, float]], two: list[dict[str, float]]) -> None:
    for metric in ALL:
        merged = metric.update(columns(one)).sum(axis=0) + metric.update(columns(two)).sum(axis=0)
        assert float(metric.compute(merged)) == pytest.approx(metric(columns(one + two)), nan_ok=True)
