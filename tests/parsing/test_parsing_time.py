"""Parsing takes time in proportion to the text, whatever the text is made to do."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from vau_bench.parsing import (
    is_refusal,
    paper_interval,
    paper_label,
    paper_option,
    parse_grammar,
    parse_interval,
    parse_label,
    parse_option,
)

CLASSES = ("Fire", "Traffic_accident", "Object_falling", "Normal")
PARSERS: dict[str, Callable[[str], object]] = {
    "grammar": parse_grammar,
    "option": lambda text: parse_option(text, options=("A man runs away", "no no no")),
    "label": lambda text: parse_label(text, CLASSES),
    "interval": parse_interval,
    "refusal": is_refusal,
    "paper_option": paper_option,
    "paper_label": lambda text: paper_label(text, CLASSES),
    "paper_interval": paper_interval,
}
UNITS = (
    "<", "<answer>", "</answer>", "<answer><think>", "<think>", "</think>", "<think></think>", "<think", "<answer ",
    "<glue>[1,2]</glue>", "<reflect><answer>B</answer>", "◁think▷", "a", "A", "A ", "B. ", "7", "7 ", "7.", "7:", "7-",
    "[", "[[1,2],", "- ", " ", "\n", "\t<", "</s>", "option ", "the answer is ", "the answer is A or ", "not ",
    "from 1 to ", "between ", "1 to 2 s, ", "start: 1 ", '"start": 1, ', '{"answer": "', "\\boxed{", "A man runs ", "1,",
    "no fire, ", "fire_",    "答案是", "\uff11", "İ", "🙂", "i cannot ", "actually ", "*", "'", '"', ":", "00:01 - ", "1m", "1e",
)  # fmt: skip
SIZE = 1_000_000


def seconds(parser: Callable[[str], object], text: str) -> float:
    start = time.perf_counter()
    parser(text)
    return time.perf_counter() - start


@pytest.mark.parametrize("name", PARSERS)
def test_a_text_twice_as_long_takes_about_twice_as_long(name: str) -> None:
    slow = []
    for unit in UNITS:
        short = (unit * (SIZE // 8))[: SIZE // 8]
        taken, doubled = seconds(PARSERS[name], short), min(seconds(PARSERS[name], 2 * short) for _ in range(2))
        if doubled > 3 * taken + 0.05:
            slow.append((unit, taken, doubled))
    assert not slow


@pytest.mark.slow
@pytest.mark.parametrize("name", PARSERS)
def test_a_megabyte_takes_seconds_at_most(name: str) -> None:
    for unit in UNITS:
        text = (unit * (SIZE // len(unit) + 1))[:SIZE]
        assert seconds(PARSERS[name], text) < 4, unit


@pytest.mark.parametrize("closing", ["", "</answer>"])
def test_a_hostile_tag_content_is_no_exception(closing: str) -> None:
    for unit in UNITS:
        text = "<answer>" + unit * (200_000 // len(unit)) + closing
        for name, parser in PARSERS.items():
            assert seconds(parser, text) < 2, (name, unit)
