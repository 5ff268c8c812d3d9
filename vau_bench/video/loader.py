"""The way to frames for everything else: cached, decoded in processes of their own, ahead of their use."""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from vau_bench.errors import VideoError, VideoUnreadableError
from vau_bench.profiling import Profile
from vau_bench.video.cache import FrameCache
from vau_bench.video.clip import Clip, Shown, VideoInfo
from vau_bench.video.hashing import content_hash
from vau_bench.video.plans import FramePlan, parse_plan
from vau_bench.video.worker import Worker

T = TypeVar("T")

CACHE_BYTES = 20 << 30


class ClipLoader:
    """Loads clips. May be used by several threads; close it, or use it as a context manager.

    Args:
        cache_dir: where decoded frames and file hashes are kept between runs; `None` keeps nothing.
        workers: decoding processes, started when first needed.
        timeout: for one video, in seconds.
        cache_bytes: limit of the decoded frames on disk.
        profile: told how long decoding takes.
    """

    def __init__(
        self,
        cache_dir: Path | None = None,
        *,
        workers: int = 1,
        timeout: float = 60.0,
        cache_bytes: int = CACHE_BYTES,
        profile: Profile | None = None,
    ) -> None:
        if workers < 1 or timeout <= 0:
            raise ValueError("workers and timeout must be above 0")
        self.timeout = timeout
        self.profile = profile or Profile()
        self._cache = FrameCache(cache_dir / "frames", cache_bytes) if cache_dir else None
        self._hashes = cache_dir / "hashes.jsonl" if cache_dir else None
        self._workers = tuple(Worker() for _ in range(workers))
        self._idle: queue.LifoQueue[Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._closed = False

    def load(self, path: Path, plan: FramePlan | str) -> Clip:
        """Return the frames of the plan.

        Raises:
            VideoMissingError: if there is no such file.
            VideoUnreadableError: if it is not a video, is damaged, or crashes the decoder.
            VideoTimeoutError: if decoding takes longer than the limit.
            UsageError: if the plan is not one.
        """
        plan = parse_plan(plan)
        content = self.hash(path)
        lanes = len(self._workers)
        if self._cache:
            with self.profile.at("cache", lanes=lanes):
                known = self._cache.get(content, plan, path)
            if known:
                return known
        with self._worker() as worker, self.profile.at("decode", lanes=lanes):
            clip = worker.decode(path, plan, self.timeout)
        if self._cache:
            self._cache.put(content, plan, clip)
        return clip

    def stream(
        self, items: Iterable[T], locate: Callable[[T], tuple[Path, FramePlan | str]]
    ) -> Iterator[tuple[T, Clip | VideoError]]:
        """Yield each item with its clip, or with why there is none, in order, decoding ahead.

        Takes no more than one item a worker ahead of what is yielded, so that memory stays bounded. Neighbours about
        one video and plan share a clip.

        Args:
            items: anything; taken lazily.
            locate: gives the video and the plan of an item.
        """
        ahead: deque[tuple[T, Future[Clip | VideoError]]] = deque()
        pool = ThreadPoolExecutor(len(self._workers), thread_name_prefix="clips")
        try:
            place: tuple[Path, FramePlan | str] | None = None
            for item in items:
                before, place = place, locate(item)
                same = bool(ahead) and place == before
                ahead.append((item, ahead[-1][1] if same else pool.submit(self._attempt, *place)))
                if len(ahead) > len(self._workers):
                    yield _result(ahead)
            while ahead:
                yield _result(ahead)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def probe(self, path: Path) -> VideoInfo:
        """Measure the video; raises as `load` does."""
        with self._worker() as worker:
            return worker.probe(path, self.timeout)

    def look(self, path: Path, plan: FramePlan | str) -> Shown:
        """Return which frames the plan shows and what it takes to decode them; raises as `load` does."""
        with self._worker() as worker:
            return worker.look(path, parse_plan(plan), self.timeout)

    def cached_bytes(self, path: Path, plan: FramePlan | str) -> int | None:
        """Return the size of the clip in the cache, `None` if it is not there; raises as `hash` does."""
        return self._cache.bytes_of(self.hash(path), parse_plan(plan)) if self._cache else None

    def hash(self, path: Path) -> str:
        """Return the content hash of the file; read once, then remembered."""
        return content_hash(path, self._hashes)

    def close(self) -> None:
        """End the decoding processes; what they are at fails."""
        self._closed = True
        for worker in self._workers:
            worker.close()

    def __enter__(self) -> ClipLoader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _attempt(self, path: Path, plan: FramePlan | str) -> Clip | VideoError:
        try:
            return self.load(path, plan)
        except VideoError as error:
            return error

    @contextmanager
    def _worker(self) -> Iterator[Worker]:
        """Lend an idle worker."""
        worker = self._idle.get()
        try:
            if self._closed:
                raise VideoUnreadableError("the loader is closed")
            yield worker
        finally:
            self._idle.put(worker)


def _result(ahead: deque[tuple[T, Future[Clip | VideoError]]]) -> tuple[T, Clip | VideoError]:
    item, future = ahead.popleft()
    return item, future.result()
