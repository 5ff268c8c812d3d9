"""How many tokens Qwen-VL makes of frames: the smart resize of its processors, in numbers alone.

A frame is scaled to whole multiples of `patch * merge` pixels between a least and a most area; each such square
becomes one token. Source: `smart_resize` of Qwen2-VL's and Qwen3-VL's processors, which the tests compare it with.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from vau_bench.models.qwen_family import Family

Mode = Literal["video", "frames", "patches"]

LONGEST_TO_SHORTEST = 200
"""Sides in a larger ratio are refused, as the processors do."""


class Limits(Protocol):
    """Tells how large a frame may become."""

    def limits(self, frames: int) -> tuple[int, int]:
        """Return the least and most pixels of each of so many frames."""
        ...


class Geometry(NamedTuple):
    """How a checkpoint cuts frames up.

    Attributes:
        patch: pixels of a patch's side.
        merge: patches of a token's side.
        temporal: frames in a patch of a video.
    """

    patch: int
    merge: int = 2
    temporal: int = 2

    @property
    def side(self) -> int:
        """Pixels of a token's side."""
        return self.patch * self.merge


class Grid(NamedTuple):
    """What the frames of a clip become.

    Attributes:
        pictures: images, or patches of several frames.
        each: tokens of one of them.
    """

    pictures: int
    each: int

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.pictures * self.each


def grid_of(frames: int, width: int, height: int, family: Family, mode: Mode, size: Limits, geometry: Geometry) -> Grid:
    """Return what frames become.

    Args:
        frames: how many.
        width: of each, in pixels.
        height: of each, in pixels.
        family: of the checkpoint.
        mode: how they are shown.
        size: how large they may become.
        geometry: of the processor of videos, or of images where `mode` shows those.

    Raises:
        ValueError: if the sides are too unequal.
    """
    pictures = frames if mode == "frames" else -(-frames // geometry.temporal)
    shown = frames if mode == "frames" else pictures * geometry.temporal
    least, most = size.limits(shown)
    clip = shown if family == "qwen3_vl" and mode == "video" else 0
    rows, columns = smart_resize(height, width, geometry.side, least, most, clip=clip)
    return Grid(pictures, rows * columns // geometry.side**2)


def smart_resize(height: int, width: int, factor: int, least: int, most: int, *, clip: int = 0) -> tuple[int, int]:
    """Return height and width as multiples of `factor`, of an area from `least` to `most`, nearly in proportion.

    Args:
        height: in pixels.
        width: in pixels.
        factor: pixels of a token's side.
        least: pixels of a frame at least.
        most: pixels of a frame at most.
        clip: frames of the clip, for Qwen3-VL's rule for videos; 0 for the rule of images and of Qwen2-VL.

    Raises:
        ValueError: if the sides are too unequal.
    """
    if clip and min(height, width) < factor:
        scale = max(factor / height, factor / width)
        height, width = int(height * scale), int(width * scale)
    if max(height, width) / min(height, width) > LONGEST_TO_SHORTEST:
        raise ValueError(f"one side of {width}x{height} is over {LONGEST_TO_SHORTEST} times the other")
    count = clip or 1
    rows, columns = round(height / factor) * factor, round(width / factor) * factor
    if count * rows * columns > count * most:
        shrink = math.sqrt((count * height * width) / (count * most))
        rows = max(factor, math.floor(height / shrink / factor) * factor)
        columns = max(factor, math.floor(width / shrink / factor) * factor)
    elif count * rows * columns < count * least:
        grow = math.sqrt((count * least) / (count * height * width))
        rows = math.ceil(height * grow / factor) * factor
        columns = math.ceil(width * grow / factor) * factor
    return rows, columns
