"""What decoding costs the processor: a pass over the packets, the frames that have to be decoded, the seeks.

The frames to decode are exact: those from the keyframe before each shown frame on. Milliseconds are of one core.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from vau_bench.video import Shown


class DecodeRate(NamedTuple):
    """Milliseconds of one core.

    Attributes:
        video: to open a video and read its packets, by second of it.
        seek: for a place where decoding begins.
        megapixel: for a million decoded pixels.
        told: where these are from.
    """

    video: float
    seek: float
    megapixel: float
    told: str


ASSUMED = DecodeRate(
    0.6,
    0.0,  # nothing that could be told from the pixels
    3.1,
    "assumed: as eleven clips of UCF-Crime (H.264, 320x240) took on one core; --measure takes these videos here",
)


class Timed(NamedTuple):
    """A clip whose decoding was timed.

    Attributes:
        shown: the clip.
        look: seconds of the processor to read its packets.
        decode: seconds of the processor to do so and decode it.
    """

    shown: Shown
    look: float
    decode: float


class Weighted(Protocol):
    """A clip, and how many there are of it."""

    @property
    def shown(self) -> Shown: ...  # noqa: D102
    @property
    def weight(self) -> float: ...  # noqa: D102


def decode_seconds(shown: Shown, rate: DecodeRate) -> float:
    """Return the seconds of one core that a clip takes."""
    pixels = rate.megapixel * _megapixels(shown)
    return (rate.video * shown.info.duration + rate.seek * shown.seeks + pixels) / 1000


def total_seconds(viewed: Iterable[Weighted], rate: DecodeRate) -> float:
    """Return the seconds of one core that all clips take."""
    return sum(one.weight * decode_seconds(one.shown, rate) for one in viewed)


def fitted_rate(timed: Sequence[Timed]) -> DecodeRate:
    """Return the rate that some measurements show: least squares, none of the three below zero.

    Raises:
        ValueError: if there is none.
    """
    if not timed:
        raise ValueError("nothing was measured")
    video = 1000 * sum(one.look for one in timed) / sum(one.shown.info.duration for one in timed)
    spent = np.array([1000 * max(0.0, one.decode - one.look) for one in timed])
    parts = np.array([(one.shown.seeks, _megapixels(one.shown)) for one in timed], np.float64)
    (seek, megapixel), *_ = np.linalg.lstsq(parts, spent)
    if seek < 0 or megapixel < 0:  # too alike to be told apart: all is put on the pixels
        seek, megapixel = 0.0, float(spent.sum() / parts[:, 1].sum())
    return DecodeRate(video, float(seek), float(megapixel), f"measured: {len(timed)} decodings on this machine")


def _megapixels(shown: Shown) -> float:
    return shown.decoded * shown.info.width * shown.info.height / 1e6
