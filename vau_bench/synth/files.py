"""The clips as mp4 files: drawn in parallel, named by their content, never half-written."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from vau_bench.errors import UsageError, VauBenchError
from vau_bench.synth.dataset import DEFAULT_COUNTS, sample_id
from vau_bench.synth.render import FPS, SIZE, Camera, frame_times
from vau_bench.synth.scene import scene_at
from vau_bench.synth.state import GENERATOR_VERSION, SynthParams, check_identity

_DEFAULT = SynthParams()
_STALE_SECONDS = 3600
_CODECS = (
    ("libx264", {"crf": "21", "preset": "ultrafast", "threads": "1"}),
    ("mpeg4", {"qscale": "3"}),
)


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """All that decides what a video file holds, but its index."""

    split: str
    seed: int
    params: SynthParams
    size: tuple[int, int]
    fps: int

    @property
    def folder(self) -> str:
        """Name of the folder of these clips: another content has another name."""
        content = {
            "generator": GENERATOR_VERSION,
            "split": self.split,
            "seed": self.seed,
            "seconds": float(self.params.seconds),
            "level": self.params.level,
            "size": list(self.size),
            "fps": self.fps,
            "codecs": [[name, sorted(options.items())] for name, options in _CODECS],
        }
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
        return f"vau_synth-{self.split}-{digest}"


def ensure_videos(
    directory: Path,
    split: str = "test",
    n: int | None = None,
    *,
    indices: Iterable[int] | None = None,
    seed: int = 0,
    params: SynthParams = _DEFAULT,
    size: tuple[int, int] = SIZE,
    fps: int = int(FPS),
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Make those of the first `n` clips of a split that are absent, and return their folder.

    The folder lies in `directory` and its name carries a hash of all that decides the content, so clips of another
    version or other parameters never mix. Each file is written under another name and renamed when it is complete:
    an interrupted call leaves no damaged clip, and the next one goes on where it stopped.

    Args:
        directory: the cache; made if need be.
        split: `train`, `val` or `test`.
        n: how many clips; the split's default count when `None`.
        indices: these clips instead of the first `n`.
        seed: another seed gives another benchmark.
        params: length and difficulty.
        size: width and height in pixels, even numbers.
        fps: frames a second.
        workers: processes; one per processor that this process may use when `None`, and never more.
        progress: is called with (done, total) for the clips of this call that were absent.

    Raises:
        UsageError: for an unknown split, a seed outside 32 bits or a size that the codec cannot hold.
        VauBenchError: if the folder cannot be written.
    """
    check_identity(split, seed, 0)
    if min(size) < 32 or size[0] % 2 or size[1] % 2 or fps < 1:
        raise UsageError(f"videos need even sizes of at least 32 pixels and 1 fps or more, not {size} at {fps} fps")
    spec = ClipSpec(split, seed, params, size, fps)
    folder = Path(directory) / spec.folder
    wanted = range(DEFAULT_COUNTS[split] if n is None else n) if indices is None else indices
    absent = [i for i in wanted if not (folder / f"{sample_id(split, i)}.mp4").is_file()]
    if not absent:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        for done, _ in enumerate(_written(spec, folder, absent, _processes(workers, len(absent))), start=1):
            if progress:
                progress(done, len(absent))
    except OSError as error:
        raise VauBenchError(
            f"cannot write synthetic clips to {folder}: {error.strerror or error}; name a folder that can be written"
        ) from error
    return folder


def write_clip(spec: ClipSpec, index: int, path: Path) -> None:
    """Draw one clip and write it to `path`, which appears complete or not at all.

    Raises:
        OSError: if it cannot be written.
    """
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        _encode(spec, index, temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _encode(spec: ClipSpec, index: int, path: Path) -> None:
    import av
    from av.video.stream import VideoStream

    codec, options = next(c for c in _CODECS if c[0] in av.codecs_available)
    scene = scene_at(spec.split, index, seed=spec.seed, params=spec.params)
    camera = Camera(scene, *spec.size)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream(codec, rate=spec.fps, options=dict(options))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = spec.size
        stream.pix_fmt = "yuv420p"
        for i, t in enumerate(frame_times(scene, spec.fps)):
            frame = av.VideoFrame.from_ndarray(camera.frame(t), format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _job(spec: ClipSpec, folder: str, index: int) -> int:
    write_clip(spec, index, Path(folder) / f"{sample_id(spec.split, index)}.mp4")
    return index


def _written(spec: ClipSpec, folder: Path, indices: list[int], workers: int) -> Iterator[int]:
    """Yield the index of each clip as it is written."""
    pending = dict.fromkeys(indices)
    if workers > 1:
        try:
            with ProcessPoolExecutor(workers, mp_context=_context()) as pool:
                futures: list[Future[int]] = [pool.submit(_job, spec, str(folder), i) for i in indices]
                try:
                    for future in as_completed(futures):
                        index = future.result()
                        del pending[index]
                        yield index
                finally:
                    for future in futures:
                        future.cancel()
        except BrokenProcessPool:
            # a script without a main guard cannot start processes: go on in this one
            pass
    for index in list(pending):
        yield _job(spec, str(folder), index)


def _context() -> multiprocessing.context.BaseContext:
    """Fork where this is safe, since it needs no importable main module; start afresh elsewhere."""
    alone = threading.active_count() == 1
    return multiprocessing.get_context("fork" if sys.platform == "linux" and alone else "spawn")


def _processes(workers: int | None, jobs: int) -> int:
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(workers or available, available, jobs))


def _sweep(folder: Path) -> None:
    """Remove what a killed process left behind; a running one finishes a clip long before."""
    limit = time.time() - _STALE_SECONDS
    for leftover in folder.glob(".*.tmp"):
        try:
            if leftover.stat().st_mtime < limit:
                leftover.unlink()
        except FileNotFoundError:
            continue
