"""What a score costs: the headline against seconds and tokens an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from vau_bench.plots.labels import apart
from vau_bench.plots.sheet import Sheet, axis_title, clean, empty, scaled
from vau_bench.plots.theme import LIGHT, Theme, drawn, legible_name, text_width
from vau_bench.results import MetricResult

_TITLE = "Score against cost"
_LEFT, _RIGHT, _BOTTOM, _HEIGHT = 0.6, 0.3, 0.48, 2.7


@dataclass(frozen=True)
class Priced:
    """A model's headline on one task, and what an answer cost on average.

    Attributes:
        seconds: of wall time; `tokens` of prompt and answer; `None` where not recorded.
    """

    name: str
    metric: MetricResult
    seconds: float | None = None
    tokens: float | None = None


@drawn
def score_against_cost(models: Sequence[Priced], *, theme: Theme = LIGHT) -> Figure:
    """Draw the headline against seconds and against tokens an answer; the line joins what nothing cheaper beats.

    Args:
        models: on one task.
        theme: the colours.
    """
    kinds = [
        (label, [(m, x) for m in models if (x := getattr(m, name)) and m.metric["value"] is not None])
        for name, label in (("seconds", "seconds an answer"), ("tokens", "tokens an answer"))
    ]
    kinds = [(label, points) for label, points in kinds if points]
    if not kinds:
        return empty(_TITLE, "No model recorded what its answers cost.", theme)
    shape = kinds[0][1][0][0].metric
    note = (
        "Each axis of cost is logarithmic. Vertical lines: 95% intervals, clustered by source video. The stepped line "
        "joins the models that no cheaper one beats. Seconds are those of the machine that measured."
    )
    sheet = Sheet(_TITLE, note, _BOTTOM + _HEIGHT + 0.1, theme)
    gap = 0.3
    width = (sheet.width - _LEFT - _RIGHT - gap * (len(kinds) - 1)) / len(kinds)
    first: Axes | None = None
    for number, (label, points) in enumerate(kinds):
        axes = sheet.axes(_LEFT + number * (width + gap), _BOTTOM, width, _HEIGHT, sharey=first)
        clean(axes, theme, grid="both")
        axes.set_xlabel(label, fontsize=8, color=theme.muted)
        if first is None:
            axes.set_ylabel(
                axis_title("score", shape["unit"], shape["higher_is_better"]), fontsize=8, color=theme.muted
            )
        else:
            axes.tick_params(labelleft=False)
        _points(axes, points, width, theme)
        first = first or axes
    for axes, (_, points) in zip(sheet.figure.axes, kinds, strict=True):
        _names(axes, points, width, theme)
    return sheet.figure


def _points(axes: Axes, points: Sequence[tuple[Priced, float]], width: float, theme: Theme) -> None:
    axes.set_xscale("log")
    costs = [x for _, x in points]
    low, high = min(costs), max(costs)
    reach = max(high / low, 4.0)
    # The right side is left free for names.
    axes.set_xlim(low / reach**0.12, low * reach ** (1.12 + 1.0 / width))
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}" if x >= 10 else f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    front = _front(points)
    axes.plot(*zip(*front, strict=True), color=theme.floor, linewidth=1.1, drawstyle="steps-post", zorder=1)
    for model, cost in points:
        metric = model.metric
        if metric["low"] is not None and metric["high"] is not None:
            ends = [scaled(metric["low"], metric["unit"]), scaled(metric["high"], metric["unit"])]
            axes.plot([cost, cost], ends, color=theme.series[0], linewidth=1.4, zorder=2)
        axes.plot([cost], [_value(model)], marker="o", markersize=6, color=theme.series[0], zorder=4)


def _names(axes: Axes, points: Sequence[tuple[Priced, float]], width: float, theme: Theme) -> None:
    """Write the names beside their points; those that would collide are moved apart along the score."""
    low, high = axes.get_ylim()
    ordered = sorted(points, key=lambda p: (_value(p[0]), p[0].name))
    lift = 0.085 / _HEIGHT * (high - low)  # clear of the line that starts at the point
    places = apart([_value(m) for m, _ in ordered], (low, high), 0.15 / _HEIGHT * (high - low))
    left, right = axes.get_xlim()
    for (model, cost), place in zip(ordered, places, strict=True):
        name = legible_name(model.name, 24)
        moved = abs(place - _value(model)) > 0.02 * (high - low)
        step = (right / left) ** (0.07 / width)
        room = (right / (cost * step)) if cost * step < right else 1.0
        fits = text_width(name, 8) < width * _log_share(room, right / left)
        axes.annotate(
            name,
            (cost, _value(model)),
            xytext=(cost * step if fits else cost / step, place + lift),
            ha="left" if fits else "right",
            va="center",
            fontsize=8,
            color=theme.ink,
            annotation_clip=False,
            zorder=2.5,
            arrowprops={"arrowstyle": "-", "color": theme.floor, "linewidth": 0.6} if moved else None,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": theme.ground, "edgecolor": "none", "alpha": 0.8},
        )
    axes.set_ylim(low, high)


def _log_share(part: float, whole: float) -> float:
    from math import log

    return log(part) / log(whole) if whole > 1 and part > 0 else 0.0


def _value(model: Priced) -> float:
    value = model.metric["value"]
    assert value is not None
    return scaled(value, model.metric["unit"])


def _front(points: Sequence[tuple[Priced, float]]) -> list[tuple[float, float]]:
    """Return cost and score of the models that no cheaper one equals."""
    better = -1.0 if points[0][0].metric["higher_is_better"] is False else 1.0
    front: list[tuple[float, float]] = []
    for cost, value in sorted((x, _value(m)) for m, x in points):
        if not front or better * value > better * front[-1][1]:
            front.append((cost, value))
    return front
