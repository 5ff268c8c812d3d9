"""What decides about the data: how chains are made, and of what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from srvau_train.rocot.answers import KINDS, Kind
from srvau_train.rocot.mistakes import ErrorModel
from srvau_train.rocot.teacher import Manner
from vau_bench.errors import UsageError
from vau_bench.synth import GENERATOR_VERSION, SynthParams

if TYPE_CHECKING:
    from srvau_train.rocot.source import Source

SYNTH_KINDS = tuple(kind for kind in KINDS if kind != "reasoning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe(ABC):
    """How chains are made, whatever they are about.

    Attributes:
        right_share: share of right first answers, which the chain keeps; the others are wrong, and corrected. The
            default is 0.3, so 30 right to 70 wrong, as in SRPO's data. `None`, with a policy's own answers,
            takes them at the rate at which they are right.
        errors: the error model, where there are no policy's answers.
        seed: of first answers and wordings.
        manner: how chains are written.
    """

    scenes: ClassVar[bool] = False
    """Whether the scene of each video is known, so that the scene teacher can write about it."""

    right_share: float | None = 0.3
    errors: ErrorModel = field(default_factory=ErrorModel)
    seed: int = 0
    manner: Manner = field(default_factory=Manner)

    def __post_init__(self) -> None:
        if self.right_share is not None and not 0 <= self.right_share <= 1:
            raise UsageError(f"right_share must be a share from 0 to 1, not {self.right_share}")
        if not (self.manner.step > 0 and 0 < self.manner.grid.step <= 1):
            raise UsageError("step must be above 0 s, grid above 0 s and at most 1 s")
        if self.manner.walk not in ("seconds", "runs"):
            raise UsageError(f"walk must be seconds or runs, not {self.manner.walk!r}")

    @abstractmethod
    def source(self) -> Source:
        """Open what the chains are about."""

    def as_json(self) -> dict[str, Any]:
        """Return the configuration as it is written beside the data; no path is in it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class RocotConfig(Recipe):
    """Chains about VAU-Synth clips.

    Attributes:
        clips: how many.
        start: number of the first one.
        split: that they come from; only `train` is accepted.
        data_seed: of vau_synth.
        seconds: length of a clip.
        difficulty: 0 to 1, or `easy`, `medium`, `hard`.
        kinds: the tasks to write chains for, each on every clip.
    """

    scenes: ClassVar[bool] = True

    clips: int = 1000
    start: int = 0
    split: str = "train"
    data_seed: int = 0
    seconds: float = 16.0
    difficulty: float | str = "medium"
    kinds: tuple[Kind, ...] = ("grounding", "classification", "mcq")

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        unknown = [k for k in self.kinds if k not in SYNTH_KINDS]
        if unknown or not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise UsageError(
                f"kinds must be some of {', '.join(SYNTH_KINDS)}, each once, not {', '.join(self.kinds) or 'none'}"
            )
        if self.clips < 1:
            raise UsageError(f"clips must be at least 1, not {self.clips}")
        if self.start < 0:
            raise UsageError(f"start must be at least 0, not {self.start}")
        if self.manner.step > self.seconds / 2:
            raise UsageError("step must be at most half a clip")

    @property
    def numbers(self) -> range:
        """The numbers of the clips."""
        return range(self.start, self.start + self.clips)

    @property
    def params(self) -> SynthParams:
        """The parameters of the clips."""
        return SynthParams(self.seconds, self.difficulty)

    @property
    def dataset(self) -> dict[str, Any]:
        """The identity of the clips."""
        return {
            "name": "vau_synth", "generator": GENERATOR_VERSION, "seed": self.data_seed,
            "seconds": self.seconds, "difficulty": self.difficulty,
        }  # fmt: skip

    def source(self) -> Source:
        """Open the clips; none is drawn yet."""
        from srvau_train.rocot.synth_source import SynthSource

        return SynthSource(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskConfig(Recipe):
    """Chains about the training split of tasks of vau_bench.

    Attributes:
        tasks: names, groups or patterns.
        data: root of the annotations.
        videos: folders below which videos are looked for; default: where the reader looks.
        split: only `train` is accepted.
        limit: samples per task, evenly spread.
        ucf_grounding: also take grounding tasks of UCF-Crime, which the published recipe leaves out of distribution.
        tasks_dirs: further folders of task folders.
    """

    tasks: tuple[str, ...]
    data: Path | None = None
    videos: tuple[Path, ...] = ()
    split: str = "train"
    limit: int | None = None
    ucf_grounding: bool = False
    tasks_dirs: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        Recipe.__post_init__(self)
        if not self.tasks:
            raise UsageError("no task named; see `vau-bench tasks list`")
        if self.limit is not None and self.limit < 1:
            raise UsageError(f"limit must be at least 1, not {self.limit}")

    def source(self) -> Source:
        """Read the tasks; see `TaskSource` for errors."""
        from srvau_train.rocot.task_source import TaskSource

        return TaskSource(self)

    def as_json(self) -> dict[str, Any]:
        """Return the configuration without the places where things lie on this machine."""
        record = asdict(replace(self, data=None, videos=(), tasks_dirs=()))
        return {name: value for name, value in record.items() if name not in ("data", "videos", "tasks_dirs")}
