"""What a model said about each sample, its turns put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """Return one response per sample: the texts of its turns, the outcome of the first that has no answer."""
    whole: dict[str, Response] = {}
    for sample_id, answers in turns.items():
        said = [answers[turn] for turn in sorted(answers) if turn < expected]
        if not said:
            continue
        failed = next((r for r in said if r.outcome is not Outcome.SCORED), None)
        if failed is not None:
            whole[sample_id] = failed
        elif len(said) < expected:
            missing = f"turn {len(said) + 1} was not asked"
            whole[sample_id] = replace(said[-1], outcome=Outcome.MISSING, error=missing)
        elif expected == 1:
            whole[sample_id] = said[0]
        else:
            whole[sample_id] = replace(said[-1], text=TURN_BREAK.join(r.text for r in said))
    return whole
