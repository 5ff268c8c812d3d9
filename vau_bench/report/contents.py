"""What a report is made from: the run folder, and the dataset where it can still be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from vau_bench import evaluation
from vau_bench.catalogue import Catalogue
from vau_bench.conversations import whole_conversations
from vau_bench.errors import RunError, VauBenchError
from vau_bench.evaluation import Options, Progress
from vau_bench.readers import Dataset
from vau_bench.records import Outcome, Response, Sample
from vau_bench.report.judged import Judged, judged_answers
from vau_bench.results import SampleScore, TaskResult
from vau_bench.runs import Manifest, RunFolder, TaskEntry
from vau_bench.saved import load_results

ANSWERED = "answered"
"""Outcome of a complete answer that was never scored."""

Turns = dict[str, dict[int, Response]]
"""The last response to each turn, by sample id."""


@dataclass(frozen=True)
class TaskContents:
    """One task of a run.

    Attributes:
        entry: the task as it was asked.
        result: `None` while the run is not scored.
        scores: one per sample; of an unscored run what the journal holds, without truth and prediction.
        responses: what the model said, all turns together, by sample id.
        samples: the questions by sample id; empty where the dataset cannot be read.
        dataset: finds the videos.
        problems: what this report lacks, as sentences.
        judged: what judges said about the answers, by sample id.
    """

    entry: TaskEntry
    result: TaskResult | None
    scores: Sequence[SampleScore]
    responses: Mapping[str, Response]
    samples: Mapping[str, Sample]
    dataset: Dataset | None
    problems: tuple[str, ...] = ()
    judged: Mapping[str, list[Judged]] = field(default_factory=dict)

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
        RunError: if there is no run, or its manifest or a journal is damaged.
    """
    folder = RunFolder.existing(run)
    manifest = folder.read_manifest()
    options = Options.from_json(manifest.options)
    if data is not None:
        options = replace(options, data=data)
    turns = _turns(folder, manifest)
    results, scores, problems = _scored(run, data, options.resamples, progress)
    judged = judged_answers(run, {name: _last(of) for (name, _), of in turns.items()})
    tasks = [
        replace(_task(e, results, scores, turns[e.name, e.style], options), judged=judged.get(e.name, {}))
        for e in manifest.tasks
    ]
    late = sum(_came_later(task) for task in tasks)
    if late:
        problems += (f"{late} answers came after the run was scored; `vau-bench score` brings the figures up to date",)
    return RunContents(run, manifest, options, tasks, problems)


def _turns(folder: RunFolder, manifest: Manifest) -> dict[tuple[str, str], Turns]:
    """Return the last response to each turn of each sample, by task and style."""
    found: dict[tuple[str, str], Turns] = {(e.name, e.style): {} for e in manifest.tasks}
    for response in folder.responses():
        if (response.task, response.style) in found:
            found[response.task, response.style].setdefault(response.sample_id, {})[response.turn] = response
    return found


def _last(turns: Turns) -> dict[str, Response]:
    """Return the conversations of a task whose number of turns is not known, as far as they went."""
    return whole_conversations(turns, max((len(said) for said in turns.values()), default=1))


def _scored(
    run: Path, data: Path | None, resamples: int, progress: Progress
) -> tuple[list[TaskResult], Sequence[SampleScore], tuple[str, ...]]:
    """Return the results and scores of a run folder, made now if there are none."""
    try:
        found = load_results(run)
    except RunError:
        try:
            found = evaluation.score(run, data=data, resamples=resamples, progress=progress)
        except VauBenchError as error:
            return [], [], (f"this run is not scored: {error}",)
    return found.tasks, found.scores, ()


def _task(
    entry: TaskEntry, results: list[TaskResult], scores: Sequence[SampleScore], turns: Turns, options: Options
) -> TaskContents:
    result = next((r for r in results if (r["task"], r["style"]) == (entry.name, entry.style)), None)
    own = [s for s in scores if (s.task, s.style) == (entry.name, entry.style)]
    problems: list[str] = []
    samples: dict[str, Sample] = {}
    dataset = None
    responses = _last(turns)
    try:
        task = Catalogue(options.tasks_dirs).get(entry.name)
        responses = whole_conversations(turns, len(task.prompts.turns(entry.style)))
        if result is not None:
            result = _in_order(result, [task.headline, *task.spec.metrics])
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
    """Return the result with its metrics in the order of these names; the file holds them by name."""
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
