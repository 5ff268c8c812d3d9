"""Batches for a checkpoint on this machine: of requests alike in length, and as large as memory and speed allow.

A batch is padded to its longest row, so what is padded is computed for nothing; and a batch that is larger than the
device has room for is repeated in parts, which takes time.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

AHEAD = 4
"""Batches that rows are chosen from; what has waited longest is always in the next one."""
MOST = 256
"""Rows of a batch that `auto` tries at most."""
_FASTER = 0.9
"""A larger batch is worth its memory if a row takes at most this share of the time that it took in a smaller one."""


class BatchSize:
    """How many rows a batch may have.

    Args:
        size: `None` begins with one row and doubles them as long as each takes less time for it and memory suffices.
    """

    def __init__(self, size: int | None) -> None:
        self.rows = size or 1
        self._grows = size is None
        self._best: float | None = None

    def failed(self, rows: int) -> None:
        """Take note that memory did not suffice for so many rows."""
        self._grows = False
        self.rows = max(1, min(self.rows, rows // 2))

    def worked(self, rows: int, seconds: float) -> None:
        """Take note that a batch of so many rows took so long."""
        if not self._grows or rows < self.rows:
            return
        each = seconds / rows
        if self._best is not None and each > _FASTER * self._best:
            self.rows = max(1, rows // 2)
            self._grows = False
            return
        self._best = each
        self.rows = min(MOST, rows * 2)
        self._grows = rows < MOST


def batches(
    ready: Iterable[T], size: BatchSize, *, group: Callable[[T], Hashable], length: Callable[[T], int]
) -> Iterator[list[T]]:
    """Yield batches of rows of one group that are alike in length; the longest waiting row is always in the next one.

    Args:
        ready: the rows; taken lazily, no more than a few batches ahead.
        size: rows of a batch, asked before each.
        group: rows of different groups cannot be in one batch.
        length: of a row.
    """
    rows = iter(ready)
    waiting: list[T] = []
    more = True
    while True:
        while more and len(waiting) < (1 if size.rows == 1 else AHEAD * size.rows):
            try:
                waiting.append(next(rows))
            except StopIteration:
                more = False
        if not waiting:
            return
        chosen = _alike(waiting, size.rows, group, length)
        yield [waiting[place] for place in sorted(chosen)]
        waiting = [row for place, row in enumerate(waiting) if place not in chosen]


def _alike(rows: list[T], count: int, group: Callable[[T], Hashable], length: Callable[[T], int]) -> set[int]:
    """Return the places of the first row and of those nearest to it in length."""
    first = rows[0]
    same = [place for place, row in enumerate(rows) if group(row) == group(first)]
    nearest = sorted(same, key=lambda place: (abs(length(rows[place]) - length(first)), place))
    return set(nearest[:count])
