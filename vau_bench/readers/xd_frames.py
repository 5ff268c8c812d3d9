"""XD-Violence: one line an anomalous test video, with the frames `[start, end)` of its events; 24 frames a second.

    v=a1B2c3D4e5F__#1_label_B4-0-0 0 1517 1970 3038
    Some.Film.1999__#00-10-00_00-11-30_label_G-B2-0.mp4 150 779

A name tells the classes after `_label_`, filled up with 0. Normal videos (`label_A`) have no line: the table of test
videos holds them as well, and tells how many frames each has.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset
from vau_bench.readers.frame_table import FrameArgs, Frames, Listed, frame_sample, read_frame_table
from vau_bench.readers.names import stem
from vau_bench.readers.tables import annotation_path, content_of, text_lines
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL

CLASSES = {
    "A": NORMAL,
    "B1": "Fighting",
    "B2": "Shooting",
    "B4": "Riot",
    "B5": "Abuse",
    "B6": "Car accident",
    "G": "Explosion",
}


def read_xd_frames(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when a file is absent or a line breaks the format.
    """
    options = validated(FrameArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    table = annotation_path(data, split, options.frames)
    assert data is not None  # or there would be no path
    content, counted = content_of(path), content_of(table)
    videos = read_frame_table(table, counted, options.fps)
    events = _events(path, content, videos)
    notes: Counter[str] = Counter()
    samples = []
    for name, listed in videos.items():
        where, frames = events.get(name, (listed.where, []))
        group = name.partition("__#")[0]
        samples.append(frame_sample(listed, _label(name, listed.where), frames, where, notes, group))
    finder = VideoFinder(data, options.videos)
    digest = hashlib.sha256(content + b"\0" + counted).hexdigest()
    return Dataset(tuple(samples), digest, lambda s: finder.find(s.video), dict(notes))


def _events(path: Path, content: bytes, videos: Mapping[str, Listed]) -> dict[str, tuple[str, list[Frames]]]:
    """Return the events of each video and the place where they stand."""
    found: dict[str, tuple[str, list[Frames]]] = {}
    for where, line in text_lines(path, content):
        video, *numbers = line.split()
        name = stem(video)
        if not numbers or len(numbers) % 2 or not all(number.isdecimal() for number in numbers):
            raise DataError(f"{where}: not a video and pairs of frame numbers: {line[:80]!r}")
        if name in found:
            raise DataError(f"{where}: the video {name!r} stands there twice")
        if name not in videos:
            raise DataError(f"{where}: there is no number of frames for {name}")
        pairs = [(int(first), int(end)) for first, end in zip(numbers[::2], numbers[1::2], strict=True)]
        for first, end in pairs:
            if first >= end:
                raise DataError(f"{where}: the event [{first}, {end}] is reversed or empty")
        found[name] = where, pairs
    if not found:
        raise DataError(f"{path} holds no line")
    return found


def _label(name: str, where: str) -> str:
    codes = [code for code in name.rpartition("_label_")[2].split("-") if code != "0"]
    unknown = [code for code in codes if code not in CLASSES]
    if unknown or not codes:
        raise DataError(f"{where}: the name does not end in '_label_' and classes such as B1-0-0: {name!r}")
    return ", ".join(CLASSES[code] for code in codes)
