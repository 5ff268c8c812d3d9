"""What holds of the parsers for every text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.parsing import (
    is_refusal,
    paper_interval,
    paper_label,
    paper_option,
    parse_grammar,
    parse_interval,
    parse_label,
    parse_option,
    write_interval,
    write_label,
    write_option,
    write_reflection,
    write_think,
)
from vau_bench.records import ANOMALY, NORMAL, Segment

CLASSES = ("Fire", "Fighting", "Object_falling", "Food Safety", "Medical Abnormality", NORMAL)
PARSERS: dict[str, Callable[[str], Any]] = {
    "option": lambda text: parse_option(text, options=("A man runs", "Nothing")),
    "label": lambda text: parse_label(text, CLASSES),
    "interval": parse_interval,
    "paper_option": paper_option,
    "paper_label": lambda text: paper_label(text, CLASSES),
    "paper_interval": paper_interval,
}

PIECES = (
    *(
        "<think>",
        "</think>",
        "<answer>",
        "</answer>",
        "<glue>",
        "</glue>",
        "<reflect>",
        "</reflect>",
        "<ANSWER >",
        "<",
        ">",
    ),
    *(
        "A",
        "B",
        "(c)",
        "**D**",
        "answer",
        "is",
        ":",
        "the",
        "option",
        "or",
        "and",
        "not",
        "no",
        "I choose",
        "wrong",
        "\\boxed{",
    ),
    *(
        "between",
        "from",
        "to",
        "until",
        "start",
        "end",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        "-",
        ".",
        ";",
        '"',
        "'",
        "\n",
        "|",
    ),
    *(
        "12",
        "20.1",
        "3:05",
        "00:20",
        "-1",
        "1e5",
        "0.5",
        "s",
        "seconds",
        "min",
        "frames",
        "%",
        "\u79d2",
        "\uff11\uff12",
    ),
    *("Fire", "fight", "Normal", "abnormal", "anomaly", "actually", "wait", "class", "\u7b54\u6848\u662f", "\uff22"),
    *("\u00bd", "\u00b2", "\ufb01", "\u0130", "\u00df", "\u0669", "\U0001f642"),
)
texts = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(PIECES), max_size=30).map(" ".join),
    st.lists(st.sampled_from(PIECES), max_size=30).map("".join),
)
words = st.text(st.characters(exclude_characters="<>◁▷", exclude_categories=("Cs",)), max_size=60)
seconds = st.floats(min_value=0, max_value=1e6, allow_nan=False).map(abs)
segments = st.tuples(seconds, seconds).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: Segment(*pair))


@pytest.mark.parametrize("name", PARSERS)
@given(text=texts)
@settings(max_examples=150, deadline=None)
def test_any_text_is_read_or_not_but_never_raises_and_shows_its_evidence(name: str, text: str) -> None:
    parsed = PARSERS[name](text)
    if parsed is not None:
        start, end = parsed.span
        assert 0 <= start < end <= len(text)
        assert text[start:end].strip()
        assert PARSERS[name](text) == parsed


@given(text=texts)
@settings(max_examples=300, deadline=None)
def test_the_letter_stands_in_its_evidence(text: str) -> None:
    parsed = parse_option(text)
    if parsed is not None:
        start, end = parsed.span
        assert parsed.value in text[start:end].replace("\uff22", "B").upper()


@given(text=texts)
@settings(max_examples=400, deadline=None)
def test_an_interval_holds_only_numbers_of_the_text(text: str) -> None:
    parsed = parse_interval(text)
    if parsed is not None:
        start, end = parsed.span
        shown = text[start:end].replace("\uff11", "1").replace("\uff12", "2")
        for time in (time for segment in parsed.value.segments for time in segment):
            assert time in numbers(shown)


def numbers(text: str) -> set[float]:
    """Every number of a text, by itself, as minutes, and every clock reading."""
    found = {float(number) for number in re.findall(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", text)}
    found |= {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}
    found |= {60 * number for number in found}
    for reading in re.findall(r"(?:\d+:)+\d+(?:\.\d+)?", text):
        total = 0.0
        for part in reading.split(":"):
            total = 60 * total + float(part)
        found.add(total)
    return found


@given(text=texts)
@settings(max_examples=200, deadline=None)
def test_the_grammar_covers_any_text(text: str) -> None:
    read = parse_grammar(text)
    assert read.well_formed == (not read.problems)
    for attempt in (read.last, read.first or read.last):
        assert 0 <= attempt.span[0] <= attempt.span[1] <= len(text)
    assert (read.style == "reflect") == (read.reflect is not None)
    assert is_refusal(text) in (True, False)


@given(letter=st.sampled_from("ABCD"), think=words)
@settings(max_examples=50, deadline=None)
def test_a_written_option_is_read_back(letter: str, think: str) -> None:
    for text in (write_option(letter), write_think(think, write_option(letter))):
        parsed = parse_option(text)
        assert parsed is not None
        assert (parsed.value, parsed.rule) == (letter, "tag")
    assert paper_option(write_option(letter)).value == letter  # type: ignore[union-attr]


@given(label=st.sampled_from((*CLASSES, ANOMALY)), think=words)
@settings(max_examples=50, deadline=None)
def test_a_written_class_is_read_back(label: str, think: str) -> None:
    parsed = parse_label(write_think(think, write_label(label)), CLASSES)
    assert parsed is not None
    assert (parsed.value, parsed.rule) == (label, "tag")


@given(answer=st.lists(segments, max_size=3, unique=True), think=words)
@settings(max_examples=150, deadline=None)
def test_a_written_interval_is_read_back_to_the_last_bit(answer: list[Segment], think: str) -> None:
    written = write_interval(*answer) if answer else write_interval(None)
    parsed = parse_interval(write_think(think, written))
    assert parsed is not None
    assert parsed.rule == "tag"
    assert parsed.value.valid == tuple(answer)
    assert parsed.value.normal == (not answer)
    assert set(parsed.value.flags) <= {"normalised?"}


@given(first=st.sampled_from("ABCD"), last=st.sampled_from("ABCD"), think=words, reflect=words)
@settings(max_examples=80, deadline=None)
def test_a_written_reflection_is_read_back(first: str, last: str, think: str, reflect: str) -> None:
    text = write_reflection(think, write_option(first), reflect, think, write_option(last))
    read = parse_grammar(text)
    assert read.well_formed
    assert read.first is not None
    assert (read.first.answer, read.last.answer, read.reflect) == (first, last, reflect.strip())
    parsed = parse_option(text)
    assert parsed is not None
    assert (parsed.value, parsed.rule) == (last, "tag")
