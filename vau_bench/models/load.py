"""How many calls an endpoint is given at once: as many as it bears.

Additive increase, multiplicative decrease (Chiu & Jain 1989), as TCP does it: a server that says "too many" or that
has become much slower than it was gets fewer calls at once; each round of answers after that allows one more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from statistics import median
from types import TracebackType

OVERLOADED = frozenset({429, 503, 529})
"""Statuses by which a server says that it has too much to do."""

BACK_OFF = 0.6
SLOWER = 3.0
"""Answers that take this many times as long as in the fastest round are a sign of queueing."""

_ROUND = 8  # replies that a latency is judged by, at least


class Load:
    """A semaphore whose size follows what the server bears. Belongs to one event loop.

    Args:
        most: slots at the beginning, and at most.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.taken = 0
        self._epoch = 0
        self._answers = 0
        self._round: list[float] = []
        self._fastest: float | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def slots(self) -> int:
        """How many calls may be under way now."""
        return max(1, int(self.limit))

    async def begin(self) -> int:
        """Wait for a slot and return the epoch in which the call began, for `overloaded`."""
        while self.taken >= self.slots:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():
                    self._wake()
                raise
        self.taken += 1
        return self._epoch

    def end(self) -> None:
        """Give the slot back."""
        self.taken -= 1
        self._wake()

    def answered(self, seconds: float, epoch: int) -> None:
        """Take note of an answer: a whole round of them earns a slot, a slow round costs some."""
        self._answers += 1
        self._round.append(seconds)
        if self._answers >= self.slots:
            self._answers = 0
            self.limit = min(float(self.most), self.limit + 1)
            self._wake()
        if len(self._round) >= max(_ROUND, self.slots):
            typical = median(self._round)
            self._round.clear()
            self._fastest = typical if self._fastest is None else min(typical, self._fastest)
            if typical > SLOWER * self._fastest:
                self.overloaded(epoch)
                self._fastest *= 1.25  # a server that stays slow is what there is

    def overloaded(self, epoch: int) -> None:
        """Take note that the server had too much to do, once for all calls that began before it was heard."""
        if epoch == self._epoch:
            self._epoch += 1
            self._answers = 0
            self.limit = max(1.0, self.limit * BACK_OFF)

    def _wake(self) -> None:
        free = self.slots - self.taken
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

    def slot(self) -> _Slot:
        """Return an `async with` block that holds a slot and yields the epoch."""
        return _Slot(self)


class _Slot:
    def __init__(self, load: Load) -> None:
        self._load = load

    async def __aenter__(self) -> int:
        return await self._load.begin()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._load.end()
