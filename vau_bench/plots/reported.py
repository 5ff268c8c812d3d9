"""Grounding figures that papers report, beside an interval that never looked at a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vau_bench.plots.sheet import MARGIN, Sheet, clean, empty
from vau_bench.plots.theme import LIGHT, Theme, drawn, legible_name, text_width

_TITLE = "Reported grounding beside one constant interval"
_ROW, _GAP = 0.2, 0.42
STYLES: Mapping[str | None, tuple[str, int]] = {
    "direct": ("o", 0),
    "think": ("s", 1),
    "reflect": ("^", 2),
    None: ("D", 3),
}
"""Mark and colour by prompt style."""


class Constant(NamedTuple):
    """One interval, the same for every video, chosen to fit a test set: seconds, and its mIoU in percent."""

    start: float
    end: float
    miou: float


CONSTANT_INTERVALS = {
    "MSAD": Constant(1, 12, 41.92),
    "UCF-Crime": Constant(4, 40, 14.19),
    "ECVA": Constant(0, 50, 35.08),
}
"""Computed from the released test files of VAU-Bench (tests/kinds/test_released_files.py holds them to it)."""


@dataclass(frozen=True)
class Reported:
    """A mIoU in percent, as a paper tells it.

    Attributes:
        style: `direct`, `think`, `reflect`, or `None` where it is not told.
    """

    model: str
    dataset: str
    style: str | None
    miou: float


@drawn
def reported_beside_floor(
    figures: Sequence[Reported], floors: Mapping[str, Constant] = CONSTANT_INTERVALS, *, theme: Theme = LIGHT
) -> Figure:
    """Draw reported mIoU by dataset, with the line that a constant interval reaches.

    Args:
        figures: of the datasets that have a floor; others are left out.
        floors: by dataset.
        theme: the colours.
    """
    datasets = [d for d in floors if any(f.dataset == d for f in figures)]
    if not datasets:
        return empty(_TITLE, "No figure is reported for a dataset with a known floor.", theme)
    models = _models([f for f in figures if f.dataset in datasets])
    names = [legible_name(model, 30) for model in models]
    left = MARGIN + max(map(text_width, names)) + 0.14
    body = _ROW * len(models)
    width = (7.2 - left - MARGIN - 0.12 - 0.25 * (len(datasets) - 1)) / len(datasets)
    below = sum(f.miou < floors[f.dataset].miou for f in figures if f.dataset in datasets)
    total = sum(f.dataset in datasets for f in figures)
    note = (
        "mIoU (%) over the anomalous videos with a known time, as papers report it. Vertical line: one interval, the "
        f"same for every video, chosen to fit the test set. {below} of {total} figures lie below it (hollow)."
    )
    sheet = Sheet(_TITLE, note, body + 0.34 + 0.5 + 0.24, theme)
    used = [style for style in STYLES if any(f.style == style for f in figures)]
    sheet.keys(MARGIN, sheet.height - 0.08, [(style or "style not told", _mark(style, theme)) for style in used])
    for number, name in enumerate(names):
        sheet.text(left - 0.1, 0.34 + body - _ROW * (number + 0.5), name, ha="right", va="center_baseline", size=8.5)
    for place, dataset in enumerate(datasets):
        x = left + place * (width + 0.25)
        axes = sheet.axes(x, 0.34, width, body)
        floor = floors[dataset]
        sheet.text(x, 0.34 + body + 0.27, legible_name(dataset), weight="bold", size=9)
        told = f"[{floor.start:g}, {floor.end:g}] s: {floor.miou:.1f}"
        sheet.text(x, 0.34 + body + 0.1, told, size=8, color=theme.muted)
        _panel(axes, models, [f for f in figures if f.dataset == dataset], floor, theme)
    return sheet.figure


def _panel(axes: Axes, models: Sequence[str], figures: Sequence[Reported], floor: Constant, theme: Theme) -> None:
    clean(axes, theme)
    axes.set_xlim(-1.5, 51.5)
    axes.set_xticks([0, 10, 20, 30, 40, 50])
    axes.set_ylim(len(models) - 0.5, -0.5)
    axes.set_yticks([])
    axes.axvspan(-1.5, floor.miou, color=theme.band, linewidth=0, zorder=0)
    axes.axvline(floor.miou, color=theme.muted, linewidth=1.4, zorder=1)
    for row, model in enumerate(models):
        own = [f for f in figures if f.model == model]
        if len(own) > 1:
            ends = [f.miou for f in own]
            axes.plot([min(ends), max(ends)], [row, row], color=theme.floor, linewidth=1, zorder=2)
        for figure in own:
            mark = _mark(figure.style, theme, hollow=figure.miou < floor.miou)
            mark.set_data([figure.miou], [row])
            mark.set_zorder(3)
            mark.set_clip_on(False)
            axes.add_line(mark)


def _mark(style: str | None, theme: Theme, *, hollow: bool = False) -> Line2D:
    marker, number = STYLES[style]
    colour = theme.series[number]
    face = theme.ground if hollow else colour
    return Line2D(
        [0],
        [0],
        marker=marker,
        markersize=5.5,
        markerfacecolor=face,
        markeredgecolor=colour,
        markeredgewidth=1.3,
        linestyle="None",
    )


def _models(figures: Sequence[Reported]) -> list[str]:
    """Return the models, the one with the best figure on top."""
    best: dict[str, float] = {}
    for figure in figures:
        best[figure.model] = max(best.get(figure.model, 0.0), figure.miou)
    return sorted(best, key=lambda model: (-best[model], model))
