"""What a dataset reader returns: samples, where their videos are, and what was left out and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict

from vau_bench.errors import DataError
from vau_bench.records import Sample

Stage: TypeAlias = Callable[[str, int | None], None]
Advance: TypeAlias = Callable[[], None]


@dataclass(frozen=True)
class Dataset:
    """The samples of one split.

    Attributes:
        samples: in the order of the source, ids unique.
        digest: sha256 (hex) of the annotation file, or of what defines generated data.
        find_video: sample -> file, or `None` when it is absent.
        notes: how many rows were special, by reason; shown with the results.
        prepare: makes the videos of some samples, where they are generated; told a stage and each step of it.
    """

    samples: tuple[Sample, ...]
    digest: str
    find_video: Callable[[Sample], Path | None]
    notes: Mapping[str, int] = field(default_factory=dict)
    prepare: Callable[[Sequence[Sample], Stage, Advance], None] | None = None


class FileArgs(BaseModel):
    """Arguments in `task.yaml` of a reader of annotation files.

    Attributes:
        annotations: path of the file per split, below the data root.
        videos: folders below the data root that are searched first.
    """

    model_config = ConfigDict(extra="forbid")

    annotations: dict[str, str]
    videos: list[str] = []


def collected(placed: Iterable[tuple[str, Sample]], empty: str, *, what: str = "video") -> tuple[Sample, ...]:
    """Return samples in their order, each id once.

    Args:
        placed: samples, each behind the place where it stands.
        empty: what is said where there is none.
        what: an id is of.

    Raises:
        DataError: naming the place of an id that stood there before, or if there is no sample.
    """
    samples: dict[str, Sample] = {}
    for where, sample in placed:
        if sample.id in samples:
            raise DataError(f"{where}: the {what} {sample.id!r} stands there twice")
        samples[sample.id] = sample
    if not samples:
        raise DataError(empty)
    return tuple(samples.values())


class Reader(Protocol):
    """Reads one split of a dataset.

    Args:
        data: the user's data root, `None` for data that is generated.
        split: the split's name, one of the task's `splits`.
        args: what `task.yaml` says under `dataset.args`.
    """

    def __call__(self, data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset: ...  # noqa: D102
