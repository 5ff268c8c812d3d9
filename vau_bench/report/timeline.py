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
    """An interval: `x` and `width` in percent; `valid` unless it is reversed or empty; `score` 1 where it has none."""

    x: float
    width: float
    valid: bool
    score: float = 1.0


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
        named: names and answers as `scores.jsonl` holds them: a list of `[start, end]` or of `[start, end, score]`,
            `[]` for normal, `None` for no answer.
        duration: of the video in seconds, where known.
        times: of the frames that the model saw, in seconds.
    """
    rows = [(name, intervals(answer), answer) for name, answer in named]
    ends = [max(start, end) for _, pieces, _ in rows for start, end, _ in pieces]
    known = max([duration or 0.0, *times])
    longest = known * BEYOND if known > 0 else float("inf")
    horizon = max([known, *(min(end, longest) for end in ends)])
    if horizon <= 0:
        return None
    drawn = tuple(
        Row(name, told_answer(answer), tuple(_bar(piece, horizon) for piece in pieces)) for name, pieces, answer in rows
    )
    ticks = tuple(_percent(times[i], horizon) for i in evenly(len(times), MOST_TICKS))
    return Timeline(drawn, horizon, _percent(duration, horizon) if duration else None, ticks)


def intervals(answer: JSON) -> list[tuple[float, float, float]]:
    """Return `(start, end, score)` of what a grounding or a detection answer holds; intervals without a score have 1.

    Nothing for normal, for no answer, and for what is no such answer. Pieces that score 0 are left out.
    """
    found = []
    for piece in answer if isinstance(answer, list) else []:
        numbers = [float(n) for n in piece if isinstance(n, int | float)] if isinstance(piece, list) else []
        if isinstance(piece, list) and len(numbers) == len(piece) in (2, 3):
            start, end, score = (*numbers, 1.0)[:3]
            if score > 0:
                found.append((start, end, score))
    return found


def envelope(answer: JSON) -> tuple[float, float] | None:
    """Return from where to where the intervals of an answer reach; reversed and empty ones are none."""
    pieces = [piece for piece in intervals(answer) if piece[1] > piece[0]]
    return (min(start for start, _, _ in pieces), max(end for _, end, _ in pieces)) if pieces else None


MOST_TOLD = 4
"""Pieces of an answer that are told in words."""


def told_answer(answer: JSON) -> str:
    """Return a grounding or detection answer in words; of scores the highest."""
    if answer is None:
        return "no answer"
    pieces = intervals(answer)
    if not pieces:
        return "normal"
    if any(score < 1 for *_, score in pieces):
        start, end, score = max(pieces, key=lambda piece: piece[2])
        return f"highest score {score:.2f} at {_told(start, end)}"
    told = ", ".join(_told(start, end) for start, end, _ in pieces[:MOST_TOLD])
    return told if len(pieces) <= MOST_TOLD else f"{told} and {len(pieces) - MOST_TOLD} more"


def _told(start: float, end: float) -> str:
    return f"{start:.2f} \u2013 {end:.2f} s" + ("" if end > start else " (no interval)")


def _bar(piece: tuple[float, float, float], horizon: float) -> Bar:
    start, end, score = piece
    low, high = (_percent(seconds, horizon) for seconds in sorted((start, end)))
    width = max(NARROWEST, high - low)
    return Bar(round(min(low, 100 - width), 3), round(width, 3), end > start, round(score, 2))


def _percent(seconds: float, horizon: float) -> float:
    return round(min(100.0, max(0.0, 100 * seconds / horizon)), 3)
