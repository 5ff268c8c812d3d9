"""What is unusual about a scene: cues, each with the time that it points to and how clear it is, from 0 to 1.

Five cues look at what stays in one place, two at how things move, one at how much moves in all. Their limits are
fractions of the picture and seconds, chosen by hand on the `train` split of VAU-Synth: where ordinary stays and
movements end and unusual ones begin. The trust in a cue is the share of its findings there that overlap an anomaly
(tIoU over 0.3), rounded; a score is that share times how clearly the limits are passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vau_bench.models.motion_scene import Bools, Scene
from vau_bench.models.motion_stays import Runs, Stay, runs, stays
from vau_bench.records import Segment

SMOOTH = 1.0
"""Seconds over which a measure of motion is averaged, so that a step or a blow is not an event of its own."""

FAST_STEP = 0.2
"""Seconds between frames at most for cues that follow motion from frame to frame."""

DASH = 0.25
"""Seconds: what covers no place for longer moves several of its own widths a second. Who walks takes twice as long."""

REGION = (0.23, 0.45)
"""Height and width, in picture heights, of the place in which a dash is looked for."""

DWELL = 2.0
"""Seconds over which dashes in one place are averaged, so that who only runs through does not count in full."""

LEAST_SPREAD = 0.005
"""Of the picture: the spread of its motion at least, so that in an empty scene the first passer-by is no event."""

REACH = 0.8
"""Picture heights a second: the fastest edge that is followed."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One unusual thing.

    Attributes:
        cue: its name.
        segment: when it is there, in seconds.
        score: from 0 to 1.
        told: what was measured, in words.
    """

    cue: str
    segment: Segment
    score: float
    told: str


class Ramp(NamedTuple):
    """How far a measure is from ordinary: 0 up to `zero`, 1 from `one` on; `zero > one` for what is unusually small."""

    zero: float
    one: float

    def __call__(self, value: float) -> float:
        """Return the place on the ramp."""
        return min(1.0, max(0.0, (value - self.zero) / (self.one - self.zero)))


def blaze(stay: Stay, seconds: float) -> float:
    """Large and restless, and either glowing or larger than any lamp or cloud of steam: fire, explosion, smoke."""
    strange = max(Ramp(0.08, 0.18)(stay.glow), Ramp(0.08, 0.11)(stay.area))
    return Ramp(0.02, 0.05)(stay.area) * Ramp(0.15, 0.26)(stay.churn) * strange


def struggle(stay: Stay, seconds: float) -> float:
    """As large as people, as wide as tall, and in motion all the time on one spot: a fight."""
    size = Ramp(0.008, 0.013)(stay.area) * Ramp(0.07, 0.05)(stay.area)
    build = Ramp(0.75, 0.85)(stay.shape) * Ramp(1.6, 1.3)(stay.shape)
    return size * build * Ramp(0.26, 0.32)(stay.churn) * Ramp(0.55, 0.45)(stay.churn) * Ramp(1.8, 2.3)(seconds)


def lying(stay: Stay, seconds: float) -> float:
    """Long and low, and still: someone on the ground."""
    build = Ramp(1.7, 2.2)(stay.shape) * Ramp(0.11, 0.085)(stay.height) * Ramp(0.08, 0.11)(stay.width)
    return build * Ramp(0.5, 0.35)(stay.churn) * Ramp(0.25, 0.18)(stay.company)


def wreck(stay: Stay, seconds: float) -> float:
    """Longer than one vehicle without a gap, and still: vehicles in each other."""
    return Ramp(0.034, 0.045)(stay.area) * Ramp(2.0, 2.5)(stay.shape) * Ramp(0.4, 0.3)(stay.churn)


def left_behind(stay: Stay, seconds: float) -> float:
    """Small and compact, there for long, and with nobody beside it."""
    build = Ramp(0.013, 0.01)(stay.area) * Ramp(0.13, 0.1)(stay.height)
    build *= Ramp(0.5, 0.7)(stay.shape) * Ramp(2.2, 1.8)(stay.shape)
    return build * Ramp(2.0, 3.5)(seconds) * Ramp(0.5, 0.4)(stay.churn) * Ramp(0.3, 0.2)(stay.company)


class Rule(NamedTuple):
    """A cue that looks at stays.

    Attributes:
        clear: how unusual a stay of so many seconds is, from 0 to 1.
        trust: how often it is right.
        told: what it says, with the measures of the stay in braces.
    """

    clear: Callable[[Stay, float], float]
    trust: float
    told: str


RULES = (
    Rule(blaze, 0.9, "a restless glow or cloud over {0.area:.0%} of the picture"),
    Rule(struggle, 0.7, "a struggle on one spot, {0.churn:.0%} of it changing all the time"),
    Rule(lying, 0.5, "something long and low that lies still, {0.shape:.1f} times as wide as tall"),
    Rule(wreck, 0.4, "something {0.shape:.1f} times as wide as tall that stands still"),
    Rule(left_behind, 0.35, "something small left behind, {0.area:.2%} of the picture"),
)


def findings(scene: Scene) -> list[Finding]:
    """Return all that is unusual, the clearest first."""
    found = runs(scene.present)
    everything = [*_of_stays(scene, found), *_of_motion(scene, found)]
    return sorted((f for f in everything if f.score > 0), key=lambda f: (-f.score, f.segment))


def _of_stays(scene: Scene, found: Runs) -> Iterator[Finding]:
    for stay in stays(scene, found):
        if any(stay.first <= cut < stay.stop for cut in scene.shots):
            continue  # nothing shows that it came: it may be what the background lacks
        segment = Segment(scene.time(stay.first), scene.time(stay.stop))
        for rule in RULES:
            score = rule.trust * rule.clear(stay, segment.duration)
            yield Finding(rule.clear.__name__, segment, score, rule.told.format(stay))


def _of_motion(scene: Scene, found: Runs) -> Iterator[Finding]:
    if scene.step <= FAST_STEP:
        dash = dashes(scene, found)
        yield from _peak("dash", scene, dash, Ramp(0.0040, 0.0052), 0.7, "very fast movement on one spot")
        stream = against_stream(scene)
        yield from _peak("against", scene, stream, Ramp(0.035, 0.055), 0.4, "movement against the stream")
    told = "motion {0:.1f} times its usual spread above its usual level"
    yield from _peak("surge", scene, surge(scene), Ramp(2.5, 4.0), 0.35, told)


def _peak(cue: str, scene: Scene, curve: NDArray[np.float64], ramp: Ramp, trust: float, told: str) -> Iterator[Finding]:
    """Yield the stretch of a curve about its peak: where it is most above half of it."""
    peak = float(curve.max())
    stretch = best_stretch(curve - peak / 2)
    if stretch is not None and ramp(peak) > 0:
        segment = Segment(scene.time(stretch[0]), scene.time(stretch[1]))
        yield Finding(cue, segment, trust * ramp(peak), told.format(peak))


def best_stretch(gain: NDArray[np.float64]) -> tuple[int, int] | None:
    """Return `[first, stop)` with the largest sum, or `None` if nothing is above 0 (Kadane's algorithm)."""
    sums = np.concatenate([[0.0], np.cumsum(gain)])
    lowest = np.minimum.accumulate(sums)
    stop = int(np.argmax(sums - lowest))
    if sums[stop] - lowest[stop] <= 0:
        return None
    return int(np.argmin(sums[: stop + 1])), stop


def dashes(scene: Scene, found: Runs) -> NDArray[np.float64]:
    """Return, per frame, the share of the picture that is covered in passing only, in the place where that is most.

    What is beside a cell that is covered for longer does not count: the rims of what is slow pass quickly too.
    """
    n, rows, columns = scene.present.shape
    slow = np.zeros_like(scene.present)
    _, frame, cell = found.where(found.length > scene.frames(DASH)).voxels()
    slow.reshape(n, -1)[frame, cell] = True
    fast = scene.present & ~_grown(slow)
    sums = np.zeros((n, rows + 1, columns + 1), np.int32)
    np.cumsum(np.cumsum(fast, 1, dtype=np.int32), 2, out=sums[:, 1:, 1:])
    tall, wide = min(max(2, round(REGION[0] * rows)), rows), min(max(2, round(REGION[1] * rows)), columns)
    boxes = sums[:, tall:, wide:] - sums[:, :-tall, wide:] - sums[:, tall:, :-wide] + sums[:, :-tall, :-wide]
    in_place: NDArray[np.float64] = _smoothed(boxes / scene.cells, scene.frames(DWELL)).max((1, 2))
    return in_place


def surge(scene: Scene) -> NDArray[np.float64]:
    """Return, per frame, how far the motion in the whole picture is above its usual level, in usual spreads."""
    level = _smoothed(scene.changed.mean((1, 2)), scene.frames(SMOOTH))
    usual = np.median(level)
    spread = 1.4826 * np.median(np.abs(level - usual)) + LEAST_SPREAD
    above: NDArray[np.float64] = np.maximum(level - usual, 0) / spread
    return above


def _grown(mask: Bools) -> Bools:
    """Return the mask with all neighbours of each cell, corners included."""
    wide = mask.copy()
    wide[:, 1:] |= mask[:, :-1]
    wide[:, :-1] |= mask[:, 1:]
    both = wide.copy()
    both[:, :, 1:] |= wide[:, :, :-1]
    both[:, :, :-1] |= wide[:, :, 1:]
    return both


def against_stream(scene: Scene) -> NDArray[np.float64]:
    """Return, per frame, the largest movement along any row against what is usual in that row.

    A cell that is covered anew right after its neighbour on one side shows an edge that moves away from that side.
    The measure is in squared picture heights a second: how fast, times how tall.
    """
    n, rows, columns = scene.present.shape
    band = max(1, rows // 12)
    if n < 3:
        return np.zeros(n)
    anew = scene.present[1:] & ~scene.present[:-1]
    before, now = anew[:-1], anew[1:]
    rightward, leftward = np.zeros_like(now), np.zeros_like(now)
    for d in range(1, max(2, round(REACH * rows * scene.step)) + 1):
        if d < columns:
            rightward[:, :, d:] |= before[:, :, :-d]
            leftward[:, :, :-d] |= before[:, :, d:]
    flow = np.zeros((n, rows))
    flow[2:] = (now & rightward).sum(2, dtype=np.int64) - (now & leftward).sum(2, dtype=np.int64)
    flow = _smoothed(_smoothed(flow, scene.frames(SMOOTH)).T, band).T * band
    right, left = np.maximum(flow, 0), np.maximum(-flow, 0)
    rare = np.where(right.sum(0) >= left.sum(0), left, right)
    peak: NDArray[np.float64] = rare.max(1) / (rows * rows * scene.step)
    return peak


def _smoothed(curve: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return running means over `length` values along the first axis; beyond the ends stand zeros."""
    sums = np.concatenate([np.zeros_like(curve[:1]), np.cumsum(curve, axis=0)])
    place = np.arange(len(curve))
    first = np.maximum(place - (length - 1) // 2, 0)
    stop = np.minimum(place + length // 2 + 1, len(curve))
    means: NDArray[np.float64] = (sums[stop] - sums[first]) / length
    return means
