"""What a teacher is given and what it returns."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from srvau_train.rocot.answers import Answer, Grid, Kind
from srvau_train.rocot.timeline import Walk
from vau_bench.parsing import write_reflection
from vau_bench.records import JSON, Sample
from vau_bench.synth.state import Scene

if TYPE_CHECKING:
    from srvau_train.rocot.source import Subject


@dataclass(frozen=True, slots=True)
class Manner:
    """How a chain is written.

    Attributes:
        walk: name every step of the timeline, or join steps that show the same.
        step: seconds between two steps.
        grid: the times that answers use.
    """

    walk: Walk = "seconds"
    step: float = 1.0
    grid: Grid = field(default_factory=Grid)

    @property
    def name(self) -> str:
        """The style's part of a chain's key."""
        offset = f"+{self.grid.offset:g}" if self.grid.offset else ""
        return f"{self.walk}/{self.step:g}/{self.grid.step:g}{offset}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A subject and a first answer to reflect on.

    Attributes:
        subject: what it is about.
        first: the first answer.
        think: the reasoning that led to it, `None` when the teacher is to write it.
        truth: the right answer.
        action: `correct` a wrong answer, `keep` a right one, `refine` the ends of a right one.
        manner: how to write.
    """

    subject: Subject
    first: Answer
    think: str | None
    truth: Answer
    action: str
    manner: Manner

    @property
    def sample(self) -> Sample:
        """With its truth."""
        return self.subject.sample

    @property
    def kind(self) -> Kind:
        """How it is answered."""
        return self.subject.kind

    @property
    def scene(self) -> Scene | None:
        """The scene of a vau_synth clip."""
        return self.subject.scene

    @property
    def final(self) -> Answer:
        """The answer that the chain ends with: the first where that is kept, else the truth."""
        return self.first if self.action == "keep" else self.truth


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


class Job(NamedTuple):
    """An assignment, and the key of the chain that is wanted for it."""

    key: str
    assignment: Assignment


class NoChain(NamedTuple):
    """Why a teacher wrote none.

    Attributes:
        reason: as it is counted; `None` where nothing was decided and the teacher is to be asked again.
        told: one sentence.
    """

    reason: str | None
    told: str


class Told(NamedTuple):
    """What a dataset card says about a teacher.

    Attributes:
        checks: how it checks an answer against the video, as it follows these words; may be empty.
        limits: of its chains, as a clause.
    """

    checks: str
    limits: str


class Teacher(Protocol):
    """Writes chains.

    Attributes:
        id: its name.
        version: raised with everything that can change a chain.
        provenance: what else is kept with each chain about how it was written.
        told: for the dataset card.
    """

    id: str
    version: str
    provenance: Mapping[str, JSON]
    told: Told

    def chains(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Chain | NoChain]]:
        """Yield each job with its chain or why there is none, as they come; `jobs` is taken lazily.

        Raises:
            ModelError: if the teacher is gone for all jobs; what was yielded before stands.
        """
        ...
