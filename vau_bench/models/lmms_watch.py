"""What an adapter of lmms-eval shows its model, where that can be seen from outside.

Adapters that fetch frames through `process_vision_info` get their indices with them. Where the number of patches that
reaches the model is the number of these frames, they are what was seen. Of all other adapters nothing is known.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from vau_bench.models.lmms_registry import ToldTimesWarning
from vau_bench.records import Seen

FETCH = "process_vision_info"
PAIR = 2
"""Frames that share a patch in time."""


@contextmanager
def watching(adapter: Any) -> Iterator[Mapping[str, Seen]]:
    """Yield what is seen while the block runs, by the video's path."""
    modules = (sys.modules[cls.__module__] for cls in type(adapter).__mro__)
    module: Any = next((module for module in modules if hasattr(module, FETCH)), None)
    model: Any = getattr(adapter, "model", None)
    fetch, generate = getattr(module, FETCH, None), getattr(model, "generate", None)
    seen: dict[str, Seen] = {}
    if fetch is None or generate is None:
        yield seen
        return
    fetched: list[tuple[str, Any, Mapping[str, Any]]] = []

    def fetching(conversations: Any, *args: Any, **options: Any) -> Any:
        given = fetch(conversations, *args, **options)
        told = options.get("return_video_metadata") and given[1]
        paths = _paths(conversations) if told else []
        fetched[:] = [(path, *video) for path, video in zip(paths, given[1] or [], strict=False)] if told else []
        return given

    def generating(*args: Any, **inputs: Any) -> Any:
        seen.update(_seen(fetched, inputs, model.config.vision_config.patch_size))
        return generate(*args, **inputs)

    setattr(module, FETCH, fetching)
    model.generate = generating
    try:
        yield seen
    finally:
        setattr(module, FETCH, fetch)
        del model.generate


def _paths(conversations: Any) -> list[str]:
    """Return the videos of conversations in the order of the processor."""
    turns = [turn for talk in conversations for turn in (talk if isinstance(talk, list) else [talk])]
    parts = [part for turn in turns if isinstance(turn["content"], list) for part in turn["content"]]
    return [str(part["video"]) for part in parts if part.get("type") == "video"]


def _seen(
    fetched: Sequence[tuple[str, Any, Mapping[str, Any]]], inputs: Mapping[str, Any], patch: int
) -> Iterator[tuple[str, Seen]]:
    grids = inputs.get("video_grid_thw")
    if grids is None or len(grids) != len(fetched):
        return
    told = inputs.get("second_per_grid_ts")
    for row, ((path, _, about), grid) in enumerate(zip(fetched, grids, strict=True)):
        pairs, height, width = (int(side) for side in grid)
        indices, rate = tuple(int(index) for index in about["frames_indices"]), float(about["fps"])
        if pairs != math.ceil(len(indices) / PAIR):
            continue  # the processor has chosen anew
        duration = float(about["total_num_frames"]) / rate
        if told is not None:
            _check(float(told[row]), PAIR * duration / len(indices))
        yield (
            path,
            Seen(
                indices=indices,
                times=tuple(round(index / rate, 6) for index in indices),
                width=width * patch,
                height=height * patch,
                decoder=f"lmms-eval, {about.get('video_backend', 'unknown')}",
                duration=duration,
            ),
        )


def _check(told: float, shown: float) -> None:
    """Warn where the model is told another pace than that of its frames; a percent is rounding."""
    if abs(told - shown) > 0.01 * shown:
        warnings.warn(
            f"the model is told that two frames last {told:.3f} s, they last {shown:.3f} s: do not trust its times",
            ToldTimesWarning,
            stacklevel=2,
        )
