"""Decodes runs of packets, seeking between them as far as seeking can be trusted."""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from av.packet import Packet
from av.video.frame import PictureType, VideoFrame

from vau_bench.errors import VideoUnreadableError
from vau_bench.video.source import Source
from vau_bench.video.timeline import Run, Timeline

SKIPS_EXACTLY = {"h264"}
"""Codecs whose bit stream marks, for certain, the frames that no other frame refers to."""


class Reader:
    """Gives the decoded frames of runs.

    Args:
        source: the open file; belongs to the reader from now on.
        timeline: of that file.
    """

    def __init__(self, source: Source, timeline: Timeline) -> None:
        self._source = source
        self._timeline = timeline
        self._seekable = True

    def first(self) -> VideoFrame | None:
        """Return the first frame that can be decoded."""
        for _, packet in self._packets(0):
            for frame in self._source.decode(packet):
                return frame
        return next(iter(self._source.decode(None)), None)

    def decode(self, run: Run, *, skip: bool) -> Iterator[VideoFrame]:
        """Yield the frames of the run, from its keyframe on; none when that turns out not to be one.

        Args:
            run: where to start and to end.
            skip: leave out frames that are neither wanted nor needed to decode others.
        """
        keyframe = self._timeline.keyframes.get(run.start)
        anchor = keyframe.shown if keyframe and run.start > 0 else None
        for frame in self._all(run, skip):
            if frame.pts == anchor and not (frame.key_frame or frame.pict_type == PictureType.I):
                return
            if anchor is None or frame.pts >= anchor:
                yield frame

    def _all(self, run: Run, skip: bool) -> Iterator[VideoFrame]:
        """Yield what the decoder gives for the run."""
        decoder = self._source.decoder
        decoder.flush_buffers()
        skip = skip and decoder.codec.canonical_name in SKIPS_EXACTLY
        wanted = {int(self._timeline.packet[number]) for number in run.wanted}
        for number, packet in self._packets(run.start):
            decoder.skip_frame = "NONREF" if skip and number not in wanted else "DEFAULT"
            yield from self._source.decode(packet)
            if number >= run.end:
                break
        yield from self._source.decode(None)

    def nearest(self, number: int) -> tuple[int, VideoFrame]:
        """Return the timestamp and picture of a frame, or of the last decodable one before it.

        Decodes from further and further back: a keyframe may be less than its flag says, and damage may have
        taken a whole group.

        Raises:
            VideoUnreadableError: if neither can be decoded.
        """
        timeline = self._timeline
        target, keys = int(timeline.pts[number]), sorted(timeline.keyframes)
        at = bisect.bisect_right(keys, int(timeline.entry[number])) - 1
        for back in (0, 1, 8, len(keys)):
            start = keys[at - back] if at >= back else 0
            run = Run(start, int(timeline.packet[number]), (number,))
            best = None
            for frame in self.decode(run, skip=False):
                if frame.pts in timeline.ranks and (best.pts if best else -1 << 63) <= frame.pts <= target:
                    best = frame
            if best and best.pts >= timeline.pts[0] and (best.pts == target or back):
                return best.pts, best
        raise VideoUnreadableError(f"frame {number} of {self._source.path} and all before it are damaged")

    def _packets(self, start: int) -> Iterator[tuple[int, Packet]]:
        """Yield numbered packets from `start` on; verifies where a seek has led to."""
        packets = self._after_seek(start)
        if packets is None:
            self._seekable = False
            self._source.rewind()
            packets = enumerate(self._source.packets())
        for number, packet in packets:
            if number >= start:
                yield number, packet

    def _after_seek(self, start: int) -> Iterator[tuple[int, Packet]] | None:
        """Return numbered packets from a place at or before `start`, or `None` if seeking leads elsewhere."""
        source, timeline = self._source, self._timeline
        if not (self._seekable and start in timeline.keyframes):
            return None
        if not source.seek(timeline.keyframes[start].seek):
            return None
        packets = source.packets()
        packet = next(packets, None)
        if packet is None or packet.pts is None or timeline.ranks.get(packet.pts, start + 1) > start:
            return None
        number = timeline.ranks[packet.pts]
        return _numbered(packet, packets, number)


def _numbered(first: Packet, rest: Iterator[Packet], number: int) -> Iterator[tuple[int, Packet]]:
    yield number, first
    yield from enumerate(rest, number + 1)
