"""Qwen2.5-VL's vision tower, computed the way that is fast on a CPU; the results are the same.

transformers calls the attention once a segment, and a clip of 16 patches has 16 of them: at nano size these calls take
longer than what they compute. It embeds patches by a three-dimensional convolution whose kernel is the whole input:
that is a matrix product, which is several times faster backwards.
"""

from __future__ import annotations

from types import MethodType
from typing import Any


def speed_up_vision(model: Any) -> None:
    """Replace how the vision tower of a model computes, not what; what is saved of it stays the same."""
    visual = model.model.visual
    visual.patch_embed.forward = MethodType(_embed, visual.patch_embed)
    for block in visual.blocks:
        block.attn.forward = MethodType(_attend, block.attn)


def _embed(self: Any, hidden_states: Any) -> Any:
    import torch

    weight = self.proj.weight
    return torch.nn.functional.linear(hidden_states.to(weight.dtype), weight.flatten(1))


def _attend(
    self: Any, hidden_states: Any, cu_seqlens: Any, position_embeddings: Any, max_seqlen: Any = None, **kwargs: Any
) -> Any:
    import torch
    from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import apply_rotary_pos_emb_vision

    length = int(cu_seqlens[1])
    count = len(cu_seqlens) - 1
    if length * count != hidden_states.shape[0] or bool((cu_seqlens.diff() != length).any()):
        return type(self).forward(self, hidden_states, cu_seqlens, position_embeddings, max_seqlen, **kwargs)
    qkv = self.qkv(hidden_states).reshape(count * length, 3, self.num_heads, -1)
    query, key, value = qkv.permute(1, 0, 2, 3).unbind(0)
    query, key = apply_rotary_pos_emb_vision(query, key, *position_embeddings)
    query, key, value = (x.reshape(count, length, self.num_heads, -1).transpose(1, 2) for x in (query, key, value))
    out = torch.nn.functional.scaled_dot_product_attention(query, key, value, scale=self.scaling)
    return self.proj(out.transpose(1, 2).reshape(count * length, -1))
