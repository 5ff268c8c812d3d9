"""The frames that a model saw, as small pictures: decoded again and checked against what was recorded."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vau_bench.errors import DataError, UsageError, VideoError
from vau_bench.models.jpeg import encode_jpeg
from vau_bench.paths import cache_dir
from vau_bench.report.choosing import evenly
from vau_bench.report.contents import TaskContents
from vau_bench.video import ClipLoader, parse_plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vau_bench.evaluation import Options, Progress
    from vau_bench.records import Seen
    from vau_bench.video import Clip

MOST_FRAMES = 12
LONG_SIDE = 120
QUALITY = 60
CLOCK_TOLERANCE = 1e-6
"""Seconds between a recorded and a decoded time that are the same time, rounded differently."""


@dataclass(frozen=True)
class Thumbnail:
    """One frame: `uri` is a JPEG as a data URI, `time` in seconds, `width` and `height` in pixels."""

    uri: str
    index: int
    time: float
    width: int
    height: int


@dataclass(frozen=True)
class Strip:
    """Some of the frames that a model saw, or why there are none.

    Attributes:
        total: how many the model saw.
        problem: why no frame can be shown; `None` when they are.
    """

    frames: tuple[Thumbnail, ...] = ()
    total: int = 0
    problem: str | None = None


def strips(
    tasks: Sequence[tuple[TaskContents, Sequence[str]]], options: Options, progress: Progress
) -> dict[tuple[int, str], Strip]:
    """Return the film strip of each sample by number of the task and sample id.

    Args:
        tasks: tasks, each with the ids of samples that have a response with recorded frames.
        options: of the run; for the decoding.
        progress: one step a strip.
    """
    wanted = [(number, task, sample) for number, (task, ids) in enumerate(tasks) for sample in ids]
    if not wanted:
        return {}
    progress.stage("frames", len(wanted))
    found: dict[tuple[int, str], Strip] = {}
    located: list[tuple[int, str, Seen, Path, str]] = []
    for number, task, sample_id in wanted:
        seen = task.responses[sample_id].seen
        assert seen is not None
        path, problem = _located(task, sample_id)
        if path is None:
            found[number, sample_id] = Strip(total=len(seen.indices), problem=problem)
            progress.advance()
        else:
            located.append((number, sample_id, seen, path, task.entry.frames))
    with ClipLoader(cache_dir(), workers=options.decode_workers, timeout=options.decode_timeout) as clips:
        for (number, sample_id, seen, _, _), clip in clips.stream(located, lambda item: item[3:5]):
            found[number, sample_id] = strip_of(clip, seen)
            progress.advance()
    return found


def _located(task: TaskContents, sample_id: str) -> tuple[Path | None, str]:
    sample = task.samples.get(sample_id)
    if task.dataset is None or sample is None:
        return None, "the dataset of the run cannot be read"
    try:
        parse_plan(task.entry.frames)
        path = task.dataset.find_video(sample)
    except (DataError, VideoError, UsageError, OSError) as error:
        return None, str(error)
    return path, f"no video {sample.video}"


def strip_of(clip: Clip | VideoError, seen: Seen) -> Strip:
    """Return the strip of the frames that were seen, if the clip holds exactly these."""
    total = len(seen.indices)
    if isinstance(clip, VideoError):
        return Strip(total=total, problem=str(clip))
    places = {index: place for place, index in enumerate(clip.indices)}
    for index, time in zip(seen.indices, seen.times, strict=True):
        if index not in places:
            return Strip(total=total, problem=f"frame {index} is not in the frame plan of the run")
        if abs(clip.times[places[index]] - time) > CLOCK_TOLERANCE:
            other = clip.times[places[index]]
            return Strip(total=total, problem=f"frame {index} stands at {other:.3f} s now, the model saw {time:.3f} s")
    shown = [seen.indices[i] for i in evenly(total, MOST_FRAMES)]
    return Strip(tuple(_thumbnails(clip, [places[index] for index in shown])), total)


def _thumbnails(clip: Clip, places: Sequence[int]) -> Iterator[Thumbnail]:
    for place in places:
        small = shrunk(clip.frames[place])
        uri = "data:image/jpeg;base64," + base64.b64encode(encode_jpeg(small, QUALITY)).decode("ascii")
        height, width, _ = small.shape
        yield Thumbnail(uri, clip.indices[place], clip.times[place], width, height)


def shrunk(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the frame, (h, w, 3) RGB, scaled so that its longer side is `LONG_SIDE` pixels at most."""
    import av
    from av.video.reformatter import Interpolation

    height, width, _ = frame.shape
    scale = min(1.0, LONG_SIDE / max(height, width))
    if scale == 1.0:
        return frame
    picture = av.VideoFrame.from_ndarray(frame, format="rgb24").reformat(
        width=max(2, round(width * scale / 2) * 2),
        height=max(2, round(height * scale / 2) * 2),
        interpolation=Interpolation.AREA,
    )
    return picture.to_ndarray(format="rgb24").astype("uint8", copy=False)
