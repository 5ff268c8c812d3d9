"""What a report is made from: the run folder, and the dataset where it can still be read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vau_bench import evaluation
from vau_bench.catalogue import Catalogue
from vau_bench.errors import VauBenchError
from vau_bench.evaluation import Options, Progress
from vau_bench.readers import Dataset
from vau_bench.records import Outcome, Response, Sample
from vau_bench.results import SCHEMA, SampleScore, TaskResult
from vau_bench.runs import Manifest, RunFolder, TaskEntry

ANSWERED = "answered"
"""Outcome of a complete answer that was never scored."""


@dataclass(frozen=True)
class TaskContents:
    """One task of a run.

    Attributes:
        entry: the task as it was asked.
        result: `None` while the run is not scored.
        scores: one per sample; of an unscored run what the journal holds, without truth and prediction.
        responses: the last response by sample id.
        samples: the questions by sample id; empty where the dataset cannot be read.
        dataset: finds the videos.
        problems: what this report lacks, as sentences.
    """

    entry: TaskEntry
    result: TaskResult | None
    scores: list[SampleScore]
    responses: Mapping[str, Response]
    samples: Mapping[str, Sample]
    dataset: Dataset | None
    problems: tuple[str, ...] = ()

    @property
    def outcomes(self) -> dict[str, int]:
        """Counts that add up to the expected samples."""
        if self.result is not None:
            return {o: self.result["outcomes"].get(o, 0) for o in map(str, Outcome)}
        counts = Counter(score.outcome for score in self.scores)
        counts[str(Outcome.MISSING)] += max(0, self.entry.expected - len(self.scores))
        return {o: counts[o] for o in (ANSWERED, *map(str, Outcome))}


@dataclass(frozen=True)
class RunContents:
    """A run, as the report tells it."""

    path: Path
    manifest: Manifest
    options: Options
    tasks: list[TaskContents]
    problems: tuple[str, ...]


def read_contents(run: Path, *, data: Path | None, progress: Progress) -> RunContents:
    """Read a run; score it first where it has no results yet.

    Raises:
        RunError: if there is no run, or its manifest or journal is damaged.
    """
    folder = RunFolder.existing(run)
    manifest = folder.read_manifest()
    options = Options.from_json(manifest.options)
    if data is not None:
        options = replace(options, data=data)
    responses: dict[tuple[str, str], dict[str, Response]] = {(e.name, e.style): {} for e in manifest.tasks}
    for response in folder.responses():
        if (response.task, response.style) in responses:
            responses[response.task, response.style][response.sample_id] = response
    results, scores, problems = _scored(run, data, options.resamples, progress)
    tasks = [_task(e, results, scores, responses[e.name, e.style], options) for e in manifest.tasks]
    late = sum(_came_later(task) for task in tasks)
    if late:
        problems += (f"{late} answers came after the run was scored; `vau-bench score` brings the figures up to date",)
    return RunContents(run, manifest, options, tasks, problems)


def _scored(
    run: Path, data: Path | None, resamples: int, progress: Progress
) -> tuple[list[TaskResult], list[SampleScore], tuple[str, ...]]:
    """Return the results and scores of a run folder, made now if there are none."""
    try:
        return (*_read_scored(run), ())
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        done = evaluation.score(run, data=data, resamples=resamples, progress=progress)
    except VauBenchError as error:
        return [], [], (f"this run is not scored: {error}",)
    return done.tasks, done.scores, ()


def _read_scored(run: Path) -> tuple[list[TaskResult], list[SampleScore]]:
    record = json.loads((run / "results.json").read_text(encoding="utf-8"))
    if record["schema"] != SCHEMA:
        raise ValueError(f"schema {record['schema']!r}")
    with (run / "scores.jsonl").open(encoding="utf-8") as file:
        return list(record["tasks"]), [_score(json.loads(line)) for line in file]


def _score(record: dict[str, Any]) -> SampleScore:
    """Return the score of a line; an older one, without a worth, is a `KeyError`: it is to be made anew."""
    span = record["span"]
    return SampleScore(
        **{**record, "worth": record["worth"], "span": tuple(span) if span else None, "flags": tuple(record["flags"])}
    )


def _task(
    entry: TaskEntry,
    results: list[TaskResult],
    scores: list[SampleScore],
    responses: Mapping[str, Response],
    options: Options,
) -> TaskContents:
    result = next((r for r in results if (r["task"], r["style"]) == (entry.name, entry.style)), None)
    own = [s for s in scores if (s.task, s.style) == (entry.name, entry.style)]
    problems: list[str] = []
    samples: dict[str, Sample] = {}
    dataset = None
    try:
        task = Catalogue(options.tasks_dirs).get(entry.name)
        if result is not None:
            result = _in_order(result, task.spec.metrics)
        selection = task.select(
            options.data, split=entry.split, limit=options.limit, shuffle_options=options.shuffle_options
        )
        dataset, samples = selection.dataset, {s.id: s for s in selection.samples}
        if dataset.digest != entry.digests.get("data"):
            problems.append("the dataset has changed since the run: a question may differ from the one that was asked")
    except (VauBenchError, OSError) as error:
        problems.append(f"questions and frames are not shown: {error}")
    if result is None:
        own = list(_unscored(entry, responses, samples))
    return TaskContents(entry, result, own, responses, samples, dataset, tuple(problems))


def _in_order(result: TaskResult, names: list[str]) -> TaskResult:
    """Return the result with its metrics as the task lists them; the file holds them by name."""
    metrics = result["metrics"]
    ordered = [name for name in names if name in metrics]
    return {**result, "metrics": {name: metrics[name] for name in dict.fromkeys((*ordered, *metrics))}}


def _unscored(
    entry: TaskEntry, responses: Mapping[str, Response], samples: Mapping[str, Sample]
) -> Iterator[SampleScore]:
    for sample_id, response in responses.items():
        sample = samples.get(sample_id)
        yield SampleScore(
            task=entry.name,
            sample_id=sample_id,
            video=sample.video if sample else sample_id,
            group=sample.group if sample else sample_id,
            label=sample.target.label if sample else None,
            style=entry.style,
            outcome=ANSWERED if response.outcome is Outcome.SCORED else str(response.outcome),
            prediction=None,
            truth=None,
            rule=None,
            span=None,
            flags=(),
            values={},
            error=response.error,
        )


def _came_later(task: TaskContents) -> int:
    """Count the scores that cannot come from the responses that the journal holds now."""
    if task.result is None:
        return 0
    return sum(not _agrees(score, task.responses.get(score.sample_id)) for score in task.scores)


def _agrees(score: SampleScore, response: Response | None) -> bool:
    if response is None:
        return score.outcome == Outcome.MISSING
    if response.outcome in (Outcome.SCORED, Outcome.TRUNCATED):
        return score.outcome not in (Outcome.ERRORED, Outcome.MISSING)
    return score.outcome == response.outcome
