"""How a judge's total goes with the judge-free scores of the same answers."""

from __future__ import annotations

import numpy as np
import pytest

from vau_bench.judge.summary import TOTAL, _correlations, _Table


def table(totals: list[float]) -> _Table:
    samples = [f"s{i}" for i in range(len(totals))]
    scores = {TOTAL: np.array(totals)[:, None]}
    return _Table([], samples, scores, np.arange(len(totals)), np.ones(len(totals)))


def test_a_judge_that_orders_answers_as_a_score_does_correlates_fully() -> None:
    totals = [float(i) for i in range(30)]
    facts = {f"s{i}": {"key_objects": i / 100, "verdict_right": 1.0, "claimed_tiou": None} for i in range(30)}
    found = _correlations(table(totals), facts, 200)
    assert list(found) == ["key_objects"]  # what does not vary, or is not there, cannot correlate
    assert found["key_objects"]["value"] == pytest.approx(1.0)
    assert found["key_objects"]["n"] == 30


def test_verdicts_and_scores_that_are_absent_form_no_pair() -> None:
    totals = [float("nan"), 1.0, 2.0, 3.0, 4.0]
    facts = {"s0": {"key_objects": 0.9}, **{f"s{i}": {"key_objects": -i / 10} for i in range(1, 4)}}
    found = _correlations(table(totals), facts, 0)
    assert found["key_objects"]["value"] == pytest.approx(-1.0)
    assert found["key_objects"]["n"] == 3


def test_a_run_that_is_not_scored_has_no_correlation() -> None:
    assert _correlations(table([1.0, 2.0]), {}, 0) == {}
