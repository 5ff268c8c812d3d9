r"""HIVAU-70k, its instructions: one question and answer a line, about a clip, an event or a whole video.

    {"id": 0, "type": "event", "task": "judgement", "video": "ucf-crime/events/test/lane_E0.mp4", "conversations": [
        {"from": "human", "value": "<video>\nIs ...?"}, {"from": "gpt", "value": "There is no anomaly ..."}]}

Clips and events are files of their own. Each of our tasks takes the rows of one kind of question. A judgement is read
as normal where it says "no anomaly", and as abnormal otherwise.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from vau_bench.declarations import validated
from vau_bench.errors import DataError
from vau_bench.readers.base import Dataset, FileArgs, collected
from vau_bench.readers.json_files import entries, json_lines, text_of
from vau_bench.readers.names import stem
from vau_bench.readers.tables import annotation_path, content_of
from vau_bench.readers.videos import VideoFinder
from vau_bench.records import NORMAL, Sample, Target

JUDGEMENT = "judgement"
LEVELS = ("clip", "event", "video")
_NORMAL = "no anomaly"
_MEDIA = re.compile(r"<(?:video|image)>")
_CUT = re.compile(r"(?:_[A-Z]?\d+)+$")
"""How a clip or an event is numbered behind the name of its video, as far as that was seen: `lane_x264_E0`."""


class HivauArgs(FileArgs):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        task: which rows are read, by their key `task`.
    """

    task: str


def read_hivau_jsonl(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one kind of question of one split.

    Raises:
        DataError: naming file and line, when the file is absent or a row breaks the schema.
    """
    options = validated(HivauArgs, args, "dataset.args")
    path = annotation_path(data, split, options.annotations)
    assert data is not None  # or there would be no path
    content = content_of(path)
    rows = []
    for where, value in json_lines(content, path):
        row = entries(value, ["id", "type", "task", "video", "conversations"], where)
        rows.append((where, row, text_of(row, "task", where).lower()))
    found = ", ".join(sorted({task for *_, task in rows})) or "none"
    samples = collected(
        ((where, _sample(row, task, where)) for where, row, task in rows if task == options.task),
        f"{path} holds no row of the task {options.task!r}; found {found}",
        what="row",
    )
    finder = VideoFinder(data, options.videos)
    return Dataset(tuple(_with_corpus(samples)), hashlib.sha256(content).hexdigest(), lambda s: finder.find(s.video))


def _sample(row: Mapping[str, Any], task: str, where: str) -> Sample:
    video, level, turns = text_of(row, "video", where), text_of(row, "type", where), row["conversations"]
    if isinstance(row["id"], bool) or not isinstance(row["id"], int | str):
        raise DataError(f"{where}: the id is neither a number nor a text: {row['id']!r}")
    if level not in LEVELS:
        raise DataError(f"{where}: the type is not one of {', '.join(LEVELS)}: {level!r}")
    if not isinstance(turns, list) or len(turns) != 2:
        raise DataError(f"{where}: conversations are not one question and one answer")
    asked, answered = (_said(turn, role, where) for turn, role in zip(turns, ("human", "gpt"), strict=True))
    label = (NORMAL if _NORMAL in answered.lower() else "Abnormal") if task == JUDGEMENT else None
    return Sample(
        id=f"{row['id']}:{stem(video)}",
        video=video,
        group=_CUT.sub("", stem(video)),
        target=Target(label=label, texts={"description": answered}),
        fields={"query": asked, "level": level},
    )


def _said(turn: Any, role: str, where: str) -> str:
    turn = entries(turn, ["from", "value"], where)
    if turn["from"] != role:
        raise DataError(f"{where}: a turn of {turn['from']!r} where one of {role!r} belongs")
    said = _MEDIA.sub("", text_of(turn, "value", where)).strip()
    if not said:
        raise DataError(f"{where}: the turn of {role!r} says nothing")
    return said


def _with_corpus(samples: Iterable[Sample]) -> Iterator[Sample]:
    """Yield the samples with the references of their level, which tell how rare a word is."""
    levels: dict[str, list[str]] = {}
    samples = list(samples)
    for sample in samples:
        levels.setdefault(sample.fields["level"], []).append(sample.target.texts["description"])
    corpora = {level: tuple(texts) for level, texts in levels.items()}
    for sample in samples:
        yield replace(sample, fields={**sample.fields, "corpus": corpora[sample.fields["level"]]})
