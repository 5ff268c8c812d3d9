"""TAU-106K, its videos: traffic accidents with their time, as a part of the clip.

    [{"videoPath": "videos/a.mp4", "accident_type": "single vehicle accident", "accident_segments": [["0.4", "0.53"]]},
     {"videoPath": "videos/b.mp4", "accident_type": "normal", "accident_segments": []}]

0 is the start of the clip and 1 its end; some rows write the numbers as strings. How long a clip is stands in a second
file, a table of `video,duration` in seconds. Of several segments the authors use the first, and so does this reader.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, collected
from vau_bench.readers.durations import TimedArgs, durations_of
from vau_bench.readers.json_files import entries, json_of, span
from vau_bench.readers.names import stem
from vau_bench.readers.tables import annotation_path, content_of
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL, Sample, Segment, Target

_NO_ACCIDENT = "normal"
_CUT = re.compile(r"(.+)_scene-\d+|(Domestic_BV[0-9A-Za-z]+)_\d+")
"""Names of clips that were cut from one video; `CCD_Accident_001116` is a video of its own."""


def read_tau_json(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and row, when a file is absent or a row breaks the schema.
    """
    options = validated(TimedArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    beside = data / options.durations
    listed, timed = content_of(path), content_of(beside)
    durations = durations_of(beside, timed)
    rows = json_of(listed, path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: not a list of videos")
    notes: Counter[str] = Counter()
    placed = ((f"{path}, row {number}", row) for number, row in enumerate(rows, 1))
    samples = collected(
        ((where, _sample(row, where, durations, notes)) for where, row in placed), f"{path} holds no row"
    )
    finder = VideoFinder(data, options.videos)
    digest = hashlib.sha256(listed + b"\0" + timed).hexdigest()
    return Dataset(samples, digest, lambda s: finder.find(s.video), dict(notes))


def _sample(row: Any, where: str, durations: Mapping[str, float], notes: Counter[str]) -> Sample:
    row = entries(row, ["videoPath", "accident_type", "accident_segments"], where)
    video, kind, parts = row["videoPath"], row["accident_type"], row["accident_segments"]
    for key in ("videoPath", "accident_type"):
        if not isinstance(row[key], str) or not row[key].strip():
            raise DataError(f"{where}: {key} is no text: {row[key]!r}")
    if not isinstance(parts, list):
        raise DataError(f"{where}: accident_segments is no list: {parts!r}")
    name, normal = stem(video), kind == _NO_ACCIDENT
    if normal and parts:
        raise DataError(f"{where}: a normal video with {len(parts)} accident segments")
    if name not in durations:
        raise DataError(f"{where}: there is no duration of {name}")
    notes["several_segments"] += len(parts) > 1
    segments = tuple(_seconds(part, durations[name], where) for part in parts[:1])
    return Sample(
        id=name,
        video=video,
        group=_source(name),
        target=Target(label=NORMAL if normal else kind, segments=segments if normal or segments else None),
        fields={"duration": durations[name], "paper": "tabot"},
    )


def _source(name: str) -> str:
    cut = _CUT.fullmatch(name)
    return (cut[1] or cut[2]) if cut else name


def _seconds(part: Any, duration: float, where: str) -> Segment:
    start, end = span(part, where)
    if end > 1:
        raise DataError(f"{where}: the segment [{start:g}, {end:g}] is not within 0 and 1")
    return Segment(start * duration, end * duration)
