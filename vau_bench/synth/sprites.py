"""Sprites: a few convex shapes, rasterised with soft edges into weights per part, then coloured and pasted.

Everything is additions, multiplications and square roots of single floats, whose results IEEE 754 fixes, quantised
to integers before any sum, so that the bytes are the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

Image: TypeAlias = npt.NDArray[np.uint8]
Point: TypeAlias = tuple[float, float]
OPAQUE = 128
"""Full weight: products of a weight and a grey level stay within 16 bits."""


class Capsule(NamedTuple):
    """All points within `radius` of the line from `a` to `b`; x ahead, y up, in body heights."""

    a: Point
    b: Point
    radius: float
    part: int


class Polygon(NamedTuple):
    """A convex polygon, its corners in counter-clockwise order."""

    corners: tuple[Point, ...]
    part: int


Shape: TypeAlias = Capsule | Polygon


class Mask(NamedTuple):
    """A sprite before it is coloured.

    Attributes:
        weights: (h, w, parts) of 0 to `OPAQUE`; what is missing to `OPAQUE` in sum is transparent.
        left: columns from the anchor point to the left edge, negative to the left.
        top: rows from the anchor point to the top edge, negative above it.
    """

    weights: npt.NDArray[np.uint16]
    left: int
    top: int


class Sprite(NamedTuple):
    """A coloured sprite: `paint` is colour times weight, `keep` the weight left to what is behind."""

    paint: npt.NDArray[np.uint16]
    keep: npt.NDArray[np.uint16]
    left: int
    top: int


def rasterise(shapes: Sequence[Shape], parts: int, scale: float, squeeze: float, mirror: bool) -> Mask:
    """Draw shapes, later ones in front.

    Args:
        shapes: in body coordinates, about the anchor point (0, 0).
        parts: number of parts.
        scale: pixels per body height.
        squeeze: width of a pixel's picture relative to its height; 1 where pixels are square.
        mirror: look to the left.
    """
    xs = [p[0] + s * r for shape in shapes for p, r in _extent(shape) for s in (-1, 1)]
    ys = [p[1] + s * r for shape in shapes for p, r in _extent(shape) for s in (-1, 1)]
    across = scale * squeeze
    lo, hi = (-max(xs), -min(xs)) if mirror else (min(xs), max(xs))
    left, right = int(np.floor(lo * across)) - 1, int(np.ceil(hi * across)) + 1
    top, bottom = int(np.floor(-max(ys) * scale)) - 1, int(np.ceil(-min(ys) * scale)) + 1
    x = ((np.arange(left, right) + 0.5) / squeeze).astype(np.float32)
    x = -x if mirror else x
    y = -(np.arange(top, bottom, dtype=np.float32) + np.float32(0.5))
    clear = np.ones((len(shapes), len(y), len(x)), np.float32)
    capsules = [i for i, shape in enumerate(shapes) if isinstance(shape, Capsule)]
    if capsules:
        clear[capsules] = _outside_capsules([shapes[i] for i in capsules], x, y, scale)  # type: ignore[misc]
    for i, shape in enumerate(shapes):
        if isinstance(shape, Polygon):
            clear[i] = _outside_polygon(shape, x, y, scale)
    return Mask(_weights(clear, [shape.part for shape in shapes], parts), left, top)


def _extent(shape: Shape) -> list[tuple[Point, float]]:
    if isinstance(shape, Capsule):
        return [(shape.a, shape.radius), (shape.b, shape.radius)]
    return [(corner, 0.0) for corner in shape.corners]


def _outside_capsules(
    capsules: Sequence[Capsule], x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], scale: float
) -> npt.NDArray[np.float32]:
    table = (np.array([(*c.a, *c.b, c.radius) for c in capsules]) * scale).astype(np.float32)
    ax, ay, bx, by, radius = (table[:, k, None, None] for k in range(5))
    dx, dy = bx - ax, by - ay
    px, py = x[None, None, :] - ax, y[None, :, None] - ay
    along = (px * dx + py * dy) / np.maximum(dx * dx + dy * dy, 1e-9)
    along = np.minimum(np.maximum(along, 0.0), 1.0)
    ox, oy = px - along * dx, py - along * dy
    distance = np.sqrt(ox * ox + oy * oy) - radius
    return _beyond_edge(distance)


def _outside_polygon(
    polygon: Polygon, x: npt.NDArray[np.float32], y: npt.NDArray[np.float32], scale: float
) -> npt.NDArray[np.float32]:
    corners = (np.array(polygon.corners) * scale).astype(np.float32)
    ahead = np.roll(corners, -1, axis=0)
    edges = ahead - corners
    length = np.sqrt(edges[:, 0] * edges[:, 0] + edges[:, 1] * edges[:, 1])
    nx, ny = edges[:, 1] / length, -edges[:, 0] / length
    distance = np.full((len(y), len(x)), -1e9, np.float32)
    for k in range(len(corners)):
        side = (x[None, :] - corners[k, 0]) * nx[k] + (y[:, None] - corners[k, 1]) * ny[k]
        distance = np.maximum(distance, side)
    return _beyond_edge(distance)


def _beyond_edge(distance: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how clear a pixel is, 0 to 1, at this distance in pixels from a shape's edge."""
    clear: npt.NDArray[np.float32] = np.minimum(np.maximum(distance + np.float32(0.5), 0), 1)
    return clear


