"""What a kind of task is: how a sample is asked about, how an answer is read, what it is worth."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from vau_bench.records import JSON, Sample

if TYPE_CHECKING:
    from vau_bench.metrics.base import Columns, Confusion, Metric

A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Reading(Generic[A]):
    """An answer as it was found in a text.

    Attributes:
        answer: the answer, in the kind's own type.
        rule: the name of the parsing rule that fired.
        span: where in the text the evidence stands.
        flags: what is odd about the answer, such as `reversed`.
    """

    answer: A
    rule: str
    span: tuple[int, int]
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class FloorContext:
    """What a blind floor may know: never a frame, never the truth of a sample that it answers.

    Attributes:
        tuning: samples of the declared split, for floors that fit a constant to it.
        durations: seconds by sample id, where known.
        seed: of random floors.
    """

    tuning: Sequence[Sample] = ()
    durations: Mapping[str, float] = field(default_factory=dict)
    seed: int = 0

    @cached_property
    def horizon(self) -> float:
        """The latest end of an anomaly in the tuning samples, in seconds; a minute where there is none."""
        return max((s.target.segments[-1].end for s in self.tuning if s.target.segments), default=60.0)


class Kind(ABC, Generic[A]):
    """One kind of task over a fixed list of classes (empty where the kind has none)."""

    name: ClassVar[str]
    headline: ClassVar[str]
    placeholders: ClassVar[frozenset[str]]
    floors: ClassVar[tuple[str, ...]] = ()
    """The blind floors that this kind has."""

    def __init__(self, classes: Sequence[str] = ()) -> None:
        self.classes = tuple(classes)

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Metric]:
        """The metrics of this kind by name; the headline first."""

    @abstractmethod
    def exclusion(self, sample: Sample) -> str | None:
        """Return why the sample cannot take part, or `None` when it can."""

    @abstractmethod
    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:
        """Return the text for each placeholder."""

    @abstractmethod
    def choices(self, sample: Sample) -> tuple[str, ...]:
        """Return the answers to choose from, as they are to be written; empty when the answer is free."""

    @abstractmethod
    def read(self, text: str, sample: Sample) -> Reading[A] | None:
        """Find the answer in a text, or `None`; never guesses."""

    @abstractmethod
    def read_as_paper(self, text: str, sample: Sample) -> Reading[A] | None:
        """Find the answer the way the VAU-R1 evaluation does."""

    @abstractmethod
    def write(self, answer: A) -> str:
        """Return the canonical text of an answer; `read` finds it again."""

    @abstractmethod
    def truth(self, sample: Sample) -> A:
        """Return the right answer."""

    @abstractmethod
    def values(self, answer: A | None, sample: Sample) -> dict[str, float]:
        """Return the columns that the metrics need; `None` is no answer and gets the worst values."""

    @abstractmethod
    def worth(self, answer: A | None, sample: Sample) -> float:
        """Return what an answer is worth, from 0 to 1; `None` is worth 0. Reflections are measured by it."""

    def prose(self, answer: A) -> str | None:
        """Return an answer in prose, to be compared with a reference text; `None` where answers are no texts."""
        return None

    @abstractmethod
    def as_json(self, answer: A) -> JSON:
        """Return the answer as it stands in `scores.jsonl`."""

    @abstractmethod
    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[A | None]:
        """Return the answers of a blind floor; `None` where it cannot answer.

        Raises:
            UnknownNameError: if the kind has no such floor.
        """

    def confusion(self, columns: Columns) -> Confusion | None:
        """Return the counts of answers by truth, `None` where answers cannot be listed."""
        return None

    def in_paper_score(self, sample: Sample, answer: A | None) -> bool:
        """Whether the paper's evaluation counts this answer to a sample; `None` is one that cannot be read."""
        return True
