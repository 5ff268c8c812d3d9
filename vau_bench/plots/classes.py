"""The headline by true class: dots with n, and the radar for those who want it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vau_bench.plots.sheet import MARGIN, Entry, Sheet, axis_title, clean, empty, key_lines, plural, scaled
from vau_bench.plots.theme import LIGHT, MARKERS, Theme, drawn, legible_name, text_width

MOST = 6
"""Models that are drawn: the best by the headline."""

FEW = 10
"""A class with fewer samples says little about itself."""

_ROW = 0.22


@drawn
def class_dots(entries: Sequence[Entry], *, theme: Theme = LIGHT) -> Figure:
    """Draw the headline by true class, the class with the most samples on top.

    Args:
        entries: models and their results on one task.
        theme: the colours.
    """
    chosen = _best(entries)
    classes = _classes(chosen)
    if not classes:
        return empty("By class", "No class has a value.", theme)
    result = chosen[0][1]
    shape = result["metrics"][result["headline"]]
    names = [legible_name(name, 30) for name, _ in chosen]
    legend = 0.18 * key_lines(names, MARGIN) + 0.06
    labels = [f"{legible_name(name, 26)}  {n}" for name, n in classes]
    left = MARGIN + max(map(text_width, labels)) + 0.16
    body = _ROW * len(classes)
    sheet = Sheet(
        f"{result['headline']} by class on {legible_name(result['task'])}",
        _note(entries, classes),
        body + 0.48 + legend,
        theme,
    )
    sheet.keys(MARGIN, sheet.height - 0.09, [(n, _mark(k, theme)) for k, n in enumerate(names)])
    axes = sheet.axes(left, 0.44, sheet.width - left - MARGIN - 0.1, body)
    clean(axes, theme)
    axes.set_ylim(len(classes) - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlabel(axis_title("value", shape["unit"], shape["higher_is_better"]), fontsize=8, color=theme.muted)
    if shape["unit"] == "%":
        axes.set_xlim(-2, 102)
    for row, (name, n) in enumerate(classes):
        colour = theme.ink if n >= FEW else theme.muted
        middle = 0.44 + body - _ROW * (row + 0.5)
        wide = text_width(f"  {n}")
        sheet.text(left - 0.1 - wide, middle, legible_name(name, 26), ha="right", va="center_baseline", color=colour)
        sheet.text(left - 0.1, middle, str(n), ha="right", va="center_baseline", size=8, color=theme.muted)
        values = [(k, r["classes"][name]["value"]) for k, (_, r) in enumerate(chosen) if name in r["classes"]]
        known = [(k, scaled(float(v), shape["unit"])) for k, v in values if v is not None]
        if len(known) > 1:
            ends = [v for _, v in known]
            axes.plot([min(ends), max(ends)], [row, row], color=theme.line, linewidth=1.4, zorder=1)
        for k, value in reversed(known):
            mark = _mark(k, theme, hollow=n < FEW)
            mark.set_data([value], [row])
            mark.set_zorder(4 - k / 10)
            axes.add_line(mark)
    if shape["unit"] != "%":
        axes.relim()
        axes.autoscale(axis="x")
    return sheet.figure


@drawn
def class_radar(entries: Sequence[Entry], *, theme: Theme = LIGHT) -> Figure:
    """Draw the headline by true class as a radar; dots on a line are read more surely (`class_dots`).

    Args:
        entries: models and their results on one task.
        theme: the colours.
    """
    chosen = _best(entries)
    classes = _classes(chosen)
    if len(classes) < 3:
        return empty("By class", "A radar needs three classes with a value.", theme)
    result = chosen[0][1]
    shape = result["metrics"][result["headline"]]
    names = [legible_name(name, 30) for name, _ in chosen]
    legend = 0.18 * key_lines(names, MARGIN) + 0.06
    title = f"{result['headline']} by class on {legible_name(result['task'])}"
    sheet = Sheet(title, _note(entries, classes), 4.75 + legend, theme)
    sheet.keys(MARGIN, sheet.height - 0.09, [(n, _mark(k, theme)) for k, n in enumerate(names)])
    axes = sheet.axes((sheet.width - 3.7) / 2, 0.45, 3.7, 3.7, projection="polar")
    turns = [2 * math.pi * k / len(classes) for k in range(len(classes))]
    axes.set_theta_offset(math.pi / 2)  # type: ignore[attr-defined]
    axes.set_theta_direction(-1)  # type: ignore[attr-defined]
    axes.grid(color=theme.line, linewidth=0.6)
    axes.set_xticks(turns, [])
    for turn, (name, n) in zip(turns, classes, strict=True):
        side = "center" if abs(math.sin(turn)) < 0.05 else "left" if math.sin(turn) > 0 else "right"
        axes.annotate(
            f"{legible_name(name, 20)} ({n})",
            (turn, 1.0),
            xycoords=axes.get_xaxis_transform(),
            xytext=(8 * math.sin(turn), 8 * math.cos(turn)),
            textcoords="offset points",
            ha=side,
            va="center" if abs(math.cos(turn)) < 0.9 else "bottom" if math.cos(turn) > 0 else "top",
            fontsize=8,
            color=theme.ink if n >= FEW else theme.muted,
            annotation_clip=False,
        )
    top = 100.0 if shape["unit"] == "%" else None
    for k, (_, own) in enumerate(chosen):
        values = [scaled(float(own["classes"].get(c, {}).get("value") or 0.0), shape["unit"]) for c, _ in classes]
        mark: dict[str, Any] = {"marker": MARKERS[k], "markersize": 4, "color": theme.series[k]}
        axes.plot([*turns, turns[0]], [*values, values[0]], linewidth=1.5, **mark)
        axes.fill(turns, values, color=theme.series[k], alpha=0.06, linewidth=0)
    axes.set_ylim(0, top)
    axes.tick_params(axis="y", labelsize=7)
    return sheet.figure


def _best(entries: Sequence[Entry]) -> list[Entry]:
    """Return the models with the best headline, at most as many as there are colours."""

    def order(entry: Entry) -> tuple[float, str]:
        metric = entry[1]["metrics"][entry[1]["headline"]]
        value = metric["value"]
        sign = 1.0 if metric["higher_is_better"] is False else -1.0
        return (math.inf if value is None else sign * value, entry[0])

    return sorted(entries, key=order)[:MOST]


def _classes(entries: Sequence[Entry]) -> list[tuple[str, int]]:
    """Return the classes with a value and their samples, the largest first."""
    counts: dict[str, int] = {}
    for _, result in entries:
        for name, row in result["classes"].items():
            if row["value"] is not None:
                counts[name] = max(counts.get(name, 0), int(row["n"] or 0))
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _mark(number: int, theme: Theme, *, hollow: bool = False) -> Line2D:
    colour = theme.series[number]
    face = theme.ground if hollow else colour
    style: dict[str, Any] = {"marker": MARKERS[number], "markersize": 6, "markeredgewidth": 1.3, "linestyle": "None"}
    return Line2D([0], [0], color=colour, markerfacecolor=face, markeredgecolor=colour, **style)


def _note(entries: Sequence[Entry], classes: Sequence[tuple[str, int]]) -> str:
    parts = ["The number beside a class is n."]
    if any(n < FEW for _, n in classes):
        parts.append(f"Hollow: fewer than {FEW} samples.")
    if len(entries) > MOST:
        parts.append(f"The best {MOST} of {plural(len(entries), 'model')} are drawn.")
    return " ".join(parts)
