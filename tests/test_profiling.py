"""A profile tells how long each stage was busy, and which one the others wait for."""

from __future__ import annotations

import threading

import pytest

from vau_bench.profiling import ADVICE, Profile


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_shares_are_of_the_time_that_all_lanes_had() -> None:
    clock = Clock()
    profile = Profile(clock)
    profile.add("decode", 12.0, count=40, lanes=2)
    with profile.at("generate", count=8):
        clock.now = 9.0
    clock.now = 10.0
    decode, generate = profile.stages()
    assert decode == ("decode", 40, 12.0, 2, pytest.approx(0.6))
    assert generate == ("generate", 8, 9.0, 1, pytest.approx(0.9))
    assert profile.advice() == ADVICE["generate"] and profile.wall == 10.0
    assert profile.as_json()["stages"][1]["busy"] == 0.9  # type: ignore[index]


@pytest.mark.parametrize("stage", ["decode", "inputs", "journal", "calls", "cache", "requests"])
def test_the_stage_that_is_busy_is_what_advice_is_about(stage: str) -> None:
    clock = Clock()
    profile = Profile(clock)
    profile.add(stage, 9.5)
    profile.add("generate", 5.0)
    clock.now = 10.0
    assert profile.advice() == ADVICE[stage]


def test_where_none_is_busy_more_at_once_would_help() -> None:
    clock = Clock()
    profile = Profile(clock)
    assert profile.advice() == "nothing was done"
    profile.add("decode", 5.0)
    profile.add("generate", 5.0)
    clock.now = 10.0
    assert profile.advice().startswith("no stage is busy all the time")


def test_time_counts_even_where_the_block_fails_and_from_any_thread() -> None:
    clock = Clock()
    profile = Profile(clock)
    with pytest.raises(ValueError, match="no"), profile.at("decode"):
        clock.now = 1.0
        raise ValueError("no")
    threads = [threading.Thread(target=profile.add, args=("decode", 1.0)) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (decode,) = profile.stages()
    assert decode.times == 51 and decode.seconds == pytest.approx(51.0)
