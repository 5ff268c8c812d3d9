"""Blind predictors as models: what can be scored without looking at a frame.

Each answers through the kind's own floor, so a floor that runs as a model and the same floor in a results table are
one computation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from vau_bench.errors import UnknownNameError, VideoError
from vau_bench.kinds import FloorContext, Kind
from vau_bench.models.base import Model, ModelConfig
from vau_bench.records import Outcome, Request, Response, Sample

if TYPE_CHECKING:
    from vau_bench.video import ClipLoader


class FloorConfig(ModelConfig):
    """Arguments of the floors."""

    seed: int = Field(default=0, description="seed of random answers")
    split: str | None = Field(default=None, description="split that constants are fitted to; default: the task's")


class PriorIntervalConfig(FloorConfig):
    """Arguments of the constant interval."""

    interval: tuple[float, float] | None = Field(
        default=None, description="this interval in seconds, as start:end, instead of a fitted one"
    )

    @field_validator("interval", mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return value.split(":") if isinstance(value, str) else value


class Floor(Model[FloorConfig]):
    """Answers with the floor of this name, where the kind has it; refuses otherwise."""

    Config: ClassVar[type[ModelConfig]] = FloorConfig
    floor: ClassVar[str]
    reads_video: ClassVar[bool] = False

    def __init__(self, config: FloorConfig, clips: ClipLoader) -> None:
        super().__init__(config, clips)
        self._tasks: dict[str, tuple[Kind[Any], FloorContext]] = {}
        self._durations: dict[str, dict[str, float]] = {}
        self._constant: dict[str, Any] = {}

    def prepare(self, task: str, kind: Kind[Any], tuning: Sequence[Sample]) -> None:  # noqa: D102
        self._durations[task] = {}
        self._tasks[task] = (kind, FloorContext(tuning, self._durations[task], self.config.seed))

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:  # noqa: D102
        for request in requests:
            try:
                answer = self._answer(request)
            except UnknownNameError as error:
                yield request.failure(Outcome.REFUSED, str(error))
            except VideoError as error:
                yield request.failure(Outcome.ERRORED, str(error))
            else:
                if answer is None:
                    yield request.failure(Outcome.REFUSED, f"{self.floor} knows too little to answer")
                else:
                    yield request.answer(self._tasks[request.task][0].write(answer))

    def _answer(self, request: Request) -> Any:
        kind, context = self._tasks[request.task]
        duration = self._duration(request)
        if duration is not None:
            self._durations[request.task][request.sample.id] = duration
        return kind.floor(self.floor, [request.sample], context)[0]

    def _duration(self, request: Request) -> float | None:
        known = request.sample.fields.get("duration")
        return float(known) if known else None


class _FittedFloor(Floor):
    """A floor whose answer is one constant for the task: fitted once."""

    def _answer(self, request: Request) -> Any:
        if request.task not in self._constant:
            self._constant[request.task] = super()._answer(request)
        return self._constant[request.task]


class AlwaysA(Floor):
    """Option A."""

    floor = "always_a"
    summary = "always option A"


class AlwaysNormal(Floor):
    """Normal."""

    floor = "always_normal"
    summary = "always Normal"


class LongestOption(Floor):
    """The longest option."""

    floor = "longest_option"
    summary = "the longest option"


class MajorityClass(_FittedFloor):
    """The most frequent class of the tuning split."""

    floor = "majority_class"
    summary = "the most frequent class of a split"


class PriorInterval(_FittedFloor):
    """The constant interval with the highest mIoU on the tuning split."""

    Config = PriorIntervalConfig
    floor = "prior_interval"
    summary = "the constant interval that fits a split best"

    def _answer(self, request: Request) -> Any:
        fixed = self.config.interval if isinstance(self.config, PriorIntervalConfig) else None
        return (fixed,) if fixed and request.kind == "grounding" else super()._answer(request)


class Random(Floor):
    """A seeded random answer."""

    floor = "random"
    summary = "a random answer, seeded"


class WholeVideo(Floor):
    """The whole video; needs its duration, nothing else."""

    floor = "whole_video"
    summary = "the interval from 0 to the end"
    reads_video = True

    def _duration(self, request: Request) -> float | None:
        known = super()._duration(request)
        if known is not None or request.video is None:
            return known
        return self.clips.probe(request.video).duration
