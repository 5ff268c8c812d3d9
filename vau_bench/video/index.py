"""When each frame is shown, and from which packet on it can be decoded: measured from the packets.

Headers lie about durations, rates and counts; packets carry the times that a player goes by. Reading them
all costs a pass over the file without decoding. Where a format stores no presentation times (raw streams,
reordered frames in AVI) the frames are decoded once and counted instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from vau_bench.errors import VideoUnreadableError
from vau_bench.video.source import Source

DEFAULT_RATE = 25.0
"""Frames per second of a stream that tells neither times nor a rate, as FFmpeg assumes it."""

_TIMELESS = {"avi", "h264", "hevc", "m4v", "mpegvideo"}
"""Formats without presentation times: right only where frames are stored in the order of showing."""

_SMALLEST_PICTURE = 20
"""Bytes. Packets below it may say `nothing changed` (MPEG-4) and then give no frame."""


class PacketTimes(NamedTuple):
    """What the demuxer tells about one packet, in units of the stream's time base."""

    pts: int | None
    dts: int | None
    duration: int
    key: bool
    discard: bool
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """All frames of a video in presentation order.

    Attributes:
        times: `(n,)` seconds from the first frame, ascending.
        duration: the last frame's end, in seconds.
        pts: `(n,)` presentation timestamps that the decoder puts on the frames; `None` where the format has
            none and a frame is known by its number alone.
        packet: `(n,)` number in file order of the packet that holds the frame.
        entry: `(n,)` number of the keyframe packet from which the frame can be decoded.
        seek: packet number of each keyframe -> the timestamp to seek to.
        ranks: presentation timestamp of each packet -> its number.
    """

    times: NDArray[np.float64]
    duration: float
    pts: NDArray[np.int64] | None
    packet: NDArray[np.intp]
    entry: NDArray[np.intp]
    seek: dict[int, int]
    ranks: dict[int, int]

    def __len__(self) -> int:
        return len(self.times)


class Opening(NamedTuple):
    """The timeline and the first frame, which alone tells the displayed size and the rotation."""

    timeline: Timeline
    first: VideoFrame


def read_timeline(source: Source) -> Opening:
    """Measure the timeline; leaves the source somewhere within the file.

    Raises:
        VideoUnreadableError: if no frame can be decoded.
    """
    packets = [
        PacketTimes(p.pts, p.dts, p.duration or 0, p.is_keyframe, p.is_discard, p.size)
        for p in source.packets()
    ]
    source.rewind()
    if not _tells_times(packets, source):
        return _count_frames(source)
    first = next(source.frames(), None)
    if first is None:
        raise _no_frame(source)
    return Opening(_from_packets(packets, source, first.pts), first)


def _tells_times(packets: Sequence[PacketTimes], source: Source) -> bool:
    """Whether each packet is one frame with its own presentation time."""
    name = source.container.format.name
    if name in _TIMELESS and source.decoder.has_b_frames:
        return False
    codec = source.decoder.name
    if codec in ("vp8", "libvpx") or (codec == "mpeg4" and any(p.size < _SMALLEST_PICTURE for p in packets)):
        return False
    shown = [p.pts for p in packets if not p.discard]
    return None not in shown and len(set(shown)) == len(shown) > 0


def _from_packets(packets: Sequence[PacketTimes], source: Source, start: int) -> Timeline:
    """Return the timeline of packets that tell their times; it begins with the first frame decoded.

    Frames before that are those of a cut stream whose reference frames are gone.
    """
    pts = np.array([-(2**62) if p.pts is None else p.pts for p in packets], np.int64)
    number = np.array([i for i, p in enumerate(packets) if not p.discard and pts[i] >= start], np.intp)
    if not len(number):
        raise _no_frame(source)
    number = number[np.argsort(pts[number], kind="stable")]
    shown = pts[number]
    last = packets[int(number[-1])].duration or (int(np.median(np.diff(shown))) if len(shown) > 1 else 0)
    base = source.stream.time_base
    assert base is not None
    ticks, unit = base.numerator, base.denominator
    duration = float((shown[-1] - start + last) * ticks) / unit or 1 / _rate(source)
    return Timeline(
        times=(shown - start) * ticks / unit,
        duration=duration,
        pts=shown,
        packet=number,
        entry=_entries(number, pts, np.array([i for i, p in enumerate(packets) if p.key], np.intp)),
        seek={i: p.dts if p.dts is not None else int(pts[i]) for i, p in enumerate(packets) if p.key},
        ranks={p.pts: i for i, p in enumerate(packets) if p.pts is not None},
    )


def _entries(number: NDArray[np.intp], pts: NDArray[np.int64], keys: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the keyframe packet from which each frame can be decoded.

    It is the last one before the frame in the file; but a frame shown before that keyframe (a leading one
    of an open group of pictures) also needs the group before.
    """
    if not len(keys):
        return np.zeros(len(number), np.intp)
    at = np.searchsorted(keys, number, side="right") - 1
    at -= pts[number] < pts[keys[at]]
    entries: NDArray[np.intp] = np.where(at >= 0, keys[at], 0)
    return entries


def _count_frames(source: Source) -> Opening:
    """Return the timeline of a stream whose frames must be decoded to be counted."""
    frames = source.frames()
    first = next(frames, None)
    if first is None:
        raise _no_frame(source)
    stamps = [_stamp(first), *(_stamp(frame) for frame in frames)]
    told = sorted(s for s in stamps if s is not None)
    base = source.stream.time_base
    period = 1 / _rate(source)
    if base is not None and len(told) == len(stamps) == len(set(told)) > 1:
        ticks = np.array(told, np.float64) - told[0]
        times = np.asarray(ticks * base.numerator / base.denominator, np.float64)
        period = float(np.median(np.diff(times)))
    else:
        times = np.arange(len(stamps)) * period
    order = np.arange(len(stamps), dtype=np.intp)
    return Opening(
        Timeline(times, float(times[-1]) + period, None, order, np.zeros_like(order), {}, {}), first
    )


def _stamp(frame: VideoFrame) -> int | None:
    return frame.pts if frame.pts is not None else frame.dts


def _rate(source: Source) -> float:
    rate = source.stream.guessed_rate or source.stream.average_rate
    return float(rate) if rate else DEFAULT_RATE


def _no_frame(source: Source) -> VideoUnreadableError:
    return VideoUnreadableError(f"no frame of {source.path} can be decoded")
