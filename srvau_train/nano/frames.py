"""The frames of the training clips, drawn once at the size that the model sees."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srvau_train.nano.pictures import smaller
from vau_bench.errors import DataError, RunError, VideoMissingError
from vau_bench.synth import GENERATOR_VERSION, SynthParams, render_at, scene_at
from vau_bench.video.clip import Clip, VideoInfo

DRAWN = (224, 168)
"""Clips are drawn at this width and height and then made smaller, as evaluation makes its frames smaller."""


@dataclass(frozen=True, slots=True)
class Look:
    """How clips are shown.

    Attributes:
        width: of a frame in pixels.
        height: of a frame in pixels.
        area: pixels of a frame at most; in whole tokens of 48 x 48 pixels, a 4:3 clip then has this width and height.
        fps: frames a second.
        seconds: length of a clip.
    """

    width: int = 96
    height: int = 96
    area: int = 13_824
    fps: float = 1.0
    seconds: float = 16.0

    @property
    def times(self) -> tuple[float, ...]:
        """The times of the frames in seconds."""
        return tuple(k / self.fps for k in range(round(self.seconds * self.fps)))

    @property
    def plan(self) -> str:
        """The frame plan that shows a clip so."""
        return f"fps({self.fps:g}, max={len(self.times)})"


def number_of(name: str) -> int:
    """Return the number of a clip by its id or the stem of its file."""
    return int(name.rpartition("-")[2])


class FrameStore:
    """Frames of the clips of one split in a file, mapped into memory.

    Args:
        path: of the `.npy` file, (clips, frames, height, width, 3) uint8.
        look: of the clips.
        count: of its clips, the first ones; default: all.
    """

    def __init__(self, path: Path, look: Look, count: int | None = None) -> None:
        self.path = path
        self.look = look
        self.frames: NDArray[np.uint8] = np.load(path, mmap_mode="r")[:count]

    def __len__(self) -> int:
        """Return the number of clips."""
        return len(self.frames)

    def __reduce__(self) -> tuple[Any, ...]:
        """Open the file anew in another process."""
        return FrameStore, (self.path, self.look, len(self))

    def first(self, count: int) -> FrameStore:
        """Return a store of the first clips alone."""
        return FrameStore(self.path, self.look, count)

    def load(self, path: Path, plan: str) -> Clip:
        """Return the clip whose name ends in its number.

        Raises:
            VideoMissingError: if it was not drawn.
            DataError: if another plan is asked for than was drawn.
        """
        look = self.look
        if plan != look.plan:
            raise DataError(f"the frames were drawn for {look.plan}, not for {plan}")
        number = number_of(path.stem)
        if number >= len(self):
            raise VideoMissingError(f"{path.stem} was not drawn")
        times = look.times
        info = VideoInfo(path, 0, look.seconds, len(times), look.width, look.height, look.fps, "drawn", 0, False)
        return Clip(np.array(self.frames[number]), tuple(range(len(times))), times, info)


def draw_frames(
    folder: Path, split: str, count: int, look: Look, *, seed: int = 0, workers: int = 2,
    progress: Callable[[], None] = lambda: None,
) -> FrameStore:  # fmt: skip
    """Draw the first `count` clips of a split, or open what was drawn before.

    Raises:
        RunError: if the file cannot be written.
    """
    identity = json.dumps([GENERATOR_VERSION, split, count, seed, look.width, look.height, look.fps, look.seconds])
    path, label = folder / f"{split}.npy", folder / f"{split}.json"
    if path.exists() and label.exists() and label.read_text() == identity:
        return FrameStore(path, look)
    shape = (count, len(look.times), look.height, look.width, 3)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        label.unlink(missing_ok=True)
        store = np.lib.format.open_memmap(path, "w+", np.uint8, shape)
        _allocate(path)
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
            drawn = pool.map(partial(_drawn, split=split, seed=seed, look=look), range(count), chunksize=32)
            for number, frames in enumerate(drawn):
                store[number] = frames
                progress()
        store.flush()
        label.write_text(identity)
    except OSError as error:
        path.unlink(missing_ok=True)
        needed = math.prod(shape) / 1e9
        raise RunError(f"cannot write {path}, which takes {needed:.1f} GB: {error.strerror}") from None
    return FrameStore(path, look)


def _allocate(path: Path) -> None:
    """Have the disk promise the whole file: to write to a mapped file on a full disk would end the process."""
    with path.open("r+b") as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def _drawn(number: int, split: str, seed: int, look: Look) -> NDArray[np.uint8]:
    import torch

    torch.set_num_threads(1)
    scene = scene_at(split, number, seed=seed, params=SynthParams(look.seconds))
    return smaller(render_at(scene, look.times, DRAWN), look.height, look.width)
