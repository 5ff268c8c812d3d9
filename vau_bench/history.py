"""What the journals of a run hold, found by sample and turn; the answers themselves stay on the disk.

Of each answer a few dozen bytes are kept: the digest of its key, its outcome, and where its line stands. So a run of a
million answers goes on, or is scored, without having them in memory.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from heapq import merge
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from vau_bench.conversations import whole_conversation
from vau_bench.errors import RunError
from vau_bench.journal import Head, Journal, from_line, read_heads
from vau_bench.records import Outcome, Response

_OUTCOMES = tuple(Outcome)
_DIGEST = 16
_KEPT = struct.Struct(f"<{_DIGEST}sBHQ")
_BLOCK = 1 << 14


class Told(NamedTuple):
    """The last response to one turn about one sample: of which request, with which outcome."""

    digest: bytes
    outcome: Outcome

    @classmethod
    def of(cls, response: Response) -> Told:
        """Return what is kept of a response."""
        return cls(_digest(response.key), response.outcome)

    def answers(self, key: str) -> bool:
        """Whether it is the response to the request with this key."""
        return self.digest.hex() == key or self.digest == _digest(key)


class History:
    """The last response to each sample and turn in some journals. Close it, or use it as a context manager.

    Args:
        paths: of the journals; of two lines with the same epoch, that of the later journal is the later one.

    Attributes:
        epoch: the highest of all lines.

    Raises:
        RunError: naming file and line, if a line in the middle of a journal is damaged.
    """

    def __init__(self, paths: Iterable[Path] = ()) -> None:
        self.epoch = 0
        self._paths = list(paths)
        self._files: dict[int, int] = {}
        self._last: defaultdict[tuple[str, str, int], dict[str, bytes]] = defaultdict(dict)
        for number, (epoch, key, task, sample_id, style, turn, outcome, at) in _in_order(self._paths):
            if epoch > self.epoch:
                self.epoch = epoch
            self._last[task, style, turn][sample_id] = _KEPT.pack(_digest(key), _OUTCOMES.index(outcome), number, at)

    def add(self, response: Response, path: Path, at: int) -> None:
        """Take a response into account that has been written at this byte of a journal."""
        if path not in self._paths:
            self._paths.append(path)
        kept = _KEPT.pack(_digest(response.key), _OUTCOMES.index(response.outcome), self._paths.index(path), at)
        self._last[response.task, response.style, response.turn][response.sample_id] = kept

    def told(self, task: str, style: str, turn: int, sample_id: str) -> Told | None:
        """Return what is known of the last response without reading it."""
        kept = self._last.get((task, style, turn), {}).get(sample_id)
        if kept is None:
            return None
        digest, outcome, _, _ = _KEPT.unpack(kept)
        return Told(digest, _OUTCOMES[outcome])

    def response(self, task: str, style: str, turn: int, sample_id: str) -> Response | None:
        """Return the last response, read from its journal.

        Raises:
            RunError: if it is damaged.
        """
        kept = self._last.get((task, style, turn), {}).get(sample_id)
        if kept is None:
            return None
        _, _, number, at = _KEPT.unpack(kept)
        try:
            return from_line(self._line(number, at))
        except ValueError as error:
            path = self._paths[number]
            raise RunError(f"{path}:{_line_number(path, at)}: {error}; mend or delete this line") from None

    def conversations(self, task: str, style: str, expected: int) -> Conversations:
        """Return what was said about each sample of a task, all turns together; read as it is asked for."""
        return Conversations(self, task, style, expected)

    def sample_ids(self, task: str, style: str) -> Iterator[str]:
        """Yield the ids of the samples with a response to any turn."""
        found = (of for (name, manner, _), of in self._last.items() if (name, manner) == (task, style))
        yield from dict.fromkeys(sample_id for of in found for sample_id in of)

    def close(self) -> None:
        """Close the files; harmless when called twice."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _line(self, number: int, at: int) -> bytes:
        if number not in self._files:
            try:
                self._files[number] = os.open(self._paths[number], os.O_RDONLY)
            except OSError as error:
                raise RunError(f"cannot read {self._paths[number]}: {error.strerror}") from None
        line = b""
        while b"\n" not in line:
            block = os.pread(self._files[number], _BLOCK, at + len(line))
            if not block:
                break
            line += block
        return line[: line.find(b"\n") + 1] or line


class Written:
    """The responses of a run: those that its journals hold, and those that this process adds.

    Args:
        history: of all journals of the run.
        journal: that this process writes.
    """

    def __init__(self, history: History, journal: Journal) -> None:
        self._history, self._journal = history, journal

    def add(self, response: Response) -> None:
        """Write a response into the journal.

        Raises:
            RunError: if it cannot be written.
        """
        self._history.add(response, self._journal.path, self._journal.append(response))

    def told(self, task: str, style: str, turn: int, sample_id: str) -> Told | None:
        """Return what is known of the last response without reading it."""
        return self._history.told(task, style, turn, sample_id)

    def response(self, task: str, style: str, turn: int, sample_id: str) -> Response | None:
        """Return the last response, read from its journal."""
        return self._history.response(task, style, turn, sample_id)


class Conversations(Mapping[str, Response]):
    """One response for each sample of a task, its turns put together, as `whole_conversation` does."""

    def __init__(self, history: History, task: str, style: str, expected: int) -> None:
        self._history, self._task, self._style, self._expected = history, task, style, expected

    def __getitem__(self, sample_id: str) -> Response:
        turns = (self._history.response(self._task, self._style, turn, sample_id) for turn in range(self._expected))
        whole = whole_conversation([turn for turn in turns if turn is not None], self._expected)
        if whole is None:
            raise KeyError(sample_id)
        return whole

    def __iter__(self) -> Iterator[str]:
        return self._history.sample_ids(self._task, self._style)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _in_order(paths: Iterable[Path]) -> Iterator[tuple[int, Head]]:
    """Yield the heads of several journals as they were written, with the number of the journal."""
    journals = [zip(repeat(number), read_heads(path)) for number, path in enumerate(paths) if path.stat().st_size]
    return journals[0] if len(journals) == 1 else merge(*journals, key=lambda each: each[1].epoch)


def _digest(key: str) -> bytes:
    """Return 16 bytes that stand for a key; our own keys are these bytes in hex."""
    try:
        digest = bytes.fromhex(key)
    except ValueError:
        digest = b""
    if len(digest) == _DIGEST and digest.hex() == key:
        return digest
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=_DIGEST).digest()


def _line_number(path: Path, at: int) -> int:
    with path.open("rb") as file:
        return file.read(at).count(b"\n") + 1
