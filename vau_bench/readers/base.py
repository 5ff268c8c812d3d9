"""What a dataset reader returns: samples, where their videos are, and what was left out and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

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


class Reader(Protocol):
    """Reads one split of a dataset.

    Args:
        data: the user's data root, `None` for data that is generated.
        split: the split's name, one of the task's `splits`.
        args: what `task.yaml` says under `dataset.args`.
    """

    def __call__(self, data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset: ...  # noqa: D102
