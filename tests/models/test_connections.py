"""Connections: kept between calls, opened anew where the server left, and honest about what broke."""

from __future__ import annotations

import asyncio

import pytest

from vau_bench.models.connections import (
    Answer,
    BrokenConnectionError,
    Direct,
    NoConnectionError,
    Relayed,
    connection,
)

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def talk(script: list[list[bytes | None]], calls: int = 1) -> tuple[list[Answer | Exception], list[list[bytes]]]:
    """Make calls to a server.

    `script` holds a list for each connection, with what is sent after each request; `None` closes the connection.
    Returns what came of each call, and the requests that each connection brought.
    """
    seen: list[list[bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(seen)
        seen.append([])
        for reply in script[min(number, len(script) - 1)]:
            if reply is None:
                break
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                break
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            seen[number].append(head + await reader.readexactly(length))
            writer.write(reply)
            await writer.drain()
        writer.close()

    async def run() -> list[Answer | Exception]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        client = Direct(f"http://127.0.0.1:{port}/v1/chat?x=1", {"Authorization": "Bearer k"}, None)
        found: list[Answer | Exception] = []
        for number in range(calls):
            try:
                found.append(await client.post(f'{{"n": {number}}}'.encode()))
            except (NoConnectionError, BrokenConnectionError) as error:
                found.append(error)
            await asyncio.sleep(0.02)
        await client.close()
        server.close()
        return found

    return asyncio.run(run()), seen


def test_calls_share_a_connection():
    found, seen = talk([[HEAD] * 3], calls=3)
    assert [a.text for a in found] == ["ok"] * 3 and len(seen) == 1
    head, body = seen[0][1].split(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/chat?x=1 HTTP/1.1\r\nHost: 127.0.0.1:") and b"Authorization: Bearer k" in head
    assert body == b'{"n": 1}'


@pytest.mark.parametrize("goodbye", [None, b""], ids=["before the call", "after it"])
def test_a_kept_connection_that_the_server_left_is_opened_anew(goodbye):
    found, seen = talk([[HEAD, goodbye], [HEAD]], calls=2)
    assert [a.text for a in found] == ["ok", "ok"] and len(seen) == 2


def test_a_fresh_connection_that_ends_without_an_answer_is_not_asked_again():
    found, seen = talk([[b""]])
    assert isinstance(found[0], BrokenConnectionError) and len(seen) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
def test_half_an_answer_is_none(reply):
    found, _ = talk([[reply], [HEAD]], calls=2)
    assert isinstance(found[0], BrokenConnectionError)
    assert found[1].text == "ok", "and the next call has a connection of its own"


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\n\r\nok",
        b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD,
    ],
)
def test_every_way_to_end_an_answer(reply):
    found, _ = talk([[reply], [reply]], calls=2)
    assert [a.text for a in found] == ["ok", "ok"]


def test_statuses_and_headers_come_as_they_are():
    found, _ = talk([[b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 0\r\n\r\n"]])
    assert (found[0].status, found[0].headers["location"], found[0].text) == (302, "http://elsewhere/", "")


def test_nobody_there():
    async def run() -> None:
        with pytest.raises(NoConnectionError):
            await Direct("http://127.0.0.1:9/", {}, None).post(b"{}")

    asyncio.run(run())


def test_a_call_that_is_cut_off_leaves_no_half_read_connection():
    async def run() -> None:
        count = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            await reader.readuntil(b"{}")
            if count == 1:
                await asyncio.sleep(0.3)
            writer.write(HEAD)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        client = Direct(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", {}, None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await client.post(b"{}")
        assert client.connected, "it was the answer that did not come"
        assert (await client.post(b"{}")).text == "ok"
        await client.close()
        server.close()
        await asyncio.sleep(0.3)

    asyncio.run(run())


class TestProxies:
    def of(self, url: str) -> type:
        made = connection(url, {}, None, 5.0)
        asyncio.run(made.close())
        return type(made)

    def test_httpx_talks_to_them(self, monkeypatch: pytest.MonkeyPatch):
        assert self.of("http://127.0.0.1:8000/v1") is Direct
        monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
        assert self.of("http://host.example/v1") is Relayed
        assert self.of("https://host.example/v1") is Direct, "no proxy for this scheme"
        monkeypatch.setenv("no_proxy", "host.example")
        assert self.of("http://host.example/v1") is Direct

    def test_and_names_in_an_address(self):
        assert self.of("http://user:pass@host.example/v1") is Relayed

    def test_a_relayed_call(self):
        async def run() -> None:
            async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await reader.readuntil(b"{}")
                writer.write(HEAD)
                writer.close()

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            port = server.sockets[0].getsockname()[1]
            client = Relayed(f"http://127.0.0.1:{port}/", {}, None, 5.0)
            assert (await client.post(b"{}")).text == "ok"
            await client.close()
            server.close()
            lost = Relayed("http://127.0.0.1:9/", {}, None, 5.0)
            with pytest.raises(NoConnectionError):
                await lost.post(b"{}")
            await lost.close()

        asyncio.run(run())
