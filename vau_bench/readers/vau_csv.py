"""The VAU-Bench CSV schema: one row per video with one question, one class and one interval in seconds.

Columns: `Video Name, Question, Option 1..4, Correct Option, Key Object, Description, Reasoning, Anomaly Class,
Start Time, End Time`. A file needs only the columns of the kind that reads it. The released files do not tell how long
a video is; a column `Duration`, in seconds, is read where there is one. The traps of the released files:

- a masked row holds "-1" in every text field; its interval is still valid;
- `(-1, -1)` is an unknown time, `(0, 0)` a normal video; a row may be called Normal and still hold an interval;
- `Correct Option` may be a whole sentence ("D. Green trash bin ..."), whose first letter is the answer;
- names may carry a prefix (`msad_`, `ucf_`, `ecva_`), classes differ in case and underscores.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import Field

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, FileArgs, collected
from vau_bench.readers.labels import canonical
from vau_bench.readers.names import source_video, stem
from vau_bench.readers.tables import annotation_path, content_of, csv_rows, decoded
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL, Sample, Segment, Target

MASKED = "-1"
OPTION_COLUMNS = ("Option 1", "Option 2", "Option 3", "Option 4")
TEXT_COLUMNS = {"Key Object": "key_object", "Description": "description", "Reasoning": "reasoning"}
_LETTER = re.compile(r"([A-D])(?:[.):]|$)")  # "A man runs" does not begin with the letter A


class VauCsvArgs(FileArgs):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        prefixes: per split, how the names of its videos begin in a file that holds other datasets too.
        columns: the columns that must be there, beside `Video Name`.
    """

    prefixes: dict[str, str] = Field(default_factory=dict)
    columns: list[str] = Field(default_factory=list)


def read_vau_csv(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when the file is absent or a row breaks the schema.
    """
    options = validated(VauCsvArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    content = content_of(path)
    samples, notes = _samples(path, content, tuple(options.columns), options.prefixes.get(split, ""))
    finder = VideoFinder(data, options.videos)
    return Dataset(samples, hashlib.sha256(content).hexdigest(), lambda s: finder.find(s.video), notes)


@lru_cache(maxsize=2)  # a run reads its split for the samples, for the floors, and again when it is scored
def _samples(
    path: Path, content: bytes, columns: tuple[str, ...], prefix: str
) -> tuple[tuple[Sample, ...], Mapping[str, int]]:
    notes: Counter[str] = Counter()
    samples = collected(
        (
            (where, _sample(row, where, notes))
            for where, row in csv_rows(path, decoded(content, path), ["Video Name", *columns])
            if row["Video Name"].startswith(prefix)
        ),
        f"{path} holds no row" + (f" whose video name begins with {prefix!r}" if prefix else ""),
    )
    return samples, dict(notes)


def _sample(row: Mapping[str, str], where: str, notes: Counter[str]) -> Sample:
    video = row["Video Name"]
    if not video:
        raise DataError(f"{where}: the row has no video name")
    texts = {k: v for k, v in row.items() if v and v != MASKED}
    if row.get("Question") == MASKED:
        notes["masked"] += 1
    label = canonical(texts["Anomaly Class"]) if "Anomaly Class" in texts else None
    segments = _segments(row, where)
    if "Start Time" in row:
        notes["unknown_time"] += segments is None
        notes["normal_with_interval"] += bool(segments) and label == NORMAL
    if label is None and segments == () and "Anomaly Class" not in row:
        label = NORMAL
    options = [texts[c] for c in OPTION_COLUMNS if c in texts]
    fields: dict[str, Any] = {name: texts[c] for c, name in TEXT_COLUMNS.items() if c in texts}
    if "Question" in texts and len(options) == len(OPTION_COLUMNS):
        fields |= {"question": texts["Question"], "options": options}
    if "Duration" in texts:
        fields["duration"] = _duration(texts["Duration"], where)
    return Sample(
        id=stem(video),
        video=video,
        group=source_video(video),
        target=Target(
            label=label,
            segments=segments,
            option=_option(texts, where, notes),
            texts={k: fields[k] for k in ("description", "reasoning") if k in fields},
        ),
        fields=fields,
    )


def _segments(row: Mapping[str, str], where: str) -> tuple[Segment, ...] | None:
    if "Start Time" not in row or "End Time" not in row:
        return None
    try:
        start, end = float(row["Start Time"]), float(row["End Time"])
    except ValueError:
        raise DataError(f"{where}: not a time: {row['Start Time']!r}, {row['End Time']!r}") from None
    if (start, end) == (-1, -1):
        return None
    if (start, end) == (0, 0):
        return ()
    if not (math.isfinite(start) and math.isfinite(end)) or start < 0:
        raise DataError(f"{where}: not a time: {start}, {end}")
    if end <= start:
        raise DataError(f"{where}: the interval [{start:g}, {end:g}] is reversed or empty")
    return (Segment(start, end),)


def _duration(text: str, where: str) -> float:
    try:
        duration = float(text)
    except ValueError:
        duration = math.nan
    if not 0 < duration < math.inf:
        raise DataError(f"{where}: not a duration in seconds: {text!r}")
    return duration


def _option(texts: Mapping[str, str], where: str, notes: Counter[str]) -> str | None:
    if "Correct Option" not in texts:
        return None
    found = _LETTER.match(texts["Correct Option"])
    if not found:
        raise DataError(f"{where}: the right option is not A, B, C or D: {texts['Correct Option']!r}")
    notes["option_as_sentence"] += len(texts["Correct Option"]) > 1
    return found[1]
