"""SRVAU-R1: `qwen_vl` with the style `reflect`, and a small checkpoint that is installed with the project.

A checkpoint that `vau-bench train` wrote holds `vau_bench.json`: how clips were shown to it in training. Those are its
arguments where the user names no others.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, model_validator

from vau_bench.errors import ModelError, PluginError, UsageError
from vau_bench.models.base import ModelConfig
from vau_bench.models.qwen_config import QwenVLConfig
from vau_bench.models.qwen_vl import QwenVL
from vau_bench.plugins import offers
from vau_bench.video import ClipLoader, parse_plan

SHOWN = "vau_bench.json"
"""Name of the file that tells how clips are shown to a checkpoint."""
CHECKPOINTS = "vau_bench.checkpoints"
"""Entry-point group of checkpoints that packages bring with them: a folder by name."""
_NOT_ARGUMENTS = ("frames", "style")


class SrvauR1Config(QwenVLConfig):
    """Arguments of the `srvau_r1` model: those of `qwen_vl`; the checkpoint's own where it names them."""

    checkpoint: str = Field(
        "nano", min_length=1, description="folder or id on the hub; or the name of an installed one: nano"
    )

    @model_validator(mode="before")
    @classmethod
    def _as_trained(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        checkpoint = _installed(str(values.get("checkpoint", "nano")))
        own = {name: value for name, value in shown(checkpoint).items() if name not in _NOT_ARGUMENTS}
        return {**own, **values, "checkpoint": checkpoint}


class SrvauR1(QwenVL):
    """Runs a reflecting checkpoint, shown its clips as in its training."""

    Config: ClassVar[type[ModelConfig]] = SrvauR1Config
    summary: ClassVar[str] = "SRVAU-R1, which reflects before it answers; the installed nano checkpoint by default"
    style = "reflect"

    def __init__(self, config: SrvauR1Config, clips: ClipLoader) -> None:
        super().__init__(config, clips)
        trained = shown(config.checkpoint)
        self.frames = str(parse_plan(trained["frames"])) if trained.get("frames") else None  # type: ignore[misc]


def shown(checkpoint: str) -> dict[str, Any]:
    """Return how clips are shown to a checkpoint; nothing where it does not say.

    Raises:
        ModelError: if the file is damaged.
    """
    path = Path(checkpoint).expanduser() / SHOWN
    if not path.is_file():
        return {}
    try:
        values = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise ModelError(f"{path} holds no object")
    return values


def _installed(name: str) -> str:
    """Return the folder of an installed checkpoint, or the name as it is."""
    found = {offer.point.name: offer for offer in offers("checkpoint", CHECKPOINTS)}
    if name not in found:
        if name == "nano":
            raise UsageError("no checkpoint is installed; name one: --checkpoint PATH, or an id on the hub")
        return name
    try:
        folder = Path(found[name].load())
    except PluginError as error:
        raise UsageError(f"the checkpoint {name}: {error}") from None
    if not (folder / "config.json").is_file():
        raise UsageError(f"the checkpoint {name} is not in this installation; `vau-bench train nano` makes it")
    return str(folder)
