"""UCA, the UCF-Crime Annotation: sentences about videos of UCF-Crime, each with the time of what it describes.

    {"Abuse037_x264": {"duration": 59.88, "timestamps": [[1.2, 8.2], ...], "sentences": ["A man ...", ...]}}

Times are seconds. A sentence is a sample: its text is the query. Sentences of a video overlap, are in no order of time,
and tell what is ordinary as well as what is not.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, FileArgs, collected
from vau_bench.readers.json_files import entries, json_of, span
from vau_bench.readers.names import source_video, stem
from vau_bench.readers.tables import annotation_path, content_of
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import Sample, Target


def read_uca_json(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file, video and sentence, when the file is absent or breaks the schema.
    """
    options = validated(FileArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    content = content_of(path)
    videos = entries(json_of(content, path), [], f"{path}")
    places = ((f"{path}: {name}", name, told) for name, told in videos.items())
    placed = ((where, sample) for where, name, told in places for sample in _samples(name, told, where))
    samples = collected(placed, f"{path} holds no sentence", what="sentence")
    finder = VideoFinder(data, options.videos)
    return Dataset(samples, hashlib.sha256(content).hexdigest(), lambda s: finder.find(s.video))


def _samples(video: str, told: Any, where: str) -> Iterator[Sample]:
    told = entries(told, ["duration", "timestamps", "sentences"], where)
    duration, times, sentences = told["duration"], told["timestamps"], told["sentences"]
    if isinstance(duration, bool) or not isinstance(duration, int | float) or not 0 < duration < math.inf:
        raise DataError(f"{where}: not a duration in seconds: {duration!r}")
    if not isinstance(times, list) or not isinstance(sentences, list) or len(times) != len(sentences):
        raise DataError(f"{where}: not as many timestamps as sentences")
    for number, (time, sentence) in enumerate(zip(times, sentences, strict=True), 1):
        place = f"{where}, sentence {number}"
        if not isinstance(sentence, str) or not sentence.strip():
            raise DataError(f"{place}: no text")
        yield Sample(
            id=f"{stem(video)}:{number}",
            video=video,
            group=source_video(video),
            target=Target(segments=(span(time, place),)),
            fields={"query": sentence.strip(), "duration": float(duration)},
        )
