"""Decoded clips on disk, so that a second run of any model reads pixels instead of decoding.

The pixels lie there as they are. For 16 frames of 320x240 that is 3.7 MB, read and verified in 3 ms; zlib at
its fastest would halve them, but takes 10 to 30 ms to read and 70 to 130 ms to write.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import threading
import time
import warnings
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from vau_bench.video.clip import Clip, Shown, decoder_name
from vau_bench.video.plans import FramePlan

MAGIC = b"VAUCLIP1"
ABANDONED = 3600.0
"""Seconds after which a half-written file is known to belong to a writer that died."""


class FrameCache:
    """Clips by video content, plan and decoder; the least recently used ones give way.

    Nothing that befalls the folder stops a run: what cannot be read is decoded again, what cannot be written
    is not kept, with one warning.

    Args:
        folder: made when first needed; may be shared between processes.
        limit: size of all entries together, in bytes.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit
        self._used: int | None = None
        self._writable = True
        self._lock = threading.Lock()
        self._serial = itertools.count()

    def get(self, content: str, plan: FramePlan, path: Path) -> Clip | None:
        """Return the clip, or `None` if there is none or its entry is damaged.

        Args:
            content: hash of the video file.
            plan: which frames.
            path: of the video, for the clip's description.
        """
        entry = self._entry(content, plan)
        try:
            data = np.fromfile(entry, np.uint8)
        except OSError:
            return None
        try:
            clip = _unpack(data, path)
        except (ValueError, KeyError, TypeError):
            with suppress(OSError):
                entry.unlink()
            return None
        with suppress(OSError):
            os.utime(entry)
        return clip

    def put(self, content: str, plan: FramePlan, clip: Clip) -> None:
        """Keep the clip, atomically."""
        header = _header(clip)
        size = len(header) + clip.frames.nbytes
        if not self._writable or size > self.limit:
            return
        entry = self._entry(content, plan)
        draft = entry.with_name(f"{entry.name}.{os.getpid()}-{next(self._serial)}.tmp")
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                file.write(header)
                file.write(np.ascontiguousarray(clip.frames).data)
            draft.replace(entry)
            self._grow(size)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            self._writable = False
            warnings.warn(f"decoded frames are not cached any more: {error}", stacklevel=2)

    def bytes_of(self, content: str, plan: FramePlan) -> int | None:
        """Return the size of a clip's entry, `None` if there is none."""
        try:
            return self._entry(content, plan).stat().st_size
        except OSError:
            return None

    def _entry(self, content: str, plan: FramePlan) -> Path:
        key = hashlib.sha256(f"{content}\n{plan}\n{decoder_name()}".encode()).hexdigest()
        return self.folder / key[:2] / f"{key[2:42]}.clip"

    def _grow(self, size: int) -> None:
        with self._lock:
            if self._used is not None:
                self._used += size
            if self._used is None or self._used > self.limit:
                self._used = self._evict()

    def _evict(self) -> int:
        """Return the bytes in use, after removing the entries used longest ago if they pass the limit."""
        entries = []
        for file in self.folder.glob("*/*"):
            with suppress(OSError):
                state = file.stat()
                if file.suffix != ".tmp":
                    entries.append((state.st_mtime_ns, state.st_size, file))
                elif time.time() - state.st_mtime > ABANDONED:
                    file.unlink()
        used = sum(size for _, size, _ in entries)
        target = used if used <= self.limit else self.limit * 9 // 10
        for _, size, file in sorted(entries):
            if used <= target:
                break
            with suppress(FileNotFoundError):
                file.unlink()
            used -= size
        return used


def entry_bytes(shown: Shown) -> int:
    """Return the size that the entry of these frames has."""
    return len(MAGIC) + 12 + len(_about(shown.clip_json())) + shown.pixel_bytes


def _header(clip: Clip) -> bytes:
    """Return all that comes before the pixels: magic, length and checksum of the rest, description."""
    about = _about(clip.to_json())
    check = zlib.crc32(np.ascontiguousarray(clip.frames).data, zlib.crc32(about))
    return MAGIC + len(about).to_bytes(8, "little") + check.to_bytes(4, "little") + about


def _about(description: Mapping[str, Any]) -> bytes:
    """Return the description as bytes, filled up so that the pixels behind it start aligned."""
    about = json.dumps(description).encode()
    return about + b" " * (-(len(MAGIC) + 12 + len(about)) % 64)


def _unpack(data: np.ndarray[tuple[int], np.dtype[np.uint8]], path: Path) -> Clip:
    """Return the clip of an entry.

    Raises:
        ValueError, KeyError, TypeError: if the entry is not whole.
    """
    fixed = len(MAGIC) + 12
    start = data[:fixed].tobytes()
    if len(start) < fixed or start[:8] != MAGIC:
        raise ValueError("not a clip")
    body = fixed + int.from_bytes(start[8:16], "little")
    if body > len(data) or zlib.crc32(data[fixed:].data) != int.from_bytes(start[16:20], "little"):
        raise ValueError("damaged")
    return Clip.from_json(json.loads(data[fixed:body].tobytes()), data[body:], path)
