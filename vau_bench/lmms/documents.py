"""A task of ours as documents that lmms-eval can hold, and answers that it can pass on without loss."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from vau_bench.errors import DataError
from vau_bench.records import Response, Sample
from vau_bench.runner import TaskRun
from vau_bench.task import Task
from vau_bench.video import parse_plan

SETTINGS = ("data", "style", "split")
"""What a file of the folder may hold; what it leaves out comes from the variables of `vau-bench evaluate`."""


@dataclass(frozen=True)
class Asked:
    """A task as lmms-eval asks it.

    Attributes:
        run: the task, its samples, and how they are asked.
        data: root of the datasets.
        style: the prompt style where one was named; `None` leaves it to a model of ours, or to the task.
    """

    run: TaskRun
    data: Path | None
    style: str | None

    def tuning(self) -> tuple[Sample, ...]:
        """Return the samples that constants may be fitted to."""
        return self.run.task.read(self.data, self.run.task.spec.tuning_split).samples

    def video(self, sample: Sample) -> Path | None:
        """Return the video of a sample, `None` if it is absent."""
        return self.run.selection.dataset.find_video(sample)


class Documents(list[dict[str, str]]):
    """The documents of one split: what tells a sample from others, nothing of its truth.

    Args:
        asked: the task that they belong to.
    """

    def __init__(self, asked: Asked) -> None:
        super().__init__({"id": s.id, "video": s.video, "group": s.group} for s in asked.run.selection.samples)
        self.asked = asked

    @property
    def features(self) -> Mapping[str, None]:
        """The names of a document's fields."""
        return dict.fromkeys(self[0])


class Answer(str):
    """The text of a response, which stays with it: lmms-eval has no place for an outcome."""

    response: Response

    def __new__(cls, response: Response) -> Self:  # noqa: D102
        answer = super().__new__(cls, response.text)
        answer.response = response
        return answer


def asked_for(config: Mapping[str, Any]) -> Asked:
    """Return the task that a file of the folder describes.

    Raises:
        DataError: if its annotation cannot be read, or no sample takes part.
        UnknownNameError: if it lacks the style or the split.
    """
    told = {name: config.get(name) or os.environ.get(f"VAU_BENCH_EVALUATE_{name.upper()}") for name in SETTINGS}
    task, data = Task(Path(config["folder"])), Path(told["data"]) if told["data"] else None
    try:
        selection = task.select(data, split=told["split"])
    except DataError as error:
        if task.data_root(data) is not None:
            raise
        raise DataError(f"{error}; lmms-eval takes the data root from VAU_BENCH_EVALUATE_DATA") from None
    if not selection.samples:
        raise DataError(f"{task.name} has no sample that can take part; excluded: {dict(selection.excluded)}")
    style = task.check_style(told["style"] or task.spec.style)
    run = TaskRun(
        task=task,
        kind=task.kind(selection.dataset),
        selection=selection,
        style=style,
        frames=str(parse_plan(task.spec.frames)),
        generation=task.generation(),
    )
    return Asked(run, data, told["style"])
