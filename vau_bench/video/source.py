"""An open video file: its packets in file order, the decoder for them, and nothing that writes to stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import cast

import av
import av.logging
from av.codec.context import ThreadType
from av.packet import Packet
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from vau_bench.errors import VideoMissingError, VideoUnreadableError

av.logging.set_level(None)
av.logging.set_libav_level(av.logging.PANIC)

CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    *("avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "rm", "mxf", "nut", "ivf", "gif", "dv"),
    *("h264", "hevc", "m4v", "h263", "h261", "vc1", "av1", "obu", "mjpeg", "yuv4mpegpipe", "wtv", "swf"),
)
"""Formats that hold video, as FFmpeg names them. It also takes pictures, subtitles, text and play lists of
other addresses for videos; here they are not."""

_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}


class Source:
    """A video file, open for reading.

    Args:
        path: of the file.
        threads: of the decoder; 0 for as many as there are cores.

    Raises:
        VideoMissingError: if there is no such file.
        VideoUnreadableError: if it is not a video; says what it is instead.
    """

    def __init__(self, path: Path, *, threads: int = 1) -> None:
        self.path = path
        self._threads = threads
        _require_file(path)
        self._open()

    def _open(self) -> None:
        try:
            self.container = av.open(f"file:{self.path}", container_options=_OPTIONS, metadata_errors="replace")
        except (av.error.FFmpegError, ValueError, OSError) as error:
            raise VideoUnreadableError(f"not a video: {self.path} ({_reason(error)})") from None
        videos = [s for s in self.container.streams.video if not s.disposition & Disposition.attached_pic]
        if not videos:
            self.container.close()
            raise VideoUnreadableError(f"no video stream in {self.path}")
        self.stream: VideoStream = videos[0]
        decoder = cast("VideoCodecContext | None", self.stream.codec_context)
        if decoder is None:
            self.container.close()
            raise VideoUnreadableError(f"no decoder for the video stream of {self.path}")
        decoder.thread_count = self._threads
        decoder.thread_type = ThreadType.AUTO
        self.decoder = decoder

    @property
    def has_audio(self) -> bool:
        """Whether there is a sound track."""
        return bool(self.container.streams.audio)

    def packets(self) -> Iterator[Packet]:
        """Yield the packets from here on, to the end of the file or to where it can no longer be read."""
        with suppress(av.error.FFmpegError):
            for packet in self.container.demux(self.stream):
                if packet.size:
                    yield packet

    def decode(self, packet: Packet | None) -> list[VideoFrame]:
        """Return the frames that the decoder gives after this packet; `None` makes it give all it has.

        A packet that cannot be decoded gives none.
        """
        try:
            return self.decoder.decode(packet)
        except (av.error.FFmpegError, ValueError):
            return []

    def frames(self) -> Iterator[VideoFrame]:
        """Yield all frames from here on."""
        for packet in self.packets():
            yield from self.decode(packet)
        yield from self.decode(None)

    def seek(self, timestamp: int) -> bool:
        """Go to the keyframe at or before the timestamp, in units of the stream's time base."""
        try:
            self.container.seek(timestamp, stream=self.stream)
        except (av.error.FFmpegError, OSError):
            return False
        return True

    def rewind(self, *, threads: int | None = None) -> None:
        """Go to the first packet, by opening the file anew: formats without an index cannot seek.

        Args:
            threads: of the decoder from now on.
        """
        self.container.close()
        self._threads = self._threads if threads is None else threads
        self._open()

    def close(self) -> None:
        """Close the file."""
        self.container.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _require_file(path: Path) -> None:
    if not path.exists():
        raise VideoMissingError(f"no such video: {path}")
    if not path.is_file():
        raise VideoUnreadableError(f"not a file: {path}")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise VideoUnreadableError(f"cannot read {path}: {error.strerror}") from None
    if empty:
        raise VideoUnreadableError(f"the file is empty: {path}")


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
