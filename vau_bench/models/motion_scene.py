"""What moves in front of a still background, cell by cell of a coarse grid.

The background is the median of each cell over time, so that whoever passes does not count. What the whole picture
does together - the light of the hour, automatic exposure, a cut of the camera - is taken out before anything is
called motion, and a cell that always changes (a clock, a tree) is measured against its own restlessness.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Bools: TypeAlias = NDArray[np.bool_]

ROWS = 60
"""Rows of the grid at least: a person in the middle distance is about ten cells tall, and noise averages out."""

CLEAR = 5.0
"""Deviations of the usual noise that a cell must be off to count; five leave no chance hit in 10^6 cells."""

QUIET = 1.5
"""Grey levels of noise at least: compression and rounding hide less, also where a still cell shows none."""

CUT_SHARE = 0.5
"""Share of the cells that change for good when the camera cuts; nothing that moves fills half the picture at once."""

CUT_LEVELS = 20.0
"""Grey levels by which a cell changes at a cut."""

COVERED = 0.4
"""Share of the picture that is off the background when that is none: the camera has turned, nothing has come."""

SHORTEST_SHOT = 1.0
"""Seconds of a shot that can have a background."""

SAMPLED = 64
"""Frames that a median over time needs at most: more do not make it better."""


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """A clip seen as changes of a still background; `n` frames on a grid of `rows` x `columns` cells.

    Attributes:
        times: `(n,)` of the frames, in seconds.
        step: seconds between frames, typically.
        end: of the last frame, in seconds.
        colour: `(n, rows, columns, 3)` grey levels of red, green and blue.
        shift: `(n, rows, columns, 3)` grey levels by which each cell is off its background.
        present: `(n, rows, columns)` whether something is there that is not the background.
        changed: `(n, rows, columns)` whether the cell differs from the frame before.
        shots: first frame of each shot.
    """

    times: NDArray[np.float64]
    step: float
    end: float
    colour: Floats
    shift: Floats
    present: Bools
    changed: Bools
    shots: tuple[int, ...]

    @property
    def cells(self) -> int:
        """Number of cells in a frame."""
        return int(self.present[0].size)

    def frames(self, seconds: float) -> int:
        """Return the number of frames nearest to a length of time, at least 1."""
        return max(1, round(seconds / self.step))

    def time(self, frame: int) -> float:
        """Return when a frame is shown; the one after the last is the end."""
        return float(self.times[frame]) if frame < len(self.times) else self.end


def see(frames: NDArray[np.uint8], times: tuple[float, ...], duration: float) -> Scene:
    """Separate what moves from what stands still.

    Args:
        frames: `(n, height, width, 3)` RGB, `n` at least 1.
        times: of the frames, in seconds, ascending.
        duration: of the video, in seconds; the last frame is shown until then.
    """
    at = np.asarray(times, np.float64)
    step = float(at[-1] - at[0]) / (len(at) - 1) if len(at) > 1 else max(duration, 1e-3)
    colour = pooled(frames)
    shift = np.zeros_like(colour)
    present = np.zeros(colour.shape[:3], bool)
    changed = np.zeros_like(present)
    starts = cuts(colour, max(3, round(SHORTEST_SHOT / step)))
    for first, last in zip(starts, (*starts[1:], len(at)), strict=True):
        if last - first < 4 or (last - first) * step < SHORTEST_SHOT:
            continue
        shot = slice(first, last)
        shift[shot], noise = _deviation(colour[shot])
        present[shot] = _strongest(shift[shot]) > CLEAR * noise
        moved = _strongest(np.diff(shift[shot], axis=0))
        changed[first + 1 : last] = moved > CLEAR * np.sqrt(2) * noise
        turned = _mostly_covered(present[shot], round(2 * SHORTEST_SHOT / step))
        present[shot][turned] = changed[shot][turned] = False
    end = max(duration, float(at[-1]) + 1e-3)
    return Scene(at, step, end, colour, shift, present, changed, starts)


def pooled(frames: NDArray[np.uint8]) -> Floats:
    """Return the means of square blocks, `(n, rows, columns, 3)`, as many pixels wide as `ROWS` rows allow."""
    n, height, width, _ = frames.shape
    block = max(1, min(height, width) // ROWS)
    if block == 1:
        return frames.astype(np.float32)
    rows, columns = height // block, width // block
    whole = frames[:, : rows * block, : columns * block]
    means = np.empty((n, rows, columns, 3), np.float32)
    for k in range(n):  # frame by frame: the sum of a whole clip in floats would be large
        means[k] = whole[k].reshape(rows, block, columns, block, 3).mean((1, 3), dtype=np.float32)
    return means


def cuts(colour: Floats, span: int) -> tuple[int, ...]:
    """Return the first frame of each shot.

    A cut is a change of half the picture that lasts: a flash is none, and a change of light is none.
    """
    grey = _grey(colour)
    grey -= np.median(grey, axis=(1, 2), keepdims=True)
    starts = [0]
    sudden = (np.abs(np.diff(grey, axis=0)) > CUT_LEVELS).mean((1, 2)) > CUT_SHARE
    for k in np.flatnonzero(sudden) + 1:
        before = np.median(grey[max(starts[-1], k - span) : k], axis=0)
        after = np.median(grey[k : k + span], axis=0)
        if (np.abs(after - before) > CUT_LEVELS).mean() > CUT_SHARE:
            starts.append(int(k))
    return tuple(starts)


def _mostly_covered(present: Bools, span: int) -> Bools:
    """Return for which frames most of the picture is covered on average over `span` frames: a flash does not count."""
    share = present.mean((1, 2))
    span = min(max(1, span), len(share))
    turned: Bools = np.convolve(share, np.full(span, 1 / span), "same") > COVERED
    return turned


def _deviation(colour: Floats) -> tuple[Floats, Floats]:
    """Return how far each cell is off its background, (n, rows, columns, 3), and its noise, (rows, columns)."""
    some = colour[:: -(-len(colour) // SAMPLED)]
    ground = np.median(some, axis=0)
    ground = np.median(some - _light(some - ground, ground), axis=0)
    shift = colour - ground
    shift -= _light(shift, ground)
    restless = np.median(_strongest(shift[:: -(-len(colour) // SAMPLED)]), axis=0).astype(np.float32)
    return shift, np.maximum(1.4826 * restless, max(QUIET, 1.4826 * float(np.median(restless))))


def _light(shift: Floats, ground: Floats) -> Floats:
    """Return the part of the deviation that the whole picture shares: per frame and colour, an offset and a gain."""
    n, rows, columns, _ = shift.shape
    light = np.empty_like(shift)
    for c in range(3):
        lines = _line(shift[..., c].reshape(n, -1), ground[..., c].ravel())
        light[..., c] = lines.reshape(n, rows, columns)
    return light


def _line(shift: Floats, ground: Floats) -> Floats:
    """Return `(n, cells)` values of the line that explains the deviation of most cells by their background.

    It goes through the medians of the darker and of the lighter half of the cells, so that it holds as long as less
    than half of either is covered. Where the halves are alike, the offset is all there is.
    """
    dark = ground <= np.median(ground)
    if dark.all():
        flat: Floats = np.median(shift, axis=1, keepdims=True)
        return np.broadcast_to(flat, shift.shape)
    low, high = np.median(ground[dark]), np.median(ground[~dark])
    under = np.median(shift[:, dark][:, ::2], axis=1, keepdims=True)
    over = np.median(shift[:, ~dark][:, ::2], axis=1, keepdims=True)
    apart = float(high - low)
    if apart < CUT_LEVELS:
        return np.broadcast_to((under + over) / 2, shift.shape)
    line: Floats = under + (over - under) / apart * (ground - low)
    return line


def _grey(colour: Floats) -> Floats:
    """Return the mean of the colours; sums of three arrays are far faster than a mean over three numbers."""
    grey: Floats = (colour[..., 0] + colour[..., 1] + colour[..., 2]) / np.float32(3)
    return grey


def _strongest(shift: Floats) -> Floats:
    """Return the largest deviation of the colours."""
    off = np.abs(shift)
    most: Floats = np.maximum(np.maximum(off[..., 0], off[..., 1]), off[..., 2])
    return most
