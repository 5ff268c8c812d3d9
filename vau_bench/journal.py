"""Append-only journals, first of all that of responses: one JSON object a line, nothing is lost at a crash.

A line is handed to the operating system as soon as it is there, so killing the process loses nothing; the file is
synced to the disk at least once a second, so a power cut costs a second. A torn last line is dropped on open.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self, TypeVar

from vau_bench.errors import RunError
from vau_bench.records import Outcome, Response, Seen, Usage

T = TypeVar("T")

SYNC_SECONDS = 1.0


def to_line(response: Response, epoch: int = 0) -> bytes:
    """Return the journal line of a response; keys that are `None` are left out.

    Args:
        response: the response.
        epoch: higher than that of all lines which were there when the writer began; 0 is left out, too.
    """
    record: dict[str, Any] = {"epoch": epoch} if epoch else {}
    record |= {
        "key": response.key,
        "task": response.task,
        "sample_id": response.sample_id,
        "style": response.style,
        "turn": response.turn,
        "outcome": str(response.outcome),
        "text": response.text,
    }
    if response.error is not None:
        record["error"] = response.error
    if response.option_scores is not None:
        record["option_scores"] = dict(response.option_scores)
    if response.usage is not None:
        record["usage"] = asdict(response.usage)
    if response.seen is not None:
        record["seen"] = asdict(response.seen)
    return json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def from_line(line: bytes) -> Response:
    """Return the response of a journal line.

    Raises:
        ValueError: if the line is not one.
    """
    return dated(line)[1]


def dated(line: bytes) -> tuple[int, Response]:
    """Return the epoch and the response of a journal line.

    Raises:
        ValueError: if the line is not one.
    """
    try:
        record = json.loads(line)
        seen, usage = record.get("seen"), record.get("usage")
        response = Response(
            key=record["key"],
            task=record["task"],
            sample_id=record["sample_id"],
            style=record["style"],
            turn=record["turn"],
            text=record["text"],
            outcome=Outcome(record["outcome"]),
            seen=Seen(**{**seen, "indices": tuple(seen["indices"]), "times": tuple(seen["times"])}) if seen else None,
            usage=Usage(**usage) if usage else None,
            option_scores=record.get("option_scores"),
            error=record.get("error"),
        )
        return int(record.get("epoch", 0)), response
    except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"not a journal line: {error}") from None


def _unquoted(text: str) -> str:
    """Return a JSON text that stands without its quotes, in bytes that are read as Latin-1."""
    if "\\" not in text and text.isascii():
        return text
    return str(json.loads(f'"{text.encode("latin-1").decode()}"'))


class Head(NamedTuple):
    """What a journal line tells before the text of the response, and the byte at which it stands."""

    epoch: int
    key: str
    task: str
    sample_id: str
    style: str
    turn: int
    outcome: Outcome
    at: int


_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_TEXT = r'"([^"\\\n]*(?:\\[^\n][^"\\\n]*)*)"'
_HEAD = re.compile(
    rf'\{{(?:"epoch":(\d+),)?"key":{_TEXT},"task":{_TEXT},"sample_id":{_TEXT},"style":{_TEXT},"turn":(\d+),'
    rf'"outcome":"({"|".join(_OUTCOMES)})",[^\n]*\}}\n',
    re.ASCII,
)
_BLOCK = 1 << 20


def read_heads(path: Path) -> Iterator[Head]:
    """Yield the heads of a journal's lines, in order; a torn last line is left out.

    Raises:
        RunError: naming the line, if one in the middle is damaged.
    """
    at, number = 0, 0
    for block in _whole_lines(path):
        place, text = 0, block.decode("latin-1")  # a character for each byte: where it stands is where that stands
        while place < len(text):
            number += 1
            try:
                if found := _HEAD.match(text, place):
                    epoch, key, task, sample_id, style, turn, outcome = found.groups("0")
                    head = Head(
                        int(epoch), _unquoted(key), _unquoted(task), _unquoted(sample_id), _unquoted(style), int(turn),
                        _OUTCOMES[outcome], at + place,
                    )  # fmt: skip
                    place = found.end()
                else:  # written by other hands, or damaged
                    end = block.index(b"\n", place) + 1
                    written, r = dated(block[place:end])
                    head = Head(written, r.key, r.task, r.sample_id, r.style, r.turn, r.outcome, at + place)
                    place = end
            except ValueError as error:
                raise _damaged(path, number, error) from None
            yield head
        at += place


def _whole_lines(path: Path) -> Iterator[bytes]:
    """Yield a journal in blocks of whole lines; a torn last line is left out."""
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            whole, newline, torn = block.rpartition(b"\n")
            if newline:
                yield b"".join((rest, whole, newline))
                rest = torn
            else:
                rest += block


def read_journal(path: Path) -> Iterator[Response]:
    """Yield the responses of a journal in order; see `read_lines`."""
    return read_lines(path, from_line)


def read_lines(path: Path, decode: Callable[[bytes], T]) -> Iterator[T]:
    """Yield what each line of a journal holds, in order; a torn last line is left out.

    Args:
        path: of the journal.
        decode: makes a record of a line; raises `ValueError` for one that holds none.

    Raises:
        RunError: naming the line, if one in the middle is damaged.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.endswith(b"\n"):
                return
            try:
                yield decode(line)
            except ValueError as error:
                raise _damaged(path, number, error) from None


