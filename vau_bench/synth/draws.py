"""Random draws that are the same on every machine and with every numpy release.

Only the raw 64-bit stream of PCG64 is used, which numpy promises never to change; the derived draws are
made here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

SPLITS = {"train": 0, "val": 1, "test": 2}
WORD = 1 << 32
_BLOCK = 96


def stream(*entropy: int) -> np.random.PCG64:
    """Return the bit generator of these numbers, each below 2**32; different numbers never share a stream."""
    return np.random.PCG64(np.random.SeedSequence(entropy))


def mix(*numbers: int) -> int:
    """Hash integers into 64 bits (splitmix64): randomness keyed by a seed and a time, without a stream."""
    state = 0x9E3779B97F4A7C15
    for number in numbers:
        state = (state ^ (number & 0xFFFFFFFFFFFFFFFF)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 29
        state = (state + 0x9E3779B97F4A7C15) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
        state ^= state >> 32
    return state


def mix_unit(*numbers: int) -> float:
    """Hash integers into a number in [0, 1)."""
    return float((mix(*numbers) >> 11) * 2.0**-53)


class Draw:
    """A stream of draws for one scene; the entropy says which."""

    def __init__(self, *entropy: int) -> None:
        self._bits = stream(*entropy)
        self._words: list[int] = []

    def word(self) -> int:
        """Return 64 random bits."""
        if not self._words:
            self._words = self._bits.random_raw(_BLOCK).tolist()
        return self._words.pop()

    def unit(self) -> float:
        """Return a number in [0, 1)."""
        return (self.word() >> 11) * 2.0**-53

    def between(self, low: float, high: float) -> float:
        """Return a number in [low, high), rounded to six decimals."""
        return round(low + (high - low) * self.unit(), 6)

    def below(self, n: int) -> int:
        """Return an integer in [0, n)."""
        return (self.word() >> 32) * n >> 32

    def chance(self, probability: float) -> bool:
        """Return true with this probability."""
        return self.unit() < probability

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options."""
        return options[self.below(len(options))]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """Return the items in random order."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.below(i + 1)
            out[i], out[j] = out[j], out[i]
        return out
