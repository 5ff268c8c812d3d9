"""A figure with a heading, laid out in inches: what every plot stands on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vau_bench.plots.theme import LIGHT, Theme, drawn, text_width
from vau_bench.results import TaskResult

WIDTH = 7.2
MARGIN = 0.12
_TITLE, _NOTE = 11.0, 8.0
_NOTE_LINE = 0.15

Entry = tuple[str, TaskResult]
"""A model by the name that the plot shows, and its result on the one task of the plot."""


class Sheet:
    """A figure of fixed width whose heading takes what it needs; below it, axes are placed in inches.

    Attributes:
        figure: the figure.
        height: inches left below the heading.
    """

    def __init__(self, title: str, note: str, height: float, theme: Theme = LIGHT, width: float = WIDTH) -> None:
        lines = wrapped(note, width - 2 * MARGIN)
        head = MARGIN + 0.24 + _NOTE_LINE * len(lines) + 0.08
        self.theme, self.width, self.height = theme, width, height
        self.total = height + head
        self.figure = Figure(figsize=(width, self.total), dpi=200, facecolor=theme.ground)
        self.text(MARGIN, height + head - MARGIN, title, size=_TITLE, weight="bold", va="top")
        for number, line in enumerate(lines):
            top = height + head - MARGIN - 0.24 - _NOTE_LINE * number
            self.text(MARGIN, top, line, size=_NOTE, color=theme.muted, va="top")

    def text(self, x: float, y: float, text: str, **style: Any) -> None:
        """Write at inches from the lower left corner."""
        self.figure.text(x / self.width, y / self.total, text, **{"color": self.theme.ink, **style})

    def axes(self, left: float, bottom: float, width: float, height: float, **options: Any) -> Axes:
        """Return axes at inches from the lower left corner, in the colours of the theme."""
        frame = (left / self.width, bottom / self.total, width / self.width, height / self.total)
        axes = self.figure.add_axes(frame, **options)
        axes.set_facecolor("none")
        for spine in axes.spines.values():
            spine.set_color(self.theme.line)
        axes.tick_params(colors=self.theme.line, labelcolor=self.theme.muted, labelsize=8)
        return axes

    def keys(self, x: float, y: float, keys: Sequence[tuple[str, Line2D]], size: float = 8.0) -> float:
        """Write a legend in lines from x to the right margin; return how many inches it took downwards from y."""
        place, line = x, 0
        for name, mark in keys:
            wide = 0.26 + text_width(name, size) + 0.2
            if place + wide > self.width - MARGIN + 0.2 and place > x:
                place, line = x, line + 1
            middle = y - 0.18 * line
            mark.set_transform(self.figure.dpi_scale_trans)
            mark.set_data(*_stretched(mark, place, middle))
            self.figure.add_artist(mark)
            self.text(place + 0.26, middle, name, size=size, va="center_baseline")
            place += wide
        return 0.18 * (line + 1)


def key_lines(keys: Sequence[str], x: float, size: float = 8.0, width: float = WIDTH) -> int:
    """Return over how many lines `Sheet.keys` writes."""
    place, lines = x, 1
    for name in keys:
        wide = 0.26 + text_width(name, size) + 0.2
        if place + wide > width - MARGIN + 0.2 and place > x:
            place, lines = x, lines + 1
        place += wide
    return lines


def _stretched(mark: Line2D, x: float, y: float) -> tuple[list[float], list[float]]:
    if mark.get_linestyle() not in ("None", "none", ""):
        return [x, x + 0.08, x + 0.16], [y, y, y]
    return [x + 0.08], [y]


def wrapped(text: str, width: float, size: float = _NOTE) -> list[str]:
    """Return the lines of a text that is to be so many inches wide; a longer word stands alone."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@drawn
def empty(title: str, note: str, theme: Theme = LIGHT) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    sheet = Sheet(title, "", 0.9, theme)
    lines = wrapped(note, WIDTH - 1.0)
    for number, line in enumerate(lines):
        middle = 0.5 + _NOTE_LINE * ((len(lines) - 1) / 2 - number)
        sheet.text(WIDTH / 2, middle, line, ha="center", va="center", color=theme.muted)
    return sheet.figure


def clean(axes: Axes, theme: Theme, *, grid: str = "x") -> None:
    """Leave only what guides the eye: a faint grid along one axis."""
    for side in ("left", "right", "top", "bottom"):
        axes.spines[side].set_visible(grid == "both" and side in ("left", "bottom"))
    axes.grid(axis="both" if grid == "both" else "x" if grid == "x" else "y", color=theme.line, linewidth=0.6)
    axes.tick_params(length=0)


def scaled(value: float, unit: str) -> float:
    """Return a value as it is drawn: fractions in percent."""
    return 100 * value if unit == "%" else value


def axis_title(name: str, unit: str, higher_is_better: bool | None) -> str:
    """Return what stands below an axis that holds a metric."""
    direction = {True: "higher is better", False: "lower is better", None: ""}[higher_is_better]
    told = ", ".join(filter(None, (unit, direction)))
    return f"{name} ({told})" if told else name


def plural(count: int, name: str) -> str:
    """Return a count with its noun."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
