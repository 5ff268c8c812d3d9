"""A small data set with real videos of several sizes and lengths."""

from __future__ import annotations

import csv
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

COLUMNS = [
    "Video Name",
    "Question",
    "Option 1",
    "Option 2",
    "Option 3",
    "Option 4",
    "Correct Option",
    "Start Time",
    "End Time",
]
VIDEOS = {"a.mp4": (84, 56, 6.0), "b.mp4": (160, 90, 3.0), "c.mp4": (64, 96, 4.52)}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root for the `clips_...` tasks."""
    import av

    folder = tmp_path_factory.mktemp("data")
    (folder / "videos").mkdir()
    rng = np.random.default_rng(0)
    for name, (width, height, seconds) in VIDEOS.items():
        with av.open(str(folder / "videos" / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.time_base = Fraction(1, 25)
            for _ in range(round(25 * seconds)):
                picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, name in enumerate(VIDEOS):
            options = [f"a man {verb} at the gate" for verb in ("runs", "falls", "waits", "sings")]
            writer.writerow([name, f"What happens in video {number}?", *options, "ABCD"[number], number, number + 2])
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own."""
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
