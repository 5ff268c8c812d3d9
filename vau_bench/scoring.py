"""Scoring: a pure function of responses and ground truth. No model, no video, no network.

Strict scoring keeps every expected sample in the denominator. What has no answer counts as wrong and is counted by
its outcome; the value over the answered samples alone and the one in the manner of VAU-R1 stand beside.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from vau_bench.kinds import FloorContext, Kind, Reading
from vau_bench.metrics.base import Columns, Metric
from vau_bench.parsing import is_refusal, parse_grammar
from vau_bench.records import Outcome, Response, Sample
from vau_bench.reflection import Manner, manner, reflection_result
from vau_bench.results import FloorResult, SampleScore, TaskResult, metric_result
from vau_bench.stats import cluster_codes, estimate_all
from vau_bench.task import Selection, Task

RESAMPLES = 10_000
REFLECT = "reflect"
_CLOSED = re.compile(r"</\s{0,8}(?:answer|glue)\s{0,8}>", re.IGNORECASE)


def score_task(
    task: Task,
    selection: Selection,
    responses: Mapping[str, Response],
    *,
    style: str,
    split: str,
    frames: str,
    tuning: Sequence[Sample] = (),
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> tuple[TaskResult, list[SampleScore]]:
    """Score the responses to one task; see `TaskScoring`, which keeps no scores."""
    scoring = TaskScoring(task, selection, style)
    scores = list(scoring.scores(responses))
    return scoring.result(split=split, frames=frames, tuning=tuning, resamples=resamples, seed=seed), scores


class TaskScoring:
    """Scores the responses to one task, one after the other: first all of `scores`, then `result`.

    Of a sample only the numbers that the result is made from are kept.

    Args:
        task: the task.
        selection: the expected samples.
        style: the prompt style of the responses.
    """

    def __init__(self, task: Task, selection: Selection, style: str) -> None:
        self._task, self._selection, self._style = task, selection, style
        self._kind = task.kind(selection.dataset)
        self._values, self._paper = _Table(), _Table()
        self._outcomes: list[str] = []
        self._durations: dict[str, float] = {}
        self._first, self._revised = array("d"), array("d")
        self._manners: list[Manner | None] = []

    def scores(self, responses: Mapping[str, Response]) -> Iterator[SampleScore]:
        """Yield the score of each expected sample, in order.

        Args:
            responses: the last response by sample id; each is read once, so that they may come from a file.
        """
        for sample in self._selection.samples:
            row = _row(self._task.name, self._kind, sample, responses.get(sample.id), self._style)
            score = row.score
            self._values.add(score.values)
            if row.paper is not None:
                self._paper.add(row.paper)
            self._outcomes.append(score.outcome)
            if row.duration is not None:
                self._durations[sample.id] = row.duration
            self._first.append(math.nan if score.first_worth is None else score.first_worth)
            self._revised.append(score.worth)
            self._manners.append(row.manner)
            yield score

    @property
    def answered(self) -> np.ndarray[Any, Any]:
        """Which samples have an answer, (n,) bool."""
        return np.array([outcome == Outcome.SCORED for outcome in self._outcomes], dtype=bool)

    def result(
        self,
        *,
        split: str,
        frames: str,
        tuning: Sequence[Sample] = (),
        resamples: int = RESAMPLES,
        seed: int = 0,
    ) -> TaskResult:
        """Return the result of what was scored.

        Args:
            split: the split of the selection.
            frames: the frame plan of the responses.
            tuning: samples that floors may fit a constant to.
            resamples: of the bootstrap; 0 leaves its intervals out.
            seed: of the bootstrap and of random floors.
        """
        task, kind, selection = self._task, self._kind, self._selection
        samples = selection.samples
        metrics = task.metrics(kind)
        columns, answered = self._values.columns(), self.answered
        codes = cluster_codes([s.group for s in samples])
        estimates = estimate_all(metrics, [m.update(columns) for m in metrics], codes, resamples=resamples, seed=seed)
        answered_only = {m.name: _finite(m(_rows(columns, answered))) for m in metrics} if answered.any() else {}
        paper = self._paper.columns()
        context = FloorContext(tuning, self._durations, seed)
        result = TaskResult(
            task=task.name,
            version=task.version,
            kind=kind.name,
            dataset=task.spec.dataset.name,
            style=self._style,
            split=split,
            frames=frames,
            headline=task.headline,
            expected=len(samples),
            outcomes={str(o): self._outcomes.count(o) for o in Outcome},
            excluded=dict(selection.excluded),
            notes={k: v for k, v in selection.dataset.notes.items() if v},
            metrics={
                m.name: metric_result(m, e, answered_only.get(m.name)) for m, e in zip(metrics, estimates, strict=True)
            },
            paper={m.name: _finite(m(paper)) for m in metrics} if self._paper.rows else {},
            paper_n=self._paper.rows,
            floors={name: _floor(kind, name, samples, metrics, context) for name in task.spec.floors},
            classes=_by_class(task.headline_metric(kind), columns, [s.target.label for s in samples]),
            digests={**task.digests, "data": selection.dataset.digest},
            warnings=_warnings(samples, context.durations),
        )
        confusion = kind.confusion(columns)
        if confusion is not None:
            result["confusion"] = confusion
        first, revised = np.array(self._first), np.array(self._revised)
        reflection = reflection_result(first, revised, self._manners, codes, resamples=resamples, seed=seed)
        if reflection is not None:
            result["reflection"] = reflection
        return result


class _Table:
    """The values of samples, a row each, kept by column; `None` becomes NaN."""

    def __init__(self) -> None:
        self.rows = 0
        self._columns: dict[str, array[float]] = {}

    def add(self, values: Mapping[str, float | None]) -> None:
        if not self.rows:
            self._columns = {name: array("d") for name in values}
        self.rows += 1
        for name, column in self._columns.items():
            value = values[name]
            column.append(math.nan if value is None else value)

    def columns(self) -> Columns:
        return {name: np.array(column, dtype=np.float64) for name, column in self._columns.items()}


class _Row(NamedTuple):
    """What one response adds to a result.

    Attributes:
        score: strictly.
        paper: its values in the manner of the paper, `None` where that leaves it out.
        duration: of the video in seconds, from what the dataset says or from what the model was shown.
        manner: how its reflection is written, where there is a first answer.
    """

    score: SampleScore
    paper: Mapping[str, float | None] | None
    duration: float | None
    manner: Manner | None


def _row(task: str, kind: Kind[Any], sample: Sample, response: Response | None, style: str) -> _Row:
    score = score_sample(task, kind, sample, response, style)
    seen = response.seen if response else None
    told = sample.fields.get("duration")
    return _Row(
        score=score,
        paper=_paper_row(kind, sample, response),
        duration=float(told) if told is not None else seen.duration if seen else None,
        manner=manner(response.text) if response is not None and score.first_worth is not None else None,
    )


def score_sample(task: str, kind: Kind[Any], sample: Sample, response: Response | None, style: str) -> SampleScore:
    """Score one response; `None` is a sample that was never answered."""
    outcome, reading, first = _read(kind, sample, response)
    answer = reading.answer if reading else None
    error = response.error if response else "not asked"
    return SampleScore(
        task=task,
        sample_id=sample.id,
        video=sample.video,
        group=sample.group,
        label=sample.target.label,
        style=style,
        outcome=str(outcome),
        prediction=None if reading is None else kind.as_json(answer),
        truth=kind.as_json(kind.truth(sample)),
        rule=reading.rule if reading else None,
        span=reading.span if reading else None,
        flags=reading.flags if reading else (),
        values={k: _finite(v) for k, v in kind.values(answer, sample).items()},
        worth=kind.worth(answer, sample),
        first=None if first is None else kind.as_json(first.answer),
        first_worth=None if first is None else kind.worth(first.answer, sample),
        error=error,
    )


def _read(
    kind: Kind[Any], sample: Sample, response: Response | None
) -> tuple[Outcome, Reading[Any] | None, Reading[Any] | None]:
    """Return the outcome, the answer, and the answer before a reflection."""
    if response is None:
        return Outcome.MISSING, None, None
    if response.outcome not in (Outcome.SCORED, Outcome.TRUNCATED):
        return response.outcome, None, None
    text, truncated = response.text, response.outcome is Outcome.TRUNCATED
    reading, first = kind.read(text, sample), None
    if response.style == REFLECT or "<reflect" in text.lower():
        grammar = parse_grammar(text)
        if grammar.first is not None:
            first = kind.read(text[slice(*grammar.first.span)], sample)
        if truncated and (grammar.reflect is None or "no_revised_answer" in grammar.problems):
            first, reading = first or reading, None  # cut before the final answer: the first one is not it
    if truncated and not (reading and _is_complete(text, reading)):
        return Outcome.TRUNCATED, None, first
    if reading is None:
        return (Outcome.REFUSED if is_refusal(text) else Outcome.UNPARSED), None, first
    return Outcome.SCORED, reading, first


def _is_complete(text: str, reading: Reading[Any]) -> bool:
    """Tell whether an answer in a text that was cut stands in tags that are closed."""
    return reading.rule.startswith("tag") and _CLOSED.search(text, reading.span[1]) is not None


def strict_value(metric: Metric, values: Sequence[Mapping[str, float | None]], groups: Sequence[str]) -> float | None:
    """Return a metric of samples, to the last digit as `score_task` does, without its interval."""
    contributions = metric.update(columns_of(values))
    return estimate_all([metric], [contributions], cluster_codes(groups), resamples=0)[0].value


def columns_of(values: Sequence[Mapping[str, float | None]]) -> Columns:
    """Return the values of n samples as arrays by name; `None` becomes NaN."""
    table = _Table()
    for row in values:
        table.add(row)
    return table.columns()


def _rows(columns: Columns, chosen: np.ndarray[Any, Any]) -> Columns:
    return {name: column[chosen] for name, column in columns.items()}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _paper_row(kind: Kind[Any], sample: Sample, response: Response | None) -> Mapping[str, float | None] | None:
    """Return the values of a response in the manner of the paper, which uses its own parser.

    It drops what was not answered. VAU-R1's grounding turns what it cannot parse into its code for "normal", which is
    worth 0 on the anomalous videos that it counts; here such an answer is worth 0, too.
    """
    if response is None or not response.text:
        return None
    reading = kind.read_as_paper(response.text, sample)
    answer = reading.answer if reading else None
    return kind.values(answer, sample) if kind.in_paper_score(sample, answer) else None


def _floor(
    kind: Kind[Any], name: str, samples: Sequence[Sample], metrics: Sequence[Metric], context: FloorContext
) -> FloorResult:
    answers = kind.floor(name, samples, context)
    answered = sum(answer is not None for answer in answers)
    if not answered:
        return FloorResult(answered=0, metrics={m.name: None for m in metrics})
    # As strict as for a model: what the floor cannot answer counts as wrong.
    columns = columns_of([kind.values(a, s) for a, s in zip(answers, samples, strict=True)])
    return FloorResult(answered=answered, metrics={m.name: _finite(m(columns)) for m in metrics})


def _by_class(
    metric: Metric, columns: Columns, labels: Sequence[str | None]
) -> dict[str, dict[str, float | int | None]]:
    names = np.array([label or "unknown" for label in labels])
    found: dict[str, dict[str, float | int | None]] = {}
    for name in sorted(set(names.tolist())):
        chosen = names == name
        found[name] = {"n": int(chosen.sum()), "value": _finite(metric(_rows(columns, chosen)))}
    return found


def _warnings(samples: Sequence[Sample], durations: Mapping[str, float]) -> list[str]:
    """Return what is odd about the truth, as sentences."""
    beyond = [
        s.id
        for s in samples
        if s.target.segments and s.id in durations and s.target.segments[-1].end > durations[s.id] + 1.0
    ]
    if not beyond:
        return []
    return [f"the true interval of {len(beyond)} samples ends after their video does (first: {beyond[0]})"]
