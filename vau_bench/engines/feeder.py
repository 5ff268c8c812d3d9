"""Requests on their way to an engine: drawn as there is room for them, and each answered once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from itertools import islice

from vau_bench.records import Request, Response

_PATIENCE = 0.2
"""Seconds after which a waiting feeder looks whether it is to stop."""


class Feeder:
    """Draws requests in a thread of its own, in blocks, and tells which of them are open.

    Args:
        requests: taken lazily.
        rows: requests of a block.
        slots: blocks that may be open at once.
        put: takes a block; called in the thread.
        end: told that no block follows; called in the thread.
    """

    def __init__(
        self,
        requests: Iterator[Request],
        *,
        rows: int,
        slots: int,
        put: Callable[[list[Request]], None],
        end: Callable[[], None],
    ) -> None:
        self._requests, self._rows, self._put, self._end = requests, rows, put, end
        self._slots = threading.Semaphore(slots)
        self._stopped = threading.Event()
        self._open: dict[str, tuple[Request, int]] = {}
        self._left: dict[int, int] = {}
        self._thread = threading.Thread(target=self._run, name="requests", daemon=True)
        self.error: BaseException | None = None

    def start(self) -> None:
        """Begin to draw requests."""
        self._thread.start()

    def stop(self) -> None:
        """Draw no more requests."""
        self._stopped.set()

    def join(self) -> None:
        """Wait until the last one is drawn."""
        if self._thread.is_alive():
            self._thread.join()

    def settle(self, response: Response) -> tuple[bool, int | None]:
        """Return whether the response is the first one to its request, and the block that is answered with it."""
        request = self._open.pop(response.key, None)
        if request is None:
            return False, None
        _, index = request
        self._left[index] -= 1
        if self._left[index]:
            return True, None
        del self._left[index]
        self._slots.release()
        return True, index

    def unanswered(self) -> list[Request]:
        """Return the requests that were drawn and not answered."""
        return [request for request, _ in self._open.values()]

    def _run(self) -> None:
        try:
            index = 0
            while self._has_slot() and (block := list(islice(self._requests, self._rows))):
                self._left[index] = len(block)
                self._open |= {request.key: (request, index) for request in block}
                self._put(block)
                index += 1
        except BaseException as error:  # raised again by whoever waits for responses
            if not self._stopped.is_set():
                self.error = error
        finally:
            self._finish()

    def _finish(self) -> None:
        try:
            self._end()
        except Exception as error:
            if not self._stopped.is_set() and self.error is None:
                self.error = error

    def _has_slot(self) -> bool:
        while not self._stopped.is_set():
            if self._slots.acquire(timeout=_PATIENCE):
                return True
        return False
