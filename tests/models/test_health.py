"""A server is left out after failures in a row, tried again after growing pauses, and well again after an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vau_bench.models.health import IN_A_ROW, Health


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ill(clock: Clock, *, first: float = 1.0, longest: float = 8.0) -> Health:
    health = Health(first, longest, clock)
    for _ in range(IN_A_ROW):
        health.failed(health.era)
    return health


def test_a_failure_now_and_then_costs_nothing() -> None:
    health = Health(1.0, 8.0)
    for _ in range(10):
        for _ in range(IN_A_ROW - 1):
            health.failed(health.era)
        assert health.well
        health.worked()


def test_failures_in_a_row_drain_it() -> None:
    assert not ill(Clock()).well


def test_the_pauses_double_up_to_the_longest() -> None:
    clock = Clock()
    health = ill(clock)
    pauses = []
    for _ in range(6):
        pauses.append(health.pause)
        clock.now += health.pause
        assert health.pause == 0
        health.failed(health.era)
    assert pauses == [1, 2, 4, 8, 8, 8]


def test_an_answer_makes_it_well_and_forgets_the_pauses() -> None:
    clock = Clock()
    health = ill(clock)
    health.failed(health.era)
    health.worked()
    assert health.well and health.pause == 0
    for _ in range(IN_A_ROW):
        health.failed(health.era)
    assert health.pause == 1


def test_calls_that_were_under_way_when_it_was_drained_say_nothing_new() -> None:
    clock = Clock()
    health = Health(1.0, 8.0, clock)
    era = health.era
    for _ in range(64):
        health.failed(era)
    assert health.pause == 1, "as after a single failed probe"


def test_years_of_failures_do_not_overflow() -> None:
    health = ill(Clock(), first=0.01, longest=0.1)
    for _ in range(5000):
        health.failed(health.era)
    assert health.pause == 0.1


@given(st.lists(st.sampled_from(["worked", "failed"]), max_size=60))
def test_it_is_well_after_an_answer_and_ill_only_after_a_row(events: list[str]) -> None:
    health = Health(1.0, 60.0, Clock())
    row = 0
    for event in events:
        if event == "worked":
            health.worked()
            row = 0
        else:
            health.failed(health.era)
            row += 1
        assert health.well == (row < IN_A_ROW)
