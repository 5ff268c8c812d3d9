"""What long work tells about its progress, and nobody who listens."""

from __future__ import annotations

from typing import Protocol

from vau_bench.records import Response


class Progress(Protocol):
    """What an evaluation tells about its progress."""

    def stage(self, text: str, total: int | None = None) -> None:
        """A new stage of work begins."""

    def advance(self, response: Response | None = None) -> None:
        """One step of the stage is done; `response` if it is a new answer."""


class Silent:
    """Progress that nobody sees."""

    def stage(self, text: str, total: int | None = None) -> None:  # noqa: D102
        pass

    def advance(self, response: Response | None = None) -> None:  # noqa: D102
        pass
