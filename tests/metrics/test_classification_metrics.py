"""Classification metrics against explicit loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.metrics import Columns
from vau_bench.metrics import classification as metrics

CLASSES = 5
UNTOLD, NOTHING = -1, -2

pairs = st.lists(st.tuples(st.integers(0, CLASSES - 1), st.integers(-2, CLASSES - 1)), min_size=1, max_size=40)


def columns(rows: list[tuple[int, int]]) -> Columns:
    return {
        "truth": np.array([t for t, _ in rows], dtype=np.float64),
        "predicted": np.array([p for _, p in rows], dtype=np.float64),
    }


def slow_macro_f1(rows: list[tuple[int, int]]) -> float:
    scores = []
    for code in range(CLASSES):
        if not any(t == code for t, _ in rows):
            continue
        hits = sum(t == code and p == code for t, p in rows)
        predicted = sum(p == code for _, p in rows)
        present = sum(t == code for t, _ in rows)
        precision = hits / predicted if predicted else 0.0
        recall = hits / present
        scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / len(scores)


@given(pairs)
def test_macro_f1_is_the_mean_over_the_classes_that_occur(rows: list[tuple[int, int]]) -> None:
    assert metrics.macro_f1_metric(CLASSES)(columns(rows)) == pytest.approx(slow_macro_f1(rows))


@given(pairs)
def test_accuracies_count_each_video_once(rows: list[tuple[int, int]]) -> None:
    right = [t == p for t, p in rows]
    assert metrics.ACCURACY(columns(rows)) == pytest.approx(sum(right) / len(rows))
    # An anomaly of an untold class is right about "some anomaly"; no answer is right about nothing.
    binary = [p == 0 if t == 0 else p > 0 or p == UNTOLD for t, p in rows]
    assert metrics.BINARY_ACCURACY(columns(rows)) == pytest.approx(sum(binary) / len(rows))
    anomalous = [t == p for t, p in rows if t != 0]
    expected = sum(anomalous) / len(anomalous) if anomalous else float("nan")
    assert metrics.ANOMALOUS_ACCURACY(columns(rows)) == pytest.approx(expected, nan_ok=True)


def test_no_answer_is_wrong_for_a_normal_and_for_an_anomalous_video() -> None:
    silent = columns([(0, NOTHING), (3, NOTHING)])
    for metric in (metrics.ACCURACY, metrics.BINARY_ACCURACY, metrics.macro_f1_metric(CLASSES)):
        assert metric(silent) == 0.0


@given(pairs)
def test_the_confusion_holds_every_sample_once(rows: list[tuple[int, int]]) -> None:
    names = [f"class {code}" for code in range(CLASSES)]
    table = metrics.confusion(columns(rows), names)
    assert table["rows"] == names
    assert table["columns"] == [*names, "anomaly, class untold", "no answer"]
    codes = [*range(CLASSES), UNTOLD, NOTHING]
    for truth in range(CLASSES):
        assert table["counts"][truth] == [rows.count((truth, predicted)) for predicted in codes]


def test_a_truth_whose_class_is_untold_has_a_row_where_it_occurs() -> None:
    table = metrics.confusion(columns([(UNTOLD, 1), (0, 0)]), ["Normal", "Fire"])
    assert table["rows"] == ["Normal", "Fire", "anomaly, class untold"]
    assert table["counts"][2] == [0, 1, 0, 0]
