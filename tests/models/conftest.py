"""A chat server on loopback that misbehaves as told, and a loader of made-up clips."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vau_bench.errors import VideoError, VideoMissingError
from vau_bench.profiling import Profile
from vau_bench.records import Generation, Message, Request, Sample, Target
from vau_bench.video.clip import Clip, VideoInfo


@dataclass
class Served:
    """One call as the server saw it."""

    number: int
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class Say:
    """What the server does with a call."""

    text: Any = "<answer>B</answer>"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    finish: str = "stop"
    message: dict[str, Any] = field(default_factory=dict)
    choice: dict[str, Any] = field(default_factory=dict)
    wait: float = 0.0
    cut: bool = False
    model: str | None = None

    def content(self) -> bytes:
        if self.raw is not None:
            return self.raw
        message = {"role": "assistant", "content": self.text, **self.message}
        choice = {"index": 0, "message": message, "finish_reason": self.finish, **self.choice}
        usage = {"prompt_tokens": 11, "completion_tokens": 7}
        named = {} if self.model is None else {"model": self.model}
        return json.dumps({"id": "x", **named, "choices": [choice], "usage": usage}).encode()


class ChatServer:
    """An HTTP server; `script(served)` says what happens to each call."""

    def __init__(self, script: Callable[[Served], Say], port: int = 0) -> None:
        self.calls: list[Served] = []
        self.in_flight = 0
        self.peak = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                owner._serve(self, script)

            def log_message(self, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # clients that hang up are part of the tests

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def _serve(self, handler: BaseHTTPRequestHandler, script: Callable[[Served], Say]) -> None:
        if self._closing.is_set():
            handler.close_connection = True
            return
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            served = Served(len(self.calls), body, {k.lower(): v for k, v in handler.headers.items()})
            self.calls.append(served)
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
        say = script(served)
        self._closing.wait(say.wait)
        content = say.content()
        with self._lock:
            self.in_flight -= 1
        handler.send_response(say.status)
        for name, value in {"Content-Type": "application/json", **say.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if say.cut:
            handler.wfile.write(content[: len(content) // 2])
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.close()
            return
        handler.wfile.write(content)

    def leave(self) -> None:
        """Hang up on every call from now on."""
        self._closing.set()

    def come_back(self) -> None:
        """Answer again."""
        self._closing.clear()

    def close(self) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def chat_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ChatServer]]:
    """Start servers: `chat_server(script)`; on the port of one that was closed: `chat_server(script, port)`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    servers: list[ChatServer] = []

    def start(script: Callable[[Served], Say] = lambda served: Say(), port: int = 0) -> ChatServer:
        servers.append(ChatServer(script, port))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def say() -> type[Say]:
    return Say


def made_up_clip(
    times: tuple[float, ...], *, height: int = 56, width: int = 84, seed: int = 0, path: str = "a.mp4"
) -> Clip:
    """Return a clip of noise with frames at `times` (seconds), of a 25 fps video."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (len(times), height, width, 3), dtype=np.uint8)
    duration = times[-1] + 1.0
    info = VideoInfo(Path(path), 1, duration, int(25 * duration), width, height, 25.0, "h264", 0, False)
    return Clip(frames, tuple(round(25 * t) for t in times), times, info)


class MadeUpClips:
    """A loader whose videos are the clips it is given, by file name."""

    def __init__(self, clips: dict[str, Clip] | None = None) -> None:
        self.clips = clips or {}
        self.started = 0
        self.profile = Profile()

    def load(self, path: Path, plan: str) -> Clip:
        self.started += 1
        if path.name.startswith("absent"):
            raise VideoMissingError(f"no video {path.name}")
        if path.name.startswith("broken"):
            raise VideoError(f"{path.name} is damaged")
        return self.clips.get(path.name) or made_up_clip((0.0, 1.0, 2.0, 3.0), path=path.name)

    def stream(self, items: Any, locate: Any) -> Iterator[tuple[Any, Any]]:
        for item in items:
            try:
                yield item, self.load(*locate(item))
            except VideoError as error:
                yield item, error


@pytest.fixture
def clips() -> MadeUpClips:
    return MadeUpClips()


@pytest.fixture
def clip() -> Callable[..., Clip]:
    return made_up_clip


@pytest.fixture
def ask() -> Callable[..., Request]:
    """Make requests: `ask("a.mp4", text="When?", choices=("A", "B"))`."""

    def make(
        video: str | None = "a.mp4",
        *,
        id: str = "s0",
        text: str = "What happens?",
        system: str | None = None,
        choices: tuple[str, ...] = (),
        sees: bool = True,
        plan: str = "fps(1)",
        **generation: Any,
    ) -> Request:
        messages = (Message("user", text, video=sees),)
        if system is not None:
            messages = (Message("system", system), *messages)
        return Request(
            key=f"key-{id}",
            task="t",
            kind="mcq",
            style="direct",
            turn=0,
            sample=Sample(id, video or "none.mp4", video or "none", Target()),
            messages=messages,
            generation=Generation(**generation),
            video=None if video is None else Path(video),
            plan=plan,
            choices=choices,
        )

    return make


@pytest.fixture
def stopwatch() -> Callable[[], Callable[[], float]]:
    """`elapsed = stopwatch()`, then `elapsed()` in seconds."""

    def start() -> Callable[[], float]:
        begin = time.perf_counter()
        return lambda: time.perf_counter() - begin

    return start


@pytest.fixture(scope="session")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of 6 s at 25 fps and one with uneven frame times."""
    import av

    folder = tmp_path_factory.mktemp("footage")
    rng = np.random.default_rng(0)
    even = [40 * i for i in range(150)]
    uneven = sorted(rng.choice(6000, 120, replace=False).tolist())
    for name, times in (("even.mp4", even), ("uneven.mkv", [0, *uneven])):
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 84, 56, "yuv420p"
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
            for at in dict.fromkeys(times):
                picture = np.full((56, 84, 3), at // 25 % 256, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts = at
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    return folder


@pytest.fixture
def qwen(tiny_qwen: Callable[[str], Path], clips: MadeUpClips) -> Callable[..., Any]:
    """Make models: `qwen("qwen3_vl", batch_size=2)`."""
    from vau_bench.models.qwen_vl import QwenVL, QwenVLConfig

    def make(family: str = "qwen2_5_vl", loader: Any = None, checkpoint: Any = None, **arguments: Any) -> Any:
        small = {"min_pixels": 4 * 28 * 28, "max_pixels": 9 * 28 * 28, "dtype": "float32"}
        config = QwenVLConfig(checkpoint=str(checkpoint or tiny_qwen(family)), **{**small, **arguments})
        return QwenVL(config, loader or clips)

    return make
