"""What a scored run left behind: read it again, and its metrics, without the dataset."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np

from vau_bench.errors import RunError
from vau_bench.kinds import KINDS
from vau_bench.metrics import METRICS
from vau_bench.metrics.base import Columns, Metric
from vau_bench.results import SCHEMA, Results, SampleScore, TaskResult

SCORES = "scores.jsonl"
"""Of a run folder: a line for each sample and task."""
MOST_CLASSES = 10_000


def load_results(run: Path) -> Results:
    """Return the results of a run folder with the scores per sample.

    Raises:
        RunError: if it is not scored, damaged, of another schema, or if its two files are not of one scoring.
    """
    record = _read_results(run / "results.json", run)
    scores = list(SavedScores(run))
    try:
        results = Results(str(record["run_id"]), str(record["model"]), list(record["tasks"]), run, scores)
        counted = {t["task"]: t["expected"] for t in results.tasks}
        differing = [t for t, n in counted.items() if n != sum(s.task == t for s in scores)]
    except (KeyError, TypeError) as error:
        raise RunError(f"{run / 'results.json'} is damaged: {error!r}; run `vau-bench score {run}`") from None
    if differing:
        raise RunError(
            f"{run}: scores.jsonl does not hold the {counted[differing[0]]} samples of {differing[0]} that "
            f"results.json counts; run `vau-bench score {run}`"
        )
    return results


def _read_results(path: Path, run: Path) -> Mapping[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"{run} is not scored: it has no {path.name}; run `vau-bench score {run}`") from None
    except (OSError, ValueError) as error:
        raise RunError(f"cannot read {path}: {error}; run `vau-bench score {run}`") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise RunError(f"{path} is not of schema {SCHEMA}; run `vau-bench score {run}`")
    return record


class SavedScores(Sequence[SampleScore]):
    """The scores of a run, read from its file as they are asked for: one by one, or all at the first index or length.

    Raises, when it is read:
        RunError: if the run is not scored, or the file is damaged.
    """

    def __init__(self, run: Path) -> None:
        self._run = run

    def __iter__(self) -> Iterator[SampleScore]:
        # asked at the first step: `list` begins to iterate, then wants the length
        yield from self._all if "_all" in self.__dict__ else self._read()

    def _read(self) -> Iterator[SampleScore]:
        path = self._run / SCORES
        try:
            with path.open(encoding="utf-8") as file:
                for line in file:
                    yield _score(json.loads(line))
        except FileNotFoundError:
            raise RunError(
                f"{self._run} is not scored: it has no {path.name}; run `vau-bench score {self._run}`"
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"cannot read {path}: {error!r}; run `vau-bench score {self._run}`") from None

    @cached_property
    def _all(self) -> list[SampleScore]:
        return list(self._read())

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> SampleScore: ...

    @overload
    def __getitem__(self, index: slice) -> list[SampleScore]: ...

    def __getitem__(self, index: int | slice) -> SampleScore | list[SampleScore]:
        return self._all[index]


def _score(record: dict[str, Any]) -> SampleScore:
    span = record["span"]
    return SampleScore(
        **{**record, "worth": record["worth"], "span": tuple(span) if span else None, "flags": tuple(record["flags"])}
    )


def metrics_of(task: TaskResult, *columns: Columns) -> list[Metric]:
    """Return the metrics of a scored task: the headline first, then its kind's, in their order, and those of packages.

    Args:
        task: as it was scored.
        columns: the values of its samples. They tell how many classes there are: metrics over classes see only those
            that occur, so that their names are not needed.

    Raises:
        ValueError: if a class has no sensible number.
        UnknownNameError: if there is no such kind.
    """
    codes = [c["truth"] for c in columns if "truth" in c and c["truth"].size]
    classes = 1 + int(max((np.max(c) for c in codes), default=0))
    if classes > MOST_CLASSES:
        raise ValueError(f"{classes} classes")
    known = KINDS.get(task["kind"])(tuple(map(str, range(1, classes)))).metrics
    own = [metric for name, metric in known.items() if name in task["metrics"]]
    own += [METRICS.get(name) for name in task["metrics"] if name not in known and name in METRICS]
    return sorted(own, key=lambda metric: metric.name != task["headline"])


def ordered(scores: Sequence[SampleScore], task: str) -> dict[str, SampleScore]:
    """Return the scores of one task by sample id, in order."""
    return {s.sample_id: s for s in scores if s.task == task}
