"""What a teacher is given and what it returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from srvau_train.rocot.answers import Answer, Kind
from srvau_train.rocot.timeline import Walk
from vau_bench.parsing import write_reflection
from vau_bench.records import Sample
from vau_bench.synth.draws import Draw
from vau_bench.synth.state import Scene


@dataclass(frozen=True, slots=True)
class Manner:
    """How a chain is written.

    Attributes:
        walk: name every step of the timeline, or join steps that show the same.
        step: seconds between two steps.
        grid: times of answers are multiples of it, in seconds.
    """

    walk: Walk = "seconds"
    step: float = 1.0
    grid: float = 0.1

    @property
    def name(self) -> str:
        """The style's part of a chain's key."""
        return f"{self.walk}/{self.step:g}/{self.grid:g}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A sample and a first answer to reflect on.

    Attributes:
        sample: with its truth.
        kind: of the task.
        first: the first answer.
        think: the reasoning that led to it, `None` when the teacher is to write it.
        truth: the right answer.
        action: `correct` a wrong answer, `keep` a right one, `refine` the ends of a right one.
        scene: of a vau_synth clip.
        manner: how to write.
    """

    sample: Sample
    kind: Kind
    first: Answer
    think: str | None
    truth: Answer
    action: str
    scene: Scene | None
    manner: Manner


@dataclass(frozen=True, slots=True)
class Chain:
    """Initial reasoning and answer, reflection, revised reasoning and answer; the answers in the grammar."""

    think: str
    first: str
    reflect: str
    revised: str
    final: str

    @property
    def response(self) -> str:
        """The chain as a response of the style `reflect`."""
        return write_reflection(self.think, self.first, self.reflect, self.revised, self.final)


class Teacher(Protocol):
    """Writes chains; the same assignment and stream always give the same chain."""

    id: str
    version: str

    def write(self, assignment: Assignment, draw: Draw) -> Chain:
        """Return the chain."""
        ...
