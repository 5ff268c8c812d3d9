"""Qwen2.5-VL at nano size, computed the way that is fast on a CPU; the results are the same.

transformers calls the attention once a segment, and a clip of 16 patches has 16 of them: at nano size these calls take
longer than what they compute. It embeds patches by a three-dimensional convolution whose kernel is the whole input:
that is a matrix product, which is several times faster backwards. And it makes the positions of each visual input, and
the order of its patches, by dozens of small tensor operations; here they are made once. Its norms have a backward pass
of their own. And a frozen tower sees the same clip many times: eight rollouts of a prompt are eight times the same
picture, in several passes; what it has seen is remembered. How answers are written is a matter of its own: see
`decoding`.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.qwen2_5_vl.modeling_qwen2_5_vl import (
    Qwen2_5_VLRMSNorm,
    get_vision_position_ids,
    get_vision_window_index,
)

from srvau_train.nano.decoding import write_quickly
from srvau_train.nano.norms import rms_norm
from srvau_train.nano.pictures import patches, smaller
from vau_bench.models.prepared import Prepared

if TYPE_CHECKING:
    from vau_bench.models.qwen_inputs import InputBuilder
    from vau_bench.records import Request
    from vau_bench.video import Clip

REMEMBERED = 100_000
"""Visual inputs of which a frozen tower remembers what it saw."""


def speed_up(model: Any) -> None:
    """Replace how a model computes, not what; what is saved of it stays the same."""
    model.model.get_rope_index = MethodType(_positions, model.model)
    _score_labels_alone()
    visual = model.model.visual
    visual.patch_embed.forward = MethodType(_embed, visual.patch_embed)
    for block in visual.blocks:
        block.attn.forward = MethodType(_attend, block.attn)
    for module in model.modules():
        if isinstance(module, Qwen2_5_VLRMSNorm):
            module.forward = MethodType(_normed, module)
    visual.forward = MethodType(_Memory(REMEMBERED), visual)
    write_quickly(model)


class _Memory:
    """Stands for the tower's forward; as long as its weights stay as they are, it sees each input once.

    Args:
        size: inputs remembered, the latest ones.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._seen: OrderedDict[int, Any] = OrderedDict()
        self._weights: list[tuple[int, int]] = []

    def __call__(self, visual: Any, hidden_states: Any, grid_thw: Any, **kwargs: Any) -> Any:
        import torch

        if torch.is_grad_enabled() and any(p.requires_grad for p in visual.parameters()):
            return _look(visual, hidden_states, grid_thw, **kwargs)
        weights = [(id(p), p._version) for p in visual.parameters()]
        if weights != self._weights:
            self._weights = weights
            self._seen.clear()
        grids = [tuple(grid) for grid in grid_thw.tolist()]
        parts = hidden_states.split([t * h * w for t, h, w in grids])
        keys = [
            hash((grid, part.contiguous().view(torch.uint8).numpy().tobytes()))
            for grid, part in zip(grids, parts, strict=True)
        ]
        seen = {key: self._seen.get(key) for key in keys}
        new = {key: place for place, key in enumerate(keys) if seen[key] is None}
        if new:
            places = list(new.values())
            with torch.no_grad():
                out = _look(visual, torch.cat([parts[i] for i in places]), grid_thw[places], **kwargs)
            counts = [t * h * w // visual.spatial_merge_size**2 for t, h, w in (grids[i] for i in places)]
            seen.update(zip(new, out.pooler_output.split(counts), strict=True))
        for key, what in seen.items():  # two threads may come here: each of these steps is whole
            self._seen.pop(key, None)
            self._seen[key] = what
        while len(self._seen) > self._size:
            self._seen.popitem(last=False)
        return BaseModelOutputWithPooling(pooler_output=torch.cat([seen[key] for key in keys]))


def _look(visual: Any, hidden_states: Any, grid_thw: Any, **kwargs: Any) -> Any:
    """Return what the tower itself returns."""
    grids = tuple(map(tuple, grid_thw.tolist()))
    order = _order(grids, visual.spatial_merge_size, visual.window_size, visual.patch_size)
    return type(visual).forward(visual, hidden_states, grid_thw, **order, **kwargs)


@lru_cache(maxsize=64)
def _order(grids: tuple[tuple[int, ...], ...], merge: int, window: int, patch: int) -> dict[str, Any]:
    """Return where patches lie, and their order in windows, as the tower's forward takes them."""
    import torch

    with torch.inference_mode(False):  # what is made in it could not be learnt from later
        grid = torch.tensor(grids)
        index, edges = get_vision_window_index(grid, spatial_merge_size=merge, window_size=window, patch_size=patch)
        places = get_vision_position_ids(grid, merge)
    return {"position_ids": places, "window_index": index, "cu_window_seqlens": edges}


def _normed(self: Any, hidden_states: Any) -> Any:
    import torch

    if hidden_states.dtype != torch.float32:
        return type(self).forward(self, hidden_states)
    return rms_norm(hidden_states, self.weight, self.variance_epsilon)


_PIXELS = "pixel_values_videos"


class QuickInputs:
    """Stands for an `InputBuilder` of patches: what it makes of a text and the times of a clip, it makes once.

    Pictures become smaller, and patches, without the processor, once it has shown what size they get.

    Args:
        builder: makes what is not known yet.
        size: texts remembered, the latest ones.
    """

    def __init__(self, builder: InputBuilder, size: int = 4096) -> None:
        self._builder = builder
        self._visual = builder.processor.video_processor
        self._size = size
        self._sizes: dict[tuple[int, ...], tuple[int, int]] = {}
        self._made: OrderedDict[Any, Prepared] = OrderedDict()

    def build(self, request: Request, clip: Clip | None) -> Prepared:
        """Return the request's tensors, as `InputBuilder.build` does."""
        import torch

        if clip is None:
            return self._builder.build(request, clip)
        shape = clip.frames.shape
        size = self._sizes.get(shape, shape[1:3])
        if size != shape[1:3]:
            clip = replace(clip, frames=smaller(clip.frames, *size))
        key = (request.messages, clip.times, clip.frames.shape)
        made = self._made.get(key)
        if made is None:
            made = self._builder.build(request, clip)
            assert made.seen is not None
            self._sizes[shape] = final = (made.seen.height, made.seen.width)
            if len(clip.times) % 2 == 0 and final == clip.frames.shape[1:3]:
                kept = {name: value for name, value in made.inputs.items() if name != _PIXELS}
                self._made[key] = replace(made, inputs=kept)
                if len(self._made) > self._size:
                    self._made.popitem(last=False)
            return made
        visual = self._visual
        pairs = clip.frames.reshape(-1, 2, *clip.frames.shape[1:])
        pixels, _ = patches(pairs, visual.patch_size, visual.merge_size, visual.image_mean, visual.image_std)
        inputs = {**made.inputs, _PIXELS: torch.from_numpy(pixels)}
        seen = replace(clip.seen(), width=made.seen.width, height=made.seen.height)  # type: ignore[union-attr]
        return Prepared(request, inputs, seen, made.clock)


def _score_labels_alone() -> None:
    """Let TRL project only positions that have a label; away from a GPU it would project all, to keep shapes fixed."""
    from trl.trainer import utils

    utils._use_triton = lambda device: True


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


def _positions(
    self: Any, input_ids: Any, mm_token_type_ids: Any, image_grid_thw: Any = None, video_grid_thw: Any = None,
    second_per_grid_ts: Any = None, attention_mask: Any = None, **kwargs: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Return the three positions of each token and how far they lag behind its place, as `get_rope_index` does."""
    import torch

    vision = self.config.vision_config
    grids = {1: iter(_listed(image_grid_thw)), 2: iter(_listed(video_grid_thw))}
    count = len(_listed(video_grid_thw))
    seconds = iter([1.0] * count if second_per_grid_ts is None else torch.as_tensor(second_per_grid_ts).tolist())
    out = np.zeros((3, *input_ids.shape), np.int64)
    lags = []
    for row, types in enumerate(mm_token_type_ids.cpu().numpy()):
        real = slice(None) if attention_mask is None else np.flatnonzero(attention_mask[row].cpu().numpy())
        types = types[real]
        at, parts = 0, []
        edges = [0, *(np.flatnonzero(np.diff(types)) + 1), len(types)]
        for begin, end in pairwise(edges):
            kind = int(types[begin])
            if kind == 0:
                parts.append(np.broadcast_to(np.arange(at, at + end - begin), (3, end - begin)))
                at += end - begin
                continue
            t, h, w = next(grids[kind])
            interval = vision.tokens_per_second * next(seconds) if kind == 2 else 1.0
            h, w = h // vision.spatial_merge_size, w // vision.spatial_merge_size
            parts.append(_block(t, h, w, interval) + at)
            at += max(h, w)
        places = np.concatenate(parts, axis=1)
        out[:, row, real] = places
        lags.append(int(places.max()) + 1 - places.shape[1])
    device = input_ids.device
    return torch.from_numpy(out).to(device), torch.tensor(lags, device=device)[:, None]


@lru_cache(maxsize=256)
def _block(t: int, h: int, w: int, interval: float) -> NDArray[np.int64]:
    times = np.floor(np.arange(t, dtype=np.float32) * np.float32(interval)).astype(np.int64)
    grid = np.meshgrid(times, np.arange(h), np.arange(w), indexing="ij")
    return np.stack(grid).reshape(3, -1)


def _listed(grid: Any) -> list[list[int]]:
    return [] if grid is None else grid.tolist()
