"""Key objects are recalled by lemma and synonym, phrase by phrase."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.metrics.key_objects import concepts, key_object_recall, lemma, phrases


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("cars", "car"), ("men", "man"), ("bodies", "body"), ("boxes", "box"), ("glass", "glass"), ("bus", "bus"),
        ("crutches", "crutch"), ("debris", "debris"), ("knives", "knife"), ("woman's", "woman"), ("gas", "gas"),
    ],
)  # fmt: skip
def test_lemma(word: str, expected: str) -> None:
    assert lemma(word) == expected


@pytest.mark.parametrize(
    ("text", "cell", "recall"),
    [
        ("A person in a blue shirt hits a pedestrian.", "man in blue shirt, bystander", 1.0),
        ("A red sedan hits a motorbike.", "car; motorcycle", 1.0),
        ("A white sedan.", "white car, black car", 0.75),
        ("Nothing to see.", "gun", 0.0),
        ("He pulls a pistol.", "gun and knife", 0.5),
        ("", "gun", 0.0),
    ],
)
def test_recall(text: str, cell: str, recall: float) -> None:
    assert key_object_recall(text, cell) == pytest.approx(recall)


@pytest.mark.parametrize("cell", ["", "the", " , ;", "of it"])
def test_a_cell_that_names_nothing_has_no_recall(cell: str) -> None:
    assert key_object_recall("anything", cell) is None


@given(st.text(max_size=80))
def test_a_text_recalls_itself(text: str) -> None:
    assert key_object_recall(text, text) in (None, pytest.approx(1.0))
    assert set().union(*phrases(text)) >= concepts(text) - {"and", "or"} or not phrases(text)
