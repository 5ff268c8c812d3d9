"""Forest plot: every model's value with its interval, beside what never looked at a video."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vau_bench.plots.sheet import MARGIN, Entry, Sheet, axis_title, clean, empty, scaled
from vau_bench.plots.theme import LIGHT, Theme, drawn, legible_name, text_width
from vau_bench.report.wording import told, told_interval
from vau_bench.results import MetricResult, TaskResult

FLOOR_PREFIX = "floors/"
_ROW, _STRIP, _BOTTOM = 0.23, 0.14, 0.42


@dataclass(frozen=True)
class Line:
    """One row: a measured model, or a floor, which may have no interval."""

    name: str
    value: float
    low: float | None
    high: float | None
    told: str
    floor: bool


@drawn
def forest_plot(entries: Sequence[Entry], metric: str | None = None, *, theme: Theme = LIGHT) -> Figure:
    """Draw one metric of several models on one task, the best on top.

    The interval of a filled mark is better than the best blind floor, that of a hollow one is not. The band reaches
    from the best model as far as the MDE: what lies in it cannot be told from the best by two independent runs.

    Args:
        entries: models and their results on one task.
        metric: its name; default: the headline of the task.
        theme: the colours.
    """
    name = metric or (entries[0][1]["headline"] if entries else "")
    lines = forest_lines(entries, name)
    if not lines:
        return empty(f"{name or 'Forest plot'}", "No model has a value for this metric.", theme)
    first = next(result for _, result in entries if name in result["metrics"])
    shape = first["metrics"][name]
    left = MARGIN + max(text_width(line.name) for line in lines) + 0.16
    right = MARGIN + max(text_width(line.told, 8) for line in lines) + 0.1
    body = _ROW * len(lines)
    floor = next((line for line in lines if line.floor and shape["higher_is_better"] is not None), None)
    above = 0.2 if floor else 0.05
    height = body + _STRIP
    sheet = Sheet(_title(first, name), _note(first, shape, floor), height + _BOTTOM + above, theme)
    axes = sheet.axes(left, _BOTTOM, sheet.width - left - right, height)
    clean(axes, theme)
    axes.set_ylim(len(lines) - 0.5 + _STRIP / _ROW, -0.5)  # below the rows: room to name the band
    axes.set_yticks([])
    axes.set_xlim(*_limits(lines, shape))
    axes.set_xlabel(
        axis_title(name, shape["unit"], shape["higher_is_better"]), fontsize=8, color=theme.muted, labelpad=3
    )
    _band(axes, lines, entries, shape, theme, name)
    if floor:
        _floor_line(axes, floor.name, scaled(floor.value, shape["unit"]), theme)
    for number, line in enumerate(lines):
        middle = _BOTTOM + height - _ROW * (number + 0.5)
        colour = theme.muted if line.floor else theme.ink
        sheet.text(left - 0.1, middle, line.name, ha="right", va="center_baseline", color=colour)
        sheet.text(sheet.width - MARGIN, middle, line.told, ha="right", va="center_baseline", size=8, color=colour)
        _mark(axes, number, line, shape, floor.value if floor else None, theme)
    return sheet.figure


def forest_lines(entries: Sequence[Entry], metric: str) -> list[Line]:
    """Return the rows, the best first: the models, and the floors that no entry measured."""
    lines = []
    measured = {name for name, _ in entries}
    better: bool | None = None
    for name, result in entries:
        found = result["metrics"].get(metric)
        if found is None or found["value"] is None:
            continue
        better = found["higher_is_better"]
        text = f"{told(found['value'], found['unit'])} {told_interval(found)}".rstrip()
        shown = legible_name(name)
        lines.append(Line(shown, found["value"], found["low"], found["high"], text, name.startswith(FLOOR_PREFIX)))
    if lines:
        lines += _unmeasured_floors([result for _, result in entries], metric, measured)
    return sorted(lines, key=lambda line: (-line.value if better is not False else line.value, line.name))


def _unmeasured_floors(results: Iterable[TaskResult], metric: str, measured: set[str]) -> list[Line]:
    found: dict[str, Line] = {}
    for result in results:
        for name, floor in result["floors"].items():
            value, full = floor["metrics"].get(metric), FLOOR_PREFIX + name
            if value is not None and full not in measured and full not in found and metric in result["metrics"]:
                text = told(value, result["metrics"][metric]["unit"])
                found[full] = Line(legible_name(full), value, None, None, text, True)
    return list(found.values())


def _title(result: TaskResult, metric: str) -> str:
    return legible_name(f"{metric} on {result['task']}, {result['style']}", 70)


def _note(result: TaskResult, shape: MetricResult, floor: Line | None) -> str:
    told_n = f"n = {shape['n']:,} of {result['expected']:,} samples, {shape['clusters']:,} source videos"
    filled = " Filled: better than the best blind floor beyond the interval." if floor else ""
    return f"{told_n}. Lines: 95% intervals, clustered by source video.{filled}"


def _limits(lines: Sequence[Line], shape: MetricResult) -> tuple[float, float]:
    unit = shape["unit"]
    values = [scaled(v, unit) for line in lines for v in (line.value, line.low, line.high) if v is not None]
    low, high = min(values), max(values)
    pad = 0.06 * (high - low) or max(1.0, 0.1 * abs(high))
    if unit == "%" and low >= 0 and high <= 100:
        return max(-0.012 * (high - low + 2 * pad), low - pad), min(100 + 0.012 * (high - low + 2 * pad), high + pad)
    return low - pad, high + pad


def _band(
    axes: Axes, lines: Sequence[Line], entries: Sequence[Entry], shape: MetricResult, theme: Theme, metric: str
) -> None:
    """Shade what lies within the MDE of the best model; that of the noisiest row, as the tables tell it."""
    models = [line for line in lines if not line.floor]
    found = [r["metrics"][metric]["mde"] for _, r in entries if metric in r["metrics"]]
    mde = max((m for m in found if m is not None and math.isfinite(m)), default=None)
    if not models or mde is None:
        return
    value, reach = scaled(models[0].value, shape["unit"]), scaled(mde, shape["unit"])
    other = value - reach if shape["higher_is_better"] is not False else value + reach
    axes.axvspan(min(value, other), max(value, other), color=theme.band, linewidth=0, zorder=0)
    low, high = axes.get_xlim()
    middle = (max(low, min(value, other)) + min(high, max(value, other))) / 2
    axes.annotate(
        f"MDE {told(mde, shape['unit'])}",
        (middle, 0),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 2),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7,
        color=theme.muted,
        bbox={"boxstyle": "square,pad=0.1", "facecolor": theme.band, "edgecolor": "none"},
    )


def _floor_line(axes: Axes, name: str, value: float, theme: Theme) -> None:
    axes.axvline(value, color=theme.floor, linewidth=1, linestyle=(0, (4, 2)), zorder=1)
    low, high = axes.get_xlim()
    share = (value - low) / (high - low)
    align = "left" if share < 0.2 else "right" if share > 0.8 else "center"
    axes.annotate(
        f"best floor: {name.removeprefix(FLOOR_PREFIX)}",
        (value, 1),
        xycoords=axes.get_xaxis_transform(),
        xytext=(0, 3),
        textcoords="offset points",
        ha=align,
        va="bottom",
        fontsize=7.5,
        color=theme.muted,
    )


def _mark(axes: Axes, row: int, line: Line, shape: MetricResult, floor: float | None, theme: Theme) -> None:
    unit = shape["unit"]
    colour = theme.floor if line.floor else theme.series[0]
    worst = line.high if shape["higher_is_better"] is False else line.low
    better = floor is None or (worst is not None and (worst > floor) == (shape["higher_is_better"] is not False))
    if line.low is not None and line.high is not None:
        axes.plot([scaled(line.low, unit), scaled(line.high, unit)], [row, row], color=colour, linewidth=1.6, zorder=2)
    axes.plot(
        [scaled(line.value, unit)],
        [row],
        marker="D" if line.floor else "o",
        markersize=4.5 if line.floor else 6,
        markerfacecolor=colour if better and not line.floor else theme.ground,
        markeredgecolor=colour,
        markeredgewidth=1.4,
        linestyle="none",
        zorder=3,
    )
