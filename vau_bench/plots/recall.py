"""R@tIoU: the share of anomalies that were found, against how well they must be met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vau_bench.metrics.base import FloatArray, Metric, ratio
from vau_bench.plots.forest import FLOOR_PREFIX
from vau_bench.plots.sheet import MARGIN, Sheet, clean, empty, plural
from vau_bench.plots.theme import LIGHT, MARKERS, Theme, drawn, legible_name, text_width
from vau_bench.stats import cluster_codes, estimate_all

THRESHOLDS = tuple(round(0.1 + 0.05 * k, 2) for k in range(17))
MOST = 6
"""Models with a colour and a ribbon; others are thin lines."""

RESAMPLES = 2_000
FLOOR_DASHES = ((0, (4, 2)), (0, (1, 1.6)))
_TITLE = "Recall against the tIoU that counts as found"
_LEFT, _BOTTOM, _HEIGHT = 0.62, 0.46, 3.0


class Scored(Protocol):
    """One sample of a grounding task: its source video, and `tiou` and `anomalous` among its values."""

    @property
    def group(self) -> str: ...  # noqa: D102

    @property
    def values(self) -> Mapping[str, float | None]: ...  # noqa: D102


@dataclass(frozen=True)
class Curve:
    """Recall at `THRESHOLDS`, with 95 % intervals where there are any."""

    values: FloatArray
    low: FloatArray | None = None
    high: FloatArray | None = None


@drawn
def recall_curve(scores: Mapping[str, Sequence[Scored]], *, resamples: int = RESAMPLES, theme: Theme = LIGHT) -> Figure:
    """Draw R@tIoU from 0.1 to 0.9 of several models on one grounding task; blind floors are dashed.

    Args:
        scores: by model, those of normal videos are left out; names that begin with `floors/` are blind.
        resamples: of the bootstrap behind the ribbons; 0 leaves them out.
        theme: the colours.
    """
    found = {name: anomalous for name, own in scores.items() if (anomalous := _anomalous(own))}
    if not found:
        return empty(_TITLE, "No sample with a true interval was scored.", theme)
    ranked = sorted(found, key=lambda name: (-_mean_tiou(found[name]), name))
    models = [name for name in ranked if not name.startswith(FLOOR_PREFIX)]
    floors = [name for name in ranked if name.startswith(FLOOR_PREFIX) and _mean_tiou(found[name]) > 0][:2]
    named = models[:MOST]
    right = MARGIN + max(text_width(legible_name(name, 26), 8.5) for name in (*named, *floors)) + 0.36
    sheet = Sheet(_TITLE, _note(found[ranked[0]], models, floors), _BOTTOM + _HEIGHT + 0.1, theme)
    axes = _axes(sheet, sheet.width - _LEFT - right, theme)
    for name in reversed(models[MOST:]):
        axes.plot(THRESHOLDS, 100 * curve(found[name], 0).values, color=theme.line, linewidth=1, zorder=1)
    for number, name in reversed(list(enumerate(named))):
        _draw(axes, number, curve(found[name], resamples), theme)
    for number, name in enumerate(floors):
        line: dict[str, Any] = {"color": theme.floor, "linewidth": 1.4, "linestyle": FLOOR_DASHES[number]}
        axes.plot(THRESHOLDS, 100 * curve(found[name], 0).values, zorder=3, **line)
    axes.set_ylim(0, max(5.0, min(100.0, axes.get_ylim()[1])))
    _names(sheet, sheet.width - right + 0.14, [n for n in ranked if n in named or n in floors], named, floors, theme)
    return sheet.figure


def curve(scores: Sequence[Scored], resamples: int = RESAMPLES) -> Curve:
    """Return the recall of one model over samples that all have a true interval."""
    values = np.array([s.values["tiou"] or 0.0 for s in scores], dtype=np.float64)
    hits = (values[:, None] >= np.array(THRESHOLDS)).astype(np.float64)
    point = hits.mean(axis=0)
    if not resamples:
        return Curve(point)
    metrics = [Metric(f"recall@{t:g}", "", lambda columns: columns["hit"][:, None], ratio) for t in THRESHOLDS]
    contributions = [np.column_stack([hits[:, k], np.ones(len(hits))]) for k in range(len(THRESHOLDS))]
    codes = cluster_codes([s.group for s in scores])
    estimates = estimate_all(metrics, contributions, codes, resamples=resamples)
    ends = [(e.low, e.high) for e in estimates if e.low is not None and e.high is not None]
    if len(ends) < len(THRESHOLDS):
        return Curve(point)
    low, high = np.array(ends, dtype=np.float64).T
    return Curve(point, low, high)


def _axes(sheet: Sheet, width: float, theme: Theme) -> Axes:
    axes = sheet.axes(_LEFT, _BOTTOM, width, _HEIGHT)
    clean(axes, theme, grid="both")
    axes.set_xlim(0.1, 0.9)
    axes.set_xticks([k / 10 for k in range(1, 10)])
    axes.set_xlabel("tIoU of at least", fontsize=8, color=theme.muted)
    axes.set_ylabel("share of anomalies found (%)", fontsize=8, color=theme.muted)
    return axes


def _names(
    sheet: Sheet, x: float, ranked: Sequence[str], named: Sequence[str], floors: Sequence[str], theme: Theme
) -> None:
    """Name the curves from the highest mean tIoU down: where they end, they lie too close."""
    for place, name in enumerate(ranked):
        if name in named:
            number = named.index(name)
            mark = Line2D([], [], color=theme.series[number], linewidth=1.8, marker=MARKERS[number], markersize=4)
        else:
            mark = Line2D([], [], color=theme.floor, linewidth=1.4, linestyle=FLOOR_DASHES[floors.index(name)])
        sheet.keys(x, _BOTTOM + _HEIGHT - 0.08 - 0.19 * place, [(legible_name(name, 26), mark)], size=8.5)


def _draw(axes: Axes, number: int, drawn_curve: Curve, theme: Theme) -> None:
    colour, values = theme.series[number], 100 * drawn_curve.values
    if drawn_curve.low is not None and drawn_curve.high is not None:
        ribbon = (100 * drawn_curve.low, 100 * drawn_curve.high)
        axes.fill_between(THRESHOLDS, *ribbon, color=colour, alpha=0.14, linewidth=0, zorder=2)
    axes.plot(
        THRESHOLDS, values, color=colour, linewidth=1.8, marker=MARKERS[number], markevery=2, markersize=4, zorder=4
    )


def _note(first: Sequence[Scored], models: Sequence[str], floors: Sequence[str]) -> str:
    parts = [f"{plural(len(first), 'anomalous video')}. Ribbons: 95% intervals, clustered by source video."]
    if floors:
        parts.append("Dashed: blind floors.")
    if len(models) > MOST:
        parts.append(f"Thin lines: the other {plural(len(models) - MOST, 'model')}.")
    return " ".join(parts)


def _mean_tiou(scores: Sequence[Scored]) -> float:
    return float(np.mean([s.values["tiou"] or 0.0 for s in scores]))


def _anomalous(scores: Sequence[Scored]) -> list[Scored]:
    return [s for s in scores if s.values.get("anomalous") == 1.0 and s.values.get("tiou") is not None]
