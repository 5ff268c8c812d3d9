"""How fast `vau_bench.video.decode` is beside OpenCV and decord, for the same frames of the same files.

    python tests/benchmarks/bench_decode.py [--repeats 5] [--json]

Every reader opens the file and returns the frames of one plan at native size as RGB, in one process, taking
turns. OpenCV is the faster of seeking to each frame and of grabbing all frames in order; decord is
`get_batch`. Both are handed the frame numbers, which our side has to find out. Printed are median
milliseconds of wall time and of processor time, and `ratio`, the faster peer's wall time over ours: above 1
ours is faster. `cpu ratio` is the same of processor time, which other work on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from vau_bench.video import decode

FILES = Path(tempfile.gettempdir()) / f"vau-bench-decode-{os.getuid()}"


class Case(NamedTuple):
    """One file and how many uniform frames of it are read."""

    width: int
    height: int
    seconds: int
    rate: int
    frames: int
    reorder: bool = True

    def __str__(self) -> str:
        kind = "" if self.reorder else ", no B"
        return f"{self.width}x{self.height} {self.seconds} s, {self.frames} frames{kind}"

    @property
    def file(self) -> Path:
        kind = "b" if self.reorder else "p"
        return FILES / f"{self.width}x{self.height}-{self.seconds}s-{self.rate}-{kind}.mp4"


CASES = (
    Case(320, 240, 240, 25, 16),
    Case(320, 240, 240, 25, 64),
    Case(1280, 720, 60, 30, 16),
    Case(1280, 720, 60, 30, 64),
)
WITHOUT_REORDERING = tuple(case._replace(reorder=False) for case in CASES)
"""As cameras write them: no B-frames, so that no frame can be left out."""


def make_file(case: Case) -> Path:
    """Write the file unless it is there: a textured scene, moving objects and sensor noise, libx264."""
    if case.file.exists():
        return case.file
    FILES.mkdir(parents=True, exist_ok=True)
    draft = case.file.with_suffix(f".{os.getpid()}.mp4")
    with av.open(str(draft), "w") as container:
        stream = container.add_stream("libx264", rate=case.rate)
        stream.width, stream.height, stream.pix_fmt = case.width, case.height, "yuv420p"
        stream.options = {"preset": "fast"} | ({} if case.reorder else {"bf": "0"})
        for picture in scene(case):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode())
    draft.replace(case.file)
    return case.file


def scene(case: Case):
    """Yield the pictures: `(height, width, 3)` uint8."""
    random = np.random.default_rng(0)
    coarse = random.integers(40, 200, (case.height // 16 + 1, case.width // 16 + 1, 3), np.uint8)
    ground = coarse.repeat(16, 0).repeat(16, 1)[: case.height, : case.width].astype(np.int16)
    noise = random.normal(0, 4, (8, case.height, case.width, 1)).astype(np.int16)
    size = case.height // 5
    for number in range(case.seconds * case.rate):
        picture = ground + noise[random.integers(8)]
        for walker in range(4):
            x = int(number * (1.3 + walker) + 97 * walker) % (case.width - size)
            y = int((case.height - size) * (0.5 + 0.5 * np.sin(number / 50 + walker)))
            picture[y : y + size, x : x + size // 2] = ground[:size, : size // 2] // 2 + 60 * (walker % 3)
        yield picture.clip(0, 255).astype(np.uint8)


def ours(case: Case) -> np.ndarray:
    return decode(case.file, f"uniform({case.frames})").frames


def opencv_seeking(case: Case, indices: tuple[int, ...]) -> np.ndarray:
    import cv2

    capture = cv2.VideoCapture(str(case.file))
    frames = []
    for index in indices:
        capture.set(cv2.CAP_PROP_POS_FRAMES, index)
        frames.append(cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return np.stack(frames)


def opencv_grabbing(case: Case, indices: tuple[int, ...]) -> np.ndarray:
    import cv2

    capture = cv2.VideoCapture(str(case.file))
    wanted, frames = set(indices), []
    for index in range(indices[-1] + 1):
        capture.grab()
        if index in wanted:
            frames.append(cv2.cvtColor(capture.retrieve()[1], cv2.COLOR_BGR2RGB))
    capture.release()
    return np.stack(frames)


def decord_batch(case: Case, indices: tuple[int, ...]) -> np.ndarray:
    import decord

    return decord.VideoReader(str(case.file)).get_batch(list(indices)).asnumpy()


def measure(case: Case, repeats: int) -> dict[str, object]:
    """Return the median milliseconds of each reader, in all and of the processor, and the ratios."""
    indices = decode(make_file(case), f"uniform({case.frames})").indices
    readers: dict[str, Callable[[], np.ndarray]] = {
        "ours": lambda: ours(case),
        "opencv (seek)": lambda: opencv_seeking(case, indices),
        "opencv (grab)": lambda: opencv_grabbing(case, indices),
        "decord": lambda: decord_batch(case, indices),
    }
    pictures = {name: read() for name, read in readers.items()}
    for name, frames in pictures.items():
        assert frames.shape == pictures["ours"].shape
        distance = np.abs(frames.astype(np.int16) - pictures["ours"]).mean()
        assert distance < 4, f"{name} shows other frames: they differ by {distance:.1f} on average"
    del pictures
    wall: dict[str, list[float]] = {name: [] for name in readers}
    cpu: dict[str, list[float]] = {name: [] for name in readers}
    for _ in range(repeats):
        for name, read in readers.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            read()
            wall[name].append(1e3 * (time.perf_counter() - start))
            cpu[name].append(1e3 * (time.process_time() - start_cpu))
    ms, cpu_ms = _medians(wall), _medians(cpu)
    return {
        "case": str(case),
        "ms": ms,
        "cpu_ms": cpu_ms,
        "ratio": _best_peer(ms) / ms["ours"],
        "cpu_ratio": _best_peer(cpu_ms) / cpu_ms["ours"],
    }


def _medians(taken: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(times) for name, times in taken.items()}


def _best_peer(medians: dict[str, float]) -> float:
    return min(value for name, value in medians.items() if name != "ours")


def report(cases: tuple[Case, ...], repeats: int) -> list[dict[str, object]]:
    """Measure and print all cases."""
    results = []
    for case in cases:
        result = measure(case, repeats)
        results.append(result)
        ms, cpu = result["ms"], result["cpu_ms"]
        shown = "  ".join(f"{name} {ms[name]:.0f} ({cpu[name]:.0f}) ms" for name in ms)
        ratios = f"ratio {result['ratio']:.2f}, cpu ratio {result['cpu_ratio']:.2f}"
        print(f"{result['case']:36} {shown}  {ratios}", file=sys.stderr, flush=True)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--no-reordering", action="store_true", help="files without B-frames")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON on stdout")
    options = parser.parse_args()
    results = report(WITHOUT_REORDERING if options.no_reordering else CASES, options.repeats)
    if options.json:
        print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
