"""How Qwen-VL models are told when frames were taken, and the proof that they are told the truth.

    qwen2_vl      no clock at all: times have to be written into the text
    qwen2_5_vl    temporal positions, `floor(k * tokens_per_second * second_per_grid_ts)` for patch k; the
                  first patch counts as 0 s and all patches as equally far apart
    qwen3_vl      a text stamp before each patch, the mean time of its frames, to 0.1 s

A patch is `temporal_patch_size` frames, two in all published models.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vau_bench.errors import VideoError
from vau_bench.models.told_times import ToldTimesError, assert_told

STAMP_RATE = 1000.0
"""Ticks per second of the made-up frame numbers from which Qwen3-VL's processor computes its stamps."""

_STAMP = re.compile(r"<(\d+\.\d+) seconds><\|vision_start\|>")


class UnevenTimesError(VideoError):
    """The frames are too unevenly spaced for a model whose clock knows one rate."""


class Clock(NamedTuple):
    """The rate that temporal positions are computed from, and how far they are from the truth.

    Attributes:
        seconds_per_patch: the processor's `second_per_grid_ts`.
        uneven: how far a patch is from where equal spacing from the first one puts it, at most, in seconds.
        error: how far the time that a patch's position stands for is from its own, at most, in seconds;
            includes the origin (the first patch counts as 0 s) and the rounding to whole positions.
    """

    seconds_per_patch: float
    uneven: float
    error: float


def fit_clock(times: Sequence[float], tokens_per_second: float, patch: int = 2) -> Clock:
    """Return the one rate that tells the times of a clip best.

    Two rates are tried: the least-squares one, and the nearest one with a whole number of positions a patch
    or of patches a position. The second is what a plan such as `fps(1)` means, where a frame lies up to a
    frame's length before the full second.

    Args:
        times: of the frames, in seconds, ascending.
        tokens_per_second: of the model's clock.
        patch: frames in a patch.

    Raises:
        UnevenTimesError: if a patch is more than half a sampling interval from where equal spacing puts it.
    """
    at = np.asarray(times, dtype=np.float64)
    starts = at[::patch]
    if len(at) < 2 or at[-1] <= at[0]:
        return Clock(1.0, 0.0, float(at[0]))
    interval = float(np.polyfit(np.arange(len(at)), at, 1)[0])
    positions = patch * interval * tokens_per_second
    whole = round(positions) if positions >= 1 else 1 / round(1 / positions)
    rates = (patch * interval, whole / tokens_per_second)
    clocks = [_clock(starts, _rounded_up(rate), tokens_per_second) for rate in rates]
    best = min(clocks, key=lambda clock: (clock.uneven > interval / 2, clock.error, clock.uneven))
    if best.uneven > interval / 2 + 1e-9:
        raise UnevenTimesError(
            f"frames are up to {best.uneven:.2f} s from equal spacing ({interval:.2f} s apart on average), "
            "which this model's clock cannot tell; use mode=frames, which writes each time into the text"
        )
    return best


def temporal_positions(patches: int, seconds_per_patch: float, tokens_per_second: float) -> list[int]:
    """Return the temporal positions of the patches, relative to the first, in the model's own precision."""
    step = np.float32(tokens_per_second) * np.float32(seconds_per_patch)
    return [int(position) for position in np.floor(np.arange(patches, dtype=np.float32) * step)]


def assert_positions(found: Sequence[int], clock: Clock, tokens_per_second: float) -> None:
    """Check the positions that a model really uses.

    Raises:
        ToldTimesError: if they are not those of the clock.
    """
    due = temporal_positions(len(found), clock.seconds_per_patch, tokens_per_second)
    if list(found) != due:
        raise ToldTimesError(
            f"temporal positions are {list(found)[:8]}..., not {due[:8]}...; transformers below 5.18 gets them wrong"
        )


def assert_rate(second_per_grid_ts: float, clock: Clock) -> None:
    """Check the rate that a processor has passed on to the model.

    Raises:
        ToldTimesError: if it is not the clock's.
    """
    if not math.isclose(second_per_grid_ts, clock.seconds_per_patch, rel_tol=1e-6):
        raise ToldTimesError(
            f"second_per_grid_ts is {second_per_grid_ts}, not {clock.seconds_per_patch} seconds per patch"
        )


def stamp_ticks(times: Sequence[float]) -> list[int]:
    """Return made-up frame numbers of a video with `STAMP_RATE` frames a second, one per frame shown."""
    return [round(time * STAMP_RATE) for time in times]


def assert_stamps(prompt: str, times: Sequence[float], patch: int = 2) -> None:
    """Check the stamps in a prompt of Qwen3-VL against the mean time of each patch.

    Args:
        prompt: as it goes to the model, decoded from its tokens.
        times: of the frames in seconds, a multiple of `patch` in number.
        patch: frames in a patch.

    Raises:
        ToldTimesError: if a stamp is missing or is another time.
    """
    ends = np.asarray(times, dtype=np.float64).reshape(-1, patch)[:, [0, -1]]
    assert_told(_STAMP.findall(prompt), ends.mean(axis=1).tolist(), slack=1 / STAMP_RATE)


def _clock(starts: NDArray[np.float64], rate: float, tokens_per_second: float) -> Clock:
    even = np.arange(len(starts)) * rate
    told = np.array(temporal_positions(len(starts), rate, tokens_per_second)) / tokens_per_second
    uneven = float(np.abs(starts - starts[0] - even).max())
    return Clock(rate, uneven, float(np.abs(starts - told).max()))


def _rounded_up(seconds: float) -> float:
    """Return whole microseconds, rounded up: a hair less than 2.0 would lose a position at each patch."""
    return math.ceil(round(seconds * 1e6, 2)) / 1e6
