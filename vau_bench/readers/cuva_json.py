"""CUVA: one row a video and question, about its cause, result, description, class or time.

    [{"instruction": "Why ...?", "visual_input": "00001.mp4", "output": "Because ...", "task": "Cause", "ID": "7"}]

All videos are anomalous. Each of our tasks takes the rows of one question. Some rows name it by a code, T1 to T5.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, FileArgs, collected
from vau_bench.readers.json_files import entries, json_of, text_of
from vau_bench.readers.moments import moments_of
from vau_bench.readers.names import stem
from vau_bench.readers.tables import annotation_path, content_of
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import Sample, Target

CLASSES = (
    "Fighting",
    "Animals Hurting People",
    "Water Incidents",
    "Vandalism",
    "Traffic Accidents",
    "Robbery",
    "Theft",
    "Pedestrian Incidents",
    "Fire",
    "Traffic Violations",
    "Forbidden to Burn",
)
"""Its classes, which it numbers from 1; each has kinds of its own, such as 1-2, which are not told apart here."""
CODES = {"T1": "Classification", "T2": "Cause", "T3": "Result", "T4": "Timestamp", "T5": "Description"}
QUESTIONS = ("Detection", *CODES.values())
_NUMBER = re.compile(r"\[?\s*(\d{1,2})(?:\s*-\s*\d{1,2})?\s*\]?")
_NAMES = {re.sub(r"\W", "", name).lower(): name for name in CLASSES} | {"burning": CLASSES[-1]}


class CuvaArgs(FileArgs):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        question: which rows are read.
    """

    question: Literal["Classification", "Cause", "Result", "Timestamp", "Description"]


def read_cuva_json(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one question of one split.

    Raises:
        DataError: naming file and row, when the file is absent or a row breaks the schema.
    """
    options = validated(CuvaArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    content = content_of(path)
    rows = json_of(content, path)
    if not isinstance(rows, list):
        raise DataError(f"{path}: not a list of rows")
    notes: Counter[str] = Counter()
    placed = [
        (where, row)
        for where, row in ((f"{path}, row {number}", row) for number, row in enumerate(rows, 1))
        if _question(entries(row, ["instruction", "visual_input", "output", "task"], where), where) == options.question
    ]
    samples = collected(
        ((where, _sample(row, options.question, where, notes)) for where, row in placed),
        f"{path} holds no row of the task {options.question}",
        what=f"{options.question} of the video",
    )
    finder = VideoFinder(data, options.videos)
    return Dataset(samples, hashlib.sha256(content).hexdigest(), lambda s: finder.find(s.video), dict(notes))


def _question(row: Mapping[str, Any], where: str) -> str:
    told = text_of(row, "task", where)
    question = CODES.get(told, told)
    if question not in QUESTIONS:
        raise DataError(f"{where}: the task is not one of {', '.join(QUESTIONS)} or T1 to T5: {told!r}")
    return question


def _sample(row: Mapping[str, Any], question: str, where: str, notes: Counter[str]) -> Sample:
    video, answer = text_of(row, "visual_input", where), text_of(row, "output", where)
    if question == "Timestamp":
        target = Target(segments=moments_of(answer, where, notes))
    elif question == "Classification":
        target = Target(label=_class(answer, where))
    else:
        target = Target(texts={"description": answer})
    return Sample(
        id=stem(video),
        video=video,
        group=stem(video),
        target=target,
        fields={"paper": "no_rule"} if question == "Timestamp" else {"query": text_of(row, "instruction", where)},
    )


def _class(answer: str, where: str) -> str:
    """Return the class of a number, with or without brackets and the number of its kind, or of its name."""
    number = _NUMBER.fullmatch(answer)
    if number and 1 <= int(number[1]) <= len(CLASSES):
        return CLASSES[int(number[1]) - 1]
    name = _NAMES.get(re.sub(r"\W", "", answer).lower())
    if name is None:
        raise DataError(f"{where}: neither the number nor the name of a class: {answer[:80]!r}")
    return name
