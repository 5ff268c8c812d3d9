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


class _Lost(Exception):
    """A seek has led to packets that are not those of the timeline."""


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
        self._onward: Iterator[tuple[int, Packet]] = iter(())
        self._position = -1

    def first(self) -> VideoFrame | None:
        """Return the first frame that can be decoded."""
        return next(self.decode(Run(0, len(self._timeline.marks), ()), skip=False), None)

    def decode(self, run: Run, *, skip: bool) -> Iterator[VideoFrame]:
        """Yield the frames of the run, from its keyframe on; none when that turns out not to be one.

        Frames come in order of presentation; after a seek that went wrong, once more from the first.

        Args:
            run: where to start and to end.
            skip: leave out frames that are neither wanted nor needed to decode others.
        """
        if self._seekable:
            try:
                yield from self._frames(run, self._after_seek(run.start), skip)
            except _Lost:
                self._seekable = False
            else:
                return
        yield from self._frames(run, self._read_on(run.start), skip)

    def _frames(self, run: Run, packets: Iterator[tuple[int, Packet]], skip: bool) -> Iterator[VideoFrame]:
        """Yield the frames from the keyframe on."""
        keyframe = self._timeline.keyframes.get(run.start)
        anchor = keyframe.shown if keyframe and run.start > 0 else None
        for frame in self._decoded(run, packets, skip):
            if frame.pts == anchor and not (frame.key_frame or frame.pict_type == PictureType.I):
                return
            if anchor is None or frame.pts >= anchor:
                yield frame

    def _decoded(self, run: Run, packets: Iterator[tuple[int, Packet]], skip: bool) -> Iterator[VideoFrame]:
        """Yield all that the decoder gives for the run."""
        wanted = {int(self._timeline.packet[number]) for number in run.wanted}
        skip = skip and self._source.decoder.codec.canonical_name in SKIPS_EXACTLY
        for number, packet in packets:
            self._source.decoder.skip_frame = "NONREF" if skip and number not in wanted else "DEFAULT"
            yield from self._source.decode(packet)
            if number >= run.end:
                break
        yield from self._source.decode(None)

    def _after_seek(self, start: int) -> Iterator[tuple[int, Packet]]:
        """Yield numbered packets from `start` on, each recognised.

        Raises:
            _Lost: at the first that is another one.
        """
        source, marks = self._source, self._timeline.marks
        keyframe = self._timeline.keyframes.get(start)
        if keyframe is None or not source.seek(keyframe.seek):
            raise _Lost
        number = start
        for packet in source.packets():
            if number < len(marks) and (packet.pts, packet.size) == marks[number]:
                yield number, packet
                number += 1
            elif number > start:
                raise _Lost
        if number == start:
            raise _Lost

    def _read_on(self, start: int) -> Iterator[tuple[int, Packet]]:
        """Yield numbered packets from `start` on, reading those before from the last place or the file's."""
        if not 0 <= self._position <= start:
            self._source.rewind()
            self._onward = enumerate(self._source.packets())
        self._source.decoder.flush_buffers()
        for number, packet in self._onward:
            self._position = number + 1
            if number >= start:
                yield number, packet

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
            best: VideoFrame | None = None
            for frame in self.decode(run, skip=False):
                if timeline.pts[0] <= frame.pts <= target and (best is None or best.pts < frame.pts):
                    best = frame
            if best is not None and (best.pts == target or back):
                return best.pts, best
        raise VideoUnreadableError(f"frame {number} of {self._source.path} and all before it are damaged")
