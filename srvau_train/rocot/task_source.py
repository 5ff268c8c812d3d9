"""The training split of tasks of vau_bench as the source of chains: rows of an annotation, videos of a user."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from srvau_train.footage import finder_of
from srvau_train.rocot.answers import Kind
from srvau_train.rocot.config import TaskConfig
from srvau_train.rocot.source import About, Picture, Subject
from srvau_train.rocot.splits import check_in_distribution, check_training_split, held_out
from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, UsageError, VideoError
from vau_bench.paths import cache_dir
from vau_bench.records import ANOMALY, NORMAL, Response, Sample
from vau_bench.task import Selection, Task
from vau_bench.video import ClipLoader

TASK_KINDS: tuple[Kind, ...] = ("grounding", "classification", "mcq", "reasoning")
PICTURES = "uniform(16) short_side=120"


@dataclass(frozen=True)
class _Part:
    """One task: its training samples, by id, and how their videos are found."""

    task: Task
    selection: Selection
    classes: tuple[str, ...]
    find: Callable[[Sample], Path | None]
    known: frozenset[str]

    @property
    def identity(self) -> dict[str, Any]:
        """What tells these data from others."""
        dataset = self.selection.dataset
        return {
            "name": self.task.spec.dataset.name, "task": self.task.name, "version": self.task.version,
            "split": "train", "digest": dataset.digest,
        }  # fmt: skip


class TaskSource:
    """The training samples of some tasks, task after task.

    Raises:
        UnknownNameError: if there is no such task, or it has no training split.
        UsageError: for a task whose kind has no chains, and for grounding on UCF-Crime unless it is allowed.
        DataError: if an annotation cannot be read.
    """

    def __init__(self, config: TaskConfig) -> None:
        check_training_split([], config.split)
        self.config = config
        self.split = config.split
        tasks = Catalogue(config.tasks_dirs).resolve(config.tasks)
        for task in tasks:
            if task.spec.kind not in TASK_KINDS:
                raise UsageError(f"no chains are written for {task.name}, which is of the kind {task.spec.kind}")
        check_in_distribution(tasks, allowed=config.ucf_grounding)
        self._parts = {task.name: self._part(task) for task in tasks}
        self._clips = ClipLoader(cache_dir())

    def _part(self, task: Task) -> _Part:
        selection = task.select(self.config.data, split=self.split, limit=self.config.limit)
        known = task.read(self.config.data, self.split).samples
        kind = task.kind(selection.dataset)
        classes = tuple(c for c in kind.classes if c != NORMAL) or (ANOMALY,)
        return _Part(
            task,
            selection,
            classes,
            finder_of(task, selection.dataset, self.config.videos),
            frozenset(s.id for s in known),
        )

    @property
    def tags(self) -> tuple[str, ...]:
        """The names of the tasks."""
        return tuple(self._parts)

    @property
    def about(self) -> About:
        """What the dataset card says."""
        names = dict.fromkeys(part.task.spec.dataset.name for part in self._parts.values())
        terms = dict.fromkeys(part.task.spec.licence for part in self._parts.values())
        return About(
            name=", ".join(names),
            licence="other",
            tags=(),
            clips="recorded videos",
            videos=f"{', '.join(names)}, split `{self.split}`, tasks {', '.join(f'`{t}`' for t in self._parts)}. The "
            f"videos are not part of\n  this data. No source video of a test split. Terms: {'; '.join(terms)}.",
            limits="The truth is what annotators wrote",
        )

    def identity(self) -> dict[str, Any]:
        """Return the identity of each task's data."""
        return {"datasets": [part.identity for part in self._parts.values()]}

    def count(self) -> int:
        """Return how many subjects there are."""
        return sum(len(part.selection.samples) for part in self._parts.values())

    def subjects(self) -> Iterator[Subject]:
        """Yield the training samples; those without a video say so."""
        for part in self._parts.values():
            kind = cast("Kind", part.task.spec.kind)
            prepare = part.selection.dataset.prepare
            for index, sample in enumerate(part.selection.samples):
                here = prepare is not None or part.find(sample) is not None
                yield Subject(
                    task=part.task.name, tag=part.task.name, kind=kind, sample=as_asked(sample, kind), index=index,
                    dataset=part.identity, classes=part.classes, plan=part.task.spec.frames,
                    footage=partial(_footage, part, sample), absent=None if here else "missing_video",
                )  # fmt: skip

    def check(self, others: Sequence[Sample]) -> None:
        """Refuse source videos of the other splits of the same dataset, and of these samples.

        Raises:
            DataError: naming the first, or if the split that a task is evaluated on cannot be read.
        """
        for part in self._parts.values():
            barred = [*others, *held_out(part.task, self.config.data)]
            check_training_split(part.selection.samples, self.split, barred)

    def tag_of(self, response: Response) -> str | None:
        """Return the task that a response answers.

        Raises:
            DataError: if its sample is not of the training split of that task.
        """
        part = self._parts.get(response.task)
        if part is None:
            return None
        if response.sample_id not in part.known:
            raise DataError(
                f"the first answers hold {response.sample_id}, which is not of the split {self.split} of "
                f"{response.task}; chains are built on training splits only: evaluate with --split {self.split}"
            )
        return response.task

    def duration(self, subject: Subject) -> float:
        """Return the length of the video in seconds, from the annotation where that has it."""
        declared = subject.sample.fields.get("duration")
        if declared is not None:
            return float(declared)
        path = subject.footage()
        if path is None:
            raise VideoError(f"no file for video {subject.sample.video!r}")
        return self._clips.probe(path).duration

    def pictures(self, record: Mapping[str, Any]) -> list[Picture]:
        """Return frames of the video of a chain; none where it is absent or cannot be read."""
        part = self._parts[record["task"]]
        sample = next((s for s in part.selection.samples if s.id == record["sample_id"]), None)
        path = _footage(part, sample) if sample else None
        if path is None:
            return []
        try:
            clip = self._clips.load(path, PICTURES)
        except VideoError:
            return []
        return [Picture(time, frame) for time, frame in zip(clip.times, clip.frames, strict=True)]

    def close(self) -> None:
        """End the decoding processes."""
        self._clips.close()


def as_asked(sample: Sample, kind: Kind) -> Sample:
    """Return the sample with the truth that this kind asks for.

    Annotations contradict themselves: a row of the class Normal may hold an interval, the time of an anomaly may be
    unknown. For grounding the interval counts, for all else the class.
    """
    target = sample.target
    if kind == "grounding":
        anomaly = target.label if target.label not in (None, NORMAL) else ANOMALY
        return replace(sample, target=replace(target, label=anomaly if target.segments else NORMAL))
    return replace(sample, target=replace(target, segments=()) if target.label == NORMAL else target)


def _footage(part: _Part, sample: Sample) -> Path | None:
    path = part.find(sample)
    prepare = part.selection.dataset.prepare
    if path is None and prepare is not None:
        prepare([sample], lambda stage, total: None, lambda: None)
        path = part.find(sample)
    return path
