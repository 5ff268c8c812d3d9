"""What reflections repaired and broke, against counting in a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.metrics.reflection import (
    BREAK_RATE,
    GRADED_GAIN,
    NET_GAIN,
    REFLECTION,
    REPAIR_RATE,
    Cells,
    reflection_cells,
)
from vau_bench.stats import cluster_codes, estimate_all

scores = st.one_of(st.sampled_from([0.0, 0.5, 1.0, math.nan]), st.floats(0, 1))
pairs = st.lists(st.tuples(scores, scores), max_size=30)


def columns(rows: list[tuple[float, float]]) -> dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    first, revised = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return {"first": first, "revised": revised}


def test_the_four_cells() -> None:
    cells = reflection_cells([0, 1, 1, 0, 0], [1, 0, 1, 0, 1])
    assert cells == Cells(repaired=2, broken=1, kept_right=1, kept_wrong=1)
    assert (cells.pairs, cells.net_gain) == (5, 0.2)


def test_intervals_are_right_from_half_a_tiou_on() -> None:
    assert reflection_cells([0.2, 0.5, 0.9], [0.5, 0.49, 0.6]) == Cells(1, 1, 1, 0)
    assert reflection_cells([0.2, 0.5, 0.9], [0.5, 0.49, 0.6], right=0.7) == Cells(0, 1, 0, 2)


@given(pairs)
def test_cells_and_metrics_are_those_of_the_loop(rows: list[tuple[float, float]]) -> None:
    there = [(a, b) for a, b in rows if not (math.isnan(a) or math.isnan(b))]
    repaired = sum(a < 0.5 <= b for a, b in there)
    broken = sum(b < 0.5 <= a for a, b in there)
    wrong = sum(a < 0.5 for a, _ in there)
    cells = reflection_cells(*columns(rows).values())
    assert cells == Cells(repaired, broken, len(there) - wrong - broken, wrong - repaired)

    def share(part: float, whole: int) -> float:
        return part / whole if whole else math.nan

    table = columns(rows)
    assert NET_GAIN(table) == pytest.approx(share(repaired - broken, len(there)), nan_ok=True)
    assert NET_GAIN(table) == pytest.approx(cells.net_gain, nan_ok=True)
    assert REPAIR_RATE(table) == pytest.approx(share(repaired, wrong), nan_ok=True)
    assert BREAK_RATE(table) == pytest.approx(share(broken, len(there) - wrong), nan_ok=True)
    assert GRADED_GAIN(table) == pytest.approx(share(sum(b - a for a, b in there), len(there)), nan_ok=True)


def test_the_interval_of_the_gain_is_paired_and_clustered() -> None:
    rng = np.random.default_rng(0)
    first = rng.random(200) < 0.5
    revised = np.where(rng.random(200) < 0.1, ~first, first)  # few answers change, so pairs tell much
    table = {"first": first.astype(float), "revised": revised.astype(float)}

    def width(groups: list[int]) -> float:
        found = estimate_all([NET_GAIN], [NET_GAIN.update(table)], cluster_codes(groups))[0]
        assert found.low is not None and found.high is not None
        assert found.low <= reflection_cells(first, revised).net_gain <= found.high
        return found.high - found.low

    paired = width(list(range(200)))
    unpaired = 2 * 1.96 * math.sqrt(2 * 0.25 / 200)
    assert paired < unpaired / 1.8
    order = np.argsort(revised.astype(int) - first.astype(int), kind="stable")
    alike = np.empty(200, dtype=int)
    alike[order] = np.arange(200) // 5  # samples of one video change alike
    assert width(alike.tolist()) > paired


def test_what_is_no_score_is_refused() -> None:
    with pytest.raises(ValueError, match=r"must lie in \[0, 1\], not 11"):
        reflection_cells([0, 11], [1, 1])
    with pytest.raises(ValueError, match="not inf"):
        reflection_cells([0, 1], [1, math.inf])
    with pytest.raises(ValueError, match="two lists of one length"):
        reflection_cells([0, 1], [1])


def test_no_pair_has_no_gain() -> None:
    assert math.isnan(reflection_cells([], []).net_gain)
    assert all(math.isnan(metric(columns([(math.nan, 1.0)]))) for metric in REFLECTION)
