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


@pytest.mark.parametrize("stage", ["decode", "inputs", "journal", "calls", "cache", "requests", "load", "cluster"])
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


def test_stages_have_their_share_of_the_time_in_which_there_was_something_to_ask() -> None:
    clock = Clock()
    profile = Profile(clock)
    clock.now = 3.0
    with profile.phase("asking"):
        profile.add("decode", 4.5)
        clock.now = 8.0
    with profile.phase("scoring"):
        clock.now = 10.0
    assert profile.phases() == {"starting": 3.0, "asking": 5.0, "scoring": 2.0}
    assert profile.stages()[0].busy == pytest.approx(0.9) and profile.advice() == ADVICE["decode"]
    assert profile.as_json()["phases"] == {"starting": 3.0, "asking": 5.0, "scoring": 2.0}


def test_where_asking_takes_least_of_the_time_advice_is_about_what_takes_most() -> None:
    clock = Clock()
    profile = Profile(clock)
    with profile.phase("asking"):
        profile.add("decode", 1.0)
        clock.now = 1.0
    with profile.phase("scoring"):
        clock.now = 10.0
    assert profile.advice() == ADVICE["scoring"]


def test_a_run_that_was_answered_before_needs_no_larger_batch() -> None:
    clock = Clock()
    profile = Profile(clock)
    with profile.phase("asking"):
        profile.add("requests", 0.1, count=6)
        clock.now = 1.0
    assert profile.advice() == "nothing was left to ask"


def test_what_other_processes_spent_is_handed_over_once() -> None:
    theirs, profile = Profile(), Profile()
    theirs.add("calls", 2.0, count=3, lanes=4)
    profile.take(theirs.drain(), processes=2)
    profile.take(theirs.drain(), processes=2)
    assert [stage[:4] for stage in profile.stages()] == [("calls", 3, 2.0, 8)]


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
