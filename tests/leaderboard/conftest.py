"""Small entries: blind floors on the synthetic tasks, and entries drawn at will."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vau_bench import evaluation
from vau_bench.catalogue import Catalogue
from vau_bench.evaluation import Options
from vau_bench.leaderboard.adding import add_entry
from vau_bench.leaderboard.entries import INDEX, Entry, SampleRow, _sha256, pack
from vau_bench.leaderboard.verify import computable, recompute
from vau_bench.records import Outcome
from vau_bench.results import TaskResult
from vau_bench.runs import Manifest, TaskEntry, slug


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Finished runs by name; read them, do not write into them."""
    out = tmp_path_factory.mktemp("entered")

    def run(name: str, model: str, *tasks: str, **changes: Any) -> Path:
        options = Options(model=f"floors/{model}", tasks=tasks, resamples=0, **changes)
        return evaluation.evaluate(options, out, run_id=name).path

    both = ("vau_synth_grounding", "vau_synth_classification")
    return {
        "random": run("random", "random", *both),
        "normal": run("normal", "always_normal", *both),
        "mcq": run("mcq", "always_a", "vau_synth_mcq"),
        "nothing": run("nothing", "always_a", "vau_synth_grounding", limit=5),
    }


@pytest.fixture(scope="session")
def entered(tmp_path_factory: pytest.TempPathFactory, runs: dict[str, Path]) -> Path:
    folder = tmp_path_factory.mktemp("entered") / "leaderboards"
    for name in ("random", "normal", "mcq"):
        add_entry(runs[name], folder)
    return folder


@pytest.fixture
def board(tmp_path: Path, entered: Path) -> Path:
    """A leaderboards folder with three entries."""
    return Path(shutil.copytree(entered, tmp_path / "leaderboards"))


@pytest.fixture
def copied(tmp_path: Path, runs: dict[str, Path]) -> Callable[[str], Path]:
    """Copy a finished run, to be written into: `copied("random")`."""
    return lambda name: Path(shutil.copytree(runs[name], tmp_path / "copied" / name))


@pytest.fixture
def edit() -> Callable[..., None]:
    """Change a JSON file of an entry by hand: `edit(path, change, rehash=True)` also mends its hash."""

    def change(path: Path, how: Callable[[dict[str, Any]], None], *, rehash: bool = False) -> None:
        record = json.loads(path.read_text())
        how(record)
        path.write_text(json.dumps(record))
        if rehash:
            index = json.loads((path.parent / INDEX).read_text())
            index["sha256"][path.name] = _sha256(path.read_bytes())
            (path.parent / INDEX).write_text(json.dumps(index))

    return change


def drawn(
    model: str,
    right: Sequence[bool] | np.ndarray[Any, Any],
    *,
    run_id: str = "run",
    task: str = "vau_synth_mcq",
    groups: Sequence[str] | None = None,
    unscored: int = 0,
    estimated: bool = True,
    **changes: Any,
) -> Entry:
    """Return an entry of a multiple-choice task that answers these samples rightly or wrongly.

    Its figures are those of its samples, so that it is sound. `changes` go into the task's result.
    """
    names = [f"s{i:04d}" for i in range(len(right))]
    rows = [
        SampleRow(
            task=task,
            sample_id=name,
            group=groups[i] if groups else name,
            outcome=Outcome.REFUSED if i < unscored else Outcome.SCORED,
            values={"truth": float(i % 4), "predicted": float(i % 4 if right[i] else (i + 1) % 4)},
            worth=float(right[i]),
        )
        for i, name in enumerate(names)
    ]
    found = Catalogue().get("vau_synth_mcq")
    outcomes = {str(o): sum(r.outcome == o for r in rows) for o in Outcome}
    result: TaskResult = {
        "task": task,
        "version": 1,
        "kind": "mcq",
        "dataset": "VAU-Synth",
        "style": "direct",
        "split": "test",
        "frames": "uniform(8)",
        "headline": "accuracy",
        "expected": len(rows),
        "outcomes": outcomes,
        "excluded": {},
        "notes": {},
        "metrics": dict.fromkeys(("accuracy", "position_balanced_accuracy"), None),  # type: ignore[arg-type]
        "paper": {},
        "paper_n": 0,
        "floors": {},
        "classes": {},
        "digests": {**found.digests, "data": "d" * 64},
        "warnings": [],
    }
    result.update(changes)  # type: ignore[typeddict-item]
    entry = [TaskEntry(task, 1, "mcq", "direct", "test", "uniform(8)", result["digests"], len(rows))]
    manifest = Manifest(run_id, model, {}, entry, {}, status="success", started=f"2026-01-01T00:00:00Z {model}")
    made = Entry(None, model, manifest, [result], rows)
    if estimated:
        result["metrics"] = recompute([computable(result, made.by_task[task])])[0]
    return made


def put(folder: Path, *entries: Entry) -> None:
    """Write entries below a leaderboards folder, without the checks of `add`."""
    for entry in entries:
        path = folder / "entries" / slug(entry.model) / slug(entry.manifest.run_id)
        path.mkdir(parents=True)
        for name, data in pack(entry).items():
            (path / name).write_bytes(data)


@pytest.fixture
def draw() -> Callable[..., Entry]:
    return drawn


@pytest.fixture
def write() -> Callable[..., None]:
    return put


@pytest.fixture
def renamed() -> Callable[[Entry, str], Entry]:
    def change(entry: Entry, model: str) -> Entry:
        return replace(entry, model=model)

    return change
