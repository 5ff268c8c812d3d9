"""Presets: published models by name - adapter, checkpoint, frames, prompt style, and what they were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel

from vau_bench.declarations import read_declaration
from vau_bench.models.frame_plan import PlanText

FILE = Path(__file__).with_name("presets.yaml")


class Preset(BaseModel):
    """How a published model is asked, so that two people who name it ask it alike.

    Attributes:
        summary: what it is.
        model: the adapter.
        arguments: of the adapter, under those that the user gives.
        frames: the frame plan; `None` leaves it to the task.
        style: the prompt style; `None` leaves it to the task.
        trained_on: datasets whose footage or annotations its training data hold, as declared; `None` where nothing is.
        source: where the checkpoint and its training data are declared.
        note: what a user has to know before the first run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str = Field(min_length=1)
    model: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    frames: PlanText | None = None
    style: str | None = None
    trained_on: tuple[str, ...] | None = None
    source: str = Field(min_length=1)
    note: str | None = None

    @property
    def checkpoint(self) -> str | None:
        """Its checkpoint, or the name that an endpoint knows it by; `None` where the user has to say."""
        named = self.arguments.get("checkpoint", self.arguments.get("model"))
        return None if named is None else str(named)


class _Presets(RootModel[dict[str, Preset]]):
    pass


@cache
def known_presets() -> Mapping[str, Preset]:
    """Return all presets by name.

    Raises:
        DataError: if the file is damaged.
    """
    return read_declaration(_Presets, FILE).root
