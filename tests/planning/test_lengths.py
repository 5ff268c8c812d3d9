"""Lengths of answers: those of a run where it has them, else what is usual, never over the limit."""

from __future__ import annotations

import pytest

from vau_bench.kinds import KINDS
from vau_bench.planning.lengths import TYPICAL, Like, Typical
from vau_bench.records import Outcome, Response, Usage


def response(tokens: int | None, task: str = "a", style: str = "direct", outcome: Outcome = Outcome.SCORED) -> Response:
    return Response("k", task, f"s{tokens}", style, 0, "x", outcome, usage=Usage(10, tokens, 1.0))


def test_every_kind_has_a_usual_length() -> None:
    assert set(TYPICAL) == set(KINDS)


def test_usual_lengths_grow_with_the_style_and_end_at_the_limit() -> None:
    direct, think, reflect = (Typical().of("a", "mcq", style, 0, 1024) for style in ("direct", "think", "reflect"))
    assert direct.tokens < think.tokens < reflect.tokens
    assert "assumed: 10 tokens an answer of mcq in the style direct" in direct.told
    assert Typical().of("a", "mcq", "reflect", 0, 64).tokens == 64


def test_a_run_tells_the_mean_of_the_same_task() -> None:
    like = Like([response(10), response(30), response(99, "b"), response(None)], "run-1")
    length = like.of("a", "mcq", "direct", 0, 1024)
    assert length.tokens == 20 and length.told == "mean of 2 answers to the same task in run-1"


def test_what_failed_has_no_length() -> None:
    like = Like([response(10), response(0, outcome=Outcome.ERRORED), response(0, outcome=Outcome.MISSING)], "run")
    assert like.of("a", "mcq", "direct", 0, 1024).tokens == 10


@pytest.mark.parametrize(
    ("task", "style", "tokens", "told"),
    [("b", "direct", 20, "other tasks in the style direct"), ("b", "think", 260, "assumed")],
)
def test_other_tasks_and_then_what_is_usual_stand_in(task: str, style: str, tokens: float, told: str) -> None:
    length = Like([response(10), response(30)], "run").of(task, "mcq", style, 0, 1024)
    assert length.tokens == tokens and told in length.told
