"""Visual tokens of an image by the rules that vendors publish and that processors of checkpoints have.

    tiles      scaled into 2048x2048, then to a short side of 768; a base, and a price for each tile of 512x512 (GPT-4o)
    squares    a token for each square of a grid; the image is scaled down where these are too many (Claude, GPT-4.1)
    crops      one price for a small image, else one for each crop (Gemini 2)
    fixed      one price for all (Gemini 3)
    canvas     the grid of tiles whose shape is nearest the image's, and a thumbnail (InternVL)

Every function takes width and height in pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, RootModel

from vau_bench.declarations import read_declaration

FILE = Path(__file__).with_name("endpoints.yaml")
Rule = Callable[[int, int], int]


def tiles(width: int, height: int, *, base: int, tile: int) -> int:
    """Return the tokens of an image in tiles of 512x512 (OpenAI, detail high)."""
    scale = min(1.0, 2048 / max(width, height))
    scale = min(scale, 768 / min(width, height))
    columns, rows = (math.ceil(round(side * scale, 6) / 512) for side in (width, height))
    return base + tile * columns * rows


def squares(width: int, height: int, *, side: int, most: int, longest: int | None = None, factor: float = 1.0) -> int:
    """Return the tokens of an image in squares.

    Args:
        width: of the image.
        height: of the image.
        side: of a square.
        most: squares; an image with more of them is scaled to the largest size that has no more.
        longest: side that the image may have.
        factor: tokens of a square.
    """

    def count(scale: float) -> int:
        columns, rows = (max(1, math.ceil(round(s * scale, 6) / side)) for s in (width, height))
        return columns * rows

    scale = 1.0 if longest is None else min(1.0, longest / max(width, height))
    if count(scale) > most:
        low, high = 0.0, scale
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if count(middle) <= most else (low, middle)
        scale = low
    return math.ceil(round(count(scale) * factor, 6))


def crops(width: int, height: int, *, each: int, small: int, side: int) -> int:
    """Return the tokens of an image that is cut into crops of `side` where a side is over `small`."""
    if max(width, height) <= small:
        return each
    return each * math.ceil(width / side) * math.ceil(height / side)


def fixed(width: int, height: int, *, each: int) -> int:
    """Return the tokens of any image."""
    return each


def canvas(width: int, height: int, *, side: int, most: int, least: int = 1, thumbnail: bool = True) -> int:
    """Return how many tiles InternVL cuts an image into, with the thumbnail.

    Args:
        width: of the image.
        height: of the image.
        side: of a tile.
        most: tiles, without the thumbnail.
        least: tiles.
        thumbnail: of the whole, which is added where there are several tiles.
    """
    grids = sorted(
        (
            (columns, rows)
            for columns in range(1, most + 1)
            for rows in range(1, most + 1)
            if least <= columns * rows <= most
        ),
        key=lambda grid: grid[0] * grid[1],
    )
    best, gap = (1, 1), math.inf
    for columns, rows in grids:
        off = abs(width / height - columns / rows)
        # of two grids of one shape, the larger one where the image has the pixels for it
        if off < gap or (off == gap and width * height > 0.5 * side**2 * columns * rows):
            best, gap = (columns, rows), off
    count = best[0] * best[1]
    return count + (1 if thumbnail and count > 1 else 0)


_RULES: Mapping[str, Callable[..., int]] = {"tiles": tiles, "squares": squares, "crops": crops, "fixed": fixed}


class Published(NamedTuple):
    """A rule of a vendor.

    Attributes:
        tokens: of an image.
        low: tokens of any image with detail low, where there is such a thing.
        told: where it stands.
    """

    tokens: Rule
    low: int | None
    told: str


class _Entry(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)

    rule: str
    low: int | None = None
    source: str = Field(min_length=1)
    read: str = Field(min_length=1)

    def published(self) -> Published:
        arguments: dict[str, Any] = self.model_extra or {}
        told = f"as published: {self.source}, read {self.read}"
        return Published(partial(_RULES[self.rule], **arguments), self.low, told)


class _Entries(RootModel[dict[str, _Entry]]):
    pass


@cache
def published_rules() -> Mapping[str, Published]:
    """Return the rules of hosted models, by the beginning of their names."""
    return {name: entry.published() for name, entry in read_declaration(_Entries, FILE).root.items()}


def rule_of(model: str) -> Published | None:
    """Return the rule of a hosted model, `None` if none is known."""
    names = [name for name in published_rules() if model.casefold().startswith(name)]
    return published_rules()[max(names, key=len)] if names else None
