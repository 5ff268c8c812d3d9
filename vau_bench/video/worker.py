"""Decoding in a process of its own: a file that crashes or hangs the decoder costs itself and nothing else.

Parent and worker speak over one socket: a line of JSON each way, and with a clip the descriptor of an
unnamed file in memory that holds the pixels, so that nothing is copied and nothing can be left behind. The
worker ends when its socket does, however its parent ended.
"""

from __future__ import annotations

import json
import mmap
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from vau_bench import errors
from vau_bench.errors import VideoError, VideoTimeoutError, VideoUnreadableError
from vau_bench.video.clip import Clip, Shown, VideoInfo
from vau_bench.video.plans import FramePlan

START_LIMIT = 120.0
"""Seconds that a new process may take until it is ready; no video is to blame for them."""

_BOOT = "import sys; sys.path[:] = {path!r}; from vau_bench.video.worker import serve; serve({descriptor})"


class Worker:
    """One decoding process, started when first needed and again after a loss. For one thread at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process else None

    def decode(self, path: Path, plan: FramePlan, timeout: float) -> Clip:
        """Decode the frames of the plan.

        Raises:
            VideoMissingError: if there is no such file.
            VideoUnreadableError: if it cannot be decoded, or the process was lost over it.
            VideoTimeoutError: if it takes longer than `timeout` seconds.
        """
        answer, descriptor = self._ask({"path": str(path.absolute()), "plan": str(plan)}, path, timeout)
        if descriptor is None:
            raise VideoUnreadableError(f"the decoder gave no frames of {path}")
        try:
            memory = mmap.mmap(descriptor, 0, access=mmap.ACCESS_COPY)
        finally:
            os.close(descriptor)
        return Clip.from_json(answer, np.frombuffer(memory, np.uint8), path)

    def probe(self, path: Path, timeout: float) -> VideoInfo:
        """Measure the video; raises as `decode` does."""
        answer, _ = self._ask({"path": str(path.absolute()), "plan": None}, path, timeout)
        return VideoInfo.from_json(answer, path)

    def look(self, path: Path, plan: FramePlan, timeout: float) -> Shown:
        """Return which frames the plan shows; raises as `decode` does."""
        question = {"path": str(path.absolute()), "plan": str(plan), "look": True}
        answer, _ = self._ask(question, path, timeout)
        return Shown.from_json(answer, path)

    def close(self) -> None:
        """End the process at once, whatever it is doing."""
        process, self._process = self._process, None
        channel, self._socket = self._socket, None
        if process is not None:
            process.kill()
            process.wait()
        if channel is not None:
            channel.close()

    def _ask(self, question: dict[str, Any], path: Path, timeout: float) -> tuple[dict[str, Any], int | None]:
        channel = self._connect()
        try:
            channel.settimeout(START_LIMIT)
            channel.sendall(json.dumps(question).encode() + b"\n")
            answer, descriptor = _receive(channel, time.monotonic() + timeout)
        except TimeoutError:
            self.close()
            raise VideoTimeoutError(f"decoding {path} took longer than {timeout:g} s") from None
        except (OSError, EOFError, ValueError):
            self.close()
            raise VideoUnreadableError(f"the decoder crashed on {path}") from None
        except BaseException:  # interrupted: what is still to come would be taken for the next answer
            self.close()
            raise
        if "error" in answer:
            raise _error(answer)
        return answer, descriptor

    def _connect(self) -> socket.socket:
        """Return the connection to a living process that is ready."""
        if self._socket is not None and self._process is not None and self._process.poll() is None:
            return self._socket
        self.close()
        ours, theirs = socket.socketpair()
        with theirs:
            boot = _BOOT.format(path=sys.path, descriptor=theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-c", boot],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._socket = ours
        try:
            _receive(ours, time.monotonic() + START_LIMIT)
        except (OSError, EOFError, ValueError):
            self.close()
            raise VideoUnreadableError(f"no decoding process can be started with {sys.executable}") from None
        except BaseException:
            self.close()
            raise
        return ours


def _receive(channel: socket.socket, deadline: float) -> tuple[dict[str, Any], int | None]:
    """Return one line of JSON and the descriptor that came with it, if one did.

    Raises:
        TimeoutError: if it is not there by the deadline of the monotonic clock.
        EOFError: if the other side is gone.
    """
    line, descriptor = b"", None
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        channel.settimeout(left)
        data, descriptors, _, _ = socket.recv_fds(channel, 1 << 16, 1)
        if not data:
            raise EOFError
        line += data
        descriptor = descriptors[0] if descriptors else descriptor
    answer: dict[str, Any] = json.loads(line)
    return answer, descriptor


def _error(answer: dict[str, Any]) -> VideoError:
    kind = getattr(errors, str(answer["error"]), None)
    if isinstance(kind, type) and issubclass(kind, VideoError):
        return kind(answer["message"])
    return VideoUnreadableError(answer["message"])


def serve(descriptor: int) -> NoReturn:
    """Answer questions until the parent is gone: the main function of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the socket
    _die_first()
    channel = socket.socket(fileno=descriptor)
    questions: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(channel, questions), daemon=True).start()
    from vau_bench.video import decoding  # noqa: F401 - loads FFmpeg before the parent starts the clock

    _send(channel, {})
    while True:
        question = questions.get()
        try:
            _answer(channel, question)
        except VideoError as error:
            _send(channel, {"error": type(error).__name__, "message": str(error)})
        except Exception as error:  # whatever a hostile file brings about, the parent is told
            message = f"cannot decode {question['path']}: {error!r}"
            _send(channel, {"error": VideoUnreadableError.__name__, "message": message})


def _answer(channel: socket.socket, question: dict[str, Any]) -> None:
    from vau_bench.video.decoding import decode, look, probe

    if question["plan"] is None:
        _send(channel, probe(question["path"]).to_json())
        return
    if question.get("look"):
        _send(channel, look(question["path"], question["plan"]).to_json())
        return
    clip = decode(question["path"], question["plan"])
    with _memory_file() as file:
        file.write(np.ascontiguousarray(clip.frames).data)
        file.flush()
        _send(channel, clip.to_json(), file.fileno())


def _send(channel: socket.socket, answer: dict[str, Any], descriptor: int | None = None) -> None:
    data = json.dumps(answer).encode() + b"\n"
    if descriptor is not None:
        sent = socket.send_fds(channel, [data], [descriptor])
        data = data[sent:]
    channel.sendall(data)


def _listen(channel: socket.socket, questions: queue.SimpleQueue[dict[str, Any]]) -> None:
    """Pass questions on, and end the process when the parent is gone, even in the middle of a video."""
    with suppress(OSError, ValueError), channel.makefile("rb") as lines:
        for line in lines:
            questions.put(json.loads(line))
    os._exit(0)


def _memory_file() -> Any:
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("clip"), "wb")
    return tempfile.TemporaryFile()


def _die_first() -> None:
    """Leave no core file, and where memory runs out be the process that the kernel ends."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
