"""Vad-Reasoning, the dataset of Vad-R1: one JSON object a line, with the frames of at most one anomaly.

    {"video": "lane_x264", "anomaly_type": "Fire", "start": 120, "end": 480, "total_frames": 900, "source": "UCF", ...}
    {"video": "01_015", "anomaly_type": "Normal", "total_frames": 500, "source": "SH", ...}

`start` and `end` are frames; how long a video is stands in a second file, a table of `video,duration` in seconds. The
rate is taken as constant, as the authors do, who score times as parts of `total_frames`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, collected
from vau_bench.readers.durations import TimedArgs, durations_of
from vau_bench.readers.json_files import entries, json_lines, span, text_of
from vau_bench.readers.names import source_video, stem
from vau_bench.readers.tables import annotation_path, content_of
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL, Sample, Segment, Target


def read_vad_reasoning_jsonl(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when a file is absent or a row breaks the schema.
    """
    options = validated(TimedArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    beside = data / options.durations
    listed, timed = content_of(path), content_of(beside)
    durations = durations_of(beside, timed)
    rows = json_lines(listed, path)
    samples = collected(((where, _sample(row, where, durations)) for where, row in rows), f"{path} holds no row")
    finder = VideoFinder(data, options.videos)
    digest = hashlib.sha256(listed + b"\0" + timed).hexdigest()
    return Dataset(samples, digest, lambda s: finder.find(s.video))


def _sample(row: Any, where: str, durations: Mapping[str, float]) -> Sample:
    row = entries(row, ["video", "anomaly_type", "total_frames"], where)
    video, label, frames = text_of(row, "video", where), text_of(row, "anomaly_type", where), row["total_frames"]
    if isinstance(frames, bool) or not isinstance(frames, int) or frames < 1:
        raise DataError(f"{where}: not a number of frames: {frames!r}")
    name = stem(video)
    if name not in durations:
        raise DataError(f"{where}: there is no duration of {name}")
    return Sample(
        id=name,
        video=video,
        group=source_video(video),
        target=Target(label=label, segments=_segments(row, label, where, durations[name] / frames)),
        fields={"duration": durations[name], "paper": "vad_r1"},
    )


def _segments(row: Mapping[str, Any], label: str, where: str, seconds: float) -> tuple[Segment, ...]:
    """Return the anomaly in seconds, of which a frame lasts so many."""
    if label == NORMAL:
        if row.get("start") is not None or row.get("end") is not None:
            raise DataError(f"{where}: a normal video with the start or the end of an anomaly")
        return ()
    row = entries(row, ["start", "end"], where)
    start, end = span([row["start"], row["end"]], where)
    if end > row["total_frames"]:
        raise DataError(f"{where}: the anomaly ends at frame {end:g} of {row['total_frames']}")
    return (Segment(start * seconds, end * seconds),)
