"""What scoring yields: `results.json`, one table row per metric, one line per sample."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, TypedDict

from vau_bench.extras import needed
from vau_bench.records import JSON

if TYPE_CHECKING:
    import pandas

    from vau_bench.metrics.base import Confusion, Metric
    from vau_bench.stats import Estimate

SCHEMA = 1


class MetricResult(TypedDict):
    """One metric of one task; see `vau_bench.stats.Estimate` for the first eight keys."""

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    n: int
    clusters: int
    mde: float | None
    method: str
    unit: str
    higher_is_better: bool | None
    summary: str
    answered_only: float | None
    """The same metric over the samples that hold an answer, for comparison; never the headline."""


def metric_result(metric: Metric, estimate: Estimate, answered_only: float | None) -> MetricResult:
    """Return a metric and its estimate as they stand in `results.json`."""
    return MetricResult(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        se=estimate.se,
        n=estimate.n,
        clusters=estimate.clusters,
        mde=estimate.mde,
        method=estimate.method,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        summary=metric.summary,
        answered_only=answered_only,
    )


class FloorResult(TypedDict):
    """A blind floor on the same samples: how many it could answer, and the values of the metrics."""

    answered: int
    metrics: dict[str, float | None]


class ReflectionResult(TypedDict):
    """What reflections did, over the samples with a first and a revised answer."""

    pairs: int
    without_pair: int
    cells: dict[str, int]
    """`repaired`, `broken`, `kept_right`, `kept_wrong`; they add up to `pairs`."""
    metrics: dict[str, MetricResult]
    words_mean: float
    words_median: float
    empty: float
    """Share of reflections that question nothing."""
    copies: float
    """Share of reflections that repeat the first reasoning."""


class TextResult(TypedDict):
    """Text metrics of a task that is answered in prose, made on demand."""

    metrics: dict[str, MetricResult]
    floors: dict[str, float]
    """Mean embedding F between references of different videos, of the same class and of other classes."""
    unavailable: dict[str, str]
    """Metrics that could not be computed here, and why."""
    embedder: str | None


class TaskResult(TypedDict):
    """All about one task of a run. `expected` is the sum of `outcomes`, always."""

    task: str
    version: int
    kind: str
    dataset: str
    style: str
    split: str
    frames: str
    headline: str
    expected: int
    outcomes: dict[str, int]
    excluded: dict[str, int]
    notes: dict[str, int]
    metrics: dict[str, MetricResult]
    paper: dict[str, float | None]
    paper_n: int
    floors: dict[str, FloorResult]
    classes: dict[str, dict[str, float | int | None]]
    """The headline by true class: `n` and `value`."""
    digests: dict[str, str]
    warnings: list[str]
    confusion: NotRequired[Confusion]
    reflection: NotRequired[ReflectionResult]
    text: NotRequired[TextResult]
    judge: NotRequired[dict[str, Any]]
    """What judges said, see `vau_bench.judge.judge_summary`."""


@dataclass(frozen=True, slots=True)
class SampleScore:
    """One sample as it was scored.

    Attributes:
        prediction: the answer as JSON, `None` when there is none.
        first: of a `reflect` answer, the prediction before the reflection.
        truth: the right answer as JSON.
        rule: the parsing rule that fired, and `span`, where in the text.
        flags: what is odd about the answer.
        values: what the metrics are made from.
        worth: of the answer, from 0 to 1 (`Kind.worth`); `first_worth` of the one before the reflection.
        error: why there is no answer.
    """

    task: str
    sample_id: str
    video: str
    group: str
    label: str | None
    style: str
    outcome: str
    prediction: JSON
    truth: JSON
    rule: str | None
    span: tuple[int, int] | None
    flags: tuple[str, ...]
    values: Mapping[str, float | None]
    worth: float = 0.0
    first: JSON = None
    first_worth: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Results:
    """The results of a run: what `results.json` holds, and the scores per sample.

    Those of a run that was just scored are read from its folder when they are asked for: as it is scored then.
    """

    run_id: str
    model: str
    tasks: list[TaskResult]
    path: Path
    scores: Sequence[SampleScore] = field(default=(), repr=False)
    status: str = "success"

    def as_json(self) -> dict[str, Any]:
        """Return the contents of `results.json`."""
        return {"schema": SCHEMA, "run_id": self.run_id, "model": self.model, "tasks": self.tasks}

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield one flat row per task and metric, with the best blind floor beside it."""
        for task in self.tasks:
            for name, metric in task["metrics"].items():
                floor, floor_value = best_floor(task, name)
                yield {
                    "model": self.model,
                    "task": task["task"],
                    "style": task["style"],
                    "metric": name,
                    **{k: metric[k] for k in ("value", "low", "high", "n", "clusters", "mde", "unit")},
                    "answered_only": metric["answered_only"],
                    "paper": task["paper"].get(name),
                    "best_floor": floor,
                    "floor_value": floor_value,
                    "expected": task["expected"],
                    **task["outcomes"],
                }

    def samples(self) -> list[SampleScore]:
        """Return the scores, one per sample and task."""
        return list(self.scores)

    def table(self) -> str:
        """Return the results as plain text, one line per task and metric."""
        from vau_bench.report.table import plain_table

        return plain_table(self)

    def to_pandas(self) -> pandas.DataFrame:
        """Return `rows()` as a data frame.

        Raises:
            MissingExtraError: if pandas is not installed.
        """
        frames = needed("pandas", "a data frame", "plots")
        return frames.DataFrame(list(self.rows()))


def best_floor(task: TaskResult, metric: str) -> tuple[str | None, float | None]:
    """Return the name and the value of the blind floor that does best on a metric."""
    better = task["metrics"][metric]["higher_is_better"]
    values = {n: v for n, f in task["floors"].items() if (v := f["metrics"].get(metric)) is not None}
    if not values or better is None:
        return None, None
    name = max(values, key=lambda n: values[n] if better else -values[n])
    return name, values[name]
