"""Finding the file of a video that an annotation only names, in whatever folders a user keeps it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from vau_bench.errors import DataError
from vau_bench.paths import cache_dir
from vau_bench.readers.names import stem, without_prefix
from vau_bench.video import is_video_name


class VideoFinder:
    """Looks for videos below a data root.

    The folders in `first` are tried in their order, then everything below the root. A name may lack its extension
    or its dataset prefix. Two different files of one name are an error, never a guess.
    """

    def __init__(self, root: Path, first: Iterable[str] = ()) -> None:
        self._root = root
        self._first = [root / folder for folder in first]

    def find(self, name: str) -> Path | None:
        """Return the file, or `None` when there is none.

        Raises:
            DataError: if several files could be meant.
        """
        names = [name, without_prefix(name)]
        for folder in self._first:
            for candidate in names:
                path = folder / candidate
                if path.is_file():
                    return path
        for candidate in names:
            found = self._by_stem.get(stem(candidate), [])
            exact = [p for p in found if p.name == Path(candidate).name] or found
            if len(exact) > 1:
                raise DataError(f"{name!r} could be {exact[0]} or {exact[1]}; pass --data with one of their folders")
            if exact:
                return exact[0]
        return None

    @cached_property
    def _by_stem(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for folder, _, files in os.walk(self._root):
            for file in files:
                path = Path(folder, file)
                if is_video_name(file) and path.is_file():  # a link to a file that was not fetched is none
                    found.setdefault(path.stem, []).append(path)
        return found


def joined_frames(folder: Path, fps: int) -> Path | None:
    """Return the JPEG frames of a folder as a video in the cache, `None` where there are none.

    Their order is the number at the end of each name: `frame_7.jpg`, `007.jpg`.
    """
    numbered = {path: path.stem.rpartition("_")[2] for path in folder.glob("*.jp*g")}
    frames = sorted((path for path, number in numbered.items() if number.isdecimal()), key=lambda p: int(numbered[p]))
    if not frames:
        return None
    states = [(str(path.absolute()), path.stat().st_size, path.stat().st_mtime_ns) for path in frames]
    name = hashlib.sha256(repr((fps, states)).encode()).hexdigest()[:24]
    video = cache_dir() / "joined" / f"{name}.mkv"
    if not video.is_file():
        from vau_bench.video.joining import join_jpegs

        join_jpegs(frames, video, fps)
    return video
