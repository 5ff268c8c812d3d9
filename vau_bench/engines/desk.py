"""The desk of the Ray engine: it hands requests out, and knows over which of them processes were lost.

It is an actor beside the process that asks. Whatever else is lost, it tells the same again: a block of requests has the
same number for ever, so that a stage that is computed once more gets the same input.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import NamedTuple

from vau_bench.engines.wire import pickled
from vau_bench.profiling import Profile, Spent


class Begun(NamedTuple):
    """What is known of requests that are about to be answered.

    Attributes:
        tries: for each, how often it was begun by a process that was lost since.
        kept: answers that were given already, and lost with the process on their way.
        losses: how many processes were lost while none has answered anything.
    """

    tries: list[int]
    kept: dict[str, bytes]
    losses: int


class Desk:
    """Holds blocks of requests, what models are made from, and the count of losses. All of it lives in one event loop.

    Args:
        setup: what processes start from, in bytes.
    """

    def __init__(self, setup: bytes) -> None:
        self._setup = setup
        self._environment: dict[str, str] = {}
        self._blocks: dict[int, bytes] = {}
        self._count = 0
        self._ended = False
        self._changed = asyncio.Condition()
        self._tries: Counter[str] = Counter()
        self._kept: dict[str, bytes] = {}
        self._losses = 0
        self._answered = False
        self._profile = Profile()

    async def lend(self, environment: dict[str, str]) -> None:
        """Take variables that hold keys; they stand in no description of an actor, and are told to who asks."""
        self._environment = environment

    async def environment(self) -> dict[str, str]:
        """Return those variables."""
        return self._environment

    async def setup(self) -> bytes:
        """Return what processes start from."""
        return self._setup

    async def put(self, block: bytes) -> None:
        """Add a block of requests."""
        async with self._changed:
            self._blocks[self._count] = block
            self._count += 1
            self._changed.notify_all()

    async def end(self) -> None:
        """No block follows."""
        async with self._changed:
            self._ended = True
            self._changed.notify_all()

    async def take(self, index: int) -> bytes | None:
        """Return a block as soon as it is there, an empty one where all is answered, `None` behind the last."""
        async with self._changed:
            await self._changed.wait_for(lambda: index < self._count or self._ended)
        return self._blocks.get(index, pickled([])) if index < self._count else None

    async def forget(self, index: int) -> None:
        """All requests of a block are answered."""
        self._blocks.pop(index, None)

    async def begin(self, keys: list[str]) -> Begun:
        """Tell what is known of requests; if no process was lost over any, all of them count as begun."""
        tries = [self._tries[key] for key in keys]
        if any(tries):
            self._losses += 1
        else:
            self._tries.update(keys)
        kept = {key: self._kept[key] for key in keys if key in self._kept}
        return Begun(tries, kept, 0 if self._answered else self._losses)

    async def begin_alone(self, key: str) -> int:
        """Count a request as begun, and return how often it was before."""
        self._tries[key] += 1
        return self._tries[key] - 1

    async def done(self, keys: list[str], kept: bytes | None = None) -> None:
        """Requests are answered; the answer to one is kept where it may get lost on its way with those to others."""
        self._answered = True
        for key in keys:
            del self._tries[key]
            if kept is not None:
                self._kept[key] = kept

    async def note(self, spent: list[Spent], processes: int) -> None:
        """Take note of what a process spent since it last told, of so many alike."""
        self._profile.take(spent, processes=processes)

    async def spent(self) -> list[Spent]:
        """Return what all of them spent."""
        return self._profile.drain()

    async def decoded(self, mark: str) -> None:
        """What was begun under this mark is over."""
        del self._tries[mark]
