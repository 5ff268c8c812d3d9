"""What a model said about each sample, its turns put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from vau_bench.records import Outcome, Response

TURN_BREAK = "\n\n"
"""Between the texts of the turns of one conversation when they are taken as one answer."""


def turns_of(responses: Iterable[Response], task: str, style: str) -> dict[str, dict[int, Response]]:
    """Return the last response to each turn, by sample."""
    turns: dict[str, dict[int, Response]] = {}
    for response in responses:
        if (response.task, response.style) == (task, style):
            turns.setdefault(response.sample_id, {})[response.turn] = response
    return turns


def whole_conversations(turns: Mapping[str, Mapping[int, Response]], expected: int) -> dict[str, Response]:
    """Return one response per sample; see `whole_conversation`."""
    found = {
        sample_id: whole_conversation([answers[turn] for turn in sorted(answers) if turn < expected], expected)
        for sample_id, answers in turns.items()
    }
    return {sample_id: whole for sample_id, whole in found.items() if whole is not None}


def whole_conversation(said: Sequence[Response], expected: int) -> Response | None:
    """Return the texts of some turns as one response, with the outcome of the first that has no answer.

    Args:
        said: the responses about one sample, in the order of their turns; `None` is returned where there is none.
        expected: how many turns there are to be.
    """
    if not said:
        return None
    failed = next((r for r in said if r.outcome is not Outcome.SCORED), None)
    if failed is not None:
        return failed
    if len(said) < expected:
        return replace(said[-1], outcome=Outcome.MISSING, error=f"turn {len(said) + 1} was not asked")
    return said[0] if expected == 1 else replace(said[-1], text=TURN_BREAK.join(r.text for r in said))
