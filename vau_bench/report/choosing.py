"""Which samples a report shows: the worst first, then some of all the others, never in silence about the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from vau_bench.records import Outcome
from vau_bench.report.joining import Joined
from vau_bench.results import SampleScore

T = TypeVar("T")


def goodness(score: SampleScore) -> float:
    """Return what an answer is worth, 0 to 1; -1 where there is none."""
    return score.worth if score.outcome == Outcome.SCORED else -1.0


def worst_first(samples: Sequence[Joined]) -> list[Joined]:
    """Return the samples from no answer over wrong ones to the best, by their mean over runs; else in their order."""
    return sorted(samples, key=lambda sample: sum(map(goodness, sample.given)) / len(sample.given))


def choose(ranked: Sequence[T], budget: int) -> list[T]:
    """Return at most `budget` items in their order: half of them from the start, half evenly from the rest."""
    if len(ranked) <= budget:
        return list(ranked)
    first = budget // 2
    rest = ranked[first:]
    spread = budget - first
    return [*ranked[:first], *(rest[i * len(rest) // spread] for i in range(spread))]


def shares(counts: Sequence[int], budget: int) -> list[int]:
    """Divide a budget over groups: as evenly as can be, what one does not need goes to the others."""
    taken = [0] * len(counts)
    for position, index in enumerate(sorted(range(len(counts)), key=lambda i: counts[i])):
        taken[index] = min(counts[index], budget // (len(counts) - position))
        budget -= taken[index]
    return taken


def evenly(n: int, most: int) -> list[int]:
    """Return at most `most` of the numbers 0..n-1, evenly spaced, the first and the last among them."""
    if n <= most:
        return list(range(n))
    if most == 1:
        return [n // 2]
    return [round(i * (n - 1) / (most - 1)) for i in range(most)]
