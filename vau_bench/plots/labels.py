"""Labels beside what they name: moved apart just as far as they must be."""

from __future__ import annotations

from collections.abc import Sequence


def apart(values: Sequence[float], limits: tuple[float, float], gap: float) -> list[float]:
    """Return places for ascending values: at least `gap` apart, within the limits where they fit.

    Neighbours that collide form a block, which is centred on the mean of its values; blocks that collide merge.
    """
    blocks: list[tuple[float, int]] = []  # mean of the values, how many
    for value in values:
        mean, count = value, 1
        while blocks:
            other, others = blocks[-1]
            between = _centre(mean, count, limits, gap) - _centre(other, others, limits, gap)
            if between >= gap * (count + others) / 2 - 1e-12:
                break
            blocks.pop()
            mean, count = (mean * count + other * others) / (count + others), count + others
        blocks.append((mean, count))
    centres = [(_centre(mean, count, limits, gap), count) for mean, count in blocks]
    return [centre + gap * (k - (count - 1) / 2) for centre, count in centres for k in range(count)]


def _centre(mean: float, count: int, limits: tuple[float, float], gap: float) -> float:
    low, high = limits
    reach = gap * (count - 1) / 2
    return max(low + reach, min(high - reach, mean)) if 2 * reach <= high - low else (low + high) / 2
