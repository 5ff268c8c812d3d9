"""Two runs, paired over the samples that both hold: what differs, how surely, and on which samples.

A pure function of two scored runs; no dataset, no model. A difference that the samples cannot show is told as such,
with the smallest one that they could have shown: absence of evidence is not "no difference".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

import numpy as np

from vau_bench.errors import UsageError
from vau_bench.metrics.base import FloatArray, Metric
from vau_bench.metrics.reflection import RIGHT
from vau_bench.paired import estimate_differences, holm, side_by_side, swap_p_values
from vau_bench.records import JSON
from vau_bench.results import Results, SampleScore, TaskResult
from vau_bench.saved import metrics_of, ordered
from vau_bench.scoring import RESAMPLES, columns_of
from vau_bench.stats import Estimate, cluster_codes

ALPHA = 0.05
DECISIVE = 10
_SAME_WORTH = 1e-9


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """One metric of both runs over the common samples.

    Attributes:
        a: value of the first run; `b` that of the second.
        difference: a - b, with its 95 % interval `low` to `high`, over `n` samples of `clusters` source videos.
        p: of the swap test; `p_holm` adjusted over the headline metrics of all tasks, for headline metrics alone.
        mde: the smallest true difference that would be found with 80 % power.
        method: how the interval was made.
        verdict: `"A"` or `"B"` for the better one (for a descriptive figure: the higher one), `None` where the samples
            cannot tell.
    """

    name: str
    unit: str
    higher_is_better: bool | None
    a: float | None
    b: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    mde: float | None
    n: int
    clusters: int
    method: str
    verdict: str | None


@dataclass(frozen=True, slots=True)
class Flips:
    """Samples of one class by who is right, which is a worth of at least 0.5."""

    label: str
    only_a: int
    only_b: int
    both: int
    neither: int


@dataclass(frozen=True, slots=True)
class DecisiveSample:
    """One sample that the two runs answered differently well; a prediction of `None` is explained by its outcome."""

    sample_id: str
    label: str | None
    truth: JSON
    a: JSON
    b: JSON
    worth_a: float
    worth_b: float
    outcome_a: str
    outcome_b: str


@dataclass(frozen=True, slots=True)
class TaskComparison:
    """One task of both runs.

    Attributes:
        common: samples of both; `only_a` and `only_b` are in one run alone and take no part.
        wins: samples on which A's answer is worth more; `ties` and `losses` accordingly.
        metrics: the headline first.
        decisive: the samples with the largest difference of worth, at most as many as were asked for.
        notes: what else differs between the runs.
    """

    task: str
    headline: str
    style_a: str
    style_b: str
    common: int
    only_a: int
    only_b: int
    clusters: int
    metrics: list[MetricDifference]
    wins: int
    ties: int
    losses: int
    flips: list[Flips]
    decisive: list[DecisiveSample]
    notes: list[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs compared. `only_a` and `only_b` are tasks of one run alone."""

    model_a: str
    model_b: str
    run_a: str
    run_b: str
    tasks: list[TaskComparison]
    only_a: list[str]
    only_b: list[str]

    def as_json(self) -> dict[str, Any]:
        """Return the comparison as JSON."""
        return {"schema": 1, **asdict(self)}

    def table(self) -> str:
        """Return the comparison as plain text."""
        from vau_bench.report.comparison_table import comparison_table

        return comparison_table(self)


def compare_results(
    a: Results,
    b: Results,
    *,
    allow_different_style: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    decisive: int = DECISIVE,
) -> Comparison:
    """Compare two scored runs over the samples that both hold.

    Args:
        a: the first run, with its scores.
        b: the second.
        allow_different_style: compare what was asked in other words; noted, never silent.
        resamples: of the bootstrap, and permutations of the test.
        seed: of both.
        decisive: how many samples to name per task.

    Raises:
        UsageError: if the runs share no task or no sample, or if a shared task differs in what it asks or counts.
    """
    of_a = {t["task"]: t for t in a.tasks}
    of_b = {t["task"]: t for t in b.tasks}
    shared = [name for name in of_a if name in of_b]
    if not shared:
        raise UsageError(
            f"the runs share no task: A has {', '.join(of_a) or 'none'}; B has {', '.join(of_b) or 'none'}"
        )
    tasks = []
    for name in shared:
        notes = check_comparable(of_a[name], of_b[name], allow_different_style=allow_different_style)
        rows = (ordered(a.scores, name), ordered(b.scores, name))
        tasks.append(_compare_task(of_a[name], of_b[name], *rows, notes, (resamples, seed, decisive)))
    return Comparison(
        model_a=a.model,
        model_b=b.model,
        run_a=a.run_id,
        run_b=b.run_id,
        tasks=_judged(tasks),
        only_a=[n for n in of_a if n not in of_b],
        only_b=[n for n in of_b if n not in of_a],
    )


