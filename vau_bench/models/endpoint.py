"""An HTTP endpoint for chat completions: bounded concurrency, retries, and one sentence for each failure.

The calls run in one background thread with its own event loop; `Endpoint.map` is an ordinary generator that
takes items lazily and yields each result as it comes. The key is part of no error, no log line and no `repr`.
"""

from __future__ import annotations

import asyncio
import json
import math
import random
import re
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import Enum
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, NamedTuple, NoReturn, TypeAlias, TypeVar

import httpx

from vau_bench.errors import ModelError, VideoError
from vau_bench.models.connections import Answer, BrokenConnectionError, Connection, NoConnectionError, connection
from vau_bench.models.load import OVERLOADED, Load

T = TypeVar("T")
R = TypeVar("R")

TRANSIENT = frozenset({408, 409, 425, 429}) | frozenset(range(500, 600))
"""Statuses that a later attempt may cure."""


_SECRET = 12
"""Characters from which on a key is a secret; shorter ones, such as EMPTY, are words that an answer may hold."""


class Cause(Enum):
    """Why a call failed, as far as it matters for the other calls."""

    CONNECTION = "no connection was made"
    ACCESS = "the key, the model or the address is not accepted"
    QUOTA = "the account has nothing left to spend"
    FORM = "the server does not know the form of reply that was asked for"
    OTHER = "this call alone"


class CallError(Exception):
    """A call without a usable reply; the text is one sentence, free of the key.

    Attributes:
        cause: what it means for the other calls.
        status: the HTTP status of the answer that ended it, if there was one.
    """

    def __init__(self, sentence: str, cause: Cause = Cause.OTHER, status: int | None = None) -> None:
        super().__init__(sentence)
        self.cause = cause
        self.status = status


