"""One server: its connections, what it bears, whether it is well, and one attempt at a call."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn

from vau_bench.models.connections import Answer, BrokenConnectionError, Connection, NoConnectionError, connection
from vau_bench.models.endpoint_settings import EndpointSettings
from vau_bench.models.failures import (
    TRANSIENT,
    CallError,
    Cause,
    TransientError,
    retry_after,
    server_sentence,
    shortened,
)
from vau_bench.models.health import Health
from vau_bench.models.load import OVERLOADED, Load

_SECRET = 12
"""Characters from which on a key is a secret; shorter ones, such as EMPTY, are words that an answer may hold."""


class Reply(NamedTuple):
    """A JSON object that the server sent, and the wall time of the attempt that brought it, in seconds."""

    body: dict[str, Any]
    seconds: float


class Server:
    """Belongs to one event loop at a time.

    Args:
        url: of the resource that calls are posted to.
        settings: of the endpoint that the server is one of.
        tls: for https.
        tell: is given a sentence when the server is drained for the first time.

    Attributes:
        worked: it has answered a call.
    """

    def __init__(
        self, url: str, settings: EndpointSettings, tls: ssl.SSLContext | None, tell: Callable[[str], None]
    ) -> None:
        self.url = url
        self.load = Load(settings.concurrency)
        self.health = Health(settings.first_pause, settings.longest_pause)
        self.worked = False
        self._key, self._timeout = settings.key, settings.timeout
        self._tell, self._told = tell, False
        self._connections = _Connections(url, settings, tls)

    @property
    def well(self) -> bool:
        """Whether it is given calls as they come."""
        return self.health.well

    @property
    def to_be_probed(self) -> bool:
        """Whether one call may try it though it is not well: its pause is over, and nothing is under way there."""
        return not self.well and not self.health.pause and not self.load.taken

    async def attempt(self, content: bytes) -> Reply:
        """Post JSON, once.

        Raises:
            TransientError: if there is no answer, or one that a later attempt may cure.
            CallError: if the server refuses.
        """
        era = self.health.era
        try:
            with self._connections.one() as client:
                reply = await self._posted(client, content)
        except TransientError as error:
            if error.counts_against_the_server:
                self.suspect(error, era)
            raise
        self.health.worked()
        self.worked = True
        return reply

    async def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        await self._connections.close()

    def suspect(self, why: Exception, era: int | None = None) -> None:
        """Take note of a failure that is the server's, of a call that began in an era of its health; default: now."""
        self.health.failed(self.health.era if era is None else era)
        if not self.well and not self._told:
            self._told = True
            self._tell(f"{self.url} is left out until it answers again: {why}")

    async def _posted(self, client: Connection, content: bytes) -> Reply:
        start, number = time.perf_counter(), self.load.number
        try:
            async with asyncio.timeout(self._timeout):
                answer = await client.post(content)
        except TimeoutError:
            self.load.answered(number, time.perf_counter() - start)
            cause = Cause.OTHER if client.connected else Cause.CONNECTION
            raise TransientError(f"no complete answer within {self._timeout:g} s", cause=cause) from None
        except NoConnectionError as error:
            raise TransientError(f"no connection: {self._clean(str(error))}", cause=Cause.CONNECTION) from None
        except BrokenConnectionError as error:
            raise TransientError(f"the connection broke: {self._clean(str(error))}") from None
        seconds = time.perf_counter() - start
        if answer.status in OVERLOADED:
            self.load.refused(number)
        else:
            self.load.answered(number, seconds)
        answer = self._discreet(answer)
        if answer.status != 200:
            self._refuse(answer)
        return Reply(self._parse(answer), seconds)

    def _refuse(self, answer: Answer) -> NoReturn:
        status = answer.status
        sentence, code = server_sentence(answer.text)
        told = f"the server answered {status}" + (f": {self._clean(sentence)}" if sentence else "")
        if code == "insufficient_quota":
            raise CallError(told, Cause.QUOTA, status)
        if status >= 500 and "response_format" in answer.text:
            raise CallError(told, Cause.FORM, status)  # llama-cpp-python's server breaks over a form that it has not
        if status in TRANSIENT:
            wait = retry_after(answer.headers.get("retry-after"), time.time())
            raise TransientError(told, wait=wait, status=status)
        if 300 <= status < 400:
            raise CallError(
                f"{told} (moved to {self._clean(answer.headers.get('location', '?'))})", Cause.ACCESS, status
            )
        raise CallError(told, Cause.ACCESS if status in {401, 403, 404, 405} else Cause.OTHER, status)

    def _parse(self, answer: Answer) -> dict[str, Any]:
        try:
            body = json.loads(answer.text)
        except ValueError:
            raise TransientError(f"the server sent no JSON: {self._clean(answer.text[:80])!r}") from None
        if not isinstance(body, dict):
            raise CallError(f"the server sent JSON that is no object: {self._clean(answer.text[:80])!r}")
        return body

    def _discreet(self, answer: Answer) -> Answer:
        """Return the answer without the key, which a server or a model may say; what answers say is kept in files."""
        key = self._key
        if key is None or len(key) < _SECRET or key not in answer.text:
            return answer
        return answer._replace(text=answer.text.replace(key, "[key]"))

    def _clean(self, text: str) -> str:
        """Return the text in one line, without the key."""
        if self._key:
            text = text.replace(self._key, "[key]")
        return shortened(text)


class _Connections:
    """Connections, one for each call under way, each kept for the next call.

    A pool that all calls share looks through all its connections for every call: with 64 slots that takes longer
    than the calls.
    """

    def __init__(self, url: str, settings: EndpointSettings, tls: ssl.SSLContext | None) -> None:
        self._url, self._timeout, self._tls = url, settings.timeout, tls
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.key:
            self._headers["Authorization"] = f"Bearer {settings.key}"
        self._all: list[Connection] = []
        self._free: list[Connection] = []

    @contextmanager
    def one(self) -> Iterator[Connection]:
        """Lend a connection that nobody uses."""
        client = self._free.pop() if self._free else self._new()
        try:
            yield client
        finally:
            self._free.append(client)

    def _new(self) -> Connection:
        client = connection(self._url, self._headers, self._tls, self._timeout)
        self._all.append(client)
        return client

    async def close(self) -> None:
        """Close all connections."""
        closing, self._all, self._free = self._all, [], []
        for client in closing:
            await client.close()
