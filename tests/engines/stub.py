"""A model in a package of its own that notes what it is asked, and can be told to go wrong."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar

from vau_bench.errors import ModelError
from vau_bench.models.base import Model, ModelConfig
from vau_bench.records import JSON, Outcome, Request, Response


class StubConfig(ModelConfig):
    """How it behaves."""

    log: Path
    seconds: float = 0.0
    poison: str = ""
    """Part of the ids of samples over which the process dies, every time."""
    broken: str = ""
    """What to raise instead of answers: a model's error, or a defect."""
    secret: str = ""
    """A variable without which it refuses."""


class Stub(Model[StubConfig]):
    """Answers C."""

    Config: ClassVar[type[ModelConfig]] = StubConfig
    reads_video: ClassVar[bool] = False

    def identity(self) -> dict[str, JSON]:
        return {}

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        if self.config.broken == "model":
            raise ModelError("no weights here")
        if self.config.broken == "defect":
            raise ZeroDivisionError("a defect")
        for request in requests:
            with self.config.log.open("a") as file:
                file.write(f"{os.getpid()} {request.sample.id}\n")
            time.sleep(self.config.seconds)
            if self.config.poison and self.config.poison in request.sample.id:
                os.kill(os.getpid(), signal.SIGKILL)
            if self.config.secret and not os.environ.get(self.config.secret):
                yield request.failure(Outcome.REFUSED, "nobody told the secret")
            else:
                yield request.answer("<answer>C</answer>")
