"""The report served from a run folder to this machine alone: pictures are made when they are looked at."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, NamedTuple

from vau_bench.errors import RunError
from vau_bench.evaluation import Silent
from vau_bench.paths import cache_dir
from vau_bench.report.answers import TIMED
from vau_bench.report.book import Book, dumped
from vau_bench.report.cards import film
from vau_bench.report.film import Reels, looks, strips
from vau_bench.report.page import render
from vau_bench.video import ClipLoader

HOST = "127.0.0.1"
HTML, JSON_TYPE = "text/html; charset=utf-8", "application/json"


class Body(NamedTuple):
    """What is answered: its type and its bytes."""

    kind: str
    content: bytes


class Pages:
    """What can be asked for, by path; nothing else on the disk can be reached.

    Args:
        book: all samples.
        clips: decodes what is looked at.
    """

    def __init__(self, book: Book, clips: ClipLoader) -> None:
        self._book = book
        self._clips = clips
        self._page = render(book, None).encode()
        self._index = dumped(book.index())
        self._routes: tuple[tuple[re.Pattern[str], Callable[..., Body | None]], ...] = (
            (re.compile(r"/"), lambda: Body(HTML, self._page)),
            (re.compile(r"/data/index"), lambda: Body(JSON_TYPE, self._index)),
            (re.compile(r"/data/chunk/(\d{1,9})"), self._chunk),
            (re.compile(r"/data/film/(\d{1,9})/(\d{1,9})"), self._film),
        )

    def find(self, path: str) -> Body | None:
        """Return what stands at a path, `None` where nothing does."""
        for pattern, answer in self._routes:
            if match := pattern.fullmatch(path):
                return answer(*map(int, match.groups()))
        return None

    def _chunk(self, number: int) -> Body | None:
        return Body(JSON_TYPE, dumped(self._book.chunk(number, None))) if number < self._book.chunks else None

    def _film(self, number: int, place: int) -> Body | None:
        if number >= len(self._book.pages):
            return None
        page = self._book.pages[number]
        task = self._book.tasks[page.task]
        found = looks(task, page.sample)
        if place >= len(found):
            return None
        reels = Reels()
        (strip,) = strips([(found[place], page.sample)], self._clips, reels, Silent())
        told = film(strip, page.sample.given[0].truth if task.first.entry.kind in TIMED else None)
        pictures = [b64encode(picture).decode("ascii") for reel in reels.pictures for picture in reel.values()]
        told["frames"] = [[pictures[at], *frame] for at, *frame in told["frames"]]
        return Body(JSON_TYPE, dumped(told))


class Handler(BaseHTTPRequestHandler):
    """Answers GET and HEAD of those who ask this machine by its own name."""

    pages: ClassVar[Pages]
    server_version = "vau-bench"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with what stands at the path."""
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        if host not in (HOST, "localhost"):
            self._answer(HTTPStatus.FORBIDDEN, Body("text/plain", b"ask 127.0.0.1\n"))
            return
        found = self.pages.find(self.path)
        if found is None:
            self._answer(HTTPStatus.NOT_FOUND, Body("text/plain", b"there is nothing here\n"))
        else:
            self._answer(HTTPStatus.OK, found)

    do_HEAD = do_GET

    def _answer(self, status: HTTPStatus, body: Body) -> None:
        self.send_response(status)
        for name, value in (
            ("Content-Type", body.kind),
            ("Content-Length", str(len(body.content))),
            ("Cache-Control", "no-store"),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Referrer-Policy", "no-referrer"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body.content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: what is asked for is nobody's business."""


class Viewer:
    """A server of one book; a context manager.

    Args:
        book: all samples.
        port: 0: any that is free.

    Raises:
        RunError: if the port cannot be had.
    """

    def __init__(self, book: Book, port: int = 0) -> None:
        options = book.runs[0].options
        self._clips = ClipLoader(cache_dir(), workers=options.decode_workers, timeout=options.decode_timeout)
        handler = type("BookHandler", (Handler,), {"pages": Pages(book, self._clips)})
        try:
            self._server = ThreadingHTTPServer((HOST, port), handler)
        except (OSError, OverflowError) as error:
            self._clips.close()
            raise RunError(f"cannot listen on port {port}: {getattr(error, 'strerror', None) or error}") from None
        self._server.daemon_threads = True

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._server.server_address[1]}/"

    def serve(self) -> None:
        """Answer until interrupted or stopped."""
        self._server.serve_forever(poll_interval=0.2)

    def stop(self) -> None:
        """Have `serve`, which runs in another thread, return."""
        self._server.shutdown()

    def __enter__(self) -> Viewer:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.server_close()
        self._clips.close()
