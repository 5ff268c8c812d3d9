"""What answers cost: all turns of a sample together, each answer once, nothing where nothing was told."""

from __future__ import annotations

from vau_bench.records import Outcome, Response, Usage
from vau_bench.usage import mean_usage


def response(sample_id: str, usage: Usage | None, *, turn: int = 0, task: str = "a") -> Response:
    return Response(f"k{sample_id}{turn}", task, sample_id, "direct", turn, "x", Outcome.SCORED, usage=usage)


def test_turns_of_a_sample_are_added_and_samples_averaged() -> None:
    found = mean_usage(
        [
            response("1", Usage(100, 10, 1.0)),
            response("1", Usage(50, None, 2.0), turn=1),
            response("2", Usage(40, 0, 1.0)),
        ]
    )
    assert found == {"a": {"samples": 2, "seconds": 2.0, "tokens": 100.0}}


def test_an_answer_that_was_given_again_counts_once() -> None:
    found = mean_usage([response("1", Usage(seconds=9.0)), response("1", Usage(seconds=1.0))])
    assert found == {"a": {"samples": 1, "seconds": 1.0, "tokens": None}}


def test_tasks_stand_apart_and_silence_costs_nothing() -> None:
    found = mean_usage([response("1", None), response("1", Usage(), task="b"), response("1", Usage(1, 1), task="c")])
    assert found == {"c": {"samples": 1, "seconds": None, "tokens": 2.0}}
    assert mean_usage([]) == {}
