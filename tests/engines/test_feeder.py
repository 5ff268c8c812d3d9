"""Requests are drawn as there is room for them, and each response counts once."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.engines.feeder import Feeder
from vau_bench.records import Generation, Message, Request, Sample, Target


def request(number: int) -> Request:
    sample = Sample(f"s{number}", f"v{number}.mp4", f"v{number}", Target())
    message = Message("user", "What happens?", video=True)
    return Request(f"k{number}", "t", "mcq", "direct", 0, sample, (message,), Generation(), Path("v.mp4"), "uniform(4)")


class Line:
    """A pipeline that holds what it gets."""

    def __init__(self) -> None:
        self.blocks: list[list[Request]] = []
        self.ended = threading.Event()
        self.more = threading.Condition()

    def put(self, block: list[Request]) -> None:
        with self.more:
            self.blocks.append(block)
            self.more.notify()

    def take(self) -> list[Request] | None:
        """Return the first block, `None` where none follows."""
        with self.more:
            self.more.wait_for(lambda: self.blocks or self.ended.is_set(), timeout=10)
            return self.blocks.pop(0) if self.blocks else None

    def end(self) -> None:
        with self.more:
            self.ended.set()
            self.more.notify()


def feeder(requests: Iterator[Request], line: Line, rows: int = 3, slots: int = 2) -> Feeder:
    return Feeder(requests, rows=rows, slots=slots, put=line.put, end=line.end)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 4), st.randoms(use_true_random=False))
def test_every_request_is_answered_once_however_often_its_answer_comes(
    count: int, rows: int, slots: int, rng: random.Random
) -> None:
    line = Line()
    fed = feeder(iter([request(n) for n in range(count)]), line, rows, slots)
    fed.start()
    answered, blocks = [], []
    while (block := line.take()) is not None:
        responses = [r.answer("x") for r in block] + [r.answer("y") for r in block if rng.random() < 0.5]
        rng.shuffle(responses)
        for response in responses:
            is_first, whole = fed.settle(response)
            answered += [response.sample_id] * is_first
            blocks += [] if whole is None else [whole]
    fed.join()
    assert sorted(answered) == sorted(f"s{n}" for n in range(count))
    assert blocks == list(range(-(-count // rows)))
    assert fed.unanswered() == [] and fed.error is None


def test_no_more_is_drawn_than_there_are_slots_for() -> None:
    drawn: list[int] = []

    def requests() -> Iterator[Request]:
        for number in range(100):
            drawn.append(number)
            yield request(number)

    line = Line()
    fed = feeder(requests(), line, rows=3, slots=2)
    fed.start()
    first, second = line.take(), line.take()
    assert first is not None and second is not None and len(first) == len(second) == 3
    time.sleep(0.3)
    assert line.blocks == []
    assert len(drawn) == 6
    for each in first:
        fed.settle(each.answer("x"))
    assert line.take() is not None
    fed.stop()
    fed.join()
    assert len(drawn) == 9


def test_what_is_left_can_be_told() -> None:
    line = Line()
    fed = feeder(iter([request(0), request(1)]), line)
    fed.start()
    assert line.take()
    fed.settle(request(0).answer("x"))
    fed.join()
    assert [r.key for r in fed.unanswered()] == ["k1"]


def test_an_error_of_the_requests_is_kept_and_ends_the_pipeline() -> None:
    def requests() -> Iterator[Request]:
        yield request(0)
        raise ValueError("the journal is damaged")

    line = Line()
    fed = feeder(requests(), line, rows=1)
    fed.start()
    assert line.take() == [request(0)]
    assert line.take() is None
    fed.join()
    assert str(fed.error) == "the journal is damaged"


@pytest.mark.parametrize("stopped", [True, False])
def test_a_pipeline_that_is_gone_is_an_error_unless_it_was_ended(stopped: bool) -> None:
    gone = threading.Event()

    def put(block: list[Request]) -> None:
        gone.wait(10)
        raise ConnectionError("the desk is gone")

    fed = Feeder(iter([request(0)]), rows=1, slots=1, put=put, end=lambda: None)
    fed.start()
    if stopped:
        fed.stop()
    gone.set()
    fed.join()
    assert (fed.error is None) == stopped
