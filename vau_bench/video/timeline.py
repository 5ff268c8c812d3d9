"""When each frame is shown, from which packet on it can be decoded, and the least that has to be decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NEAR = 8
"""Packets. A keyframe no further ahead is reached by decoding on rather than by seeking."""

LONG = 64
"""Packets. Runs that would get longer stay apart, so that several threads can share them out."""


class PacketTimes(NamedTuple):
    """What the demuxer tells about one packet, in units of the stream's time base."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    discard: bool
    size: int


class Keyframe(NamedTuple):
    """Where decoding can start: the timestamp to seek to, and that of its picture if it is shown."""

    seek: int
    shown: int | None


class Run(NamedTuple):
    """Packets `[start, end]` to decode one after another, and the numbers of the frames wanted of them."""

    start: int
    end: int
    wanted: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """All frames of a video in presentation order.

    Attributes:
        times: `(n,)` seconds from the first frame, ascending.
        duration: the last frame's end, in seconds.
        pts: `(n,)` presentation timestamps that the decoder puts on the frames; empty where the format has
            none and a frame is known by its number alone.
        packet: `(n,)` number in file order of the packet that holds the frame.
        entry: `(n,)` number of the keyframe packet from which the frame can be decoded.
        keyframes: by packet number.
        marks: `(pts, size)` of each packet in file order, by which it is recognised after a seek.
    """

    times: NDArray[np.float64]
    duration: float
    pts: NDArray[np.int64]
    packet: NDArray[np.intp]
    entry: NDArray[np.intp]
    keyframes: dict[int, Keyframe]
    marks: tuple[tuple[int | None, int], ...]

    def __len__(self) -> int:
        return len(self.times)

    def starting_with(self, pts: int) -> Timeline:
        """Return the timeline without the frames before this timestamp; times count from there."""
        first = int(np.searchsorted(self.pts, pts))
        if first == 0:
            return self
        gone = float(self.times[first])
        return replace(
            self,
            times=self.times[first:] - gone,
            duration=self.duration - gone,
            pts=self.pts[first:],
            packet=self.packet[first:],
            entry=self.entry[first:],
        )


def from_packets(packets: Sequence[PacketTimes], tick: float, rate: float) -> Timeline:
    """Return the timeline of packets each of which is one frame with a presentation time of its own.

    Args:
        packets: in file order; some may be discarded, which is to say decoded but not shown.
        tick: the unit of their timestamps, in seconds.
        rate: frames per second, for a single frame that does not say how long it is shown.
    """
    pts = np.array([0 if p.pts is None else p.pts for p in packets], np.int64)
    keys = np.array([i for i, p in enumerate(packets) if p.key], np.intp)
    packet = np.array([i for i, p in enumerate(packets) if not p.discard], np.intp)
    packet = packet[np.argsort(pts[packet], kind="stable")]
    shown = pts[packet]
    last = packets[int(packet[-1])].duration or (float(np.median(np.diff(shown))) if len(shown) > 1 else 0)
    span = float(shown[-1] - shown[0] + last)
    return Timeline(
        times=np.asarray((shown - shown[0]) / (1 / tick), np.float64),
        duration=span / (1 / tick) or 1 / rate,
        pts=shown,
        packet=packet,
        entry=_entries(packet, pts, keys),
        keyframes={i: _keyframe(packets[i]) for i in keys.tolist()},
        marks=tuple((p.pts, p.size) for p in packets),
    )


def counted(stamps: Sequence[int | None], tick: float, rate: float) -> Timeline:
    """Return the timeline of frames that were decoded to be counted.

    Args:
        stamps: what the decoder told about each frame's time, in order of presentation. Demuxers may hand
            out right times in wrong order, so that sorting them helps; where they are not one each, the rate
            tells the times.
        tick: the unit of the stamps, in seconds.
        rate: frames per second.
    """
    told = sorted({s for s in stamps if s is not None})
    if len(told) == len(stamps) > 1:
        times = np.asarray((np.array(told, np.int64) - told[0]) / (1 / tick), np.float64)
        period = float(np.median(np.diff(times)))
    else:
        times = np.arange(len(stamps)) / rate
        period = 1 / rate
    order = np.arange(len(stamps), dtype=np.intp)
    nothing = np.empty(0, np.int64)
    return Timeline(times, float(times[-1]) + period, nothing, order, np.zeros_like(order), {}, ())


def plan_runs(timeline: Timeline, chosen: Sequence[int]) -> list[Run]:
    """Return the least decoding that gives the chosen frames: a run for each group of pictures.

    Short runs that follow each other closely are joined: seeking costs more than decoding a few frames.

    Args:
        timeline: of the video.
        chosen: frame numbers, ascending.
    """
    runs: list[Run] = []
    for number in chosen:
        start, end = int(timeline.entry[number]), int(timeline.packet[number])
        if runs and (start <= runs[-1].end or _is_joined(runs[-1], start, end)):
            before = runs.pop()
            runs.append(Run(before.start, max(before.end, end), (*before.wanted, number)))
        else:
            runs.append(Run(start, end, (number,)))
    return runs


def _is_joined(run: Run, start: int, end: int) -> bool:
    return start == run.start or (start <= run.end + NEAR and end - run.start < LONG)


def _entries(packet: NDArray[np.intp], pts: NDArray[np.int64], keys: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the keyframe packet from which each frame can be decoded.

    It is the last one before the frame in the file; but a frame shown before that keyframe (a leading one
    of an open group of pictures) also needs the group before.
    """
    if not len(keys):
        return np.zeros(len(packet), np.intp)
    at = np.searchsorted(keys, packet, side="right") - 1
    at -= pts[packet] < pts[keys[at]]
    return np.where(at >= 0, keys[at], 0).astype(np.intp)


def _keyframe(packet: PacketTimes) -> Keyframe:
    stamps = (packet.dts, packet.pts, 0)
    return Keyframe(
        seek=next(stamp for stamp in stamps if stamp is not None),
        shown=None if packet.discard else packet.pts,
    )
