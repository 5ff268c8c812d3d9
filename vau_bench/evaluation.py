"""Evaluate: from names to a finished run folder. And score: from a run folder to results."""

from __future__ import annotations

import gc
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import Field, TypeAdapter, ValidationError

from vau_bench.catalogue import Catalogue
from vau_bench.conversations import whole_conversations
from vau_bench.declarations import first_problem
from vau_bench.errors import DataError, RunError, UsageError
from vau_bench.journal import Journal
from vau_bench.models import create_model, preset_of
from vau_bench.models.base import Model
from vau_bench.paths import builtin_tasks, cache_dir
from vau_bench.records import JSON, Outcome, Response
from vau_bench.results import Results, SampleScore, TaskResult
from vau_bench.runner import Answered, Runner, TaskRun
from vau_bench.runs import Manifest, RunFolder, TaskEntry, dump_json, environment, now, slug, write_atomically
from vau_bench.scoring import RESAMPLES, score_task
from vau_bench.task import Task
from vau_bench.text_scores import check_names, text_result
from vau_bench.video import ClipLoader


@dataclass(frozen=True)
class Options:
    """What one evaluation is asked to do; every field is an option of `vau-bench evaluate`.

    Attributes:
        model: name of the adapter, or of a preset.
        tasks: names of tasks, groups or patterns.
        model_args: arguments of the adapter.
        data: root of the datasets; not needed for generated ones.
        style: prompt style; default: the model's, else each task's own.
        split: default: each task's own.
        limit: samples per task, evenly spread.
        frames: frame plan; default: the model's, else the task's.
        windows: length and stride in seconds, such as `32s/16s`, of windows that grounding and detection are asked in.
        shuffle_options: seed of a balanced shuffle of multiple-choice options.
        max_new_tokens: default: each task's own.
        temperature: 0 is greedy.
        seed: of generation.
        decode_workers: processes that decode ahead.
        decode_timeout: seconds that one video may take.
        resamples: of the bootstrap.
        tasks_dirs: further folders of tasks.
    """

    model: str
    tasks: tuple[str, ...]
    model_args: dict[str, Any] = field(default_factory=dict)
    data: Path | None = None
    style: str | None = None
    split: str | None = None
    limit: Annotated[int, Field(strict=True, ge=1)] | None = None
    frames: str | None = None
    windows: str | None = None
    shuffle_options: Annotated[int, Field(strict=True)] | None = None
    max_new_tokens: Annotated[int, Field(strict=True, ge=1)] | None = None
    temperature: Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)] = 0.0
    seed: Annotated[int, Field(strict=True)] = 0
    decode_workers: Annotated[int, Field(strict=True, ge=1)] = 1
    decode_timeout: Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)] = 60.0
    resamples: Annotated[int, Field(strict=True, ge=0)] = RESAMPLES
    tasks_dirs: tuple[Path, ...] = ()

    def as_json(self) -> dict[str, JSON]:
        """Return the options as the manifest holds them."""
        record: dict[str, Any] = asdict(self)
        record["tasks"] = list(self.tasks)
        record["data"] = str(self.data.resolve()) if self.data else None
        record["tasks_dirs"] = [str(p.resolve()) for p in self.tasks_dirs]
        return record

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Options:
        """Return the options of a manifest, of a file or of a call.

        Raises:
            RunError: if there is an option that this version does not know.
            UsageError: if one has a value that it cannot have.
        """
        unknown = record.keys() - {f.name for f in fields(cls)}
        if unknown:
            raise RunError(f"the run was made with an option that this version does not know: {min(unknown)}")
        try:
            return TypeAdapter(cls).validate_python(record)
        except ValidationError as error:
            raise UsageError(f"option {first_problem(error, cls)}") from None

    def fingerprint(self) -> str:
        """Return a hash of what makes two evaluations different runs."""
        record = self.as_json()
        for harmless in ("decode_workers", "decode_timeout", "resamples"):
            del record[harmless]
        if self.windows is None:
            del record["windows"]
        return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:8]


