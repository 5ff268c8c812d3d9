"""The arguments that all models on this machine have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from vau_bench.models.base import ModelConfig


class LocalConfig(ModelConfig):
    """Where a checkpoint comes from, and how it is run."""

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
    batch_size: Annotated[int, Field(ge=1)] | Literal["auto"] = Field(
        1,
        description="requests answered at once; auto: more and more, as long as that is faster; halved where memory "
        "does not suffice",
    )
    attn_implementation: str | None = Field(
        None, description="sdpa, flash_attention_2 or eager; default: transformers' choice"
    )
    repetition_penalty: float | None = Field(
        None, gt=0, description="default: as the checkpoint's generation_config.json has it"
    )
    torch_threads: int | None = Field(None, ge=1, description="CPU threads of torch; default: torch's choice")
    local_files_only: bool = Field(False, description="never ask the hub, use what is in its local cache")


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
