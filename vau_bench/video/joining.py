"""Pictures of a folder as a video, for datasets that come as frames."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vau_bench.errors import VideoUnreadableError

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_JPEG = b"\xff\xd8"  # how a picture begins


def join_jpegs(frames: Sequence[Path], path: Path, fps: int) -> None:
    """Write JPEG files as a video, one after the other, each as it is: nothing is encoded again.

    The file appears complete or not at all, and equal frames give equal bytes.

    Args:
        frames: in the order of showing.
        path: of the video; its folder is made if need be.
        fps: frames a second.

    Raises:
        VideoUnreadableError: if a file is no JPEG picture, or the video cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=".tmp", dir=path.parent)
        os.close(handle)
        try:
            _mux(frames, Path(name), fps)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise VideoUnreadableError(f"cannot join frames to {path}: {error.strerror or error}") from error


def _mux(frames: Sequence[Path], path: Path, fps: int) -> None:
    import av

    # Without the flag Matroska files carry a random number.
    with av.open(str(path), "w", format="matroska", options={"fflags": "+bitexact"}) as video:
        stream: VideoStream | None = None
        for number, frame in enumerate(frames):
            try:
                with av.open(f"file:{frame}", format="jpeg_pipe") as picture:
                    packet = next(picture.demux(video=0))
                    if not bytes(packet).startswith(_JPEG):
                        raise VideoUnreadableError(f"not a JPEG picture: {frame}")
                    stream = stream or video.add_stream_from_template(picture.streams.video[0])
                    packet.stream, packet.time_base = stream, Fraction(1, fps)
                    packet.pts = packet.dts = number
                    packet.duration = 1
                    video.mux(packet)
            except (av.error.FFmpegError, IndexError, StopIteration) as error:
                raise VideoUnreadableError(f"not a JPEG picture: {frame}") from error
