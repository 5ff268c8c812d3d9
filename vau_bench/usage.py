"""What the answers of a run cost: seconds and tokens per sample, over all turns of its conversation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

from vau_bench.records import Response


class UsageResult(TypedDict):
    """Means over the `samples` of which a cost was recorded; `None` where no model told.

    They are as the run recorded them, on its machine; nothing can compute them again.
    """

    samples: int
    seconds: float | None
    tokens: float | None


def mean_usage(responses: Iterable[Response]) -> dict[str, UsageResult]:
    """Return the mean cost of an answer by task.

    Args:
        responses: in the order of writing; the last one to a sample and turn counts.
    """
    last = {(r.task, r.sample_id, r.turn): r for r in responses}
    seconds: dict[tuple[str, str], float] = {}
    tokens: dict[tuple[str, str], int] = {}
    for (task, sample_id, _), response in last.items():
        usage, key = response.usage, (task, sample_id)
        if usage is not None and usage.seconds is not None:
            seconds[key] = seconds.get(key, 0.0) + usage.seconds
        if usage is not None and (usage.prompt_tokens is not None or usage.completion_tokens is not None):
            spent = (usage.prompt_tokens or 0) + (usage.completion_tokens or 0)
            tokens[key] = tokens.get(key, 0) + spent
    told = {key: None for key in (*seconds, *tokens)}
    return {
        task: UsageResult(
            samples=sum(t == task for t, _ in told),
            seconds=_mean([v for (t, _), v in seconds.items() if t == task]),
            tokens=_mean([v for (t, _), v in tokens.items() if t == task]),
        )
        for task in dict.fromkeys(t for t, _ in told)
    }


def _mean(values: list[float] | list[int]) -> float | None:
    return round(sum(values) / len(values), 6) if values else None
