"""A request's key changes with everything that can change the answer, and with nothing else."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.keys import model_digest, request_key
from vau_bench.records import JSON, Generation, Message

BASE: dict[str, Any] = {
    "model": "m",
    "task": "t",
    "sample_id": "s",
    "turn": 0,
    "messages": (Message("system", "be brief"), Message("user", "what happens?", video=True)),
    "generation": Generation(),
    "video": "f00d",
    "plan": "fps(1)",
}
CHANGED: dict[str, Any] = {
    "model": "m2",
    "task": "t2",
    "sample_id": "s2",
    "turn": 1,
    "messages": BASE["messages"][1:],
    "generation": Generation(seed=1),
    "video": "beef",
    "plan": "fps(2)",
}


def key(**changes: Any) -> str:
    return request_key(**{**BASE, **changes})


@pytest.mark.parametrize("name", BASE)
def test_every_argument_changes_the_key(name: str) -> None:
    assert key(**{name: CHANGED[name]}) != key()


@pytest.mark.parametrize("name", [f.name for f in fields(Generation)])
def test_every_generation_setting_changes_the_key(name: str) -> None:
    default = getattr(Generation(), name)
    assert key(generation=Generation(**{name: default + 1})) != key()


@pytest.mark.parametrize(
    "messages",
    [
        (Message("user", "be brief"), BASE["messages"][1]),
        (Message("system", "be brief."), BASE["messages"][1]),
        (Message("system", "be brief"), Message("user", "what happens?")),
        tuple(reversed(BASE["messages"])),
        (*BASE["messages"], Message("assistant", "")),
    ],
    ids=["role", "text", "video", "order", "one more"],
)
def test_every_part_of_a_message_changes_the_key(messages: tuple[Message, ...]) -> None:
    assert key(messages=messages) != key()


def test_the_plan_is_without_effect_for_a_model_that_does_not_look() -> None:
    assert key(video=None, plan="fps(1)") == key(video=None, plan="fps(2)")
    assert key(video=None) != key()


def test_the_same_request_has_the_same_key_in_every_process() -> None:
    assert key() == "1d1ae050d81d6fb5bcdf43810eaae554"


texts = st.text(st.sampled_from("a1:,\x00é\ud800"), max_size=4)
parts = st.tuples(texts, texts, texts, texts, texts)


@given(parts, parts)
def test_no_two_requests_are_written_alike(one: tuple[str, ...], two: tuple[str, ...]) -> None:
    keys = [
        key(model=p[0], task=p[1], sample_id=p[2], messages=(Message("user", p[3]), Message("user", p[4])))
        for p in (one, two)
    ]
    assert (keys[0] == keys[1]) == (one == two)


def test_a_boundary_may_stand_anywhere() -> None:
    assert key(task="ab", sample_id="c") != key(task="a", sample_id="bc")
    assert key(messages=(Message("user", "ab"),)) != key(messages=(Message("user", "a"), Message("user", "b")))


def test_a_model_is_its_name_and_all_its_arguments() -> None:
    arguments: dict[str, JSON] = {"checkpoint": "x", "seed": 0}
    one = model_digest("qwen", arguments)
    assert one == model_digest("qwen", {"seed": 0, "checkpoint": "x"})
    assert one != model_digest("qwen2", arguments)
    assert one != model_digest("qwen", {"checkpoint": "x"})
    assert model_digest("q", {"seed": 0}) != model_digest("q", {"seed": "0"})
