"""UBnormal: one file an anomalous video with a row a track, whose frames are all anomalous.

    Scene1/abnormal_scene_1_scenario_1_annotations/abnormal_scene_1_scenario_1_tracks.txt:
    0.0,120.0,185.0
    1.0,133.0,260.0

A row is an object, its first and its last frame, counted from 0; tracks overlap. The files of all splits lie together:
which videos are tested, the normal ones among them, says the table of test videos.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers.base import Dataset
from vau_bench.readers.frame_table import FrameArgs, Frames, frame_sample, read_frame_table
from vau_bench.readers.tables import annotation_path, content_of, text_lines
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import ANOMALY, NORMAL, Sample

_FILE = "_tracks.txt"
_WEATHER = re.compile(r"_(fog|fire|smoke)$")
"""What a scenario may be rendered with; it stays the same scenario."""


def read_ubnormal_tracks(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when a file is absent or a line breaks the format.
    """
    options = validated(FrameArgs, args, "dataset.args")
    folder = annotation_path(data, split, options.annotations)
    table = annotation_path(data, split, options.frames)
    assert data is not None  # or there would be no path
    if not folder.is_dir():
        raise NoAnnotationError(f"no folder {folder}; pass --data DIR, the folder that holds it")
    counted = content_of(table)
    tracks = _files(folder)
    digest, notes = hashlib.sha256(counted), Counter[str]()
    samples: list[Sample] = []
    for name, listed in read_frame_table(table, counted, options.fps).items():
        label, where, events = NORMAL, listed.where, list[Frames]()
        if name.startswith("abnormal_"):
            if name not in tracks:
                raise DataError(f"{where}: there is no {name}{_FILE} below {folder}")
            label, where, content = ANOMALY, str(tracks[name]), content_of(tracks[name])
            digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
            events = _events(tracks[name], content)
        elif not name.startswith("normal_"):
            raise DataError(f"{where}: the name begins with neither 'normal_' nor 'abnormal_': {name!r}")
        samples.append(frame_sample(listed, label, events, where, notes, _WEATHER.sub("", name)))
    finder = VideoFinder(data, options.videos)
    return Dataset(tuple(samples), digest.hexdigest(), lambda s: finder.find(s.video), dict(notes))


def _files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob(f"*{_FILE}")):
        name = path.name.removesuffix(_FILE)
        if name in found:
            raise DataError(f"two files of tracks of {name}: {found[name]} and {path}")
        found[name] = path
    return found


def _events(path: Path, content: bytes) -> list[Frames]:
    events = []
    for where, line in text_lines(path, content):
        try:
            first, last = (float(cell) for cell in line.split(",")[1:3])
        except ValueError:
            first = last = math.nan
        if not (first.is_integer() and last.is_integer()):
            raise DataError(f"{where}: not an object, a first and a last frame: {line[:80]!r}")
        if not 0 <= first <= last:
            raise DataError(f"{where}: the track [{first:g}, {last:g}] is reversed or negative")
        events.append((int(first), int(last) + 1))
    if not events:
        raise DataError(f"{path} holds no track")
    return events