def _damaged(path: Path, number: int, error: ValueError) -> RunError:
    return RunError(f"{path}:{number}: {error}; mend or delete this line")


class LineJournal:
    """A journal that is open for writing, by one process at a time.

    Raises:
        RunError: if another process writes to it, or it cannot be written.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.path = path
        self._clock = clock
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise RunError(f"cannot write {path}: {error.strerror}") from None
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._fd)
            raise RunError(f"another process writes to {path}; wait for it, or choose another --out") from None
        self._end = _drop_torn_line(self._fd)
        self._synced = clock()
        self.written = 0

    def write(self, line: bytes) -> None:
        """Write one line, which ends with a newline and holds no other.

        Raises:
            RunError: if the disk is full or fails; what was written before is whole.
        """
        try:
            done = 0
            while done < len(line):
                done += os.write(self._fd, line[done:])
            self._end += len(line)
            self.written += 1
            if self._clock() - self._synced >= SYNC_SECONDS:
                self.sync()
        except OSError as error:
            self._take_back()
            raise RunError(_write_problem(self.path, error)) from None

    def sync(self) -> None:
        """Have everything on the disk."""
        os.fsync(self._fd)
        self._synced = self._clock()

    def close(self) -> None:
        """Sync and close; harmless when called twice."""
        if self._fd < 0:
            return
        try:
            self.sync()
        except OSError as error:
            raise RunError(_write_problem(self.path, error)) from None
        finally:
            os.close(self._fd)
            self._fd = -1

    def _take_back(self) -> None:
        """Cut off a partial line, so that the journal stays readable."""
        with suppress(OSError):  # where even that fails, the next opening drops the torn line
            os.ftruncate(self._fd, self._end)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Journal(LineJournal):
    """The journal of responses, open for writing.

    Attributes:
        epoch: of the lines to come, see `to_line`.
    """

    epoch = 0

    def append(self, response: Response) -> int:
        """Write one response and return the byte at which its line begins; see `write`."""
        at = self._end
        self.write(to_line(response, self.epoch))
        return at


def _write_problem(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full; all answers so far are in {path}; free some space and run the same command again"
    return f"cannot write {path}: {error.strerror}; all answers so far are in it"


def _drop_torn_line(fd: int) -> int:
    """Cut the file after its last newline and return its length."""
    size = os.fstat(fd).st_size
    end, block = size, 1 << 16
    while end > 0:
        begin = max(0, end - block)
        newline = os.pread(fd, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    if end < size:
        os.ftruncate(fd, end)
    return end
