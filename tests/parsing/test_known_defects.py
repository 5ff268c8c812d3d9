"""Defects of existing evaluators, each of which the parsers here do not have."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from vau_bench import parsing
from vau_bench.parsing import parse_interval, parse_label, parse_option


@pytest.mark.parametrize(
    ("defect", "text", "letter"),
    [
        ("the A of 'API' is an answer", "Failed to obtain answer via API.", None),
        ("the B of 'Based' is an answer", "Based on the video, the answer is C", "C"),
        ("the C of 'Certainly' is an answer", "Certainly! The answer is B", "B"),
        ("the article 'A' is an answer", "A man is seen; option (D)", "D"),
        ("the first of two letters is taken", "A or B", None),
        ("a denied letter is taken", "The answer is not A", None),
        ("the reasoning is read instead of the answer", "<think>Maybe A.</think><answer>C</answer>", "C"),
        ("a response cut off while thinking is answered", "<think>The answer is B, since", None),
        ("listed options are an answer", "A. one\nB. two\nC. three\nD. four", None),
    ],
)
def test_letters(defect: str, text: str, letter: str | None) -> None:
    parsed = parse_option(text)
    assert (parsed.value if parsed else None) == letter, defect


@pytest.mark.parametrize(
    ("defect", "text", "segments"),
    [
        ("JSON is not read", '{"start":12.5,"end":20.1}', ((12.5, 20.1),)),
        ("a bare list is not read", "[12.5, 20.1]", ((12.5, 20.1),)),
        ("a sentence is not read", "between 12 and 20 seconds", ((12.0, 20.0),)),
        ("labels are not read", "start_time: 12.5, end_time: 20.1", ((12.5, 20.1),)),
        ("frames are taken for seconds", "3 - 5 frames ... 12.5 - 20.1", ((12.5, 20.1),)),
        ("inverted ends are swapped in silence", "<glue>[20.1, 12.5]</glue>", ((20.1, 12.5),)),
        ("what cannot be read becomes (0, 0)", "The anomaly is somewhere in the middle.", None),
        ("the second of two events is dropped", "<glue>[[1, 2], [5, 6]]</glue>", ((1.0, 2.0), (5.0, 6.0))),
    ],
)
def test_intervals(defect: str, text: str, segments: tuple[tuple[float, float], ...] | None) -> None:
    parsed = parse_interval(text)
    assert (parsed.value.segments if parsed else None) == segments, defect


def test_inverted_ends_are_flagged_and_no_valid_answer() -> None:
    parsed = parse_interval("<glue>[20.1, 12.5]</glue>")
    assert parsed is not None
    assert parsed.value.flags == ("reversed",)
    assert parsed.value.valid is None


@pytest.mark.parametrize(
    ("defect", "text", "label"),
    [
        ("'abnormal' contains 'normal'", "The video is abnormal.", "Anomaly"),
        ("'not normal' contains 'normal'", "The video is not normal.", "Anomaly"),
        ("'nothing abnormal' contains 'abnormal'", "There is nothing abnormal.", "Normal"),
        ("a denied class is found", "There is no fire.", None),
        ("the first of two classes is taken", "Fire or explosion", None),
        ("'Object_falling' is read as 'falling'", "<answer>object falling</answer>", "Object_falling"),
    ],
)
def test_classes(defect: str, text: str, label: str | None) -> None:
    parsed = parse_label(text, ["Fire", "Explosion", "falling", "Object_falling", "Normal"])
    assert (parsed.value if parsed else None) == label, defect


def test_no_letter_is_drawn_when_parsing_fails() -> None:
    before = random.getstate()
    assert all(parse_option("The video shows a street.") is None for _ in range(50))
    assert random.getstate() == before


def test_model_output_is_never_executed() -> None:
    sources = [path.read_text(encoding="utf-8") for path in Path(parsing.__file__).parent.glob("*.py")]
    calls = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    assert calls
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in ("eval", "exec")]
    assert parse_interval("<glue>[__import__('os').system('true'), 2]</glue>") is None


def test_a_result_depends_on_nothing_but_the_text() -> None:
    texts = ["<glue>[1, 2]</glue>", "<glue>[3, 4]</glue>", "between 12 and 20 seconds"] * 2
    read = [parse_interval(text) for text in texts]
    assert read[:3] == read[3:]
    assert [parsed.value.segments for parsed in read if parsed][:2] == [((1.0, 2.0),), ((3.0, 4.0),)]
