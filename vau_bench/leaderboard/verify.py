"""Hold the figures of entries to their samples: every aggregate is computed again.

Entries over the same samples share their resamples, so that fifty of them cost little more than one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau_bench.errors import DataError, UnknownNameError
from vau_bench.leaderboard.details import misclassed, mistimed, same
from vau_bench.leaderboard.entries import Entry, SampleRow
from vau_bench.metrics.base import FloatArray, Metric
from vau_bench.metrics.reflection import REFLECTION, reflection_cells
from vau_bench.records import Outcome
from vau_bench.results import MetricResult, TaskResult, metric_result
from vau_bench.saved import metrics_of
from vau_bench.scoring import RESAMPLES, columns_of
from vau_bench.stats import cluster_codes, estimate_all

Samples: TypeAlias = tuple[tuple[str, str], ...]
"""Which samples figures are over: ids with their source videos."""

SEED = 0
_FIGURES = ("value", "n", "clusters", "low", "high", "se", "mde", "method", "answered_only")


def problems(entries: Sequence[Entry]) -> dict[int, list[str]]:
    """Return what the figures of entries say that their samples do not, by the entry's number."""
    found: dict[int, list[str]] = {i: [] for i in range(len(entries))}
    batches: dict[tuple[str, Samples], list[tuple[int, TaskResult, Computable]]] = {}
    for i, entry in enumerate(entries):
        told = [t["task"] for t in entry.tasks]
        if len(set(told)) != len(told) or set(told) != set(entry.by_task):
            found[i].append("results.json and scores.jsonl.gz are not about the same tasks")
            continue
        for task in entry.tasks:
            rows = entry.by_task[task["task"]]
            counted = _miscounted(task, rows)
            try:
                if not counted:
                    member = (i, task, computable(task, rows))
                    batches.setdefault((task["task"], samples_of(rows)), []).append(member)
            except DataError as error:
                counted = [str(error)]
            found[i] += counted
    for members in batches.values():
        anew = recompute([member for _, _, member in members])
        for (i, task, _), metrics in zip(members, anew, strict=True):
            found[i] += differing(task, metrics, entries[i].by_task[task["task"]])
    return found


def samples_of(rows: Iterable[SampleRow]) -> Samples:
    """Return which samples rows are about, with their source videos."""
    return tuple((row.sample_id, row.group) for row in rows)


def _miscounted(task: TaskResult, rows: Sequence[SampleRow]) -> list[str]:
    name = task["task"]
    if len({row.sample_id for row in rows}) != len(rows):
        return [f"{name}: a sample stands twice"]
    if len({tuple(row.values) for row in rows}) > 1:
        return [f"{name}: the samples do not hold the same values"]
    outcomes = {str(o): sum(row.outcome == o for row in rows) for o in Outcome}
    if outcomes != {o: task["outcomes"].get(o, 0) for o in outcomes} or task["expected"] != len(rows):
        return [f"{name}: the outcomes are not those of the samples"]
    if task["headline"] not in task["metrics"]:
        return [f"{name}: the headline {task['headline']!r} is none of its metrics"]
    return []


def recompute(members: Sequence[Computable]) -> list[dict[str, MetricResult]]:
    """Return all metrics of several results over the same samples of one task.

    Reflection metrics stand beside the others under `reflection/<name>`.
    """
    metrics = [m for member in members for m in member.metrics]
    contributions = [c for member in members for c in member.contributions]
    codes = members[0].codes
    estimates = iter(estimate_all(metrics, contributions, codes, resamples=RESAMPLES, seed=SEED, merge_alike=False))
    return [
        {
            name: metric_result(metric, next(estimates), alone)
            for name, metric, alone in zip(member.names, member.metrics, member.answered_only, strict=True)
        }
        for member in members
    ]


class Computable(NamedTuple):
    """What the metrics of one result are estimated from.

    Attributes:
        names: of the metrics.
        contributions: (n, q) of each metric.
        answered_only: value of each metric over the answered samples.
        codes: (n,) source video of each sample.
    """

    names: list[str]
    metrics: list[Metric]
    contributions: list[FloatArray]
    answered_only: list[float | None]
    codes: NDArray[np.int64]


def computable(task: TaskResult, rows: Sequence[SampleRow]) -> Computable:
    """Return what the metrics of a result are estimated from.

    Raises:
        DataError: if the values of the samples are not those of the task's kind.
    """
    columns = columns_of([row.values for row in rows])
    answered = np.array([row.outcome is Outcome.SCORED for row in rows], dtype=bool)
    over_answered = {name: column[answered] for name, column in columns.items()}
    try:
        metrics = metrics_of(task, columns)
        contributions = [m.update(columns) for m in metrics]
        alone = [m(over_answered) if answered.any() else math.nan for m in metrics]
    except (KeyError, ValueError, IndexError, OverflowError, UnknownNameError) as error:
        raise DataError(f"{task['task']}: the metrics cannot be computed from the samples: {error}") from None
    names = [m.name for m in metrics]
    if task.get("reflection"):
        worth = reflection_columns(rows)
        names += [f"reflection/{m.name}" for m in REFLECTION]
        metrics += REFLECTION
        contributions += [m.update(worth) for m in REFLECTION]
        alone += [math.nan] * len(REFLECTION)
    codes = cluster_codes([row.group for row in rows])
    return Computable(names, metrics, contributions, [a if math.isfinite(a) else None for a in alone], codes)


def reflection_columns(rows: Sequence[SampleRow]) -> dict[str, FloatArray]:
    """Return the worth of each answer before and after its reflection, NaN without one."""
    nan = math.nan
    return {
        "first": np.array([nan if r.first_worth is None else r.first_worth for r in rows]),
        "revised": np.array([nan if r.first_worth is None else r.worth for r in rows]),
    }


def stated(task: TaskResult) -> dict[str, MetricResult]:
    """Return the metrics of a result under the names of `recompute`."""
    reflection = task.get("reflection")
    more = {f"reflection/{name}": m for name, m in reflection["metrics"].items()} if reflection else {}
    return {**task["metrics"], **more}


def differing(task: TaskResult, anew: Mapping[str, MetricResult], rows: Sequence[SampleRow]) -> list[str]:
    """Return what a result tells otherwise than its samples.

    Args:
        task: the result.
        anew: its metrics as `recompute` gives them.
        rows: its samples.
    """
    told, name = stated(task), task["task"]
    found = [f"{name}: {metric} cannot be computed from the samples" for metric in sorted(set(told) ^ set(anew))]
    for metric in sorted(set(told) & set(anew)):
        figures = [f for f in _FIGURES if not same(told[metric].get(f), anew[metric].get(f))]
        if figures:
            figure = figures[0]
            found.append(
                f"{name}: {figure} of {metric} is told as {told[metric].get(figure)}, the samples give "
                f"{anew[metric].get(figure)}"
            )
    reflection = task.get("reflection")
    if reflection:
        worth = reflection_columns(rows)
        cells = reflection_cells(worth["first"], worth["revised"])
        counts = (reflection["cells"], reflection["pairs"], reflection["without_pair"])
        if counts != (cells._asdict(), cells.pairs, len(rows) - cells.pairs):
            found.append(f"{name}: the counts of repaired and broken answers are not those of the samples")
    return [*found, *misclassed(task, rows), *mistimed(task, rows)]
