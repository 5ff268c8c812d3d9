"""Hold what a result tells by class, and when each anomaly is, to the samples of its entry.

Plots are drawn from these. Entries that were made before samples told them are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from vau_bench.leaderboard.entries import SampleRow, Span
from vau_bench.results import TaskResult
from vau_bench.saved import metrics_of
from vau_bench.scoring import columns_of

TOLERANCE = 1e-7  # sums in another order, on another machine


def same(a: object, b: object) -> bool:
    """Tell whether two figures are the same but for the last digits."""
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return a == b


def misclassed(task: TaskResult, rows: Sequence[SampleRow]) -> list[str]:
    """Return where the headline by true class is not that of the samples."""
    labels = [row.label for row in rows]
    if all(label is None for label in labels):
        return []
    told: dict[str, Any] = task.get("classes") or {}
    names = sorted(told)
    if any(label is None or label >= len(names) for label in labels):
        return [f"{task['task']}: a sample is of none of its classes"]
    columns = columns_of([row.values for row in rows])
    metric = next((m for m in metrics_of(task, columns) if m.name == task["headline"]), None)
    if metric is None:
        return []  # that it cannot be computed is told already
    places = np.array(labels)
    for place, name in enumerate(names):
        chosen = places == place
        value = metric({key: column[chosen] for key, column in columns.items()})
        n, found = int(chosen.sum()), value if math.isfinite(value) else None
        if told[name]["n"] != n or not same(told[name]["value"], found):
            return [
                f"{task['task']}: class {name!r} is told as {told[name]['value']} of {told[name]['n']}, the samples "
                f"give {found} of {n}"
            ]
    return []


def mistimed(task: TaskResult, rows: Sequence[SampleRow]) -> list[str]:
    """Return where the times of a grounding task are not those that its errors were made from."""
    if task["kind"] != "grounding" or all(row.true is None and row.predicted is None for row in rows):
        return []
    for row in rows:
        told = row.values.get("start_error"), row.values.get("end_error")
        anomalous = row.values.get("anomalous") == 1.0
        if (row.true is not None) != anomalous or not all(map(same, told, _errors(row.true, row.predicted))):
            return [f"{task['task']}: the times of the sample {row.sample_id!r} are not those of its figures"]
    return []


def _errors(true: Span | None, predicted: Span | None) -> tuple[float | None, float | None]:
    if true is None or predicted is None:
        return None, None
    return abs(predicted[0] - true[0]), abs(predicted[1] - true[1])
