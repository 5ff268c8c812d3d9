"""A server that looks: it decodes what it is sent, reads the times, and answers from these alone. It can cheat."""

from __future__ import annotations

import base64
import io
import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import numpy as np
import pytest

from vau_bench.served.cards import GREY, PALETTE

NTH = {"second": 2, "third": 3, "fourth": 4, "fifth": 5}
COLOURS = np.array([*PALETTE.values(), GREY], float)
NAMES = [*PALETTE, "grey"]


class Shown(NamedTuple):
    """A frame as it arrived; without a time where none was told."""

    time: float | None
    picture: np.ndarray


@dataclass
class Looking:
    """What the server does.

    Attributes:
        tamper: what becomes of the frames before the model sees them.
        rate: frames a second that are sampled from a video; `None` refuses videos.
        most_images: in a request; more of them are refused.
        models: that it lists; `None` has no list.
        name: under which it answers.
        key: that is wanted.
        obeys_limit: it stops at the token limit.
        scores: it tells log-probabilities.
        says: says this, whatever it is asked about frames.
    """

    tamper: Callable[[list[Shown]], list[Shown]] = lambda shown: shown
    rate: float | None = 2.0
    most_images: int | None = None
    models: tuple[str, ...] | None = ("org/vlm",)
    name: str | None = "org/vlm"
    key: str | None = None
    obeys_limit: bool = True
    scores: bool = True
    says: str | None = None
    calls: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


def nearest(pixels: np.ndarray) -> str:
    """Return the name of the colour that pixels have."""
    return NAMES[int(np.argmin(((COLOURS - pixels.reshape(-1, 3).mean(0)) ** 2).sum(1)))]


def ground(picture: np.ndarray) -> str:
    return nearest(picture[: len(picture) // 4])


def mark(picture: np.ndarray) -> str | None:
    """Return the colour of what stands out from the rest, if enough does."""
    away = np.abs(picture.astype(float) - picture[: len(picture) // 4].reshape(-1, 3).mean(0)).max(2) > 60
    return nearest(picture[away]) if away.sum() > 50 else None


def jpeg(data: bytes) -> np.ndarray:
    import av

    decoder = av.CodecContext.create("mjpeg", "r")
    (frame,) = [*decoder.decode(av.Packet(data)), *decoder.decode(None)][:1]
    return frame.to_ndarray(format="rgb24")


def sampled(data: bytes, rate: float) -> list[Shown]:
    """Return frames of a video, so many a second, with their times."""
    import av

    shown: list[Shown] = []
    with av.open(io.BytesIO(data)) as container:
        for frame in container.decode(video=0):
            if frame.time >= len(shown) / rate - 1e-6:
                shown.append(Shown(frame.time, frame.to_ndarray(format="rgb24")))
    return shown


def seen(content: list[dict[str, Any]], rate: float) -> tuple[list[Shown], str]:
    """Return the frames of a message, and its question."""
    shown: list[Shown] = []
    time, question = None, ""
    for part in content:
        if part["type"] == "text":
            label = re.fullmatch(r"\[([\d.]+)s\]", part["text"])
            time, question = (float(label[1]), "") if label else (None, part["text"])
            continue
        data = base64.b64decode(part[part["type"]]["url"].partition(",")[2])
        if part["type"] == "video_url":
            shown += sampled(data, rate)
        else:
            shown.append(Shown(time, jpeg(data)))
    return shown, question


def answer(shown: list[Shown], question: str) -> str:
    """Return what the frames say about the question, nothing where they do not."""
    colours = [ground(frame.picture) for frame in shown]
    runs = [place for place, colour in enumerate(colours) if place == 0 or colour != colours[place - 1]]
    try:
        if found := re.search(r"Which colour comes (\w+)\?", question):
            place = len(runs) if found[1] == "last" else NTH[found[1]]
            return f"It is {colours[runs[place - 1]]}."
        if "short moment" in question:
            return next(colour for colour in colours if colour != "grey")
        if "small square" in question:
            return next(found for frame in shown if (found := mark(frame.picture)))
        if found := re.search(r"At which second does it become (\w+)\?", question):
            return (
                f"At {next(frame.time for frame, colour in zip(shown, colours, strict=True) if colour == found[1]):g} s"
            )
        if found := re.search(r"Which colour has it ([\d.]+) seconds", question):
            return [c for frame, c in zip(shown, colours, strict=True) if frame.time <= float(found[1]) + 1e-6][-1]
    except (StopIteration, IndexError, TypeError, ValueError):
        return "I cannot tell."
    raise AssertionError(question)


def reply(looking: Looking, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of an answer to a call."""
    content = body["messages"][-1]["content"]
    finish, choice = "stop", {}
    if isinstance(content, str):
        text = "yes"
        if content.startswith("Count"):
            count = body["max_tokens"] if looking.obeys_limit else 300
            text, finish = " ".join(map(str, range(1, count + 1))), "length" if looking.obeys_limit else "stop"
        if body.get("logprobs"):
            text = "A"
            if looking.scores:
                top = [{"token": "A", "logprob": -0.1}, {"token": "B", "logprob": -2.4}]
                choice = {"logprobs": {"content": [{"token": "A", "logprob": -0.1, "top_logprobs": top}]}}
    else:
        if looking.rate is None and any(part["type"] == "video_url" for part in content):
            return 400, {"error": {"message": "unknown part video_url"}}
        images = sum(part["type"] == "image_url" for part in content)
        if looking.most_images is not None and images > looking.most_images:
            return 400, {"error": {"message": f"at most {looking.most_images} image(s) may be provided"}}
        shown, question = seen(content, looking.rate or 1.0)
        text = looking.says or answer(looking.tamper(shown), question)
    choice |= {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 1, "completion_tokens": len(text.split())}
    named = {} if looking.name is None else {"model": looking.name}
    return 200, {**named, "choices": [choice], "usage": usage}


def handler(looking: Looking) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            if looking.models is None:
                self.say(404, {})
            else:
                self.say(200, {"data": [{"id": name} for name in looking.models]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            looking.calls.append(body)
            self.say(*reply(looking, body))

        def say(self, status: int, body: dict[str, Any]) -> None:
            key = self.headers["Authorization"]
            if looking.key is not None and key != f"Bearer {looking.key}":
                status, body = 401, {"error": {"message": f"not with {key}"}}
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Looking]]:
    """Start servers that look: `looking(rate=1.0)`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    servers: list[ThreadingHTTPServer] = []

    def start(**what: Any) -> Looking:
        made = Looking(**what)
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler(made))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        made.url = f"http://127.0.0.1:{server.server_port}/v1"
        return made

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
