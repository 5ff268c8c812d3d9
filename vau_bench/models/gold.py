"""The truth as a model. It must score 100 %: what it misses is a defect of the task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vau_bench.kinds import Kind
from vau_bench.models.base import Model, ModelConfig
from vau_bench.records import Request, Response, Sample

if TYPE_CHECKING:
    from vau_bench.video import ClipLoader


class Gold(Model[ModelConfig]):
    """Writes the right answer in the form that the prompt asks for."""

    summary: ClassVar[str] = "the truth; checks a task"
    reads_video: ClassVar[bool] = False

    def __init__(self, config: ModelConfig, clips: ClipLoader) -> None:
        super().__init__(config, clips)
        self._kinds: dict[str, Kind[Any]] = {}

    def prepare(self, task: str, kind: Kind[Any], tuning: Sequence[Sample]) -> None:  # noqa: D102
        self._kinds[task] = kind

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:  # noqa: D102
        for request in requests:
            kind = self._kinds[request.task]
            yield request.answer(kind.write(kind.truth(request.sample)))
