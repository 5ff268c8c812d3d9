"""What reflections did: answers flow from right or wrong before to right or wrong after."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from vau_bench.plots.sheet import MARGIN, Entry, Sheet, empty, plural
from vau_bench.plots.theme import LIGHT, Theme, drawn, legible_name
from vau_bench.report.wording import told, told_interval
from vau_bench.results import ReflectionResult

MOST = 6
"""Models that are drawn, a panel each."""

_TITLE = "From the first answer to the revised one"
_NODE, _AIR = 0.045, 0.05
_HEIGHT, _GAP = 1.75, 0.35


@drawn
def reflection_flow(entries: Sequence[Entry], *, theme: Theme = LIGHT) -> Figure:
    """Draw how many answers a reflection kept, repaired and broke, a panel a model.

    Args:
        entries: models and their results on one task; those without reflections are left out.
        theme: the colours.
    """
    found = [(name, r["reflection"]) for name, r in entries if "reflection" in r and r["reflection"]["pairs"]]
    if not found:
        return empty(_TITLE, "No model answered with a first and a revised answer.", theme)
    chosen = found[:MOST]
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    width = (7.2 - 2 * MARGIN - _GAP * (columns - 1)) / columns
    panel = _HEIGHT + 0.62
    task = legible_name(next(r["task"] for _, r in entries))
    sheet = Sheet(f"{_TITLE}: {task}", _note(len(found)), rows * panel + 0.05, theme)
    for number, (name, reflection) in enumerate(chosen):
        row, column = divmod(number, columns)
        left = MARGIN + column * (width + _GAP)
        bottom = 0.1 + (rows - 1 - row) * panel
        sheet.text(left, bottom + _HEIGHT + 0.34, legible_name(name, int(width * 11)), weight="bold", va="center")
        sheet.text(left, bottom + _HEIGHT + 0.17, _told(reflection), size=7.5, color=theme.muted, va="center")
        _flow(sheet.axes(left, bottom, width, _HEIGHT), reflection, theme)
    return sheet.figure


def _flow(axes: Axes, reflection: ReflectionResult, theme: Theme) -> None:
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    cells, pairs = reflection["cells"], reflection["pairs"]
    unit = (1 - _AIR) / pairs
    kept, broken = cells["kept_right"] * unit, cells["broken"] * unit
    repaired, wrong = cells["repaired"] * unit, cells["kept_wrong"] * unit
    left, right = 0.24, 0.76
    first, revised = 1 - kept - broken - _AIR, 1 - kept - repaired - _AIR  # tops of the lower nodes
    for name, at, other, size, colour in (
        ("kept_right", 1.0, 1.0, kept, theme.line),
        ("kept_wrong", first - repaired, revised - broken, wrong, theme.line),
        ("repaired", first, 1 - kept, repaired, theme.good),
        ("broken", 1 - kept, revised, broken, theme.bad),
    ):
        _ribbon(axes, (left + _NODE, at), (right, other), size, colour, solid=name in ("repaired", "broken"))
    for x, top, low in ((left, kept + broken, repaired + wrong), (right, kept + repaired, broken + wrong)):
        axes.add_patch(Rectangle((x, 1 - top), _NODE, top, color=theme.series[0], linewidth=0))
        axes.add_patch(Rectangle((x, 0), _NODE, low, color=theme.floor, linewidth=0))
    sides = (
        (left - 0.03, "right", cells["kept_right"] + cells["broken"], cells["repaired"] + cells["kept_wrong"]),
        (right + _NODE + 0.03, "left", cells["kept_right"] + cells["repaired"], cells["broken"] + cells["kept_wrong"]),
    )
    for x, align, good, bad in sides:
        upper, lower = 1 - good * unit / 2, bad * unit / 2
        upper = max(upper, lower + 0.24)
        if upper > 0.9:
            upper = min(upper, 0.93)
            lower = min(lower, upper - 0.24)
        _count(axes, x, max(upper, 0.31), align, good, "right", theme)
        _count(axes, x, max(lower, 0.07), align, bad, "wrong", theme)
    _name_flows(axes, cells, (first, 1 - kept, revised), (repaired, broken), theme)


def _count(axes: Axes, x: float, y: float, align: str, count: int, name: str, theme: Theme) -> None:
    axes.text(x, y + 0.005, str(count), ha=align, va="bottom", fontsize=9, color=theme.ink, weight="bold")
    axes.text(x, y - 0.005, name, ha=align, va="top", fontsize=7.5, color=theme.muted)


def _name_flows(
    axes: Axes,
    cells: dict[str, int],
    places: tuple[float, float, float],
    sizes: tuple[float, float],
    theme: Theme,
) -> None:
    """Name what was repaired near its end and what was broken near its end, where they have parted."""
    _, below_kept, revised = places
    repaired, broken = sizes
    upper, lower = below_kept - repaired / 2, revised - broken / 2
    if cells["repaired"] and cells["broken"] and upper - lower < 0.11:
        middle = (upper + lower) / 2
        upper, lower = middle + 0.055, middle - 0.055
    box = {"boxstyle": "round,pad=0.15", "facecolor": theme.ground, "edgecolor": "none", "alpha": 0.85}
    for name, y, colour in (("repaired", upper, theme.good), ("broken", lower, theme.bad)):
        if cells[name]:
            told_flow = f"{cells[name]} {name}"
            axes.text(0.735, y, told_flow, ha="right", va="center_baseline", fontsize=8, color=colour, bbox=box)


def _ribbon(
    axes: Axes, start: tuple[float, float], end: tuple[float, float], size: float, colour: str, *, solid: bool
) -> None:
    """Draw a band of constant height between two points that are its upper corners."""
    if not size:
        return
    (x0, y0), (x1, y1) = start, end
    bend = (x0 + x1) / 2
    corners = [(x0, y0), (bend, y0), (bend, y1), (x1, y1)]
    back = [(x1, y1 - size), (bend, y1 - size), (bend, y0 - size), (x0, y0 - size)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    shape = Path([*corners, *back, corners[0]], codes)
    axes.add_patch(PathPatch(shape, facecolor=colour, edgecolor="none", alpha=0.75 if solid else 0.6))


def _told(reflection: ReflectionResult) -> str:
    gain = reflection["metrics"].get("net_gain")
    pairs = plural(reflection["pairs"], "pair")
    if gain is None or gain["value"] is None:
        return pairs
    sign = "+" if gain["value"] > 0 else ""
    return f"{pairs}; net gain {sign}{told(gain['value'], gain['unit'])} {told_interval(gain)}".rstrip()


def _note(models: int) -> str:
    parts = [
        "Samples with a readable first answer and a reflection; right is a worth of at least one half. Left: before "
        "the reflection, right: after it. Intervals: 95%, clustered by source video."
    ]
    if models > MOST:
        parts.append(f"The first {MOST} of {plural(models, 'model')}.")
    return " ".join(parts)
