"""What callers can choose: letters, classes, aliases; and what the answers offer."""

from __future__ import annotations

import pytest

from vau_bench.parsing import IntervalAnswer, parse_interval, parse_label, parse_option
from vau_bench.records import ANOMALY, NORMAL, Segment


def test_only_the_letters_of_the_question_are_answers() -> None:
    assert parse_option("<answer>D</answer>", letters="ABC") is None
    parsed = parse_option("The answer is E.", letters="ABCDE")
    assert parsed is not None
    assert parsed.value == "E"


def test_the_word_i_is_no_letter_even_when_there_is_an_option_i() -> None:
    assert parse_option("So I think a man falls.", letters="ABCDEFGHI") is None
    parsed = parse_option("I", letters="ABCDEFGHI")
    assert parsed is not None
    assert parsed.value == "I"


def test_two_options_with_one_text_cannot_be_told_apart() -> None:
    assert parse_option("A fire breaks out", options=["A fire breaks out", "A fire breaks out", "x", "y"]) is None


def test_options_without_words_are_never_found_in_a_text() -> None:
    assert parse_option("Well - who knows.", options=["-", "", "...", "?"]) is None


def test_a_long_option_contains_a_short_one() -> None:
    parsed = parse_option("No fire", options=["Fire", "No fire", "Smoke", "Nothing"])
    assert parsed is not None
    assert (parsed.value, parsed.rule) == ("B", "option_text")


def test_classes_are_returned_as_the_caller_writes_them() -> None:
    for name in ("Object_falling", "object falling", "OBJECT-FALLING"):
        parsed = parse_label("<answer>Object Falling</answer>", [name])
        assert parsed is not None
        assert parsed.value == name


def test_normal_is_known_whatever_the_classes_and_written_one_way() -> None:
    for classes in ([], ["normal"], ["Fire"]):
        parsed = parse_label("<answer>NORMAL</answer>", classes)
        assert parsed is not None
        assert parsed.value == NORMAL


def test_a_known_alias_counts_only_where_its_class_is_asked_for() -> None:
    assert parse_label("It shows a theft.", ["Fire"]) is None
    parsed = parse_label("It shows a theft.", ["Stealing"])
    assert parsed is not None
    assert parsed.value == "Stealing"


def test_the_caller_can_add_aliases() -> None:
    assert parse_label("Someone sprays graffiti.", ["Vandalism"]) is None
    parsed = parse_label("Someone sprays graffiti.", ["Vandalism"], {"Vandalism": ["graffiti"]})
    assert parsed is not None
    assert parsed.value == "Vandalism"


def test_a_name_of_two_classes_is_an_error() -> None:
    with pytest.raises(ValueError, match="'burning' names both 'Arson' and 'Fire'"):
        parse_label("", ["Fire", "Arson"], {"Fire": ["burning"], "Arson": ["burning"]})


def test_an_empty_name_is_an_error() -> None:
    with pytest.raises(ValueError, match="a name of class 'Fire' is empty"):
        parse_label("", ["Fire"], {"Fire": [" "]})


def test_a_bare_anomaly_gives_way_to_a_class_and_not_to_normal() -> None:
    parsed = parse_label("An anomaly, a robbery.", ["Robbery"])
    assert parsed is not None
    assert parsed.value == "Robbery"
    assert parse_label("An anomaly in a normal scene.", ["Robbery"]) is None
    parsed = parse_label("An anomaly.", ["Robbery"])
    assert parsed is not None
    assert parsed.value == ANOMALY


@pytest.mark.parametrize(
    ("answer", "valid"),
    [
        (IntervalAnswer(((1.0, 2.0),), False), (Segment(1.0, 2.0),)),
        (IntervalAnswer(((1.0, 2.0), (5.0, 6.0)), False), (Segment(1.0, 2.0), Segment(5.0, 6.0))),
        (IntervalAnswer(((-1.0, -1.0),), True), ()),
        (IntervalAnswer((), True), ()),
        (IntervalAnswer(((2.0, 1.0),), False, ("reversed",)), None),
        (IntervalAnswer(((2.0, 2.0),), False, ("empty",)), None),
        (IntervalAnswer(((-2.0, 2.0),), False, ("negative",)), None),
        (IntervalAnswer(((1.0, 2.0), (6.0, 5.0)), False, ("reversed",)), None),
    ],
)
def test_only_what_is_an_interval_is_a_valid_answer(answer: IntervalAnswer, valid: tuple[Segment, ...] | None) -> None:
    assert answer.valid == valid


def test_evidence_lies_in_the_original_text() -> None:
    text = "<think>between 1 and 2 s</think>\n<answer>Anomaly</answer>\n<glue>[5.2, 10.4]</glue>"
    parsed = parse_interval(text)
    assert parsed is not None
    assert text[slice(*parsed.span)] == "[5.2, 10.4]"


def test_an_answer_at_the_end_of_a_very_long_text_is_found() -> None:
    parsed = parse_option("The man walks on. " * 10_000 + "\nThe answer is C.")
    assert parsed is not None
    assert parsed.value == "C"
