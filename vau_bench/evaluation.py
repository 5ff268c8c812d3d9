"""Evaluate: from names to a finished run folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from vau_bench.catalogue import Catalogue
from vau_bench.engines import Engine
from vau_bench.errors import DataError, RunError, UsageError
from vau_bench.history import History, Written
from vau_bench.journal import Journal
from vau_bench.models import create_model, preset_of
from vau_bench.models.base import Model
from vau_bench.options import Options
from vau_bench.paths import builtin_tasks, cache_dir
from vau_bench.profiling import Profile
from vau_bench.progress import Progress, Silent
from vau_bench.ranks import joined
from vau_bench.records import Outcome, Sample
from vau_bench.rescoring import nothing_scored, score
from vau_bench.results import Results
from vau_bench.runner import Runner, TaskRun
from vau_bench.runs import Manifest, RunFolder, TaskEntry, environment, now, slug
from vau_bench.shards import Shard
from vau_bench.task import Task
from vau_bench.video import ClipLoader

__all__ = ["Options", "Progress", "Silent", "evaluate", "evaluate_shard", "nothing_scored", "score", "task_run"]


def evaluate(
    options: Options, out: Path, *, run_id: str | None = None, progress: Progress | None = None,
    profile: Profile | None = None, engine: Engine | None = None,
) -> Results:  # fmt: skip
    """Evaluate a model on tasks; an interrupted evaluation goes on where it was.

    Args:
        options: what to do.
        out: the folder that run folders lie in.
        run_id: name of the run's folder; default: made from the options, so that the same options resume.
        progress: told how it goes.
        profile: told how long each stage takes.
        engine: where requests are answered; default: in this process.

    Raises:
        VauBenchError: see `vau_bench.errors`. What was answered until then is in the journal.
    """
    progress, profile = progress or Silent(), profile or Profile()
    folder, _ = _asked(options, out, run_id, progress, profile, None, engine)
    with profile.phase("scoring"):
        return score(folder.path, resamples=options.resamples, progress=progress)


def evaluate_shard(
    options: Options, out: Path, shard: Shard, *, run_id: str | None = None, progress: Progress | None = None,
    profile: Profile | None = None,
) -> Results | None:  # fmt: skip
    """Do the part of one process of several; see `vau_bench.shards`.

    Returns the results if all samples of the run are answered now, `None` while other processes have some left.

    Args:
        options: what all processes do together.
        out: the folder that run folders lie in, the same one for all.
        shard: which part is this process's.
        run_id: name of the run's folder; default: made from the options.
        progress: told how it goes.
        profile: told how long each stage takes.

    Raises:
        VauBenchError: see `vau_bench.errors`. What was answered until then is in the journals.
    """
    progress, profile = progress or Silent(), profile or Profile()
    folder, complete = _asked(options, out, run_id, progress, profile, shard)
    if not complete:
        return None
    with profile.phase("scoring"):
        return score(folder.path, resamples=options.resamples, progress=progress)


def _asked(
    options: Options,
    out: Path,
    run_id: str | None,
    progress: Progress,
    profile: Profile,
    shard: Shard | None,
    engine: Engine | None = None,
) -> tuple[RunFolder, bool]:
    """Ask the whole run or a shard of it; return its folder, and whether nothing is left to others."""
    if run_id and (run_id == ".." or Path(run_id).name != run_id):
        raise UsageError(f"the run id {run_id!r} is no name of a folder; pass --out DIR to choose where runs lie")
    options = Options.from_json(asdict(options))
    catalogue = Catalogue(options.tasks_dirs)
    tasks = catalogue.resolve(options.tasks)
    if not tasks:
        raise UsageError("no task named; pass --tasks NAME, see `vau-bench tasks list`")
    clips = ClipLoader(cache_dir(), workers=options.decode_workers, timeout=options.decode_timeout, profile=profile)
    wrap = partial(engine.over, options=options) if engine else None
    made = create_model(options.model, options.model_args, clips, windows=options.windows, wrap=wrap)
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
            processes=shard.count if shard else 1,
            environment=environment(),
        )
        return folder, _ask(folder, manifest, model, clips, runs, progress, shard)


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
    shard: Shard | None,
) -> bool:
    """Ask what no journal answers, and return whether all is answered then; the manifest tells how it ended."""
    with joined(folder, shard, manifest) if shard else _alone(folder, manifest) as journal:
        try:
            own = shard.own(runs) if shard else runs
            if model.reads_video:
                for run in own:
                    if run.selection.samples and run.selection.dataset.prepare is not None:
                        run.selection.dataset.prepare(run.selection.samples, progress.stage, progress.advance)
            with folder.history() as history:
                journal.epoch = history.epoch + (len(folder.journals()) > 1)
                progress.stage("asking", sum(len(run.selection.samples) * run.turns for run in own))
                with clips.profile.phase("asking"):
                    Runner(model, manifest.model, Written(history, journal), clips, progress.advance).run(own)
            journal.sync()
            complete = shard is None or _is_complete(folder, runs)
        except BaseException as error:
            cancelled = isinstance(error, KeyboardInterrupt)
            reason = None if cancelled else str(error) or type(error).__name__
            with suppress(RunError):  # what filled the disk keeps the manifest from telling; the first error does
                folder.finish(manifest, "cancelled" if cancelled else "failed", reason)
            raise
        if complete:
            folder.finish(manifest, "success")
        return complete


@contextmanager
def _alone(folder: RunFolder, manifest: Manifest) -> Iterator[Journal]:
    with Journal(folder.journal_path()) as journal:
        folder.write_manifest(manifest)
        yield journal


def _is_complete(folder: RunFolder, runs: Sequence[TaskRun]) -> bool:
    """Tell whether there is a response to each sample, up to the first turn of it that has no answer."""
    with folder.history() as history:
        return all(_is_ended(history, run, sample) for run in runs for sample in run.selection.samples)


def _is_ended(history: History, run: TaskRun, sample: Sample) -> bool:
    for turn in range(run.turns):
        told = history.told(run.task.name, run.style, turn, sample.id)
        if told is None or told.outcome is not Outcome.SCORED:
            return told is not None
    return True
