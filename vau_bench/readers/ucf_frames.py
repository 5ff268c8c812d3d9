"""The official test list of UCF-Crime: one line a video with its class and up to two events, in frames.

    Abuse028_x264.mp4  Abuse  165  240  -1  -1
    Arson011_x264.mp4  Arson  150  420  680  1267
    Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1

Two numbers are the first and the last frame of an event, -1 where there is none. How many frames a video has stands in
a second file under a shorter name: `Abuse028@1412`, `Normal003@2822`. All videos have 30 frames a second.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, FileArgs, collected
from vau_bench.readers.names import source_video, stem
from vau_bench.readers.tables import annotation_path, content_of, text_lines
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL, Sample, Segment, Target

FPS = 30
_ABSENT = -1


class UcfFramesArgs(FileArgs):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        frames: path of the frame counts.
    """

    frames: str


def read_ucf_frames(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when a file is absent or a line breaks the format.
    """
    options = validated(UcfFramesArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    beside = annotation_path(data, "frames", {"frames": options.frames})
    listed, counted = content_of(path), content_of(beside)
    counts = _counts(beside, counted)
    lines = text_lines(path, listed)
    samples = collected(((where, _sample(line, where, counts)) for where, line in lines), f"{path} holds no line")
    notes = {"two_events": sum(len(sample.target.segments or ()) > 1 for sample in samples)}
    finder = VideoFinder(data, options.videos)
    digest = hashlib.sha256(listed + b"\0" + counted).hexdigest()
    return Dataset(samples, digest, lambda s: finder.find(s.video), notes)


def _counts(path: Path, content: bytes) -> dict[str, int]:
    counts: dict[str, int] = {}
    for where, line in text_lines(path, content):
        name, at, count = line.partition("@")
        if not at or not count.strip().isdecimal() or int(count) < 1:
            raise DataError(f"{where}: not a name and a number of frames, such as Abuse028@1412: {line[:80]!r}")
        if name in counts:
            raise DataError(f"{where}: the video {name!r} stands there twice")
        counts[name] = int(count)
    return counts


def _short(name: str) -> str:
    """Return the name of a video as the second file has it."""
    return re.sub(r"^Normal_Videos_?", "Normal", name).removesuffix("_x264")


def _sample(line: str, where: str, counts: Mapping[str, int]) -> Sample:
    video, *rest = line.split()
    if len(rest) != 5 or not all(text.removeprefix("-").isdecimal() for text in rest[1:]):
        raise DataError(f"{where}: not a video, a class and four frame numbers: {line[:80]!r}")
    label, numbers = rest[0], [int(text) for text in rest[1:]]
    name = stem(video)
    count = counts.get(_short(name))
    if count is None:
        raise DataError(f"{where}: there is no number of frames for {name}")
    segments = []
    for first, last in (numbers[:2], numbers[2:]):
        if (first, last) == (_ABSENT, _ABSENT):
            continue
        if not 0 <= first < last:
            raise DataError(f"{where}: the event [{first}, {last}] is reversed, empty or incomplete")
        segments.append(Segment(first / FPS, last / FPS))
    if (label == NORMAL) == bool(segments):
        raise DataError(f"{where}: a video of class {label} with {len(segments)} events")
    return Sample(
        id=name,
        video=video,
        group=source_video(video),
        target=Target(label=label, segments=tuple(sorted(segments))),
        # VAU-R1 reads one interval, and does not score on this list.
        fields={"frames": count, "fps": float(FPS), "duration": count / FPS, "paper": "no_rule"},
    )
