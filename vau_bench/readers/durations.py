"""A table of `video,duration` in seconds, for benchmarks whose annotation gives times as parts of a video."""

from __future__ import annotations

import math
from pathlib import Path

from vau_bench.errors import DataError
from vau_bench.readers.base import FileArgs
from vau_bench.readers.names import stem
from vau_bench.readers.tables import csv_rows, decoded


class TimedArgs(FileArgs):
    """Arguments in `task.yaml` of a reader that needs the table.

    Attributes:
        durations: path of the table of all videos.
    """

    durations: str


def durations_of(path: Path, content: bytes) -> dict[str, float]:
    """Return the seconds that each video lasts, by its name without folder and extension.

    Raises:
        DataError: naming file and line, where a row breaks the schema or a video stands there twice.
    """
    durations: dict[str, float] = {}
    for where, row in csv_rows(path, decoded(content, path), ["video", "duration"]):
        name = stem(row["video"])
        if name in durations:
            raise DataError(f"{where}: the video {name!r} stands there twice")
        try:
            durations[name] = float(row["duration"])
        except ValueError:
            durations[name] = math.nan
        if not 0 < durations[name] < math.inf:
            raise DataError(f"{where}: not a duration in seconds: {row['duration']!r}")
    return durations
