"""The families of Qwen-VL: checkpoints of one are told times alike."""

from __future__ import annotations

from typing import Literal

from vau_bench.errors import ModelError
from vau_bench.models.checkpoint import Source

Family = Literal["qwen2_vl", "qwen2_5_vl", "qwen3_vl"]

FAMILIES: dict[str, Family] = {
    "qwen2_vl": "qwen2_vl",
    "qwen2_5_vl": "qwen2_5_vl",
    "qwen3_vl": "qwen3_vl",
    "qwen3_vl_moe": "qwen3_vl",
}
"""The architectures that can be told times, by `model_type`; those of one family are told alike."""


def family_of(source: Source) -> Family:
    """Return the family of a checkpoint.

    Raises:
        ModelError: if it is of another architecture.
    """
    kind = source.config.get("model_type")
    if kind not in FAMILIES:
        raise ModelError(f"{source.name} is a {kind!r} model; qwen_vl runs {', '.join(FAMILIES)}")
    return FAMILIES[kind]
