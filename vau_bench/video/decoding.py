"""The frames that a plan asks for, exactly: each is known by its presentation time, never by guess.

Only the groups of pictures that hold a wanted frame are decoded, from their keyframe to the last wanted
frame. What the demuxer or the decoder promises is checked: a seek that lands late is undone by reading from
the start, and a frame that does not come out is asked for again from further back.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from vau_bench.errors import VideoUnreadableError
from vau_bench.video.clip import Clip, VideoInfo
from vau_bench.video.index import Opening, Timeline, read_timeline
from vau_bench.video.plans import FramePlan, parse_plan
from vau_bench.video.source import Source

NEAR = 8
"""Packets. A keyframe no further ahead is reached by decoding on: a seek empties the decoder's pipeline."""

MAX_CLIP_BYTES = 8 << 30
"""A clip larger than this is refused, so that a hostile header cannot take all memory."""

_SKIPS_EXACTLY = {"h264"}
"""Codecs whose bit stream marks, for certain, the frames that no other frame refers to."""


class Run(NamedTuple):
    """Packets `[start, end]` to decode one after another, and the frames wanted of them."""

    start: int
    end: int
    wanted: tuple[int, ...]


def probe(path: str | Path) -> VideoInfo:
    """Measure a video file: exact duration, frame count and displayed size.

    Raises:
        VideoMissingError: if there is no such file.
        VideoUnreadableError: if it is not a video, or no frame can be decoded.
    """
    with Source(Path(path)) as source:
        return _describe(source, read_timeline(source))


def decode(path: str | Path, plan: FramePlan | str) -> Clip:
    """Decode the frames of the plan, in this process.

    Raises:
        VideoMissingError: if there is no such file.
        VideoUnreadableError: if it is not a video, or holds none of the frames.
        UsageError: if the plan is not one.
    """
    path, plan = Path(path), parse_plan(plan)
    with Source(path) as source:
        opening = read_timeline(source)
        timeline, info = opening.timeline, _describe(source, opening)
        chosen = plan.pick(timeline.times, timeline.duration)
        if not chosen:
            raise VideoUnreadableError(f"{plan} holds no frame of {path}, which lasts {info.duration:.3f} s")
        canvas = _Canvas(len(chosen), plan.fit(info.width, info.height), info.rotation, path)
        if timeline.pts is None:
            shown = _by_number(source, chosen, canvas)
        else:
            shown = _by_time(source, timeline, chosen, canvas)
    return canvas.clip(shown, timeline, info)


class _Canvas:
    """The frames to return, scaled, turned and converted to RGB as they come."""

    def __init__(self, count: int, size: tuple[int, int], rotation: int, path: Path) -> None:
        width, height = size
        if count * width * height * 3 > MAX_CLIP_BYTES:
            raise VideoUnreadableError(
                f"{count} frames of {width}x{height} of {path} are over {MAX_CLIP_BYTES >> 30} GiB; "
                "ask for fewer or smaller ones"
            )
        self.frames = np.empty((count, height, width, 3), np.uint8)
        self._turns = -rotation // 90 % 4
        self._stored = (height, width) if self._turns % 2 else (width, height)
        self._scaler = VideoReformatter()

    def draw(self, place: int, frame: VideoFrame) -> None:
        """Put the frame at this place."""
        width, height = self._stored
        # Area averages all source pixels under a target pixel, so that a smaller picture does not flicker.
        rgb = self._scaler.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA)
        plane = rgb.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(height, plane.line_size)
        picture = rows[:, : width * 3].reshape(height, width, 3)
        self.frames[place] = np.rot90(picture, self._turns) if self._turns else picture

    def clip(self, shown: Sequence[int], timeline: Timeline, info: VideoInfo) -> Clip:
        """Return the clip whose n-th picture is frame `shown[n]`; keeps the first of equal ones."""
        indices = sorted(set(shown))
        if len(indices) < len(self.frames):
            self.frames = self.frames[[shown.index(i) for i in indices]]
        return Clip(self.frames, tuple(indices), tuple(timeline.times[indices].tolist()), info)


def _describe(source: Source, opening: Opening) -> VideoInfo:
    timeline, first = opening
    rotation = -round(first.rotation / 90) * 90 % 360
    turned = rotation % 180 != 0
    return VideoInfo(
        path=source.path,
        size_bytes=source.path.stat().st_size,
        duration=timeline.duration,
        frame_count=len(timeline),
        width=first.height if turned else first.width,
        height=first.width if turned else first.height,
        fps=round(len(timeline) / timeline.duration, 6),
        codec=source.decoder.codec.canonical_name,
        rotation=rotation,
        has_audio=source.has_audio,
    )


