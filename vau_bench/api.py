"""The Python API: what the command line does, as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from vau_bench import evaluation
from vau_bench.comparison import Comparison, compare_results
from vau_bench.engines import Engine
from vau_bench.models import MODELS
from vau_bench.readers import READERS
from vau_bench.results import Results
from vau_bench.saved import load_results

T = TypeVar("T")


def evaluate(
    model: str,
    tasks: Sequence[str] | str,
    *,
    data: str | Path | None = None,
    out: str | Path = "runs",
    run_id: str | None = None,
    progress: evaluation.Progress | None = None,
    engine: Engine | None = None,
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
        engine: where the model runs, such as `RayEngine(1, 8)` of `vau_bench.engines.ray`; default: in this process.
        options: see `vau_bench.evaluation.Options`, such as `limit=20`, `style="think"`, `model_args={...}`.

    Raises:
        VauBenchError: see `vau_bench.errors`; what was answered until then is in the journal.
        TypeError: for an option that does not exist.
    """
    names = (tasks,) if isinstance(tasks, str) else tuple(tasks)
    asked = evaluation.Options(model=model, tasks=names, data=Path(data) if data else None, **options)
    return evaluation.evaluate(asked, Path(out), run_id=run_id, progress=progress, engine=engine)


def score(run: str | Path, *, data: str | Path | None = None, **options: Any) -> Results:
    """Score a run folder again, offline; see `vau_bench.evaluation.score`."""
    return evaluation.score(Path(run), data=Path(data) if data else None, **options)


def compare(
    a: str | Path | Results, b: str | Path | Results, *, allow_different_style: bool = False, **options: Any
) -> Comparison:
    """Compare two runs over the samples that both hold; see `vau_bench.comparison.compare_results`.

    Args:
        a: the first run: its folder, or its results.
        b: the second.
        allow_different_style: compare answers to differently worded questions, such as direct and reflect.
        options: `resamples`, `seed`, `decisive`.

    Raises:
        RunError: if a run is not scored.
        UsageError: if the two cannot be compared.
    """
    runs = [run if isinstance(run, Results) else load_results(Path(run)) for run in (a, b)]
    return compare_results(*runs, allow_different_style=allow_different_style, **options)


def register_model(name: str) -> Callable[[T], T]:
    """Return a decorator that adds a `Model` class under `name`."""
    return MODELS.register(name)


def register_reader(name: str) -> Callable[[T], T]:
    """Return a decorator that adds a dataset reader under `name`."""
    return READERS.register(name)
