"""What a model is: a stream of responses for a stream of requests."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from vau_bench.errors import UsageError
from vau_bench.records import JSON, Request, Response, Sample
from vau_bench.video.plans import parse_plan

if TYPE_CHECKING:
    from vau_bench.kinds import Kind
    from vau_bench.models.prepared import PromptSize
    from vau_bench.video import ClipLoader, Shown


class ModelConfig(BaseModel):
    """The arguments of a model, as `--model-args` gives them; every one has a default or is required.

    All of them enter the manifest and the key of every request, so none may hold a secret: name the
    environment variable or the file that holds it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


C = TypeVar("C", bound=ModelConfig)


class Model(ABC, Generic[C]):
    """Answers requests. Subclasses name their `Config` and yield one response per request.

    Args:
        config: the validated arguments.
        clips: the loader through which every frame comes; the only way to a video.
    """

    Config: ClassVar[type[ModelConfig]] = ModelConfig
    summary: ClassVar[str] = ""
    reads_video: ClassVar[bool] = True
    own_frames: ClassVar[str | None] = None
    """How it chooses frames, in words, where it follows no plan."""
    by_video: ClassVar[bool] = False
    """Whether requests about one video are to follow each other, whatever their tasks: what is kept of it is used."""
    frames: str | None = None
    """The frame plan that this model is made for; `None` takes the task's."""
    style: str | None = None
    """The prompt style that this model is made for, where the task has it; `None` takes the task's."""

    def __init__(self, config: C, clips: ClipLoader) -> None:
        self.config = config
        self.clips = clips

    def planned(self, asked: str | None, otherwise: str) -> str:
        """Return the frame plan in its canonical notation, or how the model chooses frames where it follows none.

        Args:
            asked: the user's plan, which comes before the model's own.
            otherwise: the task's plan, which comes behind both.

        Raises:
            UsageError: if it is no plan, or the model would not follow it.
        """
        if self.own_frames is None:
            return str(parse_plan(asked or self.frames or otherwise))
        if asked is not None:
            raise UsageError(f"the frame plan {asked!r} has no effect: the frames of this model are {self.own_frames}")
        return self.own_frames

    def prepare(self, task: str, kind: Kind[Any], tuning: Sequence[Sample]) -> None:
        """Learn which task is coming; called once per task before its requests.

        Args:
            task: its name.
            kind: how its answers are written.
            tuning: samples of the split that constants may be fitted to.
        """

    @abstractmethod
    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        """Yield exactly one response per request, in any order, each as soon as it is there.

        A request that fails yields `request.failure(...)`; only what stops the model for all requests is
        raised, as `ModelError`. `requests` is lazy: take no more of it than is needed to stay busy.
        """

    def identity(self) -> dict[str, JSON]:
        """Return all that tells two models apart, beyond the name: it enters the key of each request."""
        dumped: dict[str, JSON] = self.config.model_dump(mode="json")
        return dumped

    def prompt_size(self, request: Request, shown: Shown | None) -> PromptSize | None:
        """Return how many tokens the prompt of a request has, `None` where this model cannot tell or has no prompt.

        Nothing but the processor of a checkpoint is loaded for it.

        Args:
            request: what would be asked.
            shown: the frames of its video; `None` without a video.

        Raises:
            ModelError: if the checkpoint is not there, or incomplete.
            MissingExtraError: if what reads it is not installed.
            VideoError, ValueError: if this one could not be asked.
        """
        return None

    def described(self) -> dict[str, JSON]:
        """Return what can be told of it without loading weights and without calling a server.

        Raises:
            ModelError: if it could not answer anything as it is.
        """
        return {}

    def close(self) -> None:
        """Release what the model holds."""