def _by_number(source: Source, chosen: Sequence[int], canvas: _Canvas) -> list[int]:
    """Draw frames by counting from the start, for streams without times; returns what was drawn."""
    source.rewind()
    place = {number: i for i, number in enumerate(chosen)}
    drawn = []
    for number, frame in enumerate(source.frames()):
        if number in place:
            canvas.draw(place[number], frame)
            drawn.append(number)
        if number >= chosen[-1]:
            break
    return drawn


def _by_time(source: Source, timeline: Timeline, chosen: Sequence[int], canvas: _Canvas) -> list[int]:
    """Draw frames known by their timestamps; returns the number of the frame at each place."""
    assert timeline.pts is not None
    place = {int(timeline.pts[number]): i for i, number in enumerate(chosen)}
    missing = set(place)
    reader = _Reader(source, timeline)
    for run in plan_runs(timeline, chosen):
        for frame in reader.decode(run, skip=True):
            if frame.pts in missing:
                canvas.draw(place[frame.pts], frame)
                missing.discard(frame.pts)
    shown = list(chosen)
    if missing:
        with Source(source.path, threads=1) as again:
            reader = _Reader(again, timeline)
            for pts in sorted(missing):
                at = place[pts]
                stamp, frame = _nearest(reader, timeline, chosen[at])
                canvas.draw(at, frame)
                shown[at] = int(np.searchsorted(timeline.pts, stamp))
    return shown


def plan_runs(timeline: Timeline, chosen: Sequence[int]) -> list[Run]:
    """Return the least decoding that gives the chosen frames: one run a group, near ones joined."""
    runs: list[Run] = []
    for number in chosen:
        start, end = int(timeline.entry[number]), int(timeline.packet[number])
        if runs and start <= runs[-1].end + NEAR:
            joined = runs.pop()
            runs.append(Run(joined.start, max(joined.end, end), (*joined.wanted, number)))
        else:
            runs.append(Run(start, end, (number,)))
    return runs


class _Reader:
    """Decodes runs of packets, seeking between them as far as seeking can be trusted."""

    def __init__(self, source: Source, timeline: Timeline) -> None:
        self._source = source
        self._timeline = timeline
        self._seekable = True

    def decode(self, run: Run, *, skip: bool) -> Iterator[VideoFrame]:
        """Yield what the decoder gives for the run.

        Args:
            run: where to start and to end.
            skip: leave out frames that are neither wanted nor needed to decode others.
        """
        source = self._source
        skip = skip and source.decoder.name in _SKIPS_EXACTLY
        wanted = {int(self._timeline.packet[number]) for number in run.wanted}
        for number, packet in self._packets(run.start):
            source.decoder.skip_frame = "NONREF" if skip and number not in wanted else "DEFAULT"
            yield from source.decode(packet)
            if number >= run.end:
                break
        yield from source.decode(None)
        source.decoder.flush_buffers()

    def _packets(self, start: int) -> Iterator[tuple[int, Packet]]:
        """Yield numbered packets from `start` on; verifies where a seek has led to."""
        source, timeline = self._source, self._timeline
        if self._seekable and start in timeline.seek and source.seek(timeline.seek[start]):
            packets = source.packets()
            packet = next(packets, None)
            number = -1 if packet is None else timeline.ranks.get(packet.pts or 0, -1)
            if packet is not None and 0 <= number <= start:
                if number == start:
                    yield number, packet
                for number, packet in enumerate(packets, number + 1):  # noqa: B020
                    if number >= start:
                        yield number, packet
                return
        self._seekable = False
        source.rewind()
        for number, packet in enumerate(source.packets()):
            if number >= start:
                yield number, packet


def _nearest(reader: _Reader, timeline: Timeline, number: int) -> tuple[int, VideoFrame]:
    """Return the timestamp and picture of a frame, or of the last decodable one before it.

    Decodes from further and further back: a keyframe may be less than its flag says, and damage may have
    taken a whole group.

    Raises:
        VideoUnreadableError: if neither can be decoded.
    """
    assert timeline.pts is not None
    target = int(timeline.pts[number])
    keys = sorted(timeline.seek)
    at = bisect.bisect_right(keys, int(timeline.entry[number])) - 1
    for back in (0, 1, 8, len(keys)):
        start = keys[at - back] if at >= back else 0
        run = Run(start, int(timeline.packet[number]), (number,))
        frames = {f.pts: f for f in reader.decode(run, skip=False) if f.pts in timeline.ranks}
        stamp = max((pts for pts in frames if pts <= target), default=None)
        if stamp is not None and (stamp == target or back):
            return stamp, frames[stamp]
    raise VideoUnreadableError(f"frame {number} and all before it are damaged")
