"""The checks that no video of a held-out split, and no dataset that is to stay unseen, is trained on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vau_bench.errors import DataError, NoAnnotationError, UsageError
from vau_bench.readers.names import source_video
from vau_bench.records import Sample
from vau_bench.task import Task

TRAINING_SPLITS = ("train",)
OUT_OF_DISTRIBUTION = frozenset({("UCF-Crime", "grounding")})
"""Datasets, by kind of task, that the published recipe evaluates on and never trains on."""


def check_in_distribution(tasks: Iterable[Task], *, allowed: bool = False) -> None:
    """Refuse tasks that measure how a model does on data that it was not trained on.

    Raises:
        UsageError: naming the first, unless they are allowed.
    """
    for task in tasks:
        if (task.spec.dataset.name, task.spec.kind) in OUT_OF_DISTRIBUTION and not allowed:
            raise UsageError(
                f"{task.name} is the out-of-distribution test of grounding, so it is not trained on (the times of its "
                "training anomalies are unknown, too); leave it out, or allow it: --ucf-grounding of `train rocot`, "
                "data.ucf_grounding of a configuration"
            )


def held_out(task: Task, data: Path | None) -> list[Sample]:
    """Return the samples of all splits of a task that are not trained on.

    A folder for training need not hold all of them, but that of the split that the task is evaluated on.

    Args:
        task: with its splits.
        data: root of the annotations.

    Raises:
        DataError: if that one is absent, or one that is there cannot be read.
    """
    found: list[Sample] = []
    for split in task.spec.splits:
        if split in TRAINING_SPLITS:
            continue
        try:
            found += task.read(data, split).samples
        except NoAnnotationError as error:
            if split == task.spec.split:
                raise DataError(f"whether videos of {task.name} are held out cannot be checked: {error}") from None
    return found


def check_training_split(samples: Iterable[Sample], split: str, held_out: Iterable[Sample] = ()) -> None:
    """Refuse samples that may not be trained on.

    Args:
        samples: to train on.
        split: that they come from.
        held_out: samples of the splits that stay unseen; compared by id, by video and by source video, so that a cut
            or a renamed copy of a held-out video is found too.

    Raises:
        UsageError: for a split that is no training split.
        DataError: naming the first held-out video among the samples, and how many there are.
    """
    if split not in TRAINING_SPLITS:
        raise UsageError(f"training data comes from the split train only, not from {split!r}")
    barred = {name for sample in held_out for name in _names(sample)}
    found = [s for s in samples if _named_after_held_out(s) or _names(s) & barred]
    if found:
        raise DataError(
            f"{len(found)} of the samples to train on belong to a held-out split (first: {found[0].id}, "
            f"source video {found[0].group}); remove them"
        )


def _names(sample: Sample) -> set[str]:
    return {source_video(name).casefold() for name in (sample.id, sample.video, sample.group)}


def _named_after_held_out(sample: Sample) -> bool:
    """Tell whether a vau_synth clip, whose name begins with its split, is of another split."""
    head, _, number = sample.id.partition("-")
    return head in ("val", "test") and number.isdigit()
