"""The response grammar, as it should be written and as it is written."""

from __future__ import annotations

import pytest

from vau_bench.parsing import parse_grammar, parse_option, write_interval, write_option, write_reflection, write_think
from vau_bench.records import Segment


def test_a_direct_answer() -> None:
    read = parse_grammar("<answer>B</answer>")
    assert (read.style, read.well_formed, read.first, read.reflect) == ("direct", True, None, None)
    assert (read.last.think, read.last.answer, read.last.glue) == (None, "B", None)


def test_an_answer_with_reasoning_and_interval() -> None:
    read = parse_grammar(write_think("a man runs", write_interval(Segment(5.2, 10.4))))
    assert (read.style, read.well_formed, read.first) == ("think", True, None)
    assert (read.last.think, read.last.answer, read.last.glue) == ("a man runs", "Anomaly", "[5.2, 10.4]")


def test_a_reflection_keeps_the_first_answer_and_predicts_the_last() -> None:
    text = write_reflection("first", write_option("A"), "the man paid", "second", write_option("D"))
    read = parse_grammar(text)
    assert (read.style, read.well_formed, read.problems) == ("reflect", True, ())
    assert read.first is not None
    assert (read.first.think, read.first.answer) == ("first", "A")
    assert (read.last.think, read.last.answer) == ("second", "D")
    assert read.reflect == "the man paid"


def test_line_breaks_and_an_end_of_turn_token_are_no_problem() -> None:
    text = "<think>\na\n</think>\n<answer>\nB\n</answer>\n<|im_end|>\n"
    read = parse_grammar(text)
    assert read.well_formed
    assert read.last.answer == "B"


def test_attempts_can_be_parsed_by_their_span() -> None:
    text = "<think>a</think>The answer is A.<reflect>no</reflect><think>b</think>The answer is D."
    read = parse_grammar(text)
    assert read.first is not None
    spans = (read.first.span, read.last.span)
    letters = [parsed.value for start, end in spans if (parsed := parse_option(text[start:end]))]
    assert letters == ["A", "D"]


@pytest.mark.parametrize(
    ("text", "answer", "problems"),
    [
        ("<answer>B", "B", ["unclosed_answer"]),
        ("<think>a</think><answer>B", "B", ["unclosed_answer"]),
        ("<think>a<answer>B</answer>", "B", ["unclosed_think"]),
        ("a</think><answer>B</answer>", "B", ["unopened_think"]),
        ("<ANSWER>B</ANSWER>", "B", ["uppercase_tag"]),
        ('<answer lang="en">B</answer>', "B", ["tag_attributes"]),
        ("<answer>B</answer></answer>", "B", ["stray_close_answer"]),
        ("<answer><answer>B</answer></answer>", "B", ["nested_tags"]),
        ("<answer><think>a</think>B</answer>", "B", ["nested_tags"]),
        ("<think>a <answer>A</answer> b</think><answer>B</answer>", "B", ["nested_tags"]),
        ("<think><think>a</think></think><answer>B</answer>", "B", ["nested_tags"]),
        ("<answer>A</answer><answer>B</answer>", "B", ["repeated_answer"]),
        ("<think>a</think><think>b</think><answer>B</answer>", "B", ["repeated_think"]),
        ("<answer>A</answer><think>b</think><answer>B</answer>", "B", ["late_think"]),
        ("<glue>[1, 2]</glue><answer>Anomaly</answer>", "Anomaly", ["glue_before_answer"]),
        ("<answer></answer>", "", ["empty_answer"]),
        ("<think>a</think>", None, ["missing_answer"]),
        ("<think>a", None, ["unclosed_think", "missing_answer"]),
        ("", None, ["missing_answer"]),
        ("the answer is B", None, ["missing_answer"]),
        ("Sure: <answer>B</answer>", "B", ["text_outside_tags"]),
        ("<answer>A</answer><reflect>no", "A", ["unclosed_reflect", "no_revised_answer"]),
        ("<answer>A</answer><reflect>no</reflect>", "A", ["no_revised_answer"]),
        ("<answer>A</answer><reflect>no</reflect><answer>B</answer>", "B", ["missing_think"]),
        ("<reflect>no</reflect><think>a</think><answer>B</answer>", "B", ["no_first_answer"]),
    ],
)
def test_what_is_wrong_is_named_and_the_answer_read(text: str, answer: str | None, problems: list[str]) -> None:
    read = parse_grammar(text)
    assert read.last.answer == answer
    assert list(read.problems) == problems
    assert not read.well_formed


def test_a_reflection_cut_off_in_its_revision_leaves_the_first_answer_as_prediction() -> None:
    read = parse_grammar("<think>a</think><answer>A</answer><reflect>no</reflect><think>so the answer is")
    assert (read.style, read.first, read.last.answer, read.reflect) == ("reflect", None, "A", "no")
    assert read.problems == ("unclosed_think", "no_revised_answer")


def test_a_third_attempt_is_the_prediction_and_the_second_its_predecessor() -> None:
    one = "<think>a</think><answer>{}</answer>"
    text = f"{one.format('A')}<reflect>x</reflect>{one.format('B')}<reflect>y</reflect>{one.format('C')}"
    read = parse_grammar(text)
    assert read.first is not None
    assert (read.first.answer, read.last.answer, read.reflect) == ("B", "C", "y")
    assert "repeated_reflect" in read.problems


def test_of_a_thousand_tags_and_more_the_last_count() -> None:
    read = parse_grammar("<answer>A</answer>" * 2000 + "<answer>B</answer>")
    assert read.last.answer == "B"
    assert read.problems == ("too_many_tags", "repeated_answer")


def test_an_interval_is_written_with_every_digit_that_counts() -> None:
    assert write_interval(Segment(0.1 + 0.2, 10)) == (
        "<answer>Anomaly</answer><glue>[0.30000000000000004, 10.0]</glue>"
    )
    assert write_interval(None) == "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>"
    assert write_interval(Segment(1, 2), Segment(5, 6)).endswith("<glue>[[1.0, 2.0], [5.0, 6.0]]</glue>")
