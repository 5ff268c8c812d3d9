"""Connections for calls: a lean one for HTTP/1.1, and httpx where a proxy or a name in the address stands between.

At thousands of short calls a minute, what a general client does around each costs more than the call: on one core a
call through httpx takes 1.8 ms, through `Direct` 0.3 ms.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import NamedTuple, Protocol
from urllib.request import getproxies, proxy_bypass

import h11
import httpx


class Answer(NamedTuple):
    """What a server sent; header names are in lower case."""

    status: int
    headers: dict[str, str]
    text: str


class NoConnectionError(Exception):
    """The server was not reached."""


class BrokenConnectionError(Exception):
    """The server was reached, and there is no whole answer."""


class Connection(Protocol):
    """Posts one call after the other.

    Attributes:
        connected: the latest call has reached the server.
    """

    connected: bool

    async def post(self, content: bytes) -> Answer:
        """Post and return the answer, whatever its status; redirects are not followed.

        Raises:
            NoConnectionError: if the server was not reached.
            BrokenConnectionError: if there is no whole answer.
        """
        ...

    async def close(self) -> None:
        """Close it."""
        ...


def proxied(url: str) -> bool:
    """Tell whether calls go through a proxy that the environment names."""
    parts = httpx.URL(url)
    proxies = getproxies()
    return bool((parts.scheme in proxies or "all" in proxies) and not proxy_bypass(parts.host))


def connection(url: str, headers: dict[str, str], tls: ssl.SSLContext | None, timeout: float) -> Connection:
    """Return a connection to a resource; nothing is opened before the first call."""
    if proxied(url) or httpx.URL(url).userinfo:
        return Relayed(url, headers, tls, timeout)
    return Direct(url, headers, tls)


class Direct:
    """A connection that is kept between calls.

    Args:
        url: of the resource.
        headers: of every call.
        tls: for https.
    """

    def __init__(self, url: str, headers: dict[str, str], tls: ssl.SSLContext | None) -> None:
        parts = httpx.URL(url)
        self._host = parts.raw_host.decode("ascii").strip("[]")
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._tls = tls if parts.scheme == "https" else None
        self._target = parts.raw_path
        self._headers = [("Host", parts.netloc.decode("ascii")), *headers.items()]
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter, h11.Connection] | None = None
        self.connected = False

    async def post(self, content: bytes) -> Answer:
        """Post and return the answer; a kept connection that the server has left is opened anew, once."""
        kept = self._open is not None
        try:
            answer = await self._post(content)
            if answer is None and kept:
                await self.close()
                answer = await self._post(content)
        except BaseException:
            self._drop()
            raise
        if answer is None:
            self._drop()
            raise BrokenConnectionError("the server closed it without an answer")
        return answer

    async def close(self) -> None:
        """Close it."""
        self._drop()

    def _drop(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None

    async def _post(self, content: bytes) -> Answer | None:
        """Return the answer, `None` where the connection ended before its first byte."""
        reader, writer, protocol = self._open or await self._opened()
        self.connected = True
        try:
            writer.write(self._written(protocol, content))
            await writer.drain()
            answer = await self._read(reader, protocol)
        except ConnectionError as error:
            if protocol.their_state is h11.SEND_RESPONSE and not protocol.trailing_data[0]:
                return None
            raise BrokenConnectionError(str(error) or type(error).__name__) from None
        except (OSError, h11.RemoteProtocolError) as error:
            raise BrokenConnectionError(str(error) or type(error).__name__) from None
        if answer is not None:
            if protocol.our_state is h11.DONE and protocol.their_state is h11.DONE:
                protocol.start_next_cycle()
            else:
                self._drop()
        return answer

    async def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, h11.Connection]:
        self.connected = False
        try:
            reader, writer = await asyncio.open_connection(self._host, self._port, ssl=self._tls)
        except OSError as error:
            raise NoConnectionError(str(error) or type(error).__name__) from None
        self._open = reader, writer, h11.Connection(h11.CLIENT)
        return self._open

    def _written(self, protocol: h11.Connection, content: bytes) -> bytes:
        headers = [*self._headers, ("Content-Length", str(len(content)))]
        request = h11.Request(method="POST", target=self._target, headers=headers)
        parts = (protocol.send(event) for event in (request, h11.Data(data=content), h11.EndOfMessage()))
        return b"".join(part or b"" for part in parts)

    async def _read(self, reader: asyncio.StreamReader, protocol: h11.Connection) -> Answer | None:
        head: h11.Response | None = None
        body: list[bytes] = []
        begun = False
        while True:
            event = protocol.next_event()
            if event is h11.NEED_DATA:
                data = await reader.read(1 << 16)
                if not data and not begun:
                    return None
                begun = True
                protocol.receive_data(data)
            elif isinstance(event, h11.Response):
                head = event
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                break
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
        return Answer(head.status_code, headers, b"".join(body).decode("utf-8", "replace"))


class Relayed:
    """A connection of httpx, which knows proxies.

    Args:
        url: of the resource.
        headers: of every call.
        tls: for https.
        timeout: seconds to connect, and between two reads.
    """

    def __init__(self, url: str, headers: dict[str, str], tls: ssl.SSLContext | None, timeout: float) -> None:
        self._url = url
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=timeout,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            verify=tls or False,
        )
        self.connected = False

    async def post(self, content: bytes) -> Answer:
        """Post and return the answer."""
        self.connected = False
        try:
            response = await self._client.post(self._url, content=content)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            raise NoConnectionError(str(error) or type(error).__name__) from None
        except httpx.RequestError as error:
            self.connected = True
            raise BrokenConnectionError(str(error) or type(error).__name__) from None
        self.connected = True
        return Answer(response.status_code, dict(response.headers), response.text)

    async def close(self) -> None:
        """Close it."""
        await self._client.aclose()
