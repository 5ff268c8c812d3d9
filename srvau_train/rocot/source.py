"""What chains are written about: the protocol of a source, and the subject that it yields."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from srvau_train.rocot.answers import Kind
from srvau_train.rocot.mistakes import Decoy
from vau_bench.records import Response, Sample
from vau_bench.synth.state import Scene

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ABSENT = ("missing_video", "unreadable_video")
"""Reasons why there is no chain that a later run may find gone: such chains are counted, and asked for again."""


def _no_footage() -> Path | None:
    return None


@dataclass(frozen=True, slots=True)
class Subject:
    """A sample as it is asked about in one task.

    Attributes:
        task: its name.
        tag: what the task is called in keys and random streams.
        kind: how it is answered.
        sample: with its truth, as this kind asks for it.
        index: of the sample in the task.
        dataset: the identity of the data.
        classes: to choose from, without `NORMAL`.
        plan: the frames that the task shows.
        footage: gives the video file, drawing it where need be.
        absent: one of `ABSENT` when there is no video to look at.
        scene: of a vau_synth clip.
        decoys: what a false alarm can point at.
    """

    task: str
    tag: str
    kind: Kind
    sample: Sample
    index: int = 0
    dataset: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()
    plan: str = "uniform(16)"
    footage: Callable[[], Path | None] = _no_footage
    absent: str | None = None
    scene: Scene | None = None
    decoys: tuple[Decoy, ...] = ()


class Picture(NamedTuple):
    """A frame, `(height, width, 3)` uint8 RGB, and its time in seconds."""

    time: float
    frame: NDArray[np.uint8]


class About(NamedTuple):
    """What a dataset card says about a source.

    Attributes:
        name: of the dataset.
        licence: as the hub calls it.
        tags: of the hub, beyond those of every RoCoT data set.
        clips: what the videos are, such as `procedural clips`.
        videos: where they come from.
        limits: of what was learnt from them.
    """

    name: str
    licence: str
    tags: tuple[str, ...]
    clips: str
    videos: str
    limits: str


class Source(Protocol):
    """Yields subjects, always in the same order."""

    @property
    def split(self) -> str:
        """The split that the samples are of."""

    @property
    def tags(self) -> tuple[str, ...]:
        """The tasks, by tag."""

    @property
    def about(self) -> About:
        """What the dataset card says."""

    def identity(self) -> dict[str, Any]:
        """Return what `config.json` holds about the data, beside the configuration."""

    def count(self) -> int:
        """Return how many subjects there are."""

    def subjects(self) -> Iterator[Subject]:
        """Yield the subjects."""

    def check(self, held_out: Sequence[Sample]) -> None:
        """Refuse samples of a held-out split, its own or these.

        Raises:
            UsageError: for a split that is no training split.
            DataError: naming the first held-out video among the samples.
        """

    def tag_of(self, response: Response) -> str | None:
        """Return the tag of the task that a response answers, `None` for another task.

        Raises:
            DataError: if it answers about a sample that is not of the training split.
        """

    def duration(self, subject: Subject) -> float:
        """Return the length of the video in seconds.

        Raises:
            VideoError: if it cannot be measured.
        """

    def pictures(self, record: Mapping[str, Any]) -> Sequence[Picture]:
        """Return some frames, evenly spread, of the video of a chain; none where it is absent."""

    def close(self) -> None:
        """Release what is held."""
