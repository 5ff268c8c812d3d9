"""Clips whose every picture carries its own number, so that each decoded frame proves which one it is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

BITS = 12
BLOCK = 12


def picture(number: int, width: int, height: int) -> np.ndarray:
    """Return `(height, width, 3)`: the number as black and white blocks over a moving texture."""
    rows, columns = np.mgrid[:height, :width]
    grey = (columns * 2 + rows + number * 5) % 160 + 40
    for bit in range(BITS):
        grey[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
    return np.repeat(grey[..., None], 3, 2).astype(np.uint8)


def number_of(frame: np.ndarray) -> int:
    """Return the number that `picture` has drawn into a frame, at whatever scale."""
    block_width = frame.shape[1] / 160 * BLOCK
    block_height = frame.shape[0] / 96 * BLOCK
    y = int(block_height / 2)
    return sum(int(frame[y, int((bit + 0.5) * block_width)].mean() > 128) << bit for bit in range(BITS))


def write_video(
    path: Path,
    count: int = 60,
    *,
    rate: int = 25,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    milliseconds: Sequence[int] | None = None,
    container: str | None = None,
    audio_seconds: float = 0,
    hidden: int = 0,
    size: tuple[int, int] = (160, 96),
) -> Path:
    """Write a clip.

    Args:
        path: of the file; the suffix tells the format unless `container` does.
        count: of the frames.
        rate: frames per second.
        codec: FFmpeg's encoder.
        options: of the encoder.
        milliseconds: presentation times, for a variable rate.
        container: FFmpeg's format.
        audio_seconds: length of a sound track.
        hidden: frames at the start that an edit list cuts off.
        size: width and height.
    """
    settings = {"avoid_negative_ts": "disabled"} if hidden else {}
    with av.open(str(path), "w", format=container, container_options=settings) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.options = {"crf": "18", **(options or {})} if codec.startswith("libx26") else options or {}
        if codec == "libx265":
            stream.options = {"x265-params": "log-level=none:keyint=30:" + (options or {}).get("x265", "")}
        if audio_seconds:
            sound = file.add_stream("aac", rate=16000)
            sound.layout = "mono"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), "rgb24")
            if milliseconds is not None:
                frame.pts, frame.time_base = milliseconds[number], Fraction(1, 1000)
                stream.codec_context.time_base = Fraction(1, 1000)
            for packet in stream.encode(frame):
                _mux(file, packet, hidden, rate)
        for packet in stream.encode():
            _mux(file, packet, hidden, rate)
        if audio_seconds:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, int(16000 * audio_seconds)), np.float32), "fltp", "mono")
            silence.sample_rate = 16000
            file.mux(sound.encode(silence))
            file.mux(sound.encode())
    return path


def _mux(file, packet, hidden: int, rate: int) -> None:
    if hidden:
        shift = round(Fraction(hidden, rate) / packet.time_base)
        packet.pts -= shift
        packet.dts -= shift
    file.mux(packet)


def turn(path: Path, degrees: int) -> Path:
    """Write into an MP4's header that its picture is to be turned clockwise for display."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    cosine, sine = {90: (0, 1), 180: (-1, 0), 270: (0, -1)}[degrees]
    matrix = (cosine, sine, 0, -sine, cosine, 0, 0, 0)
    for i, value in enumerate(matrix):
        data[at + 4 * i : at + 4 * i + 4] = (value * 0x10000).to_bytes(4, "big", signed=True)
    path.write_bytes(data)
    return path


def full_decode(path: Path) -> tuple[list[float], list[int]]:
    """Return the time and the drawn number of every frame: one thread, start to end, nothing clever."""
    times, numbers = [], []
    with av.open(str(path)) as file:
        stream = next(s for s in file.streams.video if s.codec_context.name != "png")
        stream.thread_type = "NONE"
        for frame in file.decode(stream):
            times.append(None if frame.pts is None else frame.pts * stream.time_base)
            numbers.append(number_of(frame.to_ndarray(format="rgb24")))
    start = times[0]
    return [None if t is None else float(t - start) for t in times], numbers


@pytest.fixture(scope="session")
def video() -> Callable[..., Path]:
    """The function that writes a clip."""
    return write_video


@pytest.fixture(scope="session")
def numbers() -> Callable[[np.ndarray], list[int]]:
    """The function that reads the numbers drawn into frames."""
    return lambda frames: [number_of(frame) for frame in frames]


@pytest.fixture(scope="session")
def reference() -> Callable[[Path], tuple[list[float], list[int]]]:
    """The slow, obvious decoding of a whole file."""
    return full_decode


@pytest.fixture(scope="session")
def turned() -> Callable[[Path, int], Path]:
    """The function that gives an MP4 a rotation."""
    return turn


@pytest.fixture
def clip_file(tmp_path: Path) -> Path:
    """A plain MP4 of 60 frames at 25 fps."""
    return write_video(tmp_path / "plain.mp4")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real videos, where this machine has them."""
    default = Path(__file__).resolve().parents[2] / ".." / "shared"
    folder = Path(os.environ.get("VAU_BENCH_SHARED", default)) / "data"
    if not folder.is_dir():
        pytest.skip("no shared real videos on this machine")
    return folder
