"""Engines: where the requests of an evaluation are answered, if not in the process that asks them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from vau_bench.models.base import Model
    from vau_bench.options import Options


class Engine(Protocol):
    """Answers elsewhere what a model would answer here."""

    def over(self, model: Model[Any], options: Options) -> Model[Any]:
        """Return a model with the same identity whose answers come from the engine.

        Args:
            model: tells what it is and what it needs, and is asked nothing.
            options: name and arguments to make it from again elsewhere, and how videos are decoded.

        Raises:
            MissingExtraError: if the engine is not installed.
        """
