"""What became of the expected samples: one bar a model, always 100 % long."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from vau_bench.plots.sheet import MARGIN, Entry, Sheet, clean, empty, key_lines
from vau_bench.plots.theme import LIGHT, Theme, drawn, legible_name, text_width
from vau_bench.records import Outcome

_ROW, _BAR = 0.26, 0.17


@drawn
def outcome_bars(entries: Sequence[Entry], *, theme: Theme = LIGHT) -> Figure:
    """Draw the outcomes of several models on one task, in the order that is given.

    Args:
        entries: models and their results.
        theme: the colours.
    """
    rows = [(legible_name(name), result) for name, result in entries if result["expected"]]
    if not rows:
        return empty("Outcomes", "No sample was expected.", theme)
    there = [str(o) for o in Outcome if any(r["outcomes"].get(o, 0) for _, r in rows)]
    legend = 0.18 * key_lines(there, MARGIN) + 0.06
    left = MARGIN + max(text_width(name) for name, _ in rows) + 0.12
    counts = [f"{result['expected']:,}" for _, result in rows]
    right = MARGIN + max(text_width(count, 8) for count in counts) + 0.1
    body = _ROW * len(rows)
    task = legible_name(rows[0][1]["task"])
    note = "Share of the expected samples; the number on the right is how many. Only scored samples hold an answer."
    sheet = Sheet(f"Outcomes on {task}", note, body + 0.4 + legend, theme)
    sheet.keys(MARGIN, sheet.height - 0.09, [(o, _square(theme.outcome(o))) for o in there])
    axes = sheet.axes(left, 0.36, sheet.width - left - right, body)
    clean(axes, theme)
    axes.set_xlim(0, 100)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlabel("share (%)", fontsize=8, color=theme.muted, labelpad=2)
    for number, ((name, result), count) in enumerate(zip(rows, counts, strict=True)):
        middle = 0.36 + body - _ROW * (number + 0.5)
        sheet.text(left - 0.08, middle, name, ha="right", va="center_baseline")
        sheet.text(sheet.width - MARGIN, middle, count, ha="right", va="center_baseline", size=8, color=theme.muted)
        start = 0.0
        for outcome in there:
            share = 100 * result["outcomes"].get(outcome, 0) / result["expected"]
            if not share:
                continue
            size = (share, _BAR / _ROW)
            bar = Rectangle((start, number - _BAR / _ROW / 2), *size, color=theme.outcome(outcome), linewidth=0)
            axes.add_patch(bar)
            told = f"{share:.0f}" if share >= 1 else ""
            if told and text_width(told, 7.5) + 0.06 < share / 100 * (sheet.width - left - right):
                axes.text(
                    start + share / 2, number, told, ha="center", va="center_baseline", fontsize=7.5, color="#101010"
                )
            start += share
    return sheet.figure


def _square(colour: str) -> Line2D:
    return Line2D([0], [0], marker="s", markersize=7, color=colour, linestyle="None", markeredgewidth=0)
