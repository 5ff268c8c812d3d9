"""What a report says about each task as a whole, run by run and run against run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vau_bench.comparison import Comparison, TaskComparison, compare_results
from vau_bench.errors import VauBenchError
from vau_bench.report.charts import (
    ClassRow,
    ConfusionTable,
    FloorRow,
    MetricRow,
    OutcomePart,
    class_rows,
    confusion_table,
    floor_rows,
    judge_rows,
    metric_rows,
    outcome_parts,
    reflection_rows,
    text_rows,
)
from vau_bench.report.comparison_table import told_difference, told_p, told_verdict
from vau_bench.report.contents import RunContents, TaskContents
from vau_bench.report.joining import LETTERS, JoinedTask
from vau_bench.report.wording import told, told_reflection
from vau_bench.results import Results

RESAMPLES = 2_000
"""Of the comparison of two runs, at most: `vau-bench compare` makes more, a report need not wait for them."""


@dataclass(frozen=True)
class TaskPart:
    """One task of one run.

    Attributes:
        letter: of the run.
        contents: what is known about it.
        expected: samples; `outcomes` of them.
        metrics: empty where nothing was scored; so `classes`, `floors` and `reflection`.
        reflected: what reflections did, as a sum.
        text: text metrics, where they were asked for.
        confusion: answers by truth, where they can be listed.
        judge: what judges said, where there were any.
    """

    letter: str
    contents: TaskContents
    expected: int
    outcomes: list[OutcomePart]
    metrics: list[MetricRow]
    classes: list[ClassRow]
    floors: list[FloorRow]
    reflection: list[tuple[str, str, str]]
    reflected: str
    text: list[tuple[str, str, str]]
    confusion: ConfusionTable | None
    judge: list[tuple[str, str, str]]


@dataclass(frozen=True)
class DifferenceRow:
    """One metric of two runs, told."""

    name: str
    headline: bool
    a: str
    b: str
    difference: str
    p: str
    verdict: str


@dataclass(frozen=True)
class Difference:
    """One task of two runs, `a` and `b`, paired over their common samples; `notes` on what else differs."""

    a: str
    b: str
    task: TaskComparison
    rows: list[DifferenceRow]
    notes: list[str]


@dataclass(frozen=True)
class JoinedPart:
    """One task of the page: of every run that holds it, and these against the first of them."""

    anchor: str
    name: str
    parts: list[TaskPart]
    differences: list[Difference]
    problems: list[str]


def joined_parts(runs: Sequence[RunContents], tasks: Sequence[JoinedTask]) -> list[JoinedPart]:
    """Return what the page says about each task."""
    return [_joined_part(runs, task, number) for number, task in enumerate(tasks)]


def _joined_part(runs: Sequence[RunContents], task: JoinedTask, number: int) -> JoinedPart:
    held = [(run, side) for run, side in enumerate(task.sides) if side is not None]
    differences, problems = [], []
    first, *others = held
    for other in others:
        try:
            comparison = _compared(runs, first, other)
        except VauBenchError as error:
            problems.append(f"{LETTERS[first[0]]} and {LETTERS[other[0]]} are not compared: {error}")
            continue
        differences.append(_difference(LETTERS[first[0]], LETTERS[other[0]], comparison))
    parts = [_part(LETTERS[run], side) for run, side in held]
    return JoinedPart(f"task-{number + 1}", task.name, parts, differences, problems)


def _part(letter: str, task: TaskContents) -> TaskPart:
    result = task.result
    return TaskPart(
        letter=letter,
        contents=task,
        expected=result["expected"] if result else task.entry.expected,
        outcomes=outcome_parts(task.outcomes),
        metrics=metric_rows(result) if result else [],
        classes=class_rows(result) if result else [],
        floors=floor_rows(result) if result else [],
        reflection=reflection_rows(result) if result else [],
        reflected=told_reflection(result) if result else "",
        text=text_rows(result) if result else [],
        confusion=confusion_table(result) if result else None,
        judge=judge_rows(result) if result else [],
    )


def _compared(runs: Sequence[RunContents], a: tuple[int, TaskContents], b: tuple[int, TaskContents]) -> Comparison:
    resamples = min(RESAMPLES, runs[a[0]].options.resamples)
    sides = [_results(runs[run], task) for run, task in (a, b)]
    return compare_results(*sides, allow_different_style=True, resamples=resamples, decisive=0)


def _results(run: RunContents, task: TaskContents) -> Results:
    tasks = [task.result] if task.result is not None else []
    return Results(run.manifest.run_id, run.manifest.model, tasks, run.path, task.scores)


def _difference(a: str, b: str, comparison: Comparison) -> Difference:
    (task,) = comparison.tasks
    rows = [
        DifferenceRow(
            name=metric.name,
            headline=metric.name == task.headline,
            a=told(metric.a, metric.unit),
            b=told(metric.b, metric.unit),
            difference=told_difference(metric),
            p=told_p(metric.p),
            verdict=told_verdict(metric),
        )
        for metric in task.metrics
    ]
    notes = [note.replace(": A ", f": {a} ").replace(", B ", f", {b} ") for note in task.notes]
    return Difference(a, b, task, [_named(row, a, b) for row in rows], notes)


def _named(row: DifferenceRow, a: str, b: str) -> DifferenceRow:
    """Return the row with the letters of the two runs in place of those of the comparison."""
    winner, _, rest = row.verdict.partition(" ")
    letter = {"A": a, "B": b}.get(winner, winner)
    return DifferenceRow(row.name, row.headline, row.a, row.b, row.difference, row.p, f"{letter} {rest}".rstrip())
