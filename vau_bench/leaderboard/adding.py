"""Make an entry of a run: verify it, take out what tells of a machine, write it at once or not at all."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from vau_bench.errors import DataError, RunError
from vau_bench.evaluation import nothing_scored
from vau_bench.leaderboard.entries import Entry, SampleRow, entry_paths, pack, read_entry
from vau_bench.leaderboard.links import named
from vau_bench.leaderboard.verify import computable, differing, recompute
from vau_bench.records import JSON, Outcome
from vau_bench.report.timeline import envelope
from vau_bench.results import SampleScore, TaskResult
from vau_bench.runs import Manifest, RunFolder, slug
from vau_bench.saved import load_results
from vau_bench.usage import UsageResult, mean_usage

_ENVIRONMENT = ("python", "platform", "machine", "cpus", "packages", "commit", "dirty")
_PATH = re.compile(r"(?<![\w.:/\\])(?:[A-Za-z]:[\\/]|~?/|\.{1,2}/|\\\\)[^\s'\",;()]*")
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\",;()]+", re.IGNORECASE)
_NOT_VERIFIABLE = ("text", "confusion")
_LONGEST_NAME = 80
UNLABELLED = "unknown"
"""The class of samples without one, as results name it."""


def entry_of(run: Path, name: str | None = None, report: str | None = None) -> Entry:
    """Return a finished, scored run as an entry.

    Its intervals are made anew with the settings that `check` uses, whatever the run was scored with.

    Args:
        run: the run folder.
        name: of the model on the leaderboard; default: the adapter, and the checkpoint where it has one.
        report: where the report of the run is, see `vau_bench.leaderboard.links`.

    Raises:
        RunError: if the run is not finished, not scored, if nothing was scored, or if its figures are not those of its
            samples.
    """
    manifest = RunFolder.existing(run).read_manifest()
    results = load_results(run)
    if manifest.status != "success":
        raise RunError(f"{run} did not finish: its status is {manifest.status}; evaluate again, it goes on")
    problem = nothing_scored(results)
    if problem:
        raise RunError(f"{run} is no entry: {problem}")
    kinds = {t["task"]: t["kind"] for t in results.tasks}
    places = {t["task"]: {c: place for place, c in enumerate(sorted(t["classes"]))} for t in results.tasks}
    rows = [_sample_row(score, kinds.get(score.task, ""), places.get(score.task, {})) for score in results.scores]
    shown = (name or _name(manifest)).strip()
    if not shown:
        raise RunError("the model needs a name; pass --name")
    entry = Entry(None, shown, without_machine(manifest), results.tasks, rows, report)
    costs = mean_usage(RunFolder.existing(run).responses())
    return replace(entry, tasks=[_with_cost(_estimated_anew(t, entry, run), costs) for t in results.tasks])


def _sample_row(score: SampleScore, kind: str, places: Mapping[str, int]) -> SampleRow:
    timed = kind == "grounding"
    return SampleRow(
        task=score.task,
        sample_id=score.sample_id,
        group=score.group,
        outcome=Outcome(score.outcome),
        values=dict(score.values),
        worth=score.worth,
        first_worth=score.first_worth,
        label=places.get(score.label or UNLABELLED),
        true=envelope(score.truth) if timed else None,
        predicted=envelope(score.prediction) if timed else None,
    )


def _name(manifest: Manifest) -> str:
    arguments = manifest.options.get("model_args")
    checkpoint = arguments.get("checkpoint") or arguments.get("model") if isinstance(arguments, dict) else None
    return f"{manifest.model} {Path(str(checkpoint)).name}" if checkpoint else manifest.model


def _estimated_anew(task: TaskResult, entry: Entry, run: Path) -> TaskResult:
    rows = entry.by_task[task["task"]]
    try:
        (anew,) = recompute([computable(task, rows)])
    except DataError as error:
        raise RunError(f"{run}: {error}; run `vau-bench score {run}`") from None
    kept = cast("TaskResult", {k: v for k, v in task.items() if k not in _NOT_VERIFIABLE})
    for name, metric in task["metrics"].items():
        found = anew.get(name)
        if found is None or not _close(found["value"], metric["value"]) or found["n"] != metric["n"]:
            raise RunError(
                f"{run}: {task['task']}: {name} in results.json is not that of scores.jsonl; "
                f"run `vau-bench score {run}`"
            )
    if "judge" in kept:
        kept["judge"] = _scrubbed(kept["judge"])
    kept["metrics"] = {name: anew[name] for name in task["metrics"]}
    if "reflection" in task:
        metrics = {name: anew[f"reflection/{name}"] for name in task["reflection"]["metrics"]}
        kept["reflection"] = {**task["reflection"], "metrics": metrics}
    wrong = differing(kept, anew, rows)
    if wrong:
        raise RunError(f"{run}: {wrong[0]}; run `vau-bench score {run}`")
    return kept


def _with_cost(task: TaskResult, costs: Mapping[str, UsageResult]) -> TaskResult:
    """Return a result with what its answers cost, where the run recorded that."""
    found = costs.get(task["task"])
    return cast("TaskResult", {**task, "usage": found}) if found else task


def _close(a: float | None, b: float | None) -> bool:
    return a == b or (a is not None and b is not None and abs(a - b) <= 1e-9 * max(1.0, abs(a)))


def without_machine(manifest: Manifest) -> Manifest:
    """Return the manifest without data roots, other paths, addresses and names of the machine."""
    options = {**manifest.options, "data": None, "tasks_dirs": []}
    return replace(
        manifest,
        options=cast("dict[str, JSON]", _scrubbed(options)),
        model_identity=cast("dict[str, JSON]", _scrubbed(manifest.model_identity)),
        tasks=[replace(task, folder=None) for task in manifest.tasks],
        error=cast("str | None", _scrubbed(manifest.error)),
        environment={k: v for k, v in manifest.environment.items() if k in _ENVIRONMENT},
    )


def _scrubbed(value: Any) -> Any:
    """Return JSON with paths cut to their last part, and addresses to their scheme."""
    if isinstance(value, dict):
        return {k: _scrubbed(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(v) for v in value]
    if not isinstance(value, str):
        return value
    value = _URL.sub(lambda found: f"{found[0].partition('://')[0]}:(address withheld)", value)
    return _PATH.sub(lambda found: re.split(r"[\\/]", found[0].rstrip("/\\"))[-1] or ".", value)


def add_entry(
    run: Path, folder: Path, *, name: str | None = None, report: str | None = None, replace_old: bool = False
) -> Path:
    """Write the entry of a run below `folder/entries` and return where.

    Args:
        run: the run folder.
        folder: `leaderboards`.
        name: of the model on the leaderboard.
        report: of the run: its https address, or a file below `folder`; it is linked, not copied.
        replace_old: overwrite an entry of the same model and run name.

    Raises:
        UsageError: if the report may not be linked or is not there.
        RunError: see `entry_of`; or if the run is entered already, or the folder cannot be written. Nothing is then
            changed.
    """
    entry = entry_of(run, name, None if report is None else named(report, folder))
    path = folder / "entries" / slug(entry.model)[:_LONGEST_NAME] / slug(entry.manifest.run_id)[:_LONGEST_NAME]
    for other in entry_paths(folder):
        if other != path and _identity(other) == entry.identity:
            raise RunError(f"the run {entry.manifest.run_id} is entered already, as {other}; remove that first")
    if path.exists() and not replace_old:
        raise RunError(f"{path} is there already; pass --replace to overwrite it")
    _write(path, pack(entry))
    return path


def doubles(path: Path) -> list[Path]:
    """Return the other entries of the same model that hold a task of this one; the board shows them all."""
    tasks = {task["task"] for task in read_entry(path).tasks}

    def same(other: Path) -> bool:
        try:
            return not tasks.isdisjoint(task["task"] for task in read_entry(other).tasks)
        except DataError:
            return False

    return [p for p in sorted(path.parent.iterdir()) if p != path and not p.name.startswith(".") and same(p)]


def _identity(path: Path) -> tuple[str, str] | None:
    try:
        return read_entry(path).identity
    except DataError:
        return None


def _write(path: Path, files: dict[str, bytes]) -> None:
    temporary, old = (path.with_name(f".{path.name}.{os.getpid()}.{what}") for what in ("tmp", "old"))
    try:
        temporary.mkdir(parents=True)
        for name, data in files.items():
            with (temporary / name).open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not path.exists():
            old.rename(path)
        raise RunError(f"cannot write {path}: {error.strerror}; nothing was changed") from None
    shutil.rmtree(old, ignore_errors=True)
