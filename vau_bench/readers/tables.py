"""Annotation files as text and as tables, with errors that name file and line."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from vau_bench.errors import DataError, NoAnnotationError


def annotation_path(data: Path | None, split: str, annotations: Mapping[str, str]) -> Path:
    """Return where the annotation of a split lies.

    Args:
        data: the user's data root.
        split: the split's name.
        annotations: path of the file per split, below the data root.

    Raises:
        DataError: if no file is named for the split, or there is no data root.
    """
    if split not in annotations:
        known = ", ".join(annotations) or "none"
        raise DataError(f"dataset.args: no annotations for the split {split!r}; known: {known}")
    if data is None:
        raise DataError(f"this dataset is not shipped; pass --data DIR with {annotations[split]} in it")
    return data / annotations[split]


def content_of(path: Path) -> bytes:
    """Return the bytes of an annotation file.

    Raises:
        NoAnnotationError: if it is absent.
        DataError: if it cannot be read.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise NoAnnotationError(f"no annotation file {path}; pass --data DIR, the folder that holds it") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None


def decoded(content: bytes, path: Path) -> str:
    """Return the text of an annotation file.

    Raises:
        DataError: naming the line that is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{path}:{line}: not UTF-8 text") from None


def csv_rows(path: Path, text: str, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each row by column, with the place where it stands.

    Raises:
        DataError: if a needed column is absent, or a row has another length, which would shift its cells.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_columns(path, header, needed)
        for cells in filter(None, reader):
            where = f"{path}:{reader.line_num}"
            if len(cells) != len(header):
                raise DataError(f"{where}: the row has {len(cells)} fields, the header {len(header)}")
            yield where, {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
    except csv.Error as error:
        raise DataError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _check_columns(path: Path, header: Sequence[str], needed: Sequence[str]) -> None:
    absent = [name for name in needed if name not in header]
    if absent:
        raise DataError(f"{path}:1: no column {', '.join(map(repr, absent))}; found {', '.join(header) or 'none'}")
    for name, count in Counter(filter(None, header)).items():
        if count > 1:
            raise DataError(f"{path}:1: the column {name!r} stands there twice")


def text_lines(path: Path, content: bytes) -> Iterator[tuple[str, str]]:
    """Yield each line that is not blank, stripped, with the place where it stands; raises as `decoded` does."""
    for number, line in enumerate(decoded(content, path).splitlines(), 1):
        if line.strip():
            yield f"{path}:{number}", line.strip()
