"""One call to whichever server of a pool answers it: where it is tried, how often, and after which pauses."""

from __future__ import annotations

import asyncio
import random

from vau_bench.errors import ModelError
from vau_bench.models.endpoint_settings import EndpointSettings
from vau_bench.models.failures import CallError, Cause, TransientError
from vau_bench.models.pool import Pool
from vau_bench.models.server import Reply, Server


class Call:
    """What has become of a call so far.

    It goes around: each server that is well is asked once at most, without a pause between them; after a round in
    which none answered there is a pause, and then another round. A refusal of one of several servers is believed when
    a second one refuses as well, for a server that was started in another way may refuse what the others take.
    """

    def __init__(self, pool: Pool, settings: EndpointSettings, content: bytes) -> None:
        self._pool, self._settings, self._content = pool, settings, content
        self._attempts = self._rounds = 0
        self._failed: dict[Server, TransientError] = {}
        self._refused: dict[Server, CallError] = {}

    async def reply(self) -> tuple[Server, Reply]:
        """Return what the first server that answers says, and which server that is.

        Raises:
            CallError: if none does.
            ModelError: if a server that never answered accepts nothing from us, or there is nothing left to spend.
        """
        while True:
            async with self._pool.slot({*self._failed, *self._refused}) as server:
                reply = await self._attempt(server)
            if reply is not None:
                return server, reply
            if self._pool.others({*self._failed, *self._refused}) and len(self._refused) < 2:
                continue
            if server in self._refused:
                raise self._refused[server]
            if self._rounds >= self._settings.retries:
                raise self._given_up()
            waits = [error.wait for error in self._failed.values() if error.wait is not None]
            await asyncio.sleep(pause(self._rounds, self._settings, max(waits, default=None)))
            self._rounds += 1
            self._failed.clear()

    async def _attempt(self, server: Server) -> Reply | None:
        self._attempts += 1
        try:
            reply = await server.attempt(self._content)
        except TransientError as error:
            self._failed[server] = error
            return None
        except CallError as error:
            if error.cause is Cause.QUOTA or (error.cause is Cause.ACCESS and not server.worked):
                raise ModelError(f"{server.url}: {error}") from None
            self._refused[server] = error
            return None
        for other, why in self._refused.items():  # what this server took was in order: it is the other that is not
            other.suspect(why)
        return reply

    def _given_up(self) -> CallError:
        """Return the error of a call that no server answered."""
        if self._refused:
            return next(iter(self._refused.values()))
        *_, last = self._failed.values()
        unconnected = all(error.cause is Cause.CONNECTION for error in self._failed.values())
        times = f"{self._attempts} attempts" if self._attempts > 1 else "1 attempt"
        where = f" at {len(self._pool.servers)} servers" if len(self._pool.servers) > 1 else ""
        cause = last.cause if unconnected or last.cause is not Cause.CONNECTION else Cause.OTHER
        return CallError(f"{last} ({times}{where})", cause, last.status)


def pause(attempt: int, settings: EndpointSettings, asked: float | None = None) -> float:
    """Return the seconds before retry number `attempt`: exponential backoff with full jitter.

    A wait that the server `asked` for is kept, plus up to a quarter so that calls do not return all at once.
    """
    if asked is not None:
        return min(asked * random.uniform(1.0, 1.25), settings.longest_pause)
    return random.uniform(0.0, min(settings.longest_pause, settings.first_pause * 2.0 ** min(attempt, 60)))
