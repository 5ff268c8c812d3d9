"""Requests, clips and answers as Arrow tables of one row: what passes between the stages of the Ray engine.

The pixels of a clip are a column of their own that refers to the frames where they lie: they are copied once, into
the shared memory of Ray, and read from there as they are.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vau_bench.errors import VideoError
from vau_bench.records import Request
from vau_bench.video import Clip

Place: TypeAlias = tuple[Path, str]
"""A video, and the frame plan in canonical notation."""
Found: TypeAlias = Clip | VideoError

BINARY = pa.large_binary()


def request_table(index: int, block: bytes) -> pa.Table:
    """Return requests that `pickled` has written, with their number."""
    return pa.table({"index": pa.array([index], pa.int64()), "block": pa.array([block], BINARY)})


def read_requests(table: pa.Table) -> tuple[int, list[Request]]:
    """Return the number and the requests of `request_table`."""
    return table.column("index")[0].as_py(), _unpickled(table, "block")


def read_block(table: pa.Table) -> Any:
    """Return what `request_table` holds, whatever it is."""
    return _unpickled(table, "block")


def portion_table(requests: Sequence[Request], found: Mapping[Place, Found], width: int) -> pa.Table:
    """Return requests with their clips.

    Args:
        requests: in order.
        found: clips, or why there is none; what is not in it is to be decoded by whoever answers.
        width: how many clips there may be; the same for all tables of a pipeline.
    """
    clips = [clip for clip in found.values() if isinstance(clip, Clip)]
    about = {place: clip.to_json() if isinstance(clip, Clip) else clip for place, clip in found.items()}
    columns = {"head": pa.array([pickled((list(requests), about))], BINARY)}
    for number in range(width):
        columns[f"pixels{number}"] = _pixels(clips[number].frames) if number < len(clips) else pa.nulls(1, BINARY)
    return pa.table(columns)


def read_portion(table: pa.Table) -> tuple[list[Request], dict[Place, Found]]:
    """Return what `portion_table` or `request_table` was made of; pixels stay where they are, not to be written to."""
    if "block" in table.column_names:
        return read_requests(table)[1], {}
    requests, about = _unpickled(table, "head")
    found: dict[Place, Found] = {}
    number = 0
    for place, told in about.items():
        if isinstance(told, VideoError):
            found[place] = told
            continue
        pixels = np.frombuffer(_stored(table, f"pixels{number}"), np.uint8)
        found[place] = Clip.from_json(told, pixels, place[0])
        number += 1
    return requests, found


def answer_table(answers: list[Any] | Exception) -> pa.Table:
    """Return the answers to one portion, or why there can be none."""
    return pa.table({"answers": pa.array([pickled(answers)], BINARY)})


def read_answers(table: pa.Table) -> list[Any]:
    """Return the answers of `answer_table`, or raise what it holds instead."""
    answers = _unpickled(table, "answers")
    if isinstance(answers, Exception):
        raise answers
    found: list[Any] = answers
    return found


def pickled(thing: Any) -> bytes:
    """Return the thing as bytes."""
    return pickle.dumps(thing, protocol=pickle.HIGHEST_PROTOCOL)


def _unpickled(table: pa.Table, column: str) -> Any:
    return pickle.loads(_stored(table, column))


def _stored(table: pa.Table, column: str) -> pa.Buffer:
    """Return the bytes of a column where they lie; a scalar of Arrow would hold a copy."""
    array = table.column(column).chunk(0)
    _, ends, data = array.buffers()
    begin, end = np.frombuffer(ends, np.int64)[array.offset : array.offset + 2].tolist()
    return data.slice(begin, end - begin)


def _pixels(frames: NDArray[np.uint8]) -> pa.Array:
    """Return a column that refers to the frames."""
    data = np.ascontiguousarray(frames).reshape(-1)
    ends = np.array([0, data.nbytes], np.int64)
    return pa.Array.from_buffers(BINARY, 1, [None, pa.py_buffer(ends), pa.py_buffer(data)])
