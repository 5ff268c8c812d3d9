"""The arguments of the `qwen_vl` model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from vau_bench.models.base import ModelConfig


class QwenVLConfig(ModelConfig):
    """Arguments of the `qwen_vl` model."""

    checkpoint: str = Field(min_length=1, description="folder of the checkpoint, or its id on the hub")
    revision: str | None = Field(None, description="branch, tag or commit on the hub")
    processor: str | None = Field(
        None, description="folder or id that holds the processor files, if the checkpoint does not"
    )
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field(
        "auto", description="precision of the weights; auto: as they were saved"
    )
    device: str = Field(
        "auto", description="auto (this process's GPU, else the CPU), cpu, cuda:N, or split (over all GPUs)"
    )
    batch_size: int = Field(1, ge=1, description="requests answered at once; halved where memory does not suffice")
    attn_implementation: str | None = Field(
        None, description="sdpa, flash_attention_2 or eager; default: transformers' choice"
    )
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
    repetition_penalty: float | None = Field(
        None, gt=0, description="default: as the checkpoint's generation_config.json has it"
    )
    torch_threads: int | None = Field(None, ge=1, description="CPU threads of torch; default: torch's choice")
    local_files_only: bool = Field(False, description="never ask the hub, use what is in its local cache")

    @model_validator(mode="after")
    def _sizes_in_order(self) -> QwenVLConfig:
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels={self.min_pixels} is more than max_pixels={self.max_pixels}")
        return self


NOT_THE_ANSWER = {
    "checkpoint",
    "revision",
    "processor",
    "device",
    "batch_size",
    "torch_threads",
    "local_files_only",
}
"""Arguments that decide where and how fast an answer comes, and names whose content `identity` holds."""