def check_comparable(a: TaskResult, b: TaskResult, *, allow_different_style: bool) -> list[str]:
    """Return notes on what may differ between two results of one task.

    Raises:
        UsageError: if they differ in what makes their numbers two different things.
    """
    name = a["task"]
    for what, first, second, remedy in (
        ("version", a["version"], b["version"], "evaluate both again"),
        ("kind", a["kind"], b["kind"], "evaluate both again"),
        ("split", a["split"], b["split"], "evaluate both on one split"),
        ("data", a["digests"].get("data"), b["digests"].get("data"), "evaluate both on one dataset"),
        ("parser", a["digests"].get("parser"), b["digests"].get("parser"), "run `vau-bench score` on both"),
        ("headline", a["headline"], b["headline"], "run `vau-bench score` on both"),
    ):
        if first != second:
            raise UsageError(f"{name}: the {what} differs ({_short(first)} and {_short(second)}); {remedy}")
    notes = []
    for what, first, second in (
        ("style differs", a["style"], b["style"]),
        ("prompts differ", a["digests"].get("prompts"), b["digests"].get("prompts")),
    ):
        if first != second:
            told = f"the {what}: A {_short(first)}, B {_short(second)}"
            if not allow_different_style:
                raise UsageError(f"{name}: {told}; pass --allow-different-style if that is meant")
            notes.append(told)
    if a["frames"] != b["frames"]:
        notes.append(f"the frames differ: A {a['frames']}, B {b['frames']}")
    return notes


def _short(value: object) -> str:
    return str(value)[:12]


def _compare_task(
    task_a: TaskResult,
    task_b: TaskResult,
    scores_a: dict[str, SampleScore],
    scores_b: dict[str, SampleScore],
    notes: list[str],
    settings: tuple[int, int, int],
) -> TaskComparison:
    ids = [i for i in scores_a if i in scores_b]
    if not ids:
        raise UsageError(f"{task_a['task']}: the runs share no sample")
    rows_a, rows_b = [scores_a[i] for i in ids], [scores_b[i] for i in ids]
    _check_same_truth(task_a["task"], rows_a, rows_b)
    resamples, seed, decisive = settings
    gains = [x.worth - y.worth for x, y in zip(rows_a, rows_b, strict=True)]
    return TaskComparison(
        task=task_a["task"],
        headline=task_a["headline"],
        style_a=task_a["style"],
        style_b=task_b["style"],
        common=len(ids),
        only_a=len(scores_a) - len(ids),
        only_b=len(scores_b) - len(ids),
        clusters=len({s.group for s in rows_a}),
        metrics=_differences(task_a, rows_a, rows_b, resamples, seed),
        wins=sum(g > _SAME_WORTH for g in gains),
        ties=sum(abs(g) <= _SAME_WORTH for g in gains),
        losses=sum(g < -_SAME_WORTH for g in gains),
        flips=_flips(rows_a, rows_b),
        decisive=_decisive(rows_a, rows_b, decisive),
        notes=notes,
    )


def _check_same_truth(task: str, rows_a: Sequence[SampleScore], rows_b: Sequence[SampleScore]) -> None:
    differing = [x.sample_id for x, y in zip(rows_a, rows_b, strict=True) if (x.truth, x.group) != (y.truth, y.group)]
    if differing:
        raise UsageError(
            f"{task}: the truth of {len(differing)} samples differs (first: {differing[0]}); "
            "were options shuffled in one run alone, or with another seed?"
        )


