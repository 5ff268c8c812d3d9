"""Score a run folder, offline: from its journals and the truth to `scores.jsonl` and `results.json`."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vau_bench.catalogue import Catalogue
from vau_bench.errors import RunError, UsageError
from vau_bench.history import History
from vau_bench.options import Options
from vau_bench.progress import Progress, Silent
from vau_bench.records import Outcome
from vau_bench.results import Results, SampleScore, TaskResult
from vau_bench.runs import RunFolder, TaskEntry, dump_json, write_atomically
from vau_bench.saved import SCORES, SavedScores
from vau_bench.scoring import RESAMPLES, TaskScoring
from vau_bench.task import Task
from vau_bench.text_scores import KINDS, check_names, text_result


def score(
    path: Path,
    *,
    data: Path | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
    text: Sequence[str] = (),
    embedder: str | None = None,
    progress: Progress | None = None,
) -> Results:
    """Score a run folder again, offline, and write `scores.jsonl` and `results.json`.

    Args:
        path: the run folder.
        data: root of the datasets; default: where the run found them.
        resamples: of the bootstrap; 0 leaves its intervals out.
        seed: of the bootstrap and of random floors.
        text: text metrics of answers in prose, out of `vau_bench.text_scores.NAMES`.
        embedder: folder or name of the sentence embedder; default: the packaged one.
        progress: told how it goes.

    Raises:
        RunError: if the folder holds no run, or the task or its data have changed since.
        UsageError: if text metrics are asked for, and no task of the run is answered in prose.
    """
    progress = progress or Silent()
    check_names(text)
    folder = RunFolder.existing(path)
    manifest = folder.read_manifest()
    if text and not any(entry.kind in KINDS for entry in manifest.tasks):
        kinds = ", ".join(sorted({entry.kind for entry in manifest.tasks}))
        raise UsageError(f"text metrics are of {' and '.join(KINDS)} tasks; those of {path} are of the kinds {kinds}")
    options = Options.from_json(manifest.options)
    if data is not None:
        options = replace(options, data=data)
    catalogue = Catalogue(options.tasks_dirs)
    progress.stage("scoring", len(manifest.tasks))
    settings = ScoreSettings(options, resamples, seed, tuple(text), embedder)
    results: list[TaskResult] = []

    def lines() -> Iterator[str]:
        with folder.history() as history:
            for entry in manifest.tasks:
                result = yield from _scored(entry, catalogue.get(entry.name), history, settings)
                if manifest.trained_on(result["dataset"]):
                    result["warnings"].append(f"the training data that the model declares hold {result['dataset']}")
                results.append(result)
                progress.advance()

    write_atomically(folder.path / SCORES, lines())
    done = Results(manifest.run_id, manifest.model, results, folder.path, SavedScores(folder.path), manifest.status)
    write_atomically(folder.path / "results.json", dump_json(done.as_json()))
    return _with_judgements(done)


def _with_judgements(results: Results) -> Results:
    """Return the results with what judges said so far, which stands in `results.json` too."""
    from vau_bench.judge import judge_summary
    from vau_bench.judge.summary import record_summary

    summary = judge_summary(results.path)
    if summary:
        record_summary(results.path, summary)
        for task in results.tasks:
            if task["task"] in summary:
                task["judge"] = summary[task["task"]]
    return results


@dataclass(frozen=True)
class ScoreSettings:
    """How a run is scored; see `score`."""

    options: Options
    resamples: int
    seed: int
    text: tuple[str, ...]
    embedder: str | None


def _scored(
    entry: TaskEntry, task: Task, history: History, settings: ScoreSettings
) -> Generator[str, None, TaskResult]:
    """Score one task of a run against the truth as it is now, which must be the truth that it was then.

    Yields the lines of its samples, and returns its result.
    """
    options = settings.options
    selection = task.select(
        options.data, split=entry.split, limit=options.limit, shuffle_options=options.shuffle_options
    )
    _check_unchanged(task, entry, selection.dataset.digest)
    responses = history.conversations(entry.name, entry.style, len(task.prompts.turns(entry.style)))
    scoring = TaskScoring(task, selection, entry.style)
    yield from map(_score_line, scoring.scores(responses))
    result = scoring.result(
        split=entry.split,
        frames=entry.frames,
        tuning=task.read(options.data, task.spec.tuning_split).samples,
        resamples=settings.resamples,
        seed=settings.seed,
    )
    if settings.text and entry.kind in KINDS:
        from vau_bench.embedding import Embedder

        result["text"] = text_result(
            task.kind(selection.dataset),
            selection.samples,
            scoring.answered.tolist(),
            responses,
            settings.text,
            Embedder(settings.embedder) if "embedding" in settings.text else None,
            resamples=settings.resamples,
            seed=settings.seed,
        )
    return result


def _check_unchanged(task: Task, entry: TaskEntry, data_digest: str) -> None:
    """Refuse to score answers against another question or another truth than was asked about."""
    for what, now_, then in (
        ("version", str(task.version), str(entry.version)),
        ("prompts", task.digests["prompts"], entry.digests["prompts"]),
        ("data", data_digest, entry.digests["data"]),
    ):
        if now_ != then:
            raise RunError(
                f"the {what} of {task.name} changed since the run ({then[:12]} -> {now_[:12]}); evaluate again"
            )


def _score_line(score: SampleScore) -> str:
    record = {name: getattr(score, name) for name in SampleScore.__dataclass_fields__}
    return json.dumps(record, ensure_ascii=True, separators=(",", ":"), allow_nan=False) + "\n"


def nothing_scored(results: Results) -> str | None:
    """Return the sentence that says why a run is worth nothing, or `None` when something was scored."""
    counts = {o: sum(t["outcomes"][o] for t in results.tasks) for o in map(str, Outcome)}
    if counts[Outcome.SCORED]:
        return None
    most = max(counts, key=lambda o: counts[o])
    reason = next((s.error for s in results.scores if s.outcome == most and s.error), None)
    told = f"; the first: {reason}" if reason else ""
    return f"nothing could be scored: {counts[most]} of {sum(counts.values())} answers are {most}{told}"
