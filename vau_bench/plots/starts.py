"""Where models say that the anomaly begins, against where it does; beside a guess that never looked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vau_bench.kinds.grounding import best_constant_interval
from vau_bench.plots.sheet import MARGIN, Sheet, clean, empty, plural
from vau_bench.plots.theme import LIGHT, Theme, drawn, legible_name
from vau_bench.records import Segment
from vau_bench.report.timeline import envelope
from vau_bench.results import SampleScore

MOST = 6
"""Models that are drawn, a panel each."""

Span = tuple[float, float]
"""From the first start to the last end of an answer, in seconds."""

_TITLE = "Predicted against true start"
_GAP, _LEFT, _BOTTOM, _ABOVE = 0.22, 0.55, 0.46, 0.58
_TICKS = 0.2  # between two rows; the first needs no room for those above it


@dataclass(frozen=True)
class Starts:
    """One model's answers about the anomalous videos of a grounding task.

    Attributes:
        pairs: true and predicted start, in seconds.
        without: how many videos have no predicted interval.
        true: when the anomalies are.
    """

    pairs: list[tuple[float, float]]
    without: int
    true: list[Segment]

    @classmethod
    def of(cls, answers: Iterable[tuple[Span | None, Span | None]]) -> Starts:
        """Return the starts of answers: when the anomaly is, `None` in a normal video, and when it is said to be."""
        known = [(true, predicted) for true, predicted in answers if true is not None]
        pairs = [(true[0], predicted[0]) for true, predicted in known if predicted is not None]
        return cls(pairs, len(known) - len(pairs), [Segment(*true) for true, _ in known])

    @classmethod
    def of_scores(cls, scores: Iterable[SampleScore]) -> Starts:
        """Return the starts of a scored run."""
        return cls.of((envelope(score.truth), envelope(score.prediction)) for score in scores)

    @property
    def error(self) -> float:
        """The median distance, in seconds."""
        return median(abs(a - b) for a, b in self.pairs)


@drawn
def predicted_starts(models: Mapping[str, Starts], *, prior: float | None = None, theme: Theme = LIGHT) -> Figure:
    """Draw predicted against true starts, a panel a model; the line is what a constant guess would say.

    Args:
        models: their starts, of one grounding task.
        prior: the start that is guessed without looking; default: that of the constant interval that fits best.
        theme: the colours.
    """
    found = {name: own for name, own in models.items() if own.pairs}
    if not found:
        return empty(_TITLE, "No model gave an interval for an anomalous video with a known time.", theme)
    chosen = list(found.items())[:MOST]
    if prior is None:
        prior = prior_start(chosen[0][1].true)
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    width = (7.2 - _LEFT - MARGIN - _GAP * (columns - 1)) / columns
    size = min(width, 3.2)
    sheet = Sheet(_TITLE, _note(found, prior), rows * (size + _ABOVE) + _BOTTOM - _TICKS, theme)
    limit = _limit([own for _, own in chosen])
    for number, (name, own) in enumerate(chosen):
        row, column = divmod(number, columns)
        left = _LEFT + column * (size + _GAP)
        bottom = _BOTTOM + (rows - 1 - row) * (size + _ABOVE)
        axes = sheet.axes(left, bottom, size, size)
        clean(axes, theme, grid="both")
        sheet.text(left, bottom + size + 0.22, legible_name(name, int(size * 11)), va="center_baseline", weight="bold")
        sheet.text(left, bottom + size + 0.08, _told(own), va="center_baseline", size=7.5, color=theme.muted)
        _panel(axes, own, prior, limit, theme, named=not number)
        if column:
            axes.set_yticklabels([])
        if row == rows - 1 or number + columns >= len(chosen):
            axes.set_xlabel("true start (s)", fontsize=8, color=theme.muted)
        if not column:
            axes.set_ylabel("predicted start (s)", fontsize=8, color=theme.muted)
    return sheet.figure


def prior_start(true: Sequence[Segment]) -> float | None:
    """Return where the one interval begins that fits anomalies best, without looking at any video."""
    best = best_constant_interval(true)
    return best[0] if best else None


def _limit(found: Sequence[Starts]) -> float:
    """Return the end of the axes: starts far behind all anomalies would press all others into a corner."""
    values = sorted(max(pair) for own in found for pair in own.pairs)
    at = values[min(len(values) - 1, int(0.97 * len(values)))]
    latest = max(anomaly.end for own in found for anomaly in own.true)
    return max(1.0, min(1.5 * latest, 1.05 * (at if values[-1] > 1.5 * at else values[-1])))


def _panel(axes: Axes, own: Starts, prior: float | None, limit: float, theme: Theme, *, named: bool) -> None:
    axes.set_xlim(0, limit)
    axes.set_ylim(0, limit)
    axes.plot([0, limit], [0, limit], color=theme.muted, linewidth=0.9, zorder=2)
    if prior is not None and prior <= limit:
        axes.axhline(prior, color=theme.series[1], linewidth=1.3, linestyle=(0, (4, 2)), zorder=3)
        axes.annotate(
            f"without looking: {prior:g} s" if named else "",
            (1, prior),
            xycoords=axes.get_yaxis_transform(),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=7.5,
            color=theme.ink,
            zorder=6,
            bbox={"boxstyle": "square,pad=0.1", "facecolor": theme.ground, "edgecolor": "none", "alpha": 0.75},
        )
    inside = [p for p in own.pairs if max(p) <= limit]
    beyond = [(min(x, limit * 0.985), min(y, limit * 0.985)) for x, y in own.pairs if max(x, y) > limit]
    for pairs, marker, size, alpha in ((inside, "o", 13, 0.55), (beyond, "^", 20, 0.8)):
        xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
        axes.scatter(
            xs, ys, s=size, marker=marker, alpha=alpha, color=theme.series[0], linewidths=0, clip_on=False, zorder=4
        )


def _told(own: Starts) -> str:
    told = f"n {len(own.pairs)}, median error {own.error:.1f} s"
    return f"{told}; {own.without} without" if own.without else told


def _note(found: Mapping[str, Starts], prior: float | None) -> str:
    parts = ["A perfect model lies on the diagonal."]
    if prior is not None:
        parts.append("Dashed: the start of the one interval that fits best without looking at any video.")
    parts.append("Triangles lie beyond the axes. Videos without a predicted interval are counted as without.")
    if len(found) > MOST:
        parts.append(f"The first {MOST} of {plural(len(found), 'model')}.")
    return " ".join(parts)
