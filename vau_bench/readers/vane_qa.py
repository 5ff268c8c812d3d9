"""VANE-Bench: questions about ten frames, in one file a clip beside the folder of its frames.

    VQA_Data/AI-Generated/SORA/video_1_subset_2_qa.txt
    VQA_Data/AI-Generated/SORA/video_1_subset_2/frame_1.jpg ...

A file holds a list of dicts as Python writes them: `Q` is the question with its options in it ("... A) .. B) .. C) ..
D) .."), `A` the right letter, with or without `)`. It is read by `ast.literal_eval`, never evaluated. The frames are
joined to a video in the cache when they are first shown.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from vau_bench.declarations import validated
from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers.base import Dataset
from vau_bench.readers.tables import annotation_path, content_of, decoded
from vau_bench.readers.videos import joined_frames
from vau_bench.records import Sample, Target

FPS = 10
"""At which the frames are shown. Which rate they were taken at is not told."""

_FILE = "_qa.txt"
_LIMIT = 200_000  # characters; the parser of Python is not made for more
_LETTERS = "ABCDEFGH"
_MARK = re.compile(r"(?<!\w)\(?([A-H])\)")
_SUBSET = re.compile(r"_subset_\d+$")


class VaneArgs(BaseModel):
    """Arguments of the reader in `task.yaml`.

    Attributes:
        annotations: folder per split that holds the questions and the frames, below the data root.
    """

    model_config = ConfigDict(extra="forbid")

    annotations: dict[str, str]


def read_vane_qa(data: Path | None, split: str, args: Mapping[str, Any]) -> Dataset:
    """Read one split.

    Raises:
        DataError: naming file and question, when the folder is absent or a file breaks the format.
    """
    options = validated(VaneArgs, args, "dataset.args")
    root = annotation_path(data, split, options.annotations)
    if not root.is_dir():
        raise NoAnnotationError(f"no folder {root}; pass --data DIR, the folder that holds it")
    samples: list[Sample] = []
    digest = hashlib.sha256()
    for path in sorted(root.rglob(f"*{_FILE}")):
        content = content_of(path)
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
        samples += _samples(path, decoded(content, path), path.relative_to(root).as_posix().removesuffix(_FILE))
    if not samples:
        raise DataError(f"{root} holds no question: no file *{_FILE}, or only empty ones")
    return Dataset(tuple(samples), digest.hexdigest(), lambda s: joined_frames(root / s.video, FPS))


def _samples(path: Path, text: str, clip: str) -> Iterator[Sample]:
    for number, entry in enumerate(_listed(path, text), 1):
        where = f"{path}, question {number}"
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("Q", "A")):
            raise DataError(f"{where}: not a dict of the texts Q and A: {repr(entry)[:80]}")
        question, options = _question(entry["Q"])
        if not question or len(options) < 2 or not all(options):
            raise DataError(f"{where}: not a question and its options A) B) ...: {entry['Q'][:80]!r}")
        letter = entry["A"].strip().removesuffix(")")
        if letter not in tuple(_LETTERS[: len(options)]):
            raise DataError(f"{where}: the right option is none of {', '.join(_LETTERS[: len(options)])}: {letter!r}")
        yield Sample(
            id=f"{clip}:{number}",
            video=clip,
            group=_SUBSET.sub("", clip),
            target=Target(label=path.parent.name, option=letter),
            fields={"question": question, "options": options, "paper": "single_letter"},
        )


def _listed(path: Path, text: str) -> list[Any]:
    try:
        value = ast.literal_eval(text.strip()) if len(text) <= _LIMIT else None
    except SyntaxError as error:
        raise DataError(f"{path}:{error.lineno or 1}: not a Python list: {error.msg}") from None
    except (ValueError, TypeError, MemoryError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise DataError(f"{path}:1: not a Python list of questions")
    return value


def _question(text: str) -> tuple[str, list[str]]:
    """Return the question and its options: those behind A), the B) after it, the C) after that, and so on."""
    marks: list[re.Match[str]] = []
    for mark in _MARK.finditer(text):
        if mark[1] == _LETTERS[len(marks) : len(marks) + 1]:
            marks.append(mark)
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    options = [text[mark.end() : end].strip() for mark, end in zip(marks, ends, strict=True)]
    return text[: marks[0].start() if marks else len(text)].strip(), options
