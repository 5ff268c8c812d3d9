"""How long reading one answer takes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from vau_bench.parsing import parse_grammar, parse_interval, parse_label, parse_option

THOUGHT = (
    "The video begins with a man walking down the street. He approaches a parked car and breaks the window, taking "
    "a bag from the seat before running away from the scene. Nobody else is seen in the street until he is gone."
)
TAGGED = f"<think>{THOUGHT}</think><answer>{{}}</answer>"
CLASSES = ["Fire", "Fighting", "Normal", "Robbery", "Stealing", "Traffic_accident", "Vandalism"]
CASES: dict[str, tuple[Callable[[str], object], str]] = {
    "option, tag": (parse_option, TAGGED.format("B")),
    "option, sentence": (parse_option, f"{THOUGHT} So the answer is B."),
    "interval, tag": (parse_interval, TAGGED.format("Anomaly") + "<glue>[5.2, 10.4]</glue>"),
    "interval, sentence": (parse_interval, f"{THOUGHT} This happens between 5.2 and 10.4 seconds."),
    "class, tag": (lambda text: parse_label(text, CLASSES), TAGGED.format("Stealing")),
    "class, sentence": (lambda text: parse_label(text, CLASSES), f"{THOUGHT} This is classified as stealing."),
    "grammar": (parse_grammar, TAGGED.format("Anomaly") + "<glue>[5.2, 10.4]</glue>"),
}


@pytest.mark.benchmark
@pytest.mark.parametrize("name", CASES)
def test_speed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    parse, text = CASES[name]
    assert parse(text) is not None
    start = time.thread_time()
    for _ in range(1000):
        parse(text)
    taken = 1000 * (time.thread_time() - start)
    with capsys.disabled():
        print(f"\nparsing: {name}: {taken:.0f} us of processor time for {len(text)} characters")
