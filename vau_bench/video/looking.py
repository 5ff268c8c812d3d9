"""What a plan shows of a video and what that takes to decode, without decoding it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vau_bench.errors import VideoUnreadableError
from vau_bench.video.clip import Shown, VideoInfo
from vau_bench.video.plans import FramePlan
from vau_bench.video.timeline import Timeline, plan_runs


def chosen_frames(timeline: Timeline, plan: FramePlan, info: VideoInfo) -> tuple[int, ...]:
    """Return the numbers of the frames that a plan shows.

    Raises:
        VideoUnreadableError: if it shows none.
    """
    chosen = plan.pick(timeline.times, timeline.duration)
    if not chosen:
        raise VideoUnreadableError(f"{plan} holds no frame of {info.path}, which lasts {info.duration:.3f} s")
    return chosen


def shown_frames(timeline: Timeline, plan: FramePlan, info: VideoInfo) -> Shown:
    """Return what a plan shows of a video.

    Raises:
        VideoUnreadableError: if it shows nothing.
    """
    chosen = chosen_frames(timeline, plan, info)
    width, height = plan.fit(info.width, info.height)
    if len(timeline.pts):
        runs = plan_runs(timeline, chosen)
        decoded, seeks = sum(run.end - run.start + 1 for run in runs), len(runs)
    else:  # frames without times are counted from the start
        decoded, seeks = chosen[-1] + 1, 1
    return Shown(chosen, tuple(timeline.times[list(chosen)].tolist()), width, height, decoded, seeks, info)


def even_footage(
    seconds: float, *, width: int, height: int, fps: float, keyframe_seconds: float
) -> tuple[Timeline, VideoInfo]:
    """Return the timeline and the description of a video that does not exist: even in time, a keyframe now and then.

    Args:
        seconds: it lasts.
        width: in pixels.
        height: in pixels.
        fps: frames per second.
        keyframe_seconds: between keyframes.
    """
    count = max(1, round(seconds * fps))
    numbers = np.arange(count, dtype=np.intp)
    gap = max(1, round(keyframe_seconds * fps))
    timeline = Timeline(
        times=np.asarray(numbers / fps, np.float64),
        duration=count / fps,
        pts=numbers.astype(np.int64),
        packet=numbers,
        entry=numbers // gap * gap,
        keyframes={},
        marks=(),
    )
    info = VideoInfo(Path("footage.mp4"), 0, count / fps, count, width, height, fps, "h264", 0, False)
    return timeline, info