class Reply(NamedTuple):
    """A JSON object that the server sent, and the wall time of the attempt that brought it, in seconds."""

    body: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class EndpointSettings:
    """Where to call and how patiently.

    Attributes:
        url: of the resource that calls are posted to.
        key: sent as a bearer token; `None` sends none.
        concurrency: calls in flight at most; fewer while the server is overloaded, see `vau_bench.models.load`.
        timeout: seconds that one attempt may take, from connecting to the last byte.
        retries: further attempts after one that a later attempt may cure.
        first_pause: seconds before the first retry at most (drawn uniformly), doubled for each further one.
        longest_pause: seconds that a pause may last, also when the server asks for more.
        give_up_after: calls in a row that never connected after which the endpoint counts as down.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    concurrency: int = 8
    timeout: float = 120.0
    retries: int = 6
    first_pause: float = 1.0
    longest_pause: float = 60.0
    give_up_after: int = 20


class _Transient(Exception):
    """An attempt failed that may be repeated; `wait` is what the server asked for, in seconds."""

    def __init__(
        self, sentence: str, *, wait: float | None = None, cause: Cause = Cause.OTHER, status: int | None = None
    ) -> None:
        super().__init__(sentence)
        self.wait = wait
        self.cause = cause
        self.status = status


Payload: TypeAlias = Callable[[], dict[str, Any]]
Post: TypeAlias = Callable[[Payload], Awaitable[Reply]]
"""Posts the JSON that a function returns, and is patient; the function runs beside other calls, in a thread."""


def one_call(payload: Callable[[T], dict[str, Any]]) -> Callable[[Post, T], Awaitable[Reply]]:
    """Return the talk that is a single call, its JSON made by `payload`."""
    return lambda post, item: post(lambda: payload(item))


class Endpoint(Generic[T, R]):
    """Talks about each of many items, many at once.

    Args:
        settings: where to call and how patiently.
        talk: what is called for one item, one call after the other, and what comes of it; see `one_call`. It may
            raise `VideoError` or `CallError`, which becomes the item's result; `ModelError` ends the run.
        quick: payloads are made in no time, so that none needs a thread.
    """

    def __init__(
        self, settings: EndpointSettings, talk: Callable[[Post, T], Awaitable[R]], *, quick: bool = False
    ) -> None:
        self.settings = settings
        self._talk = talk
        self._quick = quick
        self._load = Load(settings.concurrency)
        self._worked = False
        self._unconnected = 0

    @property
    def slots(self) -> int:
        """How many calls may be under way now."""
        return self._load.slots

    def map(self, items: Iterable[T]) -> Generator[tuple[T, R | CallError | VideoError]]:
        """Yield each item with its result or the reason why there is none, as they complete.

        Raises:
            ModelError: if the endpoint is down, or accepts nothing from us. What was yielded before stands.
        """
        done: SimpleQueue[tuple[T, Future[R]]] = SimpleQueue()
        in_flight = 0
        with _Loop(self.settings) as loop:
            for item in items:
                loop.submit(self._spoken(loop.clients, item)).add_done_callback(
                    lambda future, item=item: done.put((item, future))  # type: ignore[misc]
                )
                in_flight += 1
                while in_flight >= self.settings.concurrency or not done.empty():
                    yield self._settle(*done.get())
                    in_flight -= 1
            while in_flight:
                yield self._settle(*done.get())
                in_flight -= 1

    def _settle(self, item: T, future: Future[R]) -> tuple[T, R | CallError | VideoError]:
        try:
            result = future.result()
        except VideoError as error:
            return item, error
        except CallError as error:
            self._stop_if_hopeless(error)
            return item, error
        self._worked = True
        self._unconnected = 0
        return item, result

    def _stop_if_hopeless(self, error: CallError) -> None:
        self._unconnected = self._unconnected + 1 if error.cause is Cause.CONNECTION else 0
        if error.cause is Cause.QUOTA or (error.cause is Cause.ACCESS and not self._worked):
            raise ModelError(f"{self.settings.url}: {error}")
        if self._unconnected >= self.settings.give_up_after:
            raise ModelError(
                f"{self.settings.url} is down: {self._unconnected} requests in a row failed ({error}); "
                "check that the server runs and that base_url is right, then resume the run"
            )

    async def _spoken(self, clients: _Clients, item: T) -> R:
        return await self._talk(lambda payload: self._call(clients, payload), item)

    async def _call(self, clients: _Clients, payload: Payload) -> Reply:
        content = self._content(payload) if self._quick else await asyncio.to_thread(self._content, payload)
        attempt = 0
        while True:
            try:
                async with self._load.slot() as number:
                    with clients.one() as client:
                        return await self._attempt(client, content, number)
            except _Transient as error:
                if attempt >= self.settings.retries:
                    times = f"{attempt + 1} attempts" if attempt else "1 attempt"
                    raise CallError(f"{error} ({times})", error.cause, error.status) from None
                await asyncio.sleep(pause(attempt, self.settings, error.wait))
                attempt += 1

    def _content(self, payload: Payload) -> bytes:
        try:
            return json.dumps(payload()).encode()
        except (CallError, VideoError, ModelError):
            raise
        except Exception as error:
            raise CallError(f"the request could not be prepared: {type(error).__name__}: {error}") from error

    async def _attempt(self, client: Connection, content: bytes, number: int) -> Reply:
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self.settings.timeout):
                answer = await client.post(content)
        except TimeoutError:
            self._load.answered(number, time.perf_counter() - start)
            cause = Cause.OTHER if client.connected else Cause.CONNECTION
            raise _Transient(f"no complete answer within {self.settings.timeout:g} s", cause=cause) from None
        except NoConnectionError as error:
            raise _Transient(f"no connection: {self._clean(str(error))}", cause=Cause.CONNECTION) from None
        except BrokenConnectionError as error:
            raise _Transient(f"the connection broke: {self._clean(str(error))}") from None
        seconds = time.perf_counter() - start
        if answer.status in OVERLOADED:
            self._load.refused(number)
        else:
            self._load.answered(number, seconds)
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
            raise _Transient(told, wait=retry_after(answer.headers.get("retry-after"), time.time()), status=status)
        if 300 <= status < 400:
            raise CallError(f"{told} (moved to {answer.headers.get('location', '?')})", Cause.ACCESS, status)
        raise CallError(told, Cause.ACCESS if status in {401, 403, 404, 405} else Cause.OTHER, status)

    def _parse(self, answer: Answer) -> dict[str, Any]:
        try:
            body = json.loads(answer.text)
        except ValueError:
            raise _Transient(f"the server sent no JSON: {self._clean(answer.text[:80])!r}") from None
        if not isinstance(body, dict):
            raise CallError(f"the server sent JSON that is no object: {self._clean(answer.text[:80])!r}")
        return body

    def _discreet(self, answer: Answer) -> Answer:
        """Return the answer without the key, which a server or a model may say; what answers say is kept in files."""
        key = self.settings.key
        if key is None or len(key) < _SECRET or key not in answer.text:
            return answer
        return answer._replace(text=answer.text.replace(key, "[key]"))

    def _clean(self, text: str) -> str:
        """Return the text in one line, without the key."""
        if self.settings.key:
            text = text.replace(self.settings.key, "[key]")
        return shortened(text)


def shortened(text: str, limit: int = 300) -> str:
    """Return the text on one line, cut after `limit` characters."""
    text = " ".join(text.split())
    return text if len(text) <= limit else f"{text[:limit]}..."


def server_sentence(text: str) -> tuple[str, str | None]:
    """Return the human sentence and the error code of an error body, whatever its format."""
    try:
        body = json.loads(text)
    except ValueError:
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return (title.group(1) if title else re.sub(r"<[^>]*>", " ", text)), None
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        return str(error), None
    sentence = next((error[k] for k in ("message", "detail", "msg") if error.get(k)), text)
    code = error.get("code")
    return str(sentence), code if isinstance(code, str) else None


def retry_after(header: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, given as seconds or as a date; else `None`."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(0.0, seconds)


def pause(attempt: int, settings: EndpointSettings, asked: float | None = None) -> float:
    """Return the seconds before retry number `attempt`: exponential backoff with full jitter.

    A wait that the server `asked` for is kept, plus up to a quarter so that calls do not return all at once.
    """
    if asked is not None:
        return min(asked * random.uniform(1.0, 1.25), settings.longest_pause)
    return random.uniform(0.0, min(settings.longest_pause, settings.first_pause * 2.0**attempt))


class _Clients:
    """Connections, one for each call under way, each kept for the next call.

    A pool that all calls share looks through all its connections for every call: with 64 slots that takes longer
    than the calls.
    """

    def __init__(self, settings: EndpointSettings) -> None:
        self._settings = settings
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.key:
            self._headers["Authorization"] = f"Bearer {settings.key}"
        self._tls = httpx.create_ssl_context() if settings.url.startswith("https:") else None
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
        client = connection(self._settings.url, self._headers, self._tls, self._settings.timeout)
        self._all.append(client)
        return client

    async def close(self) -> None:
        """Close all connections."""
        for client in self._all:
            await client.close()


class _Loop:
    """An event loop in a thread, with HTTP clients; leaving it cancels what is in flight and waits."""

    def __init__(self, settings: EndpointSettings) -> None:
        self.clients = _Clients(settings)
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vau-bench-endpoint", daemon=True)

    def __enter__(self) -> _Loop:
        self._thread.start()
        self._ready.wait()
        return self

    def submit(self, call: Coroutine[Any, Any, R]) -> Future[R]:
        """Start a coroutine in the loop."""
        return asyncio.run_coroutine_threadsafe(call, self._loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ready.set()
        await self._stop.wait()
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self.clients.close()