class Progress(Protocol):
    """What an evaluation tells about its progress."""

    def stage(self, text: str, total: int | None = None) -> None:
        """A new stage of work begins."""

    def advance(self, response: Response | None = None) -> None:
        """One step of the stage is done; `response` if it is a new answer."""


class Silent:
    """Progress that nobody sees."""

    def stage(self, text: str, total: int | None = None) -> None:  # noqa: D102
        pass

    def advance(self, response: Response | None = None) -> None:  # noqa: D102
        pass


def evaluate(options: Options, out: Path, *, run_id: str | None = None, progress: Progress | None = None) -> Results:
    """Evaluate a model on tasks; an interrupted evaluation goes on where it was.

    Args:
        options: what to do.
        out: the folder that run folders lie in.
        run_id: name of the run's folder; default: made from the options, so that the same options resume.
        progress: told how it goes.

    Raises:
        VauBenchError: see `vau_bench.errors`. What was answered until then is in the journal.
    """
    if run_id and (run_id == ".." or Path(run_id).name != run_id):
        raise UsageError(f"the run id {run_id!r} is no name of a folder; pass --out DIR to choose where runs lie")
    options = Options.from_json(asdict(options))
    progress = progress or Silent()
    catalogue = Catalogue(options.tasks_dirs)
    tasks = catalogue.resolve(options.tasks)
    if not tasks:
        raise UsageError("no task named; pass --tasks NAME, see `vau-bench tasks list`")
    clips = ClipLoader(cache_dir(), workers=options.decode_workers, timeout=options.decode_timeout)
    made = create_model(options.model, options.model_args, clips, windows=options.windows)
    with closing(clips), closing(made) as model:
        runs = [task_run(task, model, options) for task in tasks]
        name = "+".join(options.tasks) if len(options.tasks) < 3 else f"{len(tasks)}-tasks"
        folder = RunFolder(out / (run_id or f"{slug(options.model)}-{slug(name)}-{options.fingerprint()}"))
        folder.create()
        manifest = Manifest(
            run_id=folder.path.name,
            model=options.model,
            model_identity=model.identity(),
            tasks=[_entry(run, options) for run in runs],
            options=options.as_json(),
            preset=preset.model_dump(mode="json") if (preset := preset_of(options.model)) else None,
            started=now(),
            environment=environment(),
        )
        _ask(folder, manifest, model, clips, runs, progress)
    return score(folder.path, resamples=options.resamples, progress=progress)


def task_run(task: Task, model: Model[Any], options: Options) -> TaskRun:
    """Return a task as it is asked in a run, its data read and its model told."""
    selection = task.select(
        options.data, split=options.split, limit=options.limit, shuffle_options=options.shuffle_options
    )
    if not selection.samples:
        reasons = ", ".join(f"{count} {reason}" for reason, count in selection.excluded.items())
        raise DataError(f"{task.name} has no sample that can take part; excluded: {reasons}")
    kind = task.kind(selection.dataset)
    tuning = getattr(model.config, "split", None) or task.spec.tuning_split
    model.prepare(task.name, kind, task.read(options.data, tuning).samples)
    changes = {"temperature": options.temperature, "seed": options.seed}
    if options.max_new_tokens is not None:
        changes["max_new_tokens"] = options.max_new_tokens
    return TaskRun(
        task=task,
        kind=kind,
        selection=selection,
        style=task.check_style(options.style or _own_style(model, task) or task.spec.style),
        frames=model.planned(options.frames, task.spec.frames),
        generation=task.generation(**changes),
    )


def _own_style(model: Model[Any], task: Task) -> str | None:
    return model.style if model.style in task.prompts.styles else None


def _entry(run: TaskRun, options: Options) -> TaskEntry:
    shipped = run.task.folder.parent.resolve() == builtin_tasks().resolve()
    return TaskEntry(
        name=run.task.name,
        version=run.task.version,
        kind=run.kind.name,
        style=run.style,
        split=options.split or run.task.spec.split,
        frames=run.frames,
        digests={**run.task.digests, "data": run.selection.dataset.digest},
        expected=len(run.selection.samples),
        folder=None if shipped else str(run.task.folder.resolve()),
    )


