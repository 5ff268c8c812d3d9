"""Geometry of a timeline: intervals and frames on the video's clock, as percentages of its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vau_bench.records import JSON
from vau_bench.report.choosing import evenly

MOST_TICKS = 256
NARROWEST = 0.5
"""Percent of the width that even the shortest interval gets, so that it can be seen."""

BEYOND = 1.25
"""How far behind the end of the video a timeline reaches for the sake of an interval that ends there."""


@dataclass(frozen=True)
class Bar:
    """An interval: `x` and `width` in percent; `valid` unless it is reversed or empty."""

    x: float
    width: float
    valid: bool


@dataclass(frozen=True)
class Row:
    """One line of a timeline: what it is, what it says in words, and its intervals."""

    name: str
    told: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Timeline:
    """A drawing of a video's time.

    Attributes:
        horizon: seconds at the right edge.
        end: where the video ends, in percent; `None` when its length is unknown.
        ticks: where the frames stand, in percent.
    """

    rows: tuple[Row, ...]
    horizon: float
    end: float | None
    ticks: tuple[float, ...]


def timeline(named: Sequence[tuple[str, JSON]], duration: float | None, times: Sequence[float] = ()) -> Timeline | None:
    """Return the timeline of some answers.

    Args:
        named: names and answers as `scores.jsonl` holds them: a list of `[start, end]`, `[]` for normal, `None` for
            no answer.
        duration: of the video in seconds, where known.
        times: of the frames that the model saw, in seconds.
    """
    rows = [(name, intervals(answer), answer) for name, answer in named]
    ends = [max(pair) for _, pairs, _ in rows for pair in pairs]
    known = max([duration or 0.0, *times])
    longest = known * BEYOND if known > 0 else float("inf")
    horizon = max([known, *(min(end, longest) for end in ends)])
    if horizon <= 0:
        return None
    drawn = tuple(
        Row(name, told_answer(answer), tuple(_bar(pair, horizon) for pair in pairs)) for name, pairs, answer in rows
    )
    ticks = tuple(_percent(times[i], horizon) for i in evenly(len(times), MOST_TICKS))
    return Timeline(drawn, horizon, _percent(duration, horizon) if duration else None, ticks)


def intervals(answer: JSON) -> list[tuple[float, float]]:
    """Return the pairs of a grounding answer; nothing for normal, for no answer, and for what is no such answer."""
    pairs = answer if isinstance(answer, list) else []
    found = []
    for pair in pairs:
        if isinstance(pair, list) and len(pair) == 2:
            start, end = pair
            if isinstance(start, int | float) and isinstance(end, int | float):
                found.append((float(start), float(end)))
    return found


def told_answer(answer: JSON) -> str:
    """Return a grounding answer in words."""
    if answer is None:
        return "no answer"
    pairs = intervals(answer)
    if not pairs:
        return "normal"
    return ", ".join(
        f"{start:.2f} \u2013 {end:.2f} s" + ("" if end > start else " (no interval)") for start, end in pairs
    )


def _bar(pair: tuple[float, float], horizon: float) -> Bar:
    low, high = (_percent(seconds, horizon) for seconds in sorted(pair))
    width = max(NARROWEST, high - low)
    return Bar(round(min(low, 100 - width), 3), round(width, 3), pair[1] > pair[0])


def _percent(seconds: float, horizon: float) -> float:
    return round(min(100.0, max(0.0, 100 * seconds / horizon)), 3)
