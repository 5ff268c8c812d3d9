"""An endpoint for chat completions, of one server or several: bounded concurrency, retries, one sentence per failure.

The calls run in one background thread with its own event loop; `Endpoint.map` is an ordinary generator that
takes items lazily and yields each result as it comes. The key is part of no error, no log line and no `repr`.
"""

from __future__ import annotations

import asyncio
import json
import threading
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from concurrent.futures import Future
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, TypeAlias, TypeVar

import httpx

from vau_bench.errors import ModelError, VideoError
from vau_bench.models.calls import Call, pause
from vau_bench.models.endpoint_settings import EndpointSettings
from vau_bench.models.failures import CallError, Cause, EndpointWarning, retry_after, shortened
from vau_bench.models.pool import Pool
from vau_bench.models.server import Reply, Server
from vau_bench.models.told_model import ToldModels

__all__ = [
    "CallError",
    "Cause",
    "Endpoint",
    "EndpointSettings",
    "EndpointWarning",
    "Payload",
    "Post",
    "Reply",
    "one_call",
    "pause",
    "retry_after",
    "shortened",
]

T = TypeVar("T")
R = TypeVar("R")

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
        tls = httpx.create_ssl_context() if any(url.startswith("https:") for url in settings.urls) else None
        self._news: SimpleQueue[str] = SimpleQueue()
        drained = self._news.put if len(settings.urls) > 1 else lambda sentence: None
        self._pool = Pool([Server(url, settings, tls, drained) for url in settings.urls])
        self._told = ToldModels(settings.model, self._news.put)
        self._unconnected = 0

    @property
    def slots(self) -> int:
        """How many calls may be under way now."""
        return self._pool.slots

    def map(self, items: Iterable[T]) -> Generator[tuple[T, R | CallError | VideoError]]:
        """Yield each item with its result or the reason why there is none, as they complete.

        Raises:
            ModelError: if all servers are down, one accepts nothing from us, or they do not serve the same model.
                What was yielded before stands.
        """
        done: SimpleQueue[tuple[T, Future[R]]] = SimpleQueue()
        in_flight = 0
        with _Loop(self._pool) as loop:
            for item in items:
                loop.submit(self._spoken(item)).add_done_callback(
                    lambda future, item=item: done.put((item, future))  # type: ignore[misc]
                )
                in_flight += 1
                while in_flight >= self.settings.lanes or not done.empty():
                    yield self._settle(*done.get())
                    in_flight -= 1
            while in_flight:
                yield self._settle(*done.get())
                in_flight -= 1

    def _settle(self, item: T, future: Future[R]) -> tuple[T, R | CallError | VideoError]:
        while not self._news.empty():
            warnings.warn(self._news.get(), EndpointWarning, stacklevel=3)
        try:
            result = future.result()
        except VideoError as error:
            return item, error
        except CallError as error:
            self._stop_if_down(error)
            return item, error
        self._unconnected = 0
        return item, result

    def _stop_if_down(self, error: CallError) -> None:
        self._unconnected = self._unconnected + 1 if error.cause is Cause.CONNECTION else 0
        if self._unconnected >= self.settings.give_up_after:
            are, run = ("is", "the server runs") if len(self.settings.urls) == 1 else ("are", "the servers run")
            raise ModelError(
                f"{self.settings.name} {are} down: {self._unconnected} requests in a row failed ({error}); "
                f"check that {run} and that base_url is right, then resume the run"
            )

    async def _spoken(self, item: T) -> R:
        return await self._talk(self._call, item)

    async def _call(self, payload: Payload) -> Reply:
        content = _content(payload) if self._quick else await asyncio.to_thread(_content, payload)
        server, reply = await Call(self._pool, self.settings, content).reply()
        self._told.note(server.url, reply.body.get("model"))
        return reply


def _content(payload: Payload) -> bytes:
    try:
        return json.dumps(payload()).encode()
    except (CallError, VideoError, ModelError):
        raise
    except Exception as error:
        raise CallError(f"the request could not be prepared: {type(error).__name__}: {error}") from error


class _Loop:
    """An event loop in a thread, in which a pool is called; leaving it cancels what is in flight and waits."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
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
        await self._pool.close()
