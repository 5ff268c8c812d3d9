"""What judges say about explanations: each dimension with its interval, models side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vau_bench.plots.sheet import MARGIN, Sheet, clean, empty, wrapped
from vau_bench.plots.theme import LIGHT, Theme, drawn, legible_name, text_width

_TITLE = "Judged explanations"
_ROW = 0.24
TOTAL = "total"


@dataclass(frozen=True)
class Judged:
    """One row: a model as one judge scores it.

    Attributes:
        scores: by dimension, and `total`: value, low and high.
        highest: of the total; the dimensions go to `highest` over their number.
    """

    name: str
    scores: Mapping[str, tuple[float, float | None, float | None]]
    highest: float
    judged: int
    expected: int


@drawn
def judge_panel(judgements: Sequence[tuple[str, Mapping[str, Any]]], *, theme: Theme = LIGHT) -> Figure:
    """Draw the mean scores of several models by dimension, with 95 % intervals.

    Args:
        judgements: models, each with an element of `judges` of `vau_bench.judge.summary.judge_summary`.
        theme: the colours.
    """
    rows = [row for name, judgement in judgements if (row := _row(name, judgement)) is not None]
    if not rows:
        return empty(_TITLE, "No explanation was judged.", theme)
    rows.sort(key=lambda row: (-row.scores[TOTAL][0], row.name))
    dimensions = list(dict.fromkeys(d for row in rows for d in row.scores if d != TOTAL))
    left = MARGIN + max(text_width(row.name) for row in rows) + 0.16
    body = _ROW * len(rows)
    gap = 0.18
    count = len(dimensions) + 1
    width = (7.2 - left - MARGIN - 0.05 - gap * (count - 1)) / count
    judges = sorted({str(judgement.get("judge", "")) for _, judgement in judgements})
    note = (
        f"Mean scores by {', '.join(legible_name(j) for j in judges)}; 95% intervals, clustered by source video, over "
        f"the judged answers: {'; '.join(_told_counts(rows))}."
    )
    limits, totals = _limits(rows, dimensions, 1), _limits(rows, [TOTAL], 5)
    headings = [wrapped(legible_name(d.replace("_", " "), 60), width, 7.5) for d in (*dimensions, TOTAL)]
    sheet = Sheet(_TITLE, note, body + 0.34 + 0.1 + 0.13 * max(map(len, headings)), theme)
    for number, row in enumerate(rows):
        middle = 0.34 + body - _ROW * (number + 0.5)
        sheet.text(left - 0.1, middle, row.name, ha="right", va="center_baseline")
    for place, dimension in enumerate([*dimensions, TOTAL]):
        x = left + place * (width + gap)
        axes = sheet.axes(x, 0.34, width, body)
        for line, part in enumerate(reversed(headings[place])):
            weight = "bold" if dimension == TOTAL else "normal"
            sheet.text(x, 0.34 + body + 0.08 + 0.13 * line, part, size=7.5, weight=weight)
        _dimension(axes, rows, dimension, totals if dimension == TOTAL else limits, theme)
    return sheet.figure


def _dimension(axes: Axes, rows: Sequence[Judged], dimension: str, limits: tuple[float, float], theme: Theme) -> None:
    clean(axes, theme)
    axes.set_xlim(*limits)
    axes.set_xticks(limits)
    axes.set_xticklabels([f"{end:g}" for end in limits])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    colour = theme.series[1] if dimension == TOTAL else theme.series[0]
    for number, row in enumerate(rows):
        if dimension not in row.scores:
            continue
        value, low, high = row.scores[dimension]
        if low is not None and high is not None:
            axes.plot([low, high], [number, number], color=colour, linewidth=1.6)
        axes.plot([value], [number], marker="o", markersize=5, color=colour, clip_on=False)


def _limits(rows: Sequence[Judged], dimensions: Sequence[str], step: int) -> tuple[float, float]:
    """Return the multiples of a step between which all intervals lie: one scale for all dimensions."""
    ends = [end for row in rows for d in dimensions if d in row.scores for end in row.scores[d] if end is not None]
    low, high = (math.floor(min(ends) / step), math.ceil(max(ends) / step)) if ends else (0, 1)
    return float(step * low), float(step * max(high, low + 1))


def _row(name: str, judgement: Mapping[str, Any]) -> Judged | None:
    estimates = {**judgement.get("dimensions", {}), TOTAL: judgement.get("total") or {}}
    if estimates[TOTAL].get("value") is None:
        return None
    scores = {
        key: (float(e["value"]), e.get("low"), e.get("high"))
        for key, e in estimates.items()
        if e.get("value") is not None
    }
    highest = float(judgement.get("highest") or 50)
    return Judged(legible_name(name), scores, highest, int(judgement["judged"]), int(judgement["expected"]))


def _told_counts(rows: Sequence[Judged]) -> list[str]:
    counts = {(row.judged, row.expected) for row in rows}
    if len(counts) == 1:
        return [f"{rows[0].judged:,} of {rows[0].expected:,}"]
    return [f"{row.name} {row.judged:,} of {row.expected:,}" for row in rows]
