"""The frames that models saw, as small pictures: decoded again and checked against what was recorded."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vau_bench.errors import DataError, UsageError, VideoError
from vau_bench.report.choosing import evenly
from vau_bench.report.contents import TaskContents
from vau_bench.report.joining import Joined, JoinedTask
from vau_bench.report.webp import encode_webp, shrunk
from vau_bench.video import parse_plan

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vau_bench.evaluation import Progress
    from vau_bench.records import Seen
    from vau_bench.video import Clip, ClipLoader

MOST_FRAMES = 16
FEWER_FRAMES = 8
QUALITIES = (50, 35, 25, 15, 6)
STRIP_BYTES = 10_500
"""Of the pictures of one strip, about: 500 such strips are 7 MB of a page. Quality gives way, then number."""
CLOCK_TOLERANCE = 1e-6
"""Seconds between a recorded and a decoded time that are the same time, rounded differently."""


@dataclass(frozen=True)
class Look:
    """What some of the models saw of a sample; `runs` are their numbers, `task` is that of the first of them."""

    runs: tuple[int, ...]
    task: TaskContents
    seen: Seen


@dataclass(frozen=True)
class Strip:
    """Some of the frames that were seen, or why there are none.

    Attributes:
        total: how many were seen.
        reel: number of the reel that holds the pictures; `places` of the shown ones in it.
        indices: of the shown frames in the video; `times` in seconds.
        size: width and height of the pictures.
        problem: why no frame can be shown; `None` when they are.
    """

    total: int
    reel: int = -1
    places: tuple[int, ...] = ()
    indices: tuple[int, ...] = ()
    times: tuple[float, ...] = ()
    size: tuple[int, int] = (0, 0)
    problem: str | None = None


def looks(task: JoinedTask, sample: Joined) -> list[Look]:
    """Return what was seen of a sample, each once however many models saw the same."""
    found: dict[tuple[object, ...], Look] = {}
    for number, side in enumerate(task.sides):
        response = side.responses.get(sample.sample_id) if side else None
        if side is None or response is None or response.seen is None or not response.seen.indices:
            continue
        seen = response.seen
        key = (seen.indices, seen.times, seen.width, seen.height, side.entry.frames)
        known = found.get(key)
        found[key] = Look((*known.runs, number), known.task, seen) if known else Look((number,), side, seen)
    return list(found.values())


@dataclass
class Reels:
    """Pictures by video and frame plan, each frame once, however many samples show it."""

    pictures: list[dict[int, bytes]] = field(default_factory=list)
    _numbers: dict[tuple[Path, str], int] = field(default_factory=dict)

    def add(self, video: tuple[Path, str], clip: Clip, seen: Seen) -> Strip:
        """Return the strip of the frames that were seen, if the clip of the video by its plan holds exactly these."""
        places = {index: place for place, index in enumerate(clip.indices)}
        problem = _difference(clip, places, seen)
        if problem:
            return Strip(len(seen.indices), problem=problem)
        number = self._numbers.setdefault(video, len(self.pictures))
        if number == len(self.pictures):
            self.pictures.append({})
        reel = self.pictures[number]
        middle = shrunk(clip.frames[places[seen.indices[len(seen.indices) // 2]]])
        most, quality = _fitting(middle, len(seen.indices))
        shown = evenly(len(seen.indices), most)
        for index in (seen.indices[i] for i in shown):
            if index not in reel:
                reel[index] = encode_webp(shrunk(clip.frames[places[index]]), quality)
        known = list(reel)
        height, width, _ = middle.shape
        return Strip(
            total=len(seen.indices),
            reel=number,
            places=tuple(known.index(seen.indices[i]) for i in shown),
            indices=tuple(seen.indices[i] for i in shown),
            times=tuple(seen.times[i] for i in shown),
            size=(width, height),
        )

    def texts(self) -> list[str]:
        """Return each reel as text: its pictures in base64, between them a blank."""
        return [
            " ".join(base64.b64encode(picture).decode("ascii") for picture in reel.values()) for reel in self.pictures
        ]


def _difference(clip: Clip, places: dict[int, int], seen: Seen) -> str | None:
    for index, time in zip(seen.indices, seen.times, strict=True):
        if index not in places:
            return f"frame {index} is not in the frame plan of the run"
        other = clip.times[places[index]]
        if abs(other - time) > CLOCK_TOLERANCE:
            return f"frame {index} stands at {other:.3f} s now, the model saw {time:.3f} s"
    return None


def _fitting(frame: NDArray[np.uint8], total: int) -> tuple[int, int]:
    """Return how many frames of a strip are shown, and in which quality, judging by one of them."""
    sizes: dict[int, int] = {}
    for quality in QUALITIES:
        sizes[quality] = len(encode_webp(frame, quality))
        if sizes[quality] * min(MOST_FRAMES, total) <= STRIP_BYTES:
            return MOST_FRAMES, quality
    fits = (quality for quality, size in sizes.items() if size * FEWER_FRAMES <= STRIP_BYTES)
    return FEWER_FRAMES, next(fits, QUALITIES[-1])


def strips(wanted: Sequence[tuple[Look, Joined]], clips: ClipLoader, reels: Reels, progress: Progress) -> list[Strip]:
    """Return the film strip of each look at a sample; pictures go to the reels. One step of progress a strip."""
    found: dict[int, Strip] = {}
    videos: dict[tuple[Path, str], list[int]] = {}
    for number, (look, sample) in enumerate(wanted):
        path, problem = _located(look.task, sample.sample_id)
        if path is None:
            found[number] = Strip(len(look.seen.indices), problem=problem)
            progress.advance()
        else:
            videos.setdefault((path, look.task.entry.frames), []).append(number)
    for (video, numbers), clip in clips.stream(videos.items(), lambda item: item[0]):
        for number in numbers:
            seen = wanted[number][0].seen
            if isinstance(clip, VideoError):
                found[number] = Strip(len(seen.indices), problem=str(clip))
            else:
                found[number] = reels.add(video, clip, seen)
            progress.advance()
    return [found[number] for number in range(len(wanted))]


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
