"""Multiple-choice metrics against explicit loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.metrics import Columns, mcq

pairs = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), min_size=1, max_size=40)


def columns(rows: list[tuple[int, int]]) -> Columns:
    return {
        "truth": np.array([t for t, _ in rows], dtype=np.float64),
        "predicted": np.array([p for _, p in rows], dtype=np.float64),
    }


@given(pairs)
def test_accuracy_is_the_share_of_right_answers(rows: list[tuple[int, int]]) -> None:
    assert mcq.ACCURACY(columns(rows)) == pytest.approx(sum(t == p for t, p in rows) / len(rows))


@given(pairs)
def test_the_balanced_accuracy_is_the_mean_over_letters_that_occur(rows: list[tuple[int, int]]) -> None:
    recalls = []
    for letter in range(4):
        answers = [p for t, p in rows if t == letter]
        if answers:
            recalls.append(sum(p == letter for p in answers) / len(answers))
    assert mcq.POSITION_BALANCED(columns(rows)) == pytest.approx(sum(recalls) / len(recalls))


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 3))
def test_a_constant_letter_gains_nothing(truths: list[int], letter: int) -> None:
    assert mcq.POSITION_BALANCED(columns([(t, letter) for t in [0, 1, 2, 3, *truths]])) == 0.25


def test_no_answer_is_wrong() -> None:
    silent = columns([(0, -1), (1, -1)])
    assert mcq.ACCURACY(silent) == mcq.POSITION_BALANCED(silent) == 0.0


def test_the_confusion_tells_which_letters_are_chosen() -> None:
    table = mcq.confusion(columns([(0, 0), (1, 0), (1, -1)]), 2)
    assert table == {"rows": ["A", "B"], "columns": ["A", "B", "no answer"], "counts": [[1, 0, 0], [1, 0, 1]]}
