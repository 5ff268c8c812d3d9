"""The arguments of the `qwen_vl` model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vau_bench.models.local_config import LocalConfig


class QwenVLConfig(LocalConfig):
    """Arguments of the `qwen_vl` model."""

    mode: Literal["video", "frames", "patches"] = Field(
        "video",
        description="video: a real video input; frames: images, each after its time in text; "
        "patches: each pair of frames a video of its own, after their times in text",
    )
    tell_times: Literal["auto", "always", "never"] = Field(
        "auto",
        description="whether mode=video also writes the times into the text; "
        "auto: where the model's own clock cannot tell them",
    )
    max_pixels: int = Field(768 * 28 * 28, ge=28 * 28, description="pixels of a frame at most")
    min_pixels: int = Field(128 * 28 * 28, ge=1, description="pixels of a frame at least; smaller ones are enlarged")
    total_pixels: int = Field(
        128_000 * 28 * 28 * 9 // 10,
        ge=28 * 28,
        description="pixels of a clip at most, per pair of frames; many frames become smaller ones",
    )
    option_scores: bool = Field(
        False, description="also give P(option), from the likelihood of each option as the answer"
    )

    @model_validator(mode="after")
    def _sizes_in_order(self) -> QwenVLConfig:
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels={self.min_pixels} is more than max_pixels={self.max_pixels}")
        return self
