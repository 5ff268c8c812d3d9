"""How many tokens answers have: as a run measured them, else as answers of a kind usually are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Protocol

from vau_bench.records import Outcome, Response

TYPICAL: Mapping[str, int] = {
    "mcq": 10,
    "classification": 12,
    "verdict": 12,
    "grounding": 30,
    "detection": 60,
    "reasoning": 200,
    "text": 120,
}
"""Assumed tokens of an answer in the style `direct`, by kind of task; these are ours."""
OTHER = 60
"""Of a kind that is not listed."""
THINKING: Mapping[str, int] = {"think": 250, "reflect": 600}
"""Assumed tokens that a style writes before the answer; these are ours."""


class Length(NamedTuple):
    """Tokens of an answer, and what they rest on."""

    tokens: float
    told: str


class Lengths(Protocol):
    """Tells how long answers are."""

    def of(self, task: str, kind: str, style: str, turn: int, limit: int) -> Length:
        """Return the mean length of an answer.

        Args:
            task: its name.
            kind: of the task.
            style: of the prompt.
            turn: of the conversation.
            limit: tokens that an answer may have.
        """
        ...


class Typical:
    """Answers of usual length."""

    def of(self, task: str, kind: str, style: str, turn: int, limit: int) -> Length:
        """Return the assumed length of an answer."""
        tokens = min(TYPICAL.get(kind, OTHER) + THINKING.get(style, 0), limit)
        return Length(tokens, f"assumed: {tokens:g} tokens an answer of {kind} in the style {style}")


class Like:
    """Answers as long as those of a run; where it holds none of a task, those of the task's style, else usual ones.

    Args:
        responses: of the run.
        name: of the run.
    """

    def __init__(self, responses: Iterable[Response], name: str) -> None:
        self._name = name
        self._tasks: dict[tuple[str, str, int], list[int]] = {}
        self._styles: dict[str, list[int]] = {}
        for response in responses:
            tokens = response.usage.completion_tokens if response.usage else None
            if tokens is None or response.outcome in (Outcome.ERRORED, Outcome.MISSING):
                continue
            self._tasks.setdefault((response.task, response.style, response.turn), []).append(tokens)
            self._styles.setdefault(response.style, []).append(tokens)

    def of(self, task: str, kind: str, style: str, turn: int, limit: int) -> Length:
        """Return the length of an answer in the run."""
        found = self._tasks.get((task, style, turn))
        what = f"the same task in {self._name}"
        if not found:
            found, what = self._styles.get(style), f"other tasks in the style {style} in {self._name}"
        if not found:
            return Typical().of(task, kind, style, turn, limit)
        mean = min(sum(found) / len(found), limit)
        return Length(mean, f"mean of {len(found)} answers to {what}")
