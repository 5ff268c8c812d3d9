"""Rows to train on: a request exactly as it is asked in evaluation, with its truth and, for SFT, the response."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from srvau_train.footage import finder_of
from srvau_train.grading import Truth
from srvau_train.rocot.splits import check_training_split, held_out
from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, UsageError
from vau_bench.journal import read_lines
from vau_bench.keys import request_key
from vau_bench.kinds.base import Kind
from vau_bench.parsing import write_interval, write_label, write_option
from vau_bench.records import Generation, Request, Sample
from vau_bench.task import Task


@dataclass(frozen=True, slots=True)
class Example:
    """One row.

    Attributes:
        request: what is asked, with the video and its frame plan.
        truth: what an answer is graded against.
        response: to learn from; `None` for a prompt alone.
        loss_from: characters of the response that bear no loss, such as a wrong first answer.
    """

    request: Request
    truth: Truth
    response: str | None = None
    loss_from: int = 0


def truth_of(sample: Sample, kind: str, classes: Sequence[str]) -> Truth:
    """Return what answers to a sample are graded against in a task of this kind."""
    target = sample.target
    if kind == "mcq":
        return Truth(option=target.option, options=tuple(sample.fields["options"]))
    duration = sample.fields.get("duration")
    if kind == "grounding":
        return Truth(segments=target.segments, duration=duration)
    return Truth(label=target.label, classes=tuple(classes))


def answer_of(sample: Sample, kind: str) -> str:
    """Return the truth as the answer of the style `direct`."""
    target = sample.target
    if kind == "mcq":
        return write_option(target.option or "")
    if kind == "grounding":
        return write_interval(target.segments[0] if target.segments else None)
    return write_label(target.label or "")


def request_of(
    task: Task, kind: Kind[Any], sample: Sample, style: str, *, video: Path | None, plan: str, tokens: int | None = None
) -> Request:
    """Return the request of a training row: the prompt of evaluation."""
    messages = task.messages(kind, sample, style)
    generation = Generation(max_new_tokens=tokens or task.spec.max_new_tokens)
    key = request_key("train", task.name, sample.id, 0, messages, generation, str(video), plan)
    return Request(
        key=key, task=task.name, kind=kind.name, style=style, turn=0, sample=sample, messages=messages,
        generation=generation, video=video, plan=plan, choices=kind.choices(sample),
    )  # fmt: skip


def task_examples(
    task: Task,
    *,
    style: str,
    split: str = "train",
    data: Path | None = None,
    videos: Sequence[Path] = (),
    plan: str | None = None,
    limit: int | None = None,
    answers: bool = False,
) -> list[Example]:
    """Return the rows of a task's training split; `answers` gives the truth as the response of style `direct`.

    A sample without a video on this machine has a request without one; whoever loads it counts it as skipped.

    Raises:
        UsageError: for a split that is no training split.
        DataError: if a video of the test split is among the samples, or it cannot be told.
    """
    if answers and style != "direct":
        raise UsageError(f"rows of the task {task.name} hold answers alone: train on them in style direct, not {style}")
    check_training_split([], split)
    selection = task.select(data, split=split, limit=limit)
    check_training_split(selection.samples, split, held_out(task, data))
    kind, find = task.kind(selection.dataset), finder_of(task, selection.dataset, videos)
    return [
        Example(
            request_of(task, kind, sample, style, video=find(sample), plan=plan or task.spec.frames),
            truth_of(sample, kind.name, _classes(kind)),
            answer_of(sample, kind.name) if answers else None,
        )
        for sample in selection.samples
    ]


def chain_examples(
    folder: Path,
    tasks: Catalogue,
    *,
    data: Path | None = None,
    videos: Sequence[Path] = (),
    plan: str | None = None,
    limit: int | None = None,
) -> list[Example]:
    """Return the chains of a RoCoT folder as rows; each is joined with the prompt of its task.

    Args:
        folder: that `train rocot` made.
        tasks: where theirs are found.
        data: root of the annotations.
        videos: folders to look for videos in, before where the task looks.
        plan: of the frames; default: the task's.
        limit: chains at most.

    Raises:
        DataError: if a chain belongs to no task or sample, or is of a split that is not trained on.
    """
    path = folder / "chains.jsonl"
    if not path.is_file():
        raise DataError(f"{folder} holds no chains.jsonl; `vau-bench train rocot --out {folder}` makes it")
    records = [record for record in read_lines(path, json.loads) if record["kind"] != "report"][:limit]
    sources: dict[str, _Source] = {}
    rows = []
    for record in records:
        check_training_split([], record.get("split", ""))
        name = record.get("task") or f"vau_synth_{record['kind']}"
        if name not in sources:
            sources[name] = _source(name, tasks, data, videos, [r for r in records if _task_of(r) == name])
        task, kind, find, samples = sources[name]
        sample = samples.get(record["sample_id"])
        if sample is None:
            raise DataError(f"{path}: the task {name} has no sample {record['sample_id']}")
        request = request_of(task, kind, sample, "reflect", video=find(sample), plan=plan or task.spec.frames)
        truth = truth_of(sample, kind.name, _classes(kind))
        rows.append(Example(request, truth, record["response"], int(record["loss_from"])))
    return rows


def _task_of(record: Mapping[str, Any]) -> str:
    return record.get("task") or f"vau_synth_{record['kind']}"


class _Source(NamedTuple):
    """A task that chains belong to, what finds its videos, and its samples by id."""

    task: Task
    kind: Kind[Any]
    find: Callable[[Sample], Path | None]
    samples: dict[str, Sample]


def _source(
    name: str, tasks: Catalogue, data: Path | None, videos: Sequence[Path], records: Iterable[Mapping[str, Any]]
) -> _Source:
    """Read a task; a generated dataset is made as long as the chains need it."""
    if name not in tasks:
        raise DataError(f"the chains belong to the task {name}, which does not exist here")
    task = tasks.get(name)
    dataset = task.read(data, "train")
    samples = {sample.id: sample for sample in dataset.samples}
    if task.spec.dataset.reader == "vau_synth":
        samples |= _drawn(record for record in records if record["sample_id"] not in samples)
    wanted = {record["sample_id"] for record in records}
    check_training_split((s for s in samples.values() if s.id in wanted), "train", held_out(task, data))
    return _Source(task, task.kind(dataset), finder_of(task, dataset, videos), samples)


def _drawn(records: Iterable[Mapping[str, Any]]) -> dict[str, Sample]:
    from vau_bench.synth import SynthParams, sample_of, scene_at

    found = {}
    for record in records:
        name, made = record["sample_id"], record["provenance"]["dataset"]
        params = SynthParams(made["seconds"], made["difficulty"])
        split, _, number = name.partition("-")
        found[name] = sample_of(scene_at(split, int(number), seed=made["seed"], params=params))
    return found


def _classes(kind: Kind[Any]) -> Sequence[str]:
    return kind.classes
