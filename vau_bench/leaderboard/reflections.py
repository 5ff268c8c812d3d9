"""What reflections did to the answers of a ranking: the first answer against the revised one, for the tables."""

from __future__ import annotations

from typing import NamedTuple

from vau_bench.leaderboard.ranking import Ranking, labels_of
from vau_bench.report.wording import told, told_interval
from vau_bench.results import MetricResult, ReflectionResult

ABOUT = (
    "Over the pairs: samples with a readable first answer and a reflection. Right is a worth of at least one half. "
    "Net gain is what was repaired less what was broken, as a share of the pairs."
)
GRADED = "Graded gain is the mean change of the worth, for intervals of their tIoU."


class Reflected(NamedTuple):
    """One row.

    Attributes:
        model: its name, with the run where it has several.
        pairs: samples with a first and a revised answer, of `expected`.
        first: share of the pairs whose first answer is right; `revised` of those whose revised one is.
        gain: net gain with its interval; `graded` gain likewise; as texts.
    """

    model: str
    pairs: int
    expected: int
    first: float
    revised: float
    repaired: int
    broken: int
    gain: str
    graded: str


def reflected(ranking: Ranking) -> list[Reflected]:
    """Return the rows of the members that reflected, the best first."""
    members = zip(labels_of(ranking), ranking.members, strict=True)
    found = [(name, member.task.get("reflection"), member.task["expected"]) for name, member in members]
    return [_row(name, own, expected) for name, own, expected in found if own and own["pairs"]]


def _row(name: str, reflection: ReflectionResult, expected: int) -> Reflected:
    cells, pairs = reflection["cells"], reflection["pairs"]
    return Reflected(
        model=name,
        pairs=pairs,
        expected=expected,
        first=(cells["kept_right"] + cells["broken"]) / pairs,
        revised=(cells["kept_right"] + cells["repaired"]) / pairs,
        repaired=cells["repaired"],
        broken=cells["broken"],
        gain=told_gain(reflection["metrics"].get("net_gain")),
        graded=told_gain(reflection["metrics"].get("graded_gain")),
    )


def told_gain(metric: MetricResult | None) -> str:
    """Return `+3.1 [0.4, 5.8]`, `-` where there is none."""
    if metric is None or metric["value"] is None:
        return "-"
    sign = "+" if metric["value"] > 0 else ""
    return f"{sign}{told(metric['value'], metric['unit'])} {told_interval(metric)}".rstrip()


def is_graded(rows: list[Reflected]) -> bool:
    """Tell whether the graded gain says more than the net gain: where answers are more than right or wrong."""
    return any(row.graded != row.gain for row in rows)
