"""SRVAU-R1: `qwen_vl` with the style `reflect`, and a small checkpoint that is installed with the project."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from vau_bench.errors import NameCollisionError, PluginError, UsageError
from vau_bench.models.base import ModelConfig
from vau_bench.models.qwen_vl import QwenVL, QwenVLArguments
from vau_bench.plugins import offers

CHECKPOINTS = "vau_bench.checkpoints"
"""Entry-point group of checkpoints that packages bring with them: a folder, or a function that returns one, by name."""
DEFAULT = "nano"


class SrvauR1Config(QwenVLArguments):
    """Arguments of the `srvau_r1` model: those of `qwen_vl`."""

    checkpoint: str = Field(
        DEFAULT, min_length=1, description="folder or id on the hub; or the name of an installed one: nano"
    )

    @model_validator(mode="before")
    @classmethod
    def _where_it_lies(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {**values, "checkpoint": installed(str(values.get("checkpoint", DEFAULT)))}


class SrvauR1(QwenVL):
    """Runs a reflecting checkpoint, shown its clips as in its training."""

    Config: ClassVar[type[ModelConfig]] = SrvauR1Config
    summary: ClassVar[str] = "SRVAU-R1, which reflects before it answers; the installed nano checkpoint by default"
    style: str | None = "reflect"


def installed(name: str) -> str:
    """Return the folder of an installed checkpoint, or the name as it is if it is none's.

    Raises:
        UsageError: if the checkpoint is not there, or the package that offers it cannot be used.
        NameCollisionError: if two packages offer one of this name.
    """
    offered = [offer for offer in offers("checkpoint", CHECKPOINTS) if offer.point.name == name]
    if not offered:
        if name == DEFAULT:
            raise UsageError("no checkpoint is installed; name one: --checkpoint PATH, or an id on the hub")
        return name
    if len(offered) > 1:
        sources = " and ".join(offer.source for offer in offered)
        raise NameCollisionError(f"two checkpoints are named {name!r}: from {sources}")
    try:
        folder = offered[0].load_path()
    except PluginError as error:
        raise UsageError(str(error)) from None
    if not (folder / "config.json").is_file():
        raise UsageError(
            f"the checkpoint {name!r} is not in this installation; make it with `vau-bench train nano`, or name "
            "another one: --checkpoint PATH"
        )
    return str(folder)