def _ask(
    folder: RunFolder,
    manifest: Manifest,
    model: Model[Any],
    clips: ClipLoader,
    runs: Sequence[TaskRun],
    progress: Progress,
) -> None:
    """Ask what the journal does not answer; the manifest tells how it ended."""
    with Journal(folder.journal_path) as journal:
        folder.write_manifest(manifest)
        try:
            if model.reads_video:
                for run in runs:
                    if run.selection.dataset.prepare is not None:
                        run.selection.dataset.prepare(run.selection.samples, progress.stage, progress.advance)
            answered = Answered(folder.responses(), {(r.task.name, r.style): r.turns - 1 for r in runs})
            progress.stage("asking", sum(len(run.selection.samples) * run.turns for run in runs))
            Runner(model, manifest.model, journal, clips, answered, progress.advance).run(runs)
            journal.sync()
        except BaseException as error:
            cancelled = isinstance(error, KeyboardInterrupt)
            reason = None if cancelled else str(error) or type(error).__name__
            with suppress(RunError):  # what filled the disk keeps the manifest from telling; the first error does
                folder.finish(manifest, "cancelled" if cancelled else "failed", reason)
            raise
        folder.finish(manifest, "success")


@contextmanager
def _without_collection() -> Iterator[None]:
    """Spare the collector a search, a sixth of the time, of what scoring makes: all of it lives to the end."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@_without_collection()
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
        text: text metrics of reasoning tasks, out of `vau_bench.text_scores.NAMES`.
        embedder: folder or name of the sentence embedder; default: the packaged one.
        progress: told how it goes.

    Raises:
        RunError: if the folder holds no run, or the task or its data have changed since.
    """
    progress = progress or Silent()
    check_names(text)
    folder = RunFolder.existing(path)
    manifest = folder.read_manifest()
    options = Options.from_json(manifest.options)
    if data is not None:
        options = replace(options, data=data)
    catalogue = Catalogue(options.tasks_dirs)
    by_task: dict[tuple[str, str], dict[str, dict[int, Response]]] = {(e.name, e.style): {} for e in manifest.tasks}
    for response in folder.responses():
        if (response.task, response.style) in by_task:
            by_task[response.task, response.style].setdefault(response.sample_id, {})[response.turn] = response
    progress.stage("scoring", len(manifest.tasks))
    settings = ScoreSettings(options, resamples, seed, tuple(text), embedder)
    results, scores = [], []
    for entry in manifest.tasks:
        result, rows = _score_entry(entry, catalogue.get(entry.name), by_task[entry.name, entry.style], settings)
        if manifest.trained_on(result["dataset"]):
            result["warnings"].append(f"the training data that the model declares hold {result['dataset']}")
        results.append(result)
        scores += rows
        progress.advance()
    done = Results(manifest.run_id, manifest.model, results, folder.path, scores, manifest.status)
    write_atomically(folder.path / "scores.jsonl", "".join(map(_score_line, scores)))
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


def _score_entry(
    entry: TaskEntry, task: Task, turns: dict[str, dict[int, Response]], settings: ScoreSettings
) -> tuple[TaskResult, list[SampleScore]]:
    """Score one task of a run against the truth as it is now, which must be the truth that it was then."""
    options = settings.options
    selection = task.select(
        options.data, split=entry.split, limit=options.limit, shuffle_options=options.shuffle_options
    )
    _check_unchanged(task, entry, selection.dataset.digest)
    responses = whole_conversations(turns, len(task.prompts.turns(entry.style)))
    result, scores = score_task(
        task,
        selection,
        responses,
        style=entry.style,
        split=entry.split,
        frames=entry.frames,
        tuning=task.read(options.data, task.spec.tuning_split).samples,
        resamples=settings.resamples,
        seed=settings.seed,
    )
    if settings.text and entry.kind == "reasoning":
        from vau_bench.embedding import Embedder

        result["text"] = text_result(
            selection.samples,
            scores,
            responses,
            settings.text,
            Embedder(settings.embedder) if "embedding" in settings.text else None,
            resamples=settings.resamples,
            seed=settings.seed,
        )
    return result, scores


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
