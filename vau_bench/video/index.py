"""Measures a file's timeline from its packets.

Headers lie about durations, rates and counts; packets carry the times that a player goes by. Reading them
all costs a pass over the file without decoding. Where a format stores no presentation times (raw streams,
reordered frames in AVI) the frames are decoded once and counted instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from av.video.frame import VideoFrame

from vau_bench.errors import VideoUnreadableError
from vau_bench.video.reader import Reader
from vau_bench.video.source import Source
from vau_bench.video.timeline import PacketTimes, Timeline, counted, from_packets

DEFAULT_RATE = 25.0
"""Frames per second of a stream that tells neither times nor a rate, as FFmpeg assumes it."""

_TIMELESS = {"avi", "h264", "hevc", "m4v", "mpegvideo"}
"""Formats without presentation times: right only where frames are stored in the order of showing."""

_SMALLEST_PICTURE = 20
"""Bytes. Packets below it may say `nothing changed` (MPEG-4) and then give no frame."""


class Opening(NamedTuple):
    """The timeline and the first frame, which alone tells the displayed size and the rotation."""

    timeline: Timeline
    first: VideoFrame


def read_timeline(source: Source) -> Opening:
    """Measure the timeline; leaves the source somewhere within the file.

    It begins with the first frame that the decoder gives: those before are of a cut stream, whose reference
    frames are gone.

    Raises:
        VideoUnreadableError: if no frame can be decoded.
    """
    packets = [
        PacketTimes(p.pts, p.dts, p.duration or 0, p.is_keyframe, p.is_discard, p.size) for p in source.packets()
    ]
    tick = float(source.stream.time_base or 1 / DEFAULT_RATE)
    if not _tells_times(packets, source):
        return _count_frames(source, tick)
    timeline = from_packets(packets, tick, _rate(source))
    first = Reader(source, timeline).first()
    if first is None or first.pts > timeline.pts[-1]:
        raise _no_frame(source)
    return Opening(timeline.starting_with(first.pts), first)


def _tells_times(packets: Sequence[PacketTimes], source: Source) -> bool:
    """Whether each packet is one frame with its own presentation time."""
    if source.container.format.name in _TIMELESS and source.decoder.has_b_frames:
        return False
    codec = source.decoder.codec.canonical_name
    if codec == "vp8" or (codec == "mpeg4" and any(p.size < _SMALLEST_PICTURE for p in packets)):
        return False
    shown = [p.pts for p in packets if not p.discard]
    return None not in shown and len(set(shown)) == len(shown) > 0


def _count_frames(source: Source, tick: float) -> Opening:
    """Return the timeline of a stream whose frames must be decoded to be counted."""
    source.rewind(threads=0)
    frames = source.frames()
    first = next(frames, None)
    if first is None:
        raise _no_frame(source)
    stamps = [_stamp(first), *(_stamp(frame) for frame in frames)]
    return Opening(counted(stamps, tick, _rate(source)), first)


def _stamp(frame: VideoFrame) -> int | None:
    return frame.pts if frame.pts is not None else frame.dts


def _rate(source: Source) -> float:
    rate = source.stream.guessed_rate or source.stream.average_rate
    return float(rate) if rate else DEFAULT_RATE


def _no_frame(source: Source) -> VideoUnreadableError:
    return VideoUnreadableError(f"no frame of {source.path} can be decoded")
