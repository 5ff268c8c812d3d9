"""MSAD: a table of the anomalous videos with the first and the last frame of the anomaly, counted from 1.

    name,scenario,total frames,starting frame of anomaly,ending frame of anomaly
    Assault_1,shop,426,55,426

The class is the name without its number. Which videos are tested, the normal ones among them, says the table of test
videos; rows of others are those of the training split.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset
from vau_bench.readers.frame_table import FrameArgs, Frames, Listed, frame_sample, read_frame_table
from vau_bench.readers.names import stem
from vau_bench.readers.tables import annotation_path, content_of, csv_rows, decoded
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL, Sample

NAME, TOTAL = "name", "total frames"
START, END = "starting frame of anomaly", "ending frame of anomaly"

_NORMAL_NAME = re.compile(r"(msad_)?normal", re.IGNORECASE)


class _Row(NamedTuple):
    frames: int
    event: Frames
    where: str


def read_msad_frames(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when a file is absent or a row breaks the schema.
    """
    options = validated(FrameArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    table = annotation_path(data, split, options.frames)
    assert data is not None  # or there would be no path
    content, counted = content_of(path), content_of(table)
    rows = _rows(path, content)
    videos = read_frame_table(table, counted, options.fps)
    notes: Counter[str] = Counter(rows_not_tested=len(rows.keys() - videos.keys()))
    samples = tuple(_sample(listed, rows.get(name), notes) for name, listed in videos.items())
    finder = VideoFinder(data, options.videos)
    digest = hashlib.sha256(content + b"\0" + counted).hexdigest()
    return Dataset(samples, digest, lambda s: finder.find(s.video), dict(notes))


def _rows(path: Path, content: bytes) -> dict[str, _Row]:
    rows: dict[str, _Row] = {}
    for where, row in csv_rows(path, decoded(content, path), [NAME, TOTAL, START, END]):
        name, numbers = stem(row[NAME]), [row[TOTAL], row[START], row[END]]
        if not name:
            raise DataError(f"{where}: the row has no name")
        if name in rows:
            raise DataError(f"{where}: the video {name!r} stands there twice")
        if not all(number.isdecimal() for number in numbers):
            raise DataError(f"{where}: not three numbers of frames: {', '.join(numbers)}")
        total, first, last = map(int, numbers)
        if not 1 <= first <= last:
            raise DataError(f"{where}: the anomaly [{first}, {last}] is reversed or does not count from 1")
        rows[name] = _Row(total, (first - 1, last), where)
    if not rows:
        raise DataError(f"{path} holds no row")
    return rows


def _sample(listed: Listed, row: _Row | None, notes: Counter[str]) -> Sample:
    """Return a video; how many frames an annotated one has says its annotation."""
    normal = _NORMAL_NAME.match(listed.name) is not None
    if row is None:
        if not normal:
            raise DataError(f"{listed.where}: {listed.name} is not annotated, and has no name of a normal video")
        return frame_sample(listed, NORMAL, (), listed.where, notes)
    if normal:
        raise DataError(f"{row.where}: an anomaly in {listed.name}, which has the name of a normal video")
    notes["other_number_of_frames"] += row.frames != listed.frames
    label = listed.name.rpartition("_")[0] or listed.name
    return frame_sample(replace(listed, frames=row.frames), label, [row.event], row.where, notes)
