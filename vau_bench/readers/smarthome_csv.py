"""SmartHome-Bench: one row a video with a verdict, a description and a reasoning, without times.

Columns: `Title, Category, Anomaly Tag, Video Description, Reasoning behind Normality/Anomalies`. The file that the
authors score with calls the third one `Label`. It is Normal, Abnormal or Vague Abnormal, which counts as abnormal.
Several categories stand in one cell, separated by commas.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, FileArgs, collected
from vau_bench.readers.names import stem
from vau_bench.readers.tables import annotation_path, content_of, csv_rows, decoded
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL, Sample, Target

ABNORMAL, VAGUE = "Abnormal", "Vague Abnormal"
TAGS = ("Anomaly Tag", "Label")
DESCRIPTION, REASONING = "Video Description", "Reasoning behind Normality/Anomalies"


def read_smarthome_csv(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and line, when the file is absent or a row breaks the schema.
    """
    options = validated(FileArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    content = content_of(path)
    rows = csv_rows(path, decoded(content, path), ["Title", "Category"])
    samples = collected(((where, _sample(row, where)) for where, row in rows), f"{path} holds no row")
    notes = {"vague": sum(sample.fields["vague"] for sample in samples)}
    finder = VideoFinder(data, options.videos)
    return Dataset(samples, hashlib.sha256(content).hexdigest(), lambda s: finder.find(s.video), notes)


def _sample(row: Mapping[str, str], where: str) -> Sample:
    if not row["Title"]:
        raise DataError(f"{where}: the row has no title")
    tag = next((row[name] for name in TAGS if name in row), None)
    if tag is None:
        raise DataError(f"{where}: there is no column {' or '.join(map(repr, TAGS))}")
    if tag not in (NORMAL, ABNORMAL, VAGUE):
        raise DataError(f"{where}: the verdict is not {NORMAL}, {ABNORMAL} or {VAGUE}: {tag!r}")
    texts = {"description": row.get(DESCRIPTION, ""), "reasoning": row.get(REASONING, "")}
    categories = [part.strip() for part in row["Category"].split(",") if part.strip()]
    return Sample(
        id=stem(row["Title"]),
        video=row["Title"],
        group=stem(row["Title"]),
        target=Target(
            label=NORMAL if tag == NORMAL else ABNORMAL, texts={name: text for name, text in texts.items() if text}
        ),
        fields={"vague": tag == VAGUE, "categories": categories},
    )
