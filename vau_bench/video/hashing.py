"""The content hash of a video file, remembered so that a file is read for it only once."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from vau_bench.errors import VideoMissingError, VideoUnreadableError

SETTLED = 2.0
"""Seconds. A file changed more recently than this may change again within its timestamp's resolution, so
its hash is not remembered."""

_memory: dict[tuple[str, int, int, int], str] = {}
_loaded: set[Path] = set()
_lock = threading.Lock()


def content_hash(path: str | Path, index: Path | None = None) -> str:
    """Return the SHA-256 of the whole file in hex.

    Args:
        path: of the file.
        index: a file that remembers hashes by path, size, modification time and inode, one JSON line each;
            several processes may share it. What cannot be written there is not remembered, nothing more.

    Raises:
        VideoMissingError: if there is no such file.
        VideoUnreadableError: if it cannot be read.
    """
    path = Path(path)
    try:
        state = path.stat()
        identity = (str(path.absolute()), state.st_size, state.st_mtime_ns, state.st_ino)
        with _lock:
            _load(index)
            known = _memory.get(identity)
        if known is not None:
            return known
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise VideoMissingError(f"no such video: {path}") from None
    except OSError as error:
        raise VideoUnreadableError(f"cannot read {path}: {error.strerror}") from None
    if time.time() - state.st_mtime > SETTLED:
        with _lock:
            _memory[identity] = digest
            _append(index, identity, digest)
    return digest


def _load(index: Path | None) -> None:
    """Read the index once a process; lines torn by a crash are passed over."""
    if index is None or index in _loaded:
        return
    _loaded.add(index)
    with suppress(OSError):
        for line in index.read_text("utf-8", "replace").splitlines():
            with suppress(ValueError, TypeError):
                path, size, modified, inode, digest = json.loads(line)
                _memory.setdefault((path, size, modified, inode), digest)


def _append(index: Path | None, identity: tuple[str, int, int, int], digest: str) -> None:
    if index is None:
        return
    with suppress(OSError):
        index.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps([*identity, digest]) + "\n"
        descriptor = os.open(index, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(descriptor, line.encode())  # one write, so that lines of several processes stay whole
        finally:
            os.close(descriptor)
