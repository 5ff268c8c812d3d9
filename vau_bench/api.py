"""The Python API: what the command line does, as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vau_bench import evaluation
from vau_bench.models import MODELS
from vau_bench.readers import READERS
from vau_bench.results import Results

T = TypeVar("T")


def evaluate(
    model: str,
    tasks: Sequence[str] | str,
    *,
    data: str | Path | None = None,
    out: str | Path = "runs",
    run_id: str | None = None,
    progress: evaluation.Progress | None = None,
    **options: Any,
) -> Results:
    """Evaluate a model on tasks; the same call again goes on where it was.

    Args:
        model: its name, see `vau-bench models list`.
        tasks: names of tasks, groups or patterns.
        data: root of the datasets; not needed for generated ones.
        out: the folder that run folders lie in.
        run_id: name of the run's folder; default: made from the options.
        progress: told how it goes; default: silent.
        options: see `vau_bench.evaluation.Options`, such as `limit=20`, `style="think"`, `model_args={...}`.

    Raises:
        VauBenchError: see `vau_bench.errors`; what was answered until then is in the journal.
        TypeError: for an option that does not exist.
    """
    names = (tasks,) if isinstance(tasks, str) else tuple(tasks)
    asked = evaluation.Options(model=model, tasks=names, data=Path(data) if data else None, **options)
    return evaluation.evaluate(asked, Path(out), run_id=run_id, progress=progress)


def score(run: str | Path, *, data: str | Path | None = None, **options: Any) -> Results:
    """Score a run folder again, offline; see `vau_bench.evaluation.score`."""
    return evaluation.score(Path(run), data=Path(data) if data else None, **options)


def register_model(name: str) -> Callable[[T], T]:
    """Return a decorator that adds a `Model` class under `name`."""
    return MODELS.register(name)


def register_reader(name: str) -> Callable[[T], T]:
    """Return a decorator that adds a dataset reader under `name`."""
    return READERS.register(name)
