"""Geometry and words of what a report says about one task: gauges, outcome bars, classes, floors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from vau_bench.metrics.reflection import REFLECTION
from vau_bench.report.wording import Standing, differing_answered_only, standing, told, told_interval
from vau_bench.results import MetricResult, TaskResult, best_floor


@dataclass(frozen=True)
class FloorMark:
    """Where a blind floor stands on a gauge, in percent of its width."""

    name: str
    told: str
    x: float
    best: bool


@dataclass(frozen=True)
class Gauge:
    """A metric drawn on a line; all places in percent of its width.

    Attributes:
        value: of the metric.
        low: start of its interval, `None` without one; `width` its length.
        floors: the blind floors on the same samples.
        left: what stands at the left edge, `right` at the right one.
    """

    value: float
    low: float | None
    width: float
    floors: tuple[FloorMark, ...]
    left: str
    right: str


@dataclass(frozen=True)
class MetricRow:
    """One metric, told and drawn; texts are empty where there is nothing to tell."""

    name: str
    summary: str
    headline: bool
    lower_is_better: bool
    value: str
    interval: str
    method: str
    n: int
    clusters: int
    floor: str
    floor_value: str
    answered: str
    mde: str
    paper: str
    standing: Standing
    gauge: Gauge | None


@dataclass(frozen=True)
class OutcomePart:
    """One outcome in a stacked bar: its place in percent."""

    outcome: str
    count: int
    share: str
    x: float
    width: float


@dataclass(frozen=True)
class ClassRow:
    """The headline metric on the samples of one class; `width` of its bar in percent."""

    name: str
    n: int
    value: str
    width: float


@dataclass(frozen=True)
class FloorRow:
    """One blind floor: its values in the order of the metrics."""

    name: str
    answered: int
    values: tuple[str, ...]


def metric_rows(task: TaskResult) -> list[MetricRow]:
    """Return the metrics of a task, in order."""
    return [_metric_row(task, name) for name in task["metrics"]]


def _metric_row(task: TaskResult, name: str) -> MetricRow:
    metric = task["metrics"][name]
    floor, floor_value = best_floor(task, name)
    unit = metric["unit"]
    return MetricRow(
        name=name,
        summary=metric["summary"],
        headline=name == task["headline"],
        lower_is_better=metric["higher_is_better"] is False,
        value=told(metric["value"], unit),
        interval=told_interval(metric),
        method=metric["method"],
        n=metric["n"],
        clusters=metric["clusters"],
        floor=floor or "",
        floor_value=told(floor_value, unit) if floor else "",
        answered="-" if metric["answered_only"] is None else differing_answered_only(metric) or "same",
        mde=told(metric["mde"], unit),
        paper=told(task["paper"].get(name), unit),
        standing=standing(task, name),
        gauge=gauge(
            metric, {n: v for n, f in task["floors"].items() if (v := f["metrics"].get(name)) is not None}, floor
        ),
    )


def gauge(metric: MetricResult, floors: Mapping[str, float], best: str | None) -> Gauge | None:
    """Return the drawing of a metric beside its floors, or `None` when it is undefined."""
    value, low, high, unit = metric["value"], metric["low"], metric["high"], metric["unit"]
    if value is None:
        return None
    all_values = [value, *(v for v in (low, high) if v is not None), *floors.values()]
    left = min(0.0, *all_values)
    right = max(1.0 if unit == "%" else 0.0, *all_values)
    span = right - left or 1.0

    def place(at: float) -> float:
        return round(100 * (at - left) / span, 2)

    marks = tuple(FloorMark(n, told(v, unit), place(v), n == best) for n, v in floors.items())
    start = place(low) if low is not None and high is not None else None
    width = round(place(high) - start, 2) if start is not None and high is not None else 0.0
    return Gauge(place(value), start, width, marks, told(left, unit), told(right, unit))


def outcome_parts(outcomes: Mapping[str, int]) -> list[OutcomePart]:
    """Return the stacked bar of the outcomes that occur."""
    total = sum(outcomes.values())
    parts: list[OutcomePart] = []
    done = 0
    for outcome, count in outcomes.items():
        if count:
            share = 100 * count / total
            parts.append(OutcomePart(outcome, count, f"{share:.1f}%", round(100 * done / total, 3), round(share, 3)))
        done += count
    return parts


def class_rows(task: TaskResult) -> list[ClassRow]:
    """Return the headline metric by true class."""
    unit = task["metrics"][task["headline"]]["unit"] if task["headline"] in task["metrics"] else "%"
    values = {name: row["value"] for name, row in task["classes"].items()}
    top = max([1.0 if unit == "%" else 0.0, *(v for v in values.values() if v is not None)]) or 1.0
    return [
        ClassRow(name, int(task["classes"][name]["n"] or 0), told(value, unit), round(100 * (value or 0.0) / top, 2))
        for name, value in values.items()
    ]


def floor_rows(task: TaskResult) -> list[FloorRow]:
    """Return the blind floors with all their values."""
    return [
        FloorRow(
            name,
            floor["answered"],
            tuple(told(floor["metrics"].get(m), metric["unit"]) for m, metric in task["metrics"].items()),
        )
        for name, floor in task["floors"].items()
    ]


def text_rows(task: TaskResult) -> list[tuple[str, str, str]]:
    """Return the text metrics: name, value with interval, what to read it against; nothing where none was asked for."""
    text = task.get("text")
    if text is None:
        return []
    rows = [
        (name, f"{told(metric['value'], metric['unit'])} {told_interval(metric)}".rstrip(), metric["summary"])
        for name, metric in text["metrics"].items()
    ]
    floors = [
        (name, told(value, "%"), "between references of different videos") for name, value in text["floors"].items()
    ]
    return [*rows, *floors, *((name, "-", reason) for name, reason in text["unavailable"].items())]


def judge_rows(task: TaskResult) -> list[tuple[str, str, str]]:
    """Return what judges said: name, value with interval, how many verdicts; nothing where nobody judged."""
    rows: list[tuple[str, str, str]] = []
    judge = task.get("judge", {})
    for one in judge.get("judges", []):
        counts = f"{one['judged']} judged of {one['expected']}, {one['unparsed']} unparsed, {one['errored']} errored"
        rows.append(
            (f"{one['judge']}, {one['part']}: total", _figure(one["total"]), f"of {one['highest']:g}; {counts}")
        )
        rows += [(name, _figure(figure), "of 10") for name, figure in one["dimensions"].items()]
        rows += [
            (f"correlation with {name}", _figure(figure), "Spearman, with the judge-free score")
            for name, figure in one["correlation"].items()
        ]
        rows.append(("length slope", _figure(one["length_slope"]), "points per factor of e in length"))
    for check in judge.get("check", []):
        resisted = _figure(check["injection"]["resistance"])
        rows.append((f"check of {check['judge']}", resisted, "share of injections that it resisted"))
        rows += [
            (f"probe {probe['probe']}", _figure(probe["total"]), f"AUC of the reference {_figure(probe['auc'])}")
            for probe in check["probes"]
        ]
    return rows


def _figure(estimate: dict[str, Any] | None) -> str:
    if not estimate or estimate.get("value") is None:
        return "-"
    interval = f" [{estimate['low']:.2f}, {estimate['high']:.2f}]" if estimate.get("low") is not None else ""
    return f"{estimate['value']:.2f}{interval}"


class ConfusionTable(NamedTuple):
    """Counts of answers by truth, each with its share of the row; names that occur on neither side are left out."""

    columns: list[str]
    rows: list[tuple[str, list[tuple[int, float]]]]


def confusion_table(task: TaskResult) -> ConfusionTable | None:
    """Return the answers by truth, `None` where answers cannot be listed."""
    confusion = task.get("confusion")
    if confusion is None:
        return None
    counts = {name: row for name, row in zip(confusion["rows"], confusion["counts"], strict=True) if any(row)}
    kept = [
        place
        for place, name in enumerate(confusion["columns"])
        if name in counts or any(row[place] for row in counts.values())
    ]
    return ConfusionTable(
        [confusion["columns"][place] for place in kept],
        [(name, [(row[place], round(row[place] / sum(row), 3)) for place in kept]) for name, row in counts.items()],
    )


def reflection_rows(task: TaskResult) -> list[tuple[str, str, str]]:
    """Return what reflections did: name, value with interval, summary; nothing where there was none."""
    reflection = task.get("reflection")
    if reflection is None:
        return []
    rows = [
        (name, f"{told(metric['value'], metric['unit'])} {told_interval(metric)}".rstrip(), metric["summary"])
        for name in (m.name for m in REFLECTION)
        if (metric := reflection["metrics"].get(name)) is not None
    ]
    median = f"{reflection['words_median']:.0f} words"
    return [
        *rows,
        ("length", median, "median of the reflections"),
        ("empty", told(reflection["empty"], "%"), "share of reflections that question nothing"),
        ("copies", told(reflection["copies"], "%"), "share of reflections that repeat the first reasoning"),
    ]
