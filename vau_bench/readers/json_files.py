"""Annotation files in JSON, with errors that name the file and the place in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vau_bench.errors import DataError
from vau_bench.readers.tables import decoded
from vau_bench.records import Segment


def json_of(content: bytes, path: Path) -> Any:
    """Return what an annotation file holds.

    Raises:
        DataError: naming the line that is not JSON, or the key that stands twice in one object.
    """
    try:
        return json.loads(decoded(content, path), object_pairs_hook=_once(f"{path}"))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise DataError(f"{path}: nested too deeply") from None


def json_lines(content: bytes, path: Path) -> Iterator[tuple[str, Any]]:
    """Yield what each line of an annotation file holds, with the place where it stands; blank lines hold nothing.

    Raises:
        DataError: naming the line that is not JSON, or that has a key twice in one object.
    """
    for number, line in enumerate(decoded(content, path).split("\n"), 1):  # other line ends may stand in a string
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line, object_pairs_hook=_once(where))
        except json.JSONDecodeError as error:
            raise DataError(f"{where}: not JSON: {error.msg}") from None
        except RecursionError:
            raise DataError(f"{where}: nested too deeply") from None
        yield where, value


def _once(where: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    """Return what makes an object of its pairs, and refuses a key that stands there twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise DataError(f"{where}: the key {key!r} stands there twice")
            found[key] = value
        return found

    return once


def entries(value: Any, needed: Sequence[str], where: str) -> dict[str, Any]:
    """Return an object that has the needed keys.

    Raises:
        DataError: if it is none, or lacks one.
    """
    if not isinstance(value, dict):
        raise DataError(f"{where}: not an object with {', '.join(needed)}: {_short(value)}")
    absent = [name for name in needed if name not in value]
    if absent:
        raise DataError(f"{where}: no key {', '.join(map(repr, absent))}; found {', '.join(value) or 'none'}")
    return value


def span(value: Any, where: str) -> Segment:
    """Return a pair of times, in whatever unit; numbers may be written as strings.

    Raises:
        DataError: if it is not two numbers from 0 on, the first below the second.
    """
    try:
        start, end = (_number(part) for part in value)
        return Segment.checked(start, end)
    except (TypeError, ValueError):
        raise DataError(f"{where}: not a start and a later end: {_short(value)}") from None


def text_of(row: Mapping[str, Any], key: str, where: str) -> str:
    """Return what an object says under a key, without the blanks around it.

    Raises:
        DataError: if it is no text, or a blank one.
    """
    if not isinstance(row[key], str) or not row[key].strip():
        raise DataError(f"{where}: {key} is no text: {_short(row[key])}")
    return str(row[key]).strip()


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _short(value: Any) -> str:
    return repr(value)[:80]
