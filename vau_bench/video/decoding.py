"""The frames that a plan asks for, exactly: each is known by its presentation time, never by guess.

Only the groups of pictures that hold a wanted frame are decoded, from their keyframe to the last wanted
frame. What the demuxer or the decoder promises is checked: a seek that lands late is undone by reading from
the start, and a frame that does not come out is asked for again from further back.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter

from vau_bench.errors import VideoUnreadableError
from vau_bench.video.clip import Clip, Shown, VideoInfo
from vau_bench.video.index import Opening, read_timeline
from vau_bench.video.looking import chosen_frames, shown_frames
from vau_bench.video.plans import FramePlan, parse_plan
from vau_bench.video.reader import Reader
from vau_bench.video.source import Source
from vau_bench.video.timeline import Run, Timeline, plan_runs

MAX_CLIP_BYTES = 8 << 30
"""A clip larger than this is refused, so that a hostile header cannot take all memory."""

MAX_LANES = 8
"""Threads that decode one video, each with a decoder of its own."""


def probe(path: str | Path) -> VideoInfo:
    """Measure a video file: exact duration, frame count and displayed size.

    Raises:
        VideoMissingError: if there is no such file.
        VideoUnreadableError: if it is not a video, or no frame can be decoded.
    """
    with Source(Path(path)) as source:
        return _describe(source, read_timeline(source))


def look(path: str | Path, plan: FramePlan | str) -> Shown:
    """Return which frames the plan shows, and what it takes to decode them; decodes the first frame alone.

    Raises:
        VideoMissingError: if there is no such file.
        VideoUnreadableError: if it is not a video, or holds none of the frames.
        UsageError: if the plan is not one.
    """
    with Source(Path(path)) as source:
        opening = read_timeline(source)
        return shown_frames(opening.timeline, parse_plan(plan), _describe(source, opening))


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
        chosen = chosen_frames(timeline, plan, info)
        canvas = _Canvas(len(chosen), plan.fit(info.width, info.height), info.rotation, path)
        if not len(timeline.pts):
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

    def draw(self, place: int, frame: VideoFrame, scaler: VideoReformatter | None = None) -> None:
        """Put the frame at this place; a scaler that is kept keeps its tables, for one thread at a time."""
        width, height = self._stored
        scaler = scaler or VideoReformatter()
        # Area averages all source pixels under a target pixel, so that a smaller picture does not flicker.
        rgb = scaler.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA)
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
    source.rewind(threads=0)
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
    place = {int(timeline.pts[number]): i for i, number in enumerate(chosen)}
    drawn = _draw_runs(source, timeline, plan_runs(timeline, chosen), place, canvas)
    shown = list(chosen)
    missing = sorted(place.keys() - drawn)
    if missing:
        reader = Reader(source, timeline)
        for pts in missing:
            stamp, frame = reader.nearest(chosen[place[pts]])
            canvas.draw(place[pts], frame)
            shown[place[pts]] = int(np.searchsorted(timeline.pts, stamp))
    return shown


def _draw_runs(
    source: Source, timeline: Timeline, runs: Sequence[Run], place: Mapping[int, int], canvas: _Canvas
) -> set[int]:
    """Draw the frames of all runs, several runs at a time; returns the timestamps that were drawn.

    Groups of pictures do not depend on each other, so that decoders of one thread each, side by side, use
    all cores without ever waiting for one another. Where there are fewer groups than cores, each decoder has
    several threads.
    """
    cores = _cores()
    lanes = max(1, min(len(runs), cores, MAX_LANES))
    threads = -(-cores // lanes) if lanes < cores else 1
    left = deque(runs)

    def draw(lane: int) -> set[int]:
        if lane == 0 and threads == 1:
            return _draw_lane(Reader(source, timeline), left, place, canvas)
        with Source(source.path, threads=threads) as own:
            return _draw_lane(Reader(own, timeline), left, place, canvas)

    if lanes == 1:
        return draw(0)
    with ThreadPoolExecutor(lanes) as pool:
        return set().union(*pool.map(draw, range(lanes)))


def _draw_lane(reader: Reader, left: deque[Run], place: Mapping[int, int], canvas: _Canvas) -> set[int]:
    """Draw the frames of one run after another until none is left."""
    drawn: set[int] = set()
    scaler = VideoReformatter()
    while left:
        try:
            run = left.popleft()
        except IndexError:  # another lane took the last one
            break
        for frame in reader.decode(run, skip=True):
            if frame.pts in place and frame.pts not in drawn:
                canvas.draw(place[frame.pts], frame, scaler)
                drawn.add(frame.pts)
    return drawn


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
