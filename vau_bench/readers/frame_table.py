"""What benchmarks of frames have in common: a table of their videos, and truth that is a set of frames.

    video,frames,fps
    Assault_2.mp4,426,29.97
    MSAD_normal_testing_1.mp4,900,25

Their annotations tell of anomalous videos alone, and not how many frames the others have. The table says which videos
are tested and how long each is; `write_frame_table` makes it from the videos. `fps` may be absent where the task tells
one rate for all.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic import Field

from vau_bench.errors import DataError
from vau_bench.readers.base import FileArgs
from vau_bench.readers.names import stem
from vau_bench.readers.tables import csv_rows, decoded
from vau_bench.records import NORMAL, Sample, Segment, Target
from vau_bench.video import find_videos, probe

Frames: TypeAlias = tuple[int, int]
"""The frames `[first, end)` of an event, counted from 0."""

COLUMNS = ("video", "frames", "fps")


class FrameArgs(FileArgs):
    """Arguments in `task.yaml` of a reader that needs the table.

    Attributes:
        frames: path of the table per split.
        fps: frames a second of the videos whose rate the table does not tell.
    """

    frames: dict[str, str]
    fps: float | None = Field(default=None, gt=0, allow_inf_nan=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """A video of the table.

    Attributes:
        video: as it stands there.
        frames: how many it has.
        fps: frames a second.
        where: the place in the table.
    """

    video: str
    frames: int
    fps: float
    where: str

    @property
    def name(self) -> str:
        """The name without folder and extension."""
        return stem(self.video)


def read_frame_table(path: Path, content: bytes, fps: float | None) -> dict[str, Listed]:
    """Return the videos of the table by name, in its order.

    Args:
        path: of the table.
        content: of the table.
        fps: of a video whose rate it does not tell.

    Raises:
        DataError: naming file and line, where a row breaks the schema, or there is none.
    """
    videos: dict[str, Listed] = {}
    for where, row in csv_rows(path, decoded(content, path), COLUMNS[:2]):
        video, count, rate = row["video"], row["frames"], row.get("fps", "")
        if not video:
            raise DataError(f"{where}: the row has no video")
        if not count.isdecimal() or int(count) < 1:
            raise DataError(f"{where}: not a number of frames: {count!r}")
        listed = Listed(video, int(count), _rate(rate, fps, where), where)
        if listed.name in videos:
            raise DataError(f"{where}: the video {listed.name!r} stands there twice")
        videos[listed.name] = listed
    if not videos:
        raise DataError(f"{path} holds no row")
    return videos


def _rate(text: str, fps: float | None, where: str) -> float:
    if not text and fps is not None:
        return fps
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise DataError(f"{where}: not a number of frames a second in the column 'fps': {text!r}")
    return rate


def write_frame_table(videos: Path, table: Path, names: Iterable[str] | None = None) -> None:
    """Write the table of the videos in a folder and below it.

    Args:
        videos: the folder.
        table: the file to write.
        names: of the videos that are tested, with or without extension; default: all.

    Raises:
        DataError: if a video is not there.
    """
    found = {stem(path.name): path for path in find_videos(videos)}
    chosen = sorted(found) if names is None else [stem(name) for name in names]
    absent = [name for name in chosen if name not in found]
    if absent:
        raise DataError(f"{len(absent)} videos are not below {videos}, such as {absent[0]}")
    with table.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for name in chosen:
            info = probe(found[name])
            rows.writerow([found[name].name, info.frame_count, info.fps])


def frame_sample(
    listed: Listed, label: str, events: Sequence[Frames], where: str, notes: Counter[str], group: str = ""
) -> Sample:
    """Return a video whose truth is a set of frames: of events that overlap or touch it is the union.

    Args:
        listed: its row of the table.
        label: the class.
        events: none for a normal video. One that goes on after the last frame is cut there, and noted.
        where: the place of the events in their file.
        notes: what was special is counted here.
        group: the source video; default: this one.

    Raises:
        DataError: if an event begins after the last frame, or an anomalous video has none.
    """
    late = [first for first, _ in events if first >= listed.frames]
    if late:
        raise DataError(f"{where}: an event begins at frame {late[0]} of {listed.name}, which has {listed.frames}")
    if (label == NORMAL) == bool(events):
        raise DataError(f"{where}: a video of class {label} with {len(events)} events")
    notes["cut_at_the_end"] += any(end > listed.frames for _, end in events)
    runs = _joined([(first, min(end, listed.frames)) for first, end in events])
    return Sample(
        id=listed.name,
        video=listed.video,
        group=group or listed.name,
        target=Target(label, tuple(Segment(first / listed.fps, end / listed.fps) for first, end in runs)),
        fields={"frames": listed.frames, "fps": listed.fps, "duration": listed.frames / listed.fps},
    )


def _joined(events: Iterable[Frames]) -> list[Frames]:
    runs: list[Frames] = []
    for first, end in sorted(events):
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(runs[-1][1], end))
        else:
            runs.append((first, end))
    return runs
