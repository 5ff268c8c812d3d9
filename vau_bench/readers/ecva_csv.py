"""ECVA in its own table: one row a video with the reason and the result of its anomaly, and its moments.

Columns: `video_id`, `A1 Classification`, `A2 - reason`, `A2 - result`, `A3,moment`, `A3 - description`,
`A4 - key sentences`. The release is a spreadsheet; it is read as CSV. A video has one or more moments, and a
description of each: `[0005,0011],[0022,0127]` and `[A man ...],[He ...]`. Rows whose id is no number are left out, as
the authors do.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from vau_bench.declarations import validated
from vau_bench.readers.base import Dataset, FileArgs, collected
from vau_bench.readers.moments import moments_of
from vau_bench.readers.tables import annotation_path, content_of, csv_rows, decoded
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import Sample, Target

COLUMNS = {"cause": "A2 - reason", "result": "A2 - result", "time": "A3,moment", "description": "A3 - description"}
_PART = re.compile(r"\[([^\[\]]*)\]")


class EcvaArgs(FileArgs):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        question: which column is the truth.
        query: what is asked, where the answer is a text.
    """

    question: Literal["cause", "result", "time", "description"]
    query: str = "What happens in this video?"


def read_ecva_csv(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when the file is absent or a row breaks the schema.
    """
    options = validated(EcvaArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    content = content_of(path)
    notes: Counter[str] = Counter()
    rows = [*csv_rows(path, decoded(content, path), ["video_id", COLUMNS[options.question]])]
    numbered = [(where, row) for where, row in rows if row["video_id"].isdecimal()]
    notes["id_is_no_number"] += len(rows) - len(numbered)
    samples = collected(
        ((where, _sample(row, options, where, notes)) for where, row in numbered),
        f"{path} holds no row with a number as video_id",
    )
    finder = VideoFinder(data, options.videos)
    return Dataset(samples, hashlib.sha256(content).hexdigest(), lambda s: _found(finder, s), dict(notes))


def _sample(row: Mapping[str, str], options: EcvaArgs, where: str, notes: Counter[str]) -> Sample:
    told, name = row[COLUMNS[options.question]], str(int(row["video_id"]))
    if options.question == "time":
        target = Target(segments=moments_of(told, where, notes))
    else:
        target = Target(texts={"description": _joined(told) if options.question == "description" else told})
    return Sample(
        id=name,
        video=f"{name}.mp4",
        group=name,
        target=target,
        fields={"paper": "no_rule"} if options.question == "time" else {"query": options.query},
    )


def _joined(text: str) -> str:
    """Return the descriptions of all moments as one text."""
    return " ".join(part.strip() for part in _PART.findall(text)) or text


def _found(finder: VideoFinder, sample: Sample) -> Path | None:
    """Return the file of a video, whose number may be filled up to five digits."""
    return finder.find(sample.video) or finder.find(f"{int(sample.id):05d}.mp4")
