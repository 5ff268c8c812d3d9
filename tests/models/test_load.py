"""A server is given as many calls at once as it bears, never more than it was allowed."""

from __future__ import annotations

from vau_bench.models.load import Load


def tell(load: Load, *, answers: int = 0, refusals: int = 0, seconds: float = 0.1) -> None:
    number = load.number
    for _ in range(answers):
        load.answered(number, seconds)
    for _ in range(refusals):
        load.refused(number)


def test_it_begins_with_all_slots_and_keeps_them_while_all_is_well() -> None:
    load = Load(64)
    for _ in range(20):
        tell(load, answers=64)
    assert load.slots == 64


def test_a_server_that_refuses_everything_gets_one_call_at_a_time() -> None:
    load = Load(64)
    for _ in range(12):
        tell(load, refusals=max(8, load.slots))
    assert load.slots == 1


def test_a_refusal_now_and_then_costs_little() -> None:
    load = Load(64)
    for _ in range(50):
        refused = round(0.05 * load.slots)
        tell(load, answers=load.slots - refused, refusals=refused)
    assert 30 <= load.slots < 64


def test_it_recovers_one_slot_a_round() -> None:
    load = Load(16)
    tell(load, refusals=16)
    assert load.slots == 8
    for slots in range(9, 17):
        tell(load, answers=load.slots)
        assert load.slots == slots
    tell(load, answers=16)
    assert load.slots == 16


def test_answers_that_have_become_slow_make_room() -> None:
    load = Load(32)
    tell(load, answers=32, seconds=0.1)
    tell(load, answers=32, seconds=0.25)
    assert load.slots == 32, "twice as slow is within the noise"
    tell(load, answers=32, seconds=0.5)
    assert load.slots == 24


def test_a_server_that_stays_slow_gets_its_slots_back() -> None:
    load = Load(16)
    tell(load, answers=16, seconds=0.1)
    for _ in range(60):
        tell(load, answers=max(8, load.slots), seconds=1.0)
    assert load.slots == 16


def test_a_burst_of_refusals_counts_once() -> None:
    load = Load(64)
    old = load.number
    tell(load, refusals=64)
    for _ in range(64):
        load.refused(old)
    assert load.slots == 32
