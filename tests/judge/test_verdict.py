"""A reply is a verdict by the letter, or it is none; nothing is guessed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.judge.verdict import NoVerdictError, read_verdict

NAMES = ("clarity", "truth")
GOOD = '{"reason": "r", "clarity": 7, "truth": 2.5}'


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  \n{GOOD}\n",
        f"```json\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"<think>9 of 10? no</think>\n{GOOD}",
        '{"truth": 2.5, "clarity": 7.0, "reason": "r", "total": 50}',
        '{\n "reason": "r",\n "clarity": 7,\n "truth": 25e-1\n}',
    ],
)
def test_verdicts(text: str) -> None:
    verdict = read_verdict(text, NAMES)
    assert verdict.scores == {"clarity": 7.0, "truth": 2.5} and verdict.total == 9.5 and verdict.reason == "r"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("Score: 0/1", "not one JSON object"),
        ("clarity: 8/10, truth: 7/10", "not one JSON object"),
        (f"Here you are: {GOOD}", "not one JSON object"),
        (f"{GOOD} I hope this helps!", "not one JSON object"),
        (f"{GOOD}\n{GOOD}", "not one JSON object"),
        (GOOD[:-1], "not one JSON object"),
        (f"```json\n{GOOD}", "not one JSON object"),
        (f"```json\n```json\n{GOOD}\n```\n```", "not one JSON object"),
        (f"<think>never closed {GOOD}", "not one JSON object"),
        (GOOD.replace('"', "'"), "not one JSON object"),
        ("[7, 2]", "it is JSON, but a list and no object"),
        (f"[{GOOD}]", "it is JSON, but a list and no object"),
        ("7", "it is JSON, but a number and no object"),
        ("null", "it is JSON, but null and no object"),
        ('{"clarity": 7}', "the key 'truth' is missing"),
        (f'{{"scores": {GOOD}}}', "the key 'clarity' is missing"),
        ('{"clarity": "7", "truth": 2}', "clarity is a text and no number"),
        ('{"clarity": "8/10", "truth": 2}', "clarity is a text and no number"),
        ('{"clarity": [7], "truth": 2}', "clarity is a list and no number"),
        ('{"clarity": true, "truth": 2}', "clarity is a truth value and no number"),
        ('{"clarity": null, "truth": 2}', "clarity is null and no number"),
        ('{"clarity": 11, "truth": 2}', "clarity is 11, not between 0 and 10"),
        ('{"clarity": -0.5, "truth": 2}', "clarity is -0.5, not between 0 and 10"),
        ('{"clarity": 7.3, "truth": 2}', "clarity is 7.3, neither an integer nor a half"),
        ('{"clarity": NaN, "truth": 2}', "NaN is no number"),
        ('{"clarity": Infinity, "truth": 2}', "Infinity is no number"),
        ('{"clarity": 1e999, "truth": 2}', "clarity is inf, not between 0 and 10"),
        ('{"clarity": 1' + "0" * 5_000 + ', "truth": 2}', "not one JSON object"),
        ('{"clarity": 7, "clarity": 9, "truth": 2}', "a key stands twice"),
        ("{" * 50_000, "not one JSON object"),
        ("[" * 50_000, "not one JSON object"),
        ("x" * 1_000_000, "it has 1000000 characters"),
    ],
    ids=lambda value: value[:40],
)
def test_what_is_no_verdict(text: str, problem: str) -> None:
    with pytest.raises(NoVerdictError) as caught:
        read_verdict(text, NAMES)
    assert problem in str(caught.value)


@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_any_other_text_is_no_verdict_and_no_crash(text: str) -> None:
    with pytest.raises(NoVerdictError):
        read_verdict(text, NAMES)


@given(st.integers(0, 20), st.integers(0, 20))
def test_every_half_is_read_as_it_is(clarity: int, truth: int) -> None:
    text = json.dumps({"reason": "", "clarity": clarity / 2, "truth": truth / 2})
    assert read_verdict(text, NAMES).scores == {"clarity": clarity / 2, "truth": truth / 2}
