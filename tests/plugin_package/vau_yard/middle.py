"""A model that names the middle of each video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import ClassVar

from pydantic import Field

from vau_bench.errors import VideoError
from vau_bench.models.base import Model, ModelConfig
from vau_bench.records import Outcome, Request, Response


class MiddleConfig(ModelConfig):
    """Arguments of the model."""

    share: float = Field(default=1 / 3, gt=0, le=1, description="of the video that is named")


class Middle(Model[MiddleConfig]):
    """Names the middle part of the video."""

    Config = MiddleConfig
    summary: ClassVar[str] = "the middle of the video"

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request in requests:
            if request.video is None:
                yield request.failure(Outcome.MISSING, f"no video {request.sample.video}")
                continue
            try:
                duration = self.clips.probe(request.video).duration
            except VideoError as error:
                yield request.failure(Outcome.ERRORED, str(error))
                continue
            start = duration * (1 - self.config.share) / 2
            yield request.answer(f"<answer>Anomaly</answer><glue>[{start:.2f}, {duration - start:.2f}]</glue>")
