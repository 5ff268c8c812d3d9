"""How clips were shown to a checkpoint in its training, as the file `vau_bench.json` in its folder tells.

`vau-bench train` writes it. What it tells holds wherever the user names nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator

from vau_bench.declarations import validated
from vau_bench.errors import DataError, ModelError
from vau_bench.models.base import ModelConfig
from vau_bench.models.frame_plan import PlanText

FILE = "vau_bench.json"


class AsTrained(BaseModel):
    """The contents of `vau_bench.json`; what it leaves out is not told.

    Attributes:
        dtype: the precision that it computes in, where it is saved in another.
        frames: the frame plan.
        style: the prompt style.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    mode: Literal["video", "frames", "patches"] | None = None
    tell_times: Literal["auto", "always", "never"] | None = None
    dtype: Literal["bfloat16", "float16", "float32"] | None = None
    max_pixels: int | None = None
    min_pixels: int | None = None
    total_pixels: int | None = None
    frames: PlanText | None = None
    style: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Return what are arguments of the adapter."""
        return self.model_dump(exclude={"frames", "style"}, exclude_none=True)


def as_trained(checkpoint: str) -> AsTrained:
    """Return how clips were shown to the checkpoint of a folder; of any other nothing is known.

    Raises:
        ModelError: if the file is damaged.
    """
    path = Path(checkpoint).expanduser() / FILE
    if not path.is_file():
        return AsTrained()
    try:
        return validated(AsTrained, json.loads(path.read_text("utf-8")), str(path))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from None
    except DataError as error:
        raise ModelError(str(error)) from None


class TrainedConfig(ModelConfig):
    """Arguments that a checkpoint's `vau_bench.json` holds, under those that are given."""

    @model_validator(mode="before")
    @classmethod
    def _as_trained(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("checkpoint"), str):
            return values
        return {**as_trained(values["checkpoint"]).arguments(), **values}