def _weights(clear: npt.NDArray[np.float32], parts: Sequence[int], n: int) -> npt.NDArray[np.uint16]:
    """Turn each shape's transparency into weights per part, from the front shape backwards."""
    seen = np.cumprod(clear[::-1], axis=0)
    levels = np.floor(seen * OPAQUE + 0.5).astype(np.uint16)
    before = np.concatenate([np.full_like(levels[:1], OPAQUE), levels[:-1]])
    share = (before - levels)[::-1]
    weights = np.zeros((*clear.shape[1:], n), np.uint16)
    for part, own in zip(parts, share, strict=True):
        weights[..., part] += own
    return weights


def colour(mask: Mask, palette: npt.NDArray[np.uint16]) -> Sprite:
    """Colour a mask; `palette` is (parts, 3)."""
    weights = mask.weights
    paint = np.matmul(weights, palette) + np.uint16(OPAQUE // 2)
    keep = OPAQUE - weights.sum(axis=-1, dtype=np.uint16)
    return Sprite(paint, np.repeat(keep[..., None], 3, axis=-1), mask.left, mask.top)


def paste(frame: Image, sprite: Sprite, x: int, y: int) -> None:
    """Draw a sprite into the frame, its anchor at pixel (x, y); what lies outside is cut off."""
    height, width = frame.shape[:2]
    x0, y0 = x + sprite.left, y + sprite.top
    h, w = sprite.keep.shape[:2]
    ax, ay, bx, by = max(0, -x0), max(0, -y0), min(w, width - x0), min(h, height - y0)
    if ax >= bx or ay >= by:
        return
    area = frame[y0 + ay : y0 + by, x0 + ax : x0 + bx]
    mixed = area * sprite.keep[ay:by, ax:bx]
    mixed += sprite.paint[ay:by, ax:bx]
    mixed >>= 7
    area[:] = mixed


@lru_cache(maxsize=4096)
def blob(rx: int, ry: int, hardness: int) -> npt.NDArray[np.uint16]:
    """Return a soft ellipse of weights 0 to `OPAQUE`; the larger `hardness` (1 to 8), the steeper its edge."""
    x = (np.arange(-rx, rx + 1, dtype=np.float64) / (rx + 0.5))[None, :]
    y = (np.arange(-ry, ry + 1, dtype=np.float64) / (ry + 0.5))[:, None]
    inside = np.maximum(1.0 - (x * x + y * y), 0.0)
    weights: npt.NDArray[np.uint16] = np.floor(np.minimum(inside * hardness, 1.0) * OPAQUE + 0.5).astype(np.uint16)
    return weights


@lru_cache(maxsize=512)
def shade(rx: int, ry: int) -> Sprite:
    """Return the soft shadow that something throws on the ground under it."""
    weight = np.repeat(((blob(max(rx, 1), max(ry, 1), 2) * np.uint16(58)) >> 7)[..., None], 3, axis=-1)
    return Sprite(weight * np.uint16(25) + np.uint16(OPAQUE // 2), OPAQUE - weight, -max(rx, 1), -max(ry, 1))


def puff(
    frame: Image,
    x: int,
    y: int,
    radii: tuple[int, int],
    paint: tuple[int, int, int],
    opacity: float,
    hardness: int = 2,
) -> None:
    """Blend a soft ellipse of one colour into the frame; `opacity` is 0 to 1."""
    rx, ry = max(radii[0], 1), max(radii[1], 1)
    level = int(opacity * OPAQUE)
    height, width = frame.shape[:2]
    x0, y0 = x - rx, y - ry
    ax, ay, bx, by = max(0, -x0), max(0, -y0), min(2 * rx + 1, width - x0), min(2 * ry + 1, height - y0)
    if ax >= bx or ay >= by or level <= 0:
        return
    weight = (blob(rx, ry, hardness)[ay:by, ax:bx, None] * np.uint16(min(level, OPAQUE))) >> 7
    area = frame[y0 + ay : y0 + by, x0 + ax : x0 + bx]
    mixed = area * (OPAQUE - weight)
    mixed += weight * np.array(paint, np.uint16)
    mixed += np.uint16(OPAQUE // 2)
    mixed >>= 7
    area[:] = mixed
