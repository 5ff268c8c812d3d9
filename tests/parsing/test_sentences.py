"""Sentences: where texts are cut, where not, and what becomes of markdown and of hostile text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.parsing.sentences import LONGEST, split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A man runs. He falls.", ["A man runs.", "He falls."]),
        ("Is it a fight? Yes! It is...  So it ends.", ["Is it a fight?", "Yes!", "It is...", "So it ends."]),
        ('"Stop!" he shouts. (He runs.) Then', ['"Stop!" he shouts.', "(He runs.)", "Then"]),
        ("no full stop at the end", ["no full stop at the end"]),
        ("A car.Then a bus.", ["A car.Then a bus."]),
        ("他跑了。她停了\uff01真的\uff1f", ["他跑了。", "她停了\uff01", "真的\uff1f"]),
        ("Él corre. Ángel cae.", ["Él corre.", "Ángel cae."]),
    ],
)
def test_sentences_end_at_stops(text: str, expected: list[str]) -> None:
    assert split_sentences(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "From 5.2 s to 10.4 s the bin burns.",
        "Between 1.5 and 3.0 seconds, i.e. The first half, he waits.",
        "Mr. Smith and Dr. Jones fight.",
        "Several items, e.g. Bags and boxes, fall.",
        "See Fig. 3 and No. 7 for the car.",
        "J. Doe runs.",
        "The car vs. The bus.",
    ],
)
def test_numbers_abbreviations_and_initials_do_not_end_one(text: str) -> None:
    assert split_sentences(text) == [text]


def test_words_that_are_abbreviations_only_before_numbers_end_one_elsewhere() -> None:
    assert split_sentences("The answer is no. The man left.") == ["The answer is no.", "The man left."]
    assert split_sentences("It lasts 5 sec. Then it ends.") == ["It lasts 5 sec.", "Then it ends."]


def test_headings_items_and_paragraphs_are_units() -> None:
    text = (
        "# Report\n\nA man\nruns fast\n- a bag falls\n  and bursts\n* a car stops\n2. he flees\n3) she calls\n\nthe end"
    )
    assert split_sentences(text) == [
        "A man runs fast",
        "a bag falls and bursts",
        "a car stops",
        "he flees",
        "she calls",
        "the end",
    ]


def test_headings_and_items_are_found_within_a_line() -> None:
    text = "### Anomaly Type: Assault  ### Key Evidence: - **Fight**: Two men fight. - A third watches.  ### Conclusion"
    assert split_sentences(text) == ["Anomaly Type: Assault", "Fight: Two men fight.", "A third watches."]


def test_a_dash_within_a_sentence_is_no_item() -> None:
    assert split_sentences("A man - dressed in blue - runs.") == ["A man - dressed in blue - runs."]


def test_a_label_is_dropped_unless_it_is_all_there_is() -> None:
    assert split_sentences("## Key Evidence:\nA fire.") == ["A fire."]
    assert split_sentences("## Key Evidence:") == ["Key Evidence"]


def test_marks_go_and_names_with_underscores_stay() -> None:
    text = "**Two** *men* `fight`, __not__ _play_, class Object_falling."
    assert split_sentences(text) == ["Two men fight, not play, class Object_falling."]


def test_fences_are_borders_also_when_nested() -> None:
    assert split_sentences("before\n````md\n```json\ninside\n```\n````\nafter") == ["before", "inside", "after"]


@pytest.mark.parametrize("text", ["", " \n\t", "...", "---\n***\n###", "\x00\x01\u200b\ufeff", "`````", "。。"])
def test_a_text_without_words_has_no_sentence(text: str) -> None:
    assert split_sentences(text) == []


def test_control_characters_and_lone_surrogates_separate_words() -> None:
    assert split_sentences("a man\x00runs\ud800away\r\nand falls\x1b") == ["a man runs away and falls"]


def test_what_is_too_long_is_cut_at_blanks_and_nothing_is_lost() -> None:
    text = "word " * 1000
    portions = split_sentences(text)
    assert max(map(len, portions)) <= LONGEST
    assert " ".join(portions).split() == text.split()
    assert "".join(split_sentences("x" * 2000)) == "x" * 2000


@pytest.mark.parametrize(
    "piece",
    [".", " ", "a\n", "# ", "a. B", "- ", ". A ", "`", "_", "*", "\n", '."', "(\"'", "\uff01", "#", "1. ", "\u3000"],
)
def test_a_megabyte_of_anything_takes_linear_time(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    split_sentences(text)
    assert time.process_time() - began < 15, "quadratic time would take minutes"


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet=st.sampled_from("aB1 .!?\n#-*_`:\"'()。é\x00\u200b"), max_size=80))
def test_words_are_kept_in_order_except_labels(text: str) -> None:
    sentences = split_sentences(text)
    assert all(any(map(str.isalnum, sentence)) and sentence == sentence.strip() for sentence in sentences)
    assert all("\n" not in sentence and len(sentence) <= LONGEST for sentence in sentences)
    letters = iter(character for character in text if character.isalnum())
    kept = (character for sentence in sentences for character in sentence if character.isalnum())
    assert all(character in letters for character in kept)  # a subsequence of what was there
