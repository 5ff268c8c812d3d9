"""The rules of trust: who may be compared, who shares a rank, and what stands beside a value."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.leaderboard.entries import Entry
from vau_bench.leaderboard.ranking import Ranking, rank_all, shared_ranks
from vau_bench.leaderboard.standings import aggregate, most_tasks
from vau_bench.paired import estimate_differences
from vau_bench.stats import Estimate

Draw = Callable[..., Entry]


def answers(rate: float, n: int = 200, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(size=n) < rate


def ranks(ranking: Ranking) -> dict[str, int | None]:
    return {row.model: row.rank for row in ranking.rows}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"split": "val"},
        {"style": "think"},
        {"dataset": "Other"},
        {"headline": "position_balanced_accuracy"},
        {"digests": {"data": "other", "prompts": "p", "parser": "q"}},
        {"digests": {"data": "d", "prompts": "other", "parser": "q"}},
        {"digests": {"data": "d", "prompts": "p", "parser": "other"}},
    ],
)
def test_rows_that_were_asked_or_read_otherwise_are_never_ranked_together(draw: Draw, change: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"digests": {"data": "d", "prompts": "p", "parser": "q"}}
    entries = [draw("a", answers(0.5), **usual), draw("b", answers(0.9), **{**usual, **change})]
    assert [len(r.members) for r in rank_all(entries, resamples=100)] == [1, 1]
    same = [draw("a", answers(0.5), **usual), draw("b", answers(0.9), **usual)]
    assert [len(r.members) for r in rank_all(same, resamples=100)] == [2]


def test_nor_are_rows_over_other_samples_or_with_shuffled_options(draw: Draw) -> None:
    few = draw("few", answers(0.5, 100))
    shuffled = draw("shuffled", answers(0.5))
    shuffled.manifest.options["shuffle_options"] = 3
    regrouped = draw("regrouped", answers(0.5), groups=[f"g{i // 2}" for i in range(200)])
    entries = [draw("a", answers(0.5)), few, shuffled, regrouped]
    assert [len(r.members) for r in rank_all(entries, resamples=100)] == [1, 1, 1, 1]


def test_other_frames_are_part_of_the_model(draw: Draw) -> None:
    (ranking,) = rank_all([draw("a", answers(0.5)), draw("b", answers(0.5), frames="uniform(64)")], resamples=100)
    assert {row.frames for row in ranking.rows} == {"uniform(8)", "uniform(64)"}


def test_rows_share_a_rank_where_their_difference_may_be_zero(draw: Draw) -> None:
    best = answers(0.95)
    worse = best.copy()
    worse[:3] = False
    entries = [draw("best", best), draw("close", worse), draw("guess", answers(0.25, seed=2))]
    (ranking,) = rank_all(entries, resamples=2000)
    assert ranks(ranking) == {"best": 1, "close": 1, "guess": 3}
    assert not any(row.best_alone for row in ranking.rows)
    (ranking,) = rank_all([entries[0], entries[2]], resamples=2000)
    assert ranks(ranking) == {"best": 1, "guess": 2}
    assert [row.best_alone for row in ranking.rows] == [True, False]


def naive_ranks(values: list[float], differ: set[tuple[int, int]]) -> list[int]:
    return [
        1 + sum(values[j] > values[i] and (min(i, j), max(i, j)) in differ for j in range(len(values)))
        for i in range(len(values))
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1000).map(lambda n: n / 1000), min_size=1, max_size=6, unique=True), st.data())
def test_a_rank_is_one_more_than_the_rows_that_are_better_beyond_noise(
    values: list[float], data: st.DataObject
) -> None:
    pairs = list(itertools.combinations(range(len(values)), 2))
    differ = {pair for pair in pairs if data.draw(st.booleans())}

    def estimate(i: int, j: int) -> Estimate:
        apart = values[i] - values[j]
        reach = abs(apart) * (0.5 if (i, j) in differ else 2)
        return Estimate(apart, apart - reach, apart + reach, 0.1, 9, 9, 0.1, "bootstrap")

    differences = {pair: estimate(*pair) for pair in pairs}
    assert shared_ranks(len(values), differences) == naive_ranks(values, differ)
    assert shared_ranks(len(values), differences, -1.0) == naive_ranks([-v for v in values], differ)


def test_the_differences_are_those_of_a_comparison_of_each_pair(draw: Draw) -> None:
    from vau_bench.metrics.mcq import ACCURACY
    from vau_bench.scoring import columns_of

    entries = [draw(name, answers(rate, seed=i)) for i, (name, rate) in enumerate([("a", 0.8), ("b", 0.6), ("c", 0.3)])]
    (ranking,) = rank_all(entries, resamples=4000)
    assert [m.entry.model for m in ranking.members] == ["a", "b", "c"]
    for (i, j), found in ranking.differences.items():
        sides = [[ACCURACY.update(columns_of([r.values for r in ranking.members[k].rows]))] for k in (i, j)]
        (alone,) = estimate_differences([ACCURACY], *sides, np.arange(200), resamples=4000)
        assert found.value == pytest.approx(alone.value)
        assert (found.low, found.high) == pytest.approx((alone.low, alone.high), abs=0.02)


def test_equal_models_get_different_ranks_in_about_one_of_twenty_tries(draw: Draw) -> None:
    apart = 0
    for trial in range(60):
        entries = [draw(name, answers(0.6, 40, seed=2 * trial + k)) for k, name in enumerate("ab")]
        (ranking,) = rank_all(entries, resamples=300)
        apart += len(set(ranks(ranking).values())) > 1
    assert apart <= 8  # 3 and three standard errors


def test_floors_are_rows_those_with_an_entry_are_ranked(draw: Draw) -> None:
    stated = {
        "always_a": {"answered": 200, "metrics": {"accuracy": 0.25, "position_balanced_accuracy": 0.25}},
        "longest_option": {"answered": 150, "metrics": {"accuracy": 0.7, "position_balanced_accuracy": 0.7}},
    }
    entries = [
        draw("seeing", answers(0.5), floors=stated),
        draw("floors/always_a", answers(0.25, seed=4), floors=stated),
    ]
    (ranking,) = rank_all(entries, resamples=500)
    assert [(r.model, r.rank, r.floor) for r in ranking.rows] == [
        ("floors/longest_option", None, True),
        ("seeing", 1, False),
        ("floors/always_a", 2, True),
    ]
    assert ranking.rows[0].unscored == 0.25
    assert not ranking.rows[1].best_alone, "a floor that is only stated is better"


def test_what_has_no_answer_is_told_beside_the_value(draw: Draw) -> None:
    (ranking,) = rank_all([draw("a", answers(0.5), unscored=50)], resamples=100)
    assert ranking.rows[0].unscored == 0.25


def test_the_header_tells_n_videos_and_what_can_be_detected(draw: Draw) -> None:
    entries = [draw("a", answers(0.5), groups=[f"v{i // 4}" for i in range(200)])]
    (ranking,) = rank_all(entries, resamples=100)
    assert (ranking.n, ranking.clusters, ranking.metric) == (200, 50, "accuracy")
    assert ranking.mde == entries[0].tasks[0]["metrics"]["accuracy"]["mde"]


def test_a_model_is_flagged_where_it_declares_to_be_trained_on_the_dataset(draw: Draw) -> None:
    declared = {"a": ["vau-synth"], "b": ["MSAD"], "c": [], "d": None}
    entries = []
    for name, trained_on in declared.items():
        entry = draw(name, answers(0.5))
        entries.append(replace(entry, manifest=replace(entry.manifest, preset={"trained_on": trained_on})))
    (ranking,) = rank_all([*entries, draw("e", answers(0.5))], resamples=100)
    assert {r.model: r.contaminated for r in ranking.rows} == {"a": True, "b": False, "c": False, "d": None, "e": None}


# Over several tasks.


def over_tasks(draw: Draw, rates: dict[str, tuple[float, ...]], n: int = 120) -> list[Ranking]:
    entries = [
        draw(model, answers(rate, n, seed=sum(model.encode()) + 7 * t), task=f"task{t}", run_id=f"{model}{t}")
        for model, own in rates.items()
        for t, rate in enumerate(own)
    ]
    return rank_all(entries, resamples=200)


def test_win_rate_and_mean_rank_are_those_counted_by_hand(draw: Draw) -> None:
    n = 100
    entries = [
        draw(model, np.arange(n) < right, task=f"task{t}", run_id=f"{model}{t}")
        for model, rights in {"a": (90, 50), "b": (50, 50), "c": (10, 80)}.items()
        for t, right in enumerate(rights)
    ]
    found = {s.model: s for s in aggregate(rank_all(entries, resamples=200), resamples=500)}
    assert {m: s.mean_rank for m, s in found.items()} == {"a": 1.75, "b": 2.25, "c": 2.0}
    assert {m: s.win_rate for m, s in found.items()} == {"a": 0.625, "b": 0.375, "c": 0.5}
    for s in found.values():
        assert s.win_low <= s.win_rate <= s.win_high and s.rank_low <= s.mean_rank <= s.rank_high


def test_a_clear_order_has_a_narrow_interval_and_a_toss_up_a_wide_one(draw: Draw) -> None:
    clear = aggregate(over_tasks(draw, {"a": (0.95, 0.95), "b": (0.1, 0.1)}), resamples=500)
    assert [(s.model, s.mean_rank, s.rank_low, s.rank_high) for s in clear] == [("a", 1, 1, 1), ("b", 2, 2, 2)]
    tossed = aggregate(over_tasks(draw, {"a": (0.5, 0.5), "b": (0.5, 0.5)}), resamples=500)
    assert all(s.rank_high - s.rank_low >= 0.5 for s in tossed)


def test_only_models_that_answered_all_tasks_are_averaged(draw: Draw) -> None:
    rankings = over_tasks(draw, {"a": (0.9, 0.9), "b": (0.5, 0.5), "c": (0.7,)})
    assert [s.model for s in aggregate(rankings, resamples=100)] == ["a", "b"]
    assert aggregate(over_tasks(draw, {"a": (0.9, 0.9), "c": (0.7,)}), resamples=100) == []
    assert aggregate([]) == []


def test_the_tasks_are_the_most_that_a_seeing_model_shares_with_another(draw: Draw) -> None:
    rates = {"motion": (0.9, 0.9), "floors/random": (0.2, 0.2, 0.2), "floors/always_a": (0.2, 0.2, 0.2)}
    entries = [
        draw(model, answers(rate), task=f"task{t}", run_id=f"{model}{t}")
        for model, own in rates.items()
        for t, rate in enumerate(own)
    ]
    assert [r.key.task for r in most_tasks(rank_all(entries, resamples=100))] == ["task0", "task1"]
    blind = [e for e in entries if e.model.startswith("floors/")]
    assert most_tasks(rank_all(blind, resamples=100)) == []


def test_of_several_runs_of_a_model_the_latest_stands(draw: Draw) -> None:
    entries = []
    for t in range(2):
        entries += [
            draw("a", answers(0.1), task=f"task{t}", run_id=f"old{t}"),
            draw("b", answers(0.5), task=f"task{t}", run_id=f"b{t}"),
        ]
        newer = draw("a", answers(0.95), task=f"task{t}", run_id=f"new{t}")
        object.__setattr__(newer.manifest, "started", "2027-01-01T00:00:00Z")
        entries.append(newer)
    assert [s.model for s in aggregate(rank_all(entries, resamples=100), resamples=100)] == ["a", "b"]
