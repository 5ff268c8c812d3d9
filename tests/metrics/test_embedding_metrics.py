"""Soft matching of sentence vectors and its floors, against loops over every pair of sentences."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.metrics import embedding as metrics
from vau_bench.metrics.embedding import SoftScores, Vectors, all_pairs, class_floors, rescaled, soft_scores


def unit(values: list[list[float]]) -> Vectors:
    array = np.array(values, dtype=np.float32).reshape(-1, 3)
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def random_texts(sizes: list[int], seed: int = 0) -> list[Vectors]:
    rng = np.random.default_rng(seed)
    return [unit(rng.normal(size=(size, 3)).tolist()) for size in sizes]


def slow_scores(candidate: Vectors, reference: Vectors) -> tuple[float, float, float]:
    if len(reference) == 0:
        return (float("nan"),) * 3
    if len(candidate) == 0:
        return (0.0,) * 3
    precision = sum(max(0.0, *(float(np.dot(c, r)) for r in reference)) for c in candidate) / len(candidate)
    recall = sum(max(0.0, *(float(np.dot(c, r)) for c in candidate)) for r in reference) / len(reference)
    total = precision + recall
    return precision, recall, 2 * precision * recall / total if total else 0.0


X, Y, MINUS_X = unit([[1, 0, 0]]), unit([[0, 1, 0]]), unit([[-1, 0, 0]])
XY = np.concatenate([X, Y])


def test_half_of_the_reference_is_all_right_and_half_complete() -> None:
    found = soft_scores([X, XY], [XY, X])
    assert found.precision == pytest.approx([1, 0.5])
    assert found.recall == pytest.approx([0.5, 1])
    assert found.f == pytest.approx([2 / 3, 2 / 3])


def test_opposite_sentences_count_as_nothing_in_common() -> None:
    assert [float(value[0]) for value in soft_scores([MINUS_X], [X])] == [0, 0, 0]


def test_an_empty_candidate_scores_zero_and_an_empty_reference_nothing() -> None:
    nothing = unit([])
    found = soft_scores([nothing, X, nothing], [X, nothing, nothing])
    for scores in found:
        assert scores.tolist()[0] == 0
        assert np.isnan(scores[1:]).all()


def test_numbers_of_texts_must_agree() -> None:
    with pytest.raises(ValueError, match="2 candidates, but 1 references"):
        soft_scores([X, Y], [X])


sizes = st.lists(st.integers(0, 5), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(0, 99))
def test_scores_are_those_of_the_loop(sizes: list[int], seed: int) -> None:
    texts = random_texts(sizes, seed)
    pairs = all_pairs(texts)
    for i, candidate in enumerate(texts):
        one = soft_scores([candidate] * len(texts), texts)
        for j, reference in enumerate(texts):
            expected = slow_scores(candidate, reference)
            assert [float(s[i, j]) for s in pairs] == pytest.approx(expected, abs=1e-6, nan_ok=True)
            assert [float(s[j]) for s in one] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_a_text_matches_itself_in_full() -> None:
    pairs = all_pairs(random_texts([1, 4, 7]))
    for scores in pairs:
        assert np.diag(scores) == pytest.approx(1, abs=1e-6)
    assert pairs.f == pytest.approx(pairs.f.T)


def test_blocks_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = random_texts([3, 1, 5, 2])
    whole = all_pairs(texts)
    monkeypatch.setattr(metrics, "_CELLS", 30)  # two or three rows at a time, across the borders of texts
    for a, b in zip(all_pairs(texts), whole, strict=True):
        assert a == pytest.approx(b)


def test_five_hundred_references_take_seconds_and_little_memory() -> None:
    rng = np.random.default_rng(0)
    texts = [rng.normal(size=(20, 64)).astype(np.float32) for _ in range(500)]
    texts = [text / np.linalg.norm(text, axis=1, keepdims=True) for text in texts]
    began = time.process_time()
    assert all_pairs(texts).f.shape == (500, 500)
    assert time.process_time() - began < 30


def slow_floor(f: SoftScores, labels: list[str | None], groups: list[str], same: bool) -> list[float]:
    means = []
    for j in range(len(labels)):
        values = [
            float(f.f[i, j])
            for i in range(len(labels))
            if groups[i] != groups[j] and labels[i] and labels[j] and (labels[i] == labels[j]) is same
        ]
        means.append(sum(values) / len(values) if values else float("nan"))
    return means


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["Fire", "Normal", None]), st.sampled_from("abcd")), min_size=1, max_size=8),
    st.integers(0, 99),
)
def test_floors_are_means_over_other_videos(rows: list[tuple[str | None, str]], seed: int) -> None:
    labels, groups = [label for label, _ in rows], [group for _, group in rows]
    pairs = all_pairs(random_texts([3] * len(rows), seed))
    found = class_floors(pairs, labels, groups)
    assert found.same_class.f == pytest.approx(slow_floor(pairs, labels, groups, True), nan_ok=True)
    assert found.other_class.f == pytest.approx(slow_floor(pairs, labels, groups, False), nan_ok=True)


def test_floors_need_a_label_and_a_group_for_each_reference() -> None:
    with pytest.raises(ValueError, match="2 references, but 1 labels and 2 groups"):
        class_floors(all_pairs([X, Y]), ["Fire"], ["a", "b"])


def test_rescaling_sends_the_floor_to_zero_and_one_to_one() -> None:
    assert rescaled(np.array([0.4, 0.7, 1.0, 0.1]), 0.4) == pytest.approx([0, 0.5, 1, -0.5])
    assert np.isnan(rescaled(np.array([0.4]), 1.0)).all()
    assert np.isnan(rescaled(np.array([0.4]), float("nan"))).all()
