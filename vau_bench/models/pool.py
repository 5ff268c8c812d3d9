"""The servers of one endpoint, and which of them a call goes to."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from vau_bench.models.server import Server


class _Turn(NamedTuple):
    """A call that waits, and the servers that it does not want."""

    served: asyncio.Future[Server]
    avoid: Collection[Server]


class Pool:
    """Gives each call the server with the least to do for what it bears. Belongs to one event loop at a time.

    A server that is not well gets one call now and then, by which it may prove that it is well again; what waits goes
    to the others. Where none is well all are taken for well, so that each call finds out for itself.
    """

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = tuple(servers)
        self._waiting: deque[_Turn] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @property
    def slots(self) -> int:
        """How many calls may be under way now."""
        return sum(server.load.slots for server in self.servers)

    def others(self, tried: Collection[Server]) -> bool:
        """Whether there is a server to try that was not tried."""
        return any(server not in tried for server in self._well())

    @asynccontextmanager
    async def slot(self, avoid: Collection[Server] = ()) -> AsyncIterator[Server]:
        """Hold a slot of a server, as soon as one is free; of one to `avoid` only where there is no other."""
        server = self._taken(avoid) or await self._turn(avoid)
        try:
            yield server
        finally:
            server.load.taken -= 1
            self._wake()

    async def close(self) -> None:
        """Close all connections."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for server in self.servers:
            await server.close()

    async def _turn(self, avoid: Collection[Server]) -> Server:
        """Wait for a server; its slot is taken already."""
        turn = _Turn(asyncio.get_running_loop().create_future(), avoid)
        self._waiting.append(turn)
        self._watch()
        try:
            return await turn.served
        except asyncio.CancelledError:
            if turn.served.done() and not turn.served.cancelled():  # whoever is next gets what this call was given
                turn.served.result().load.taken -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        """Serve those who wait, the first first, as far as there is room for them."""
        passed: list[_Turn] = []
        while self._waiting and any(server.load.free for server in self.servers):
            turn = self._waiting.popleft()
            if turn.served.done():
                continue
            server = self._taken(turn.avoid)
            if server is not None:
                turn.served.set_result(server)
                continue
            passed.append(turn)
            if not turn.avoid:
                break  # who would take any server got none, so there is none for anybody
        self._waiting.extendleft(reversed(passed))
        self._watch()

    def _watch(self) -> None:
        """See to it that those who wait are woken when a server may be probed, even if no call ends until then."""
        pauses = [server.health.pause for server in self.servers if server.health.pause]
        if self._waiting and pauses and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(min(pauses), self._probe)

    def _probe(self) -> None:
        self._timer = None
        self._wake()

    def _well(self) -> list[Server]:
        """Return the servers that are well; all of them where none is."""
        return [server for server in self.servers if server.well] or list(self.servers)

    def _taken(self, avoid: Collection[Server]) -> Server | None:
        """Return the server that a call is to go to, its slot taken; `None` where the call has to wait."""
        there = [*self._well(), *(server for server in self.servers if server.to_be_probed)]
        wanted = [server for server in there if server not in avoid] or there
        free = [server for server in wanted if server.load.free]
        if not free:
            return None
        server = min(free, key=lambda server: server.load.with_one_more)
        server.load.taken += 1
        return server