def _differences(
    task: TaskResult, rows_a: Sequence[SampleScore], rows_b: Sequence[SampleScore], resamples: int, seed: int
) -> list[MetricDifference]:
    columns_a, columns_b = columns_of([s.values for s in rows_a]), columns_of([s.values for s in rows_b])
    metrics = metrics_of(task, columns_a, columns_b)
    first, second = [m.update(columns_a) for m in metrics], [m.update(columns_b) for m in metrics]
    codes = cluster_codes([s.group for s in rows_a])
    estimates = estimate_differences(metrics, first, second, codes, resamples=resamples, seed=seed)
    p_values = swap_p_values(metrics, first, second, codes, permutations=resamples, seed=seed)
    return [
        _metric_difference(metric, np.split(side_by_side(metric, a, b), 2, axis=1), e, p)
        for metric, a, b, e, p in zip(metrics, first, second, estimates, p_values, strict=True)
    ]


def _metric_difference(
    metric: Metric, sides: Sequence[FloatArray], estimate: Estimate, p: float | None
) -> MetricDifference:
    a, b = (float(metric.compute(side.sum(axis=0))) for side in sides)
    return MetricDifference(
        name=metric.name,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        a=a if math.isfinite(a) else None,
        b=b if math.isfinite(b) else None,
        difference=estimate.value,
        low=estimate.low,
        high=estimate.high,
        p=p,
        p_holm=None,
        mde=estimate.mde,
        n=estimate.n,
        clusters=estimate.clusters,
        method=estimate.method,
        verdict=None,
    )


def _judged(tasks: Sequence[TaskComparison]) -> list[TaskComparison]:
    """Return the tasks with the headline p-values adjusted for their number, and a verdict per metric."""
    headlines = [next((m.p for m in t.metrics if m.name == t.headline), None) for t in tasks]
    judged = []
    for task, p in zip(tasks, holm(headlines), strict=True):
        metrics = [replace(m, p_holm=p if m.name == task.headline else None) for m in task.metrics]
        judged.append(replace(task, metrics=[replace(m, verdict=_verdict(m)) for m in metrics]))
    return judged


def _verdict(metric: MetricDifference) -> str | None:
    """Return who is better: where the interval excludes zero and the test, adjusted where it is, agrees."""
    p = metric.p if metric.p_holm is None else metric.p_holm
    if metric.low is None or metric.high is None or p is None or metric.low <= 0 <= metric.high or p >= ALPHA:
        return None
    return "A" if (metric.low > 0) == (metric.higher_is_better is not False) else "B"


def _flips(rows_a: Sequence[SampleScore], rows_b: Sequence[SampleScore]) -> list[Flips]:
    counts: dict[str, Counter[tuple[bool, bool]]] = {}
    for x, y in zip(rows_a, rows_b, strict=True):
        counts.setdefault(x.label or "unknown", Counter())[x.worth >= RIGHT, y.worth >= RIGHT] += 1
    return [
        Flips(label, only_a=c[True, False], only_b=c[False, True], both=c[True, True], neither=c[False, False])
        for label, c in sorted(counts.items())
    ]


def _decisive(rows_a: Sequence[SampleScore], rows_b: Sequence[SampleScore], most: int) -> list[DecisiveSample]:
    pairs = [(x, y) for x, y in zip(rows_a, rows_b, strict=True) if abs(x.worth - y.worth) > _SAME_WORTH]
    pairs.sort(key=lambda pair: (-abs(pair[0].worth - pair[1].worth), pair[0].sample_id))
    # Among equally large differences, those of A and of B take turns: one side alone would tell half the story.
    turn = {True: count(), False: count()}
    turns = [(-abs(x.worth - y.worth), next(turn[x.worth > y.worth]), x, y) for x, y in pairs]
    turns.sort(key=lambda entry: (round(entry[0], 9), entry[1]))
    return [
        DecisiveSample(
            sample_id=x.sample_id,
            label=x.label,
            truth=x.truth,
            a=x.prediction,
            b=y.prediction,
            worth_a=x.worth,
            worth_b=y.worth,
            outcome_a=x.outcome,
            outcome_b=y.outcome,
        )
        for _, _, x, y in turns[:most]
    ]
