"""What comes out of a video file: its description, and some of its frames."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau_bench.records import Seen

REVISION = 1
"""Raise it when the same file and plan may give other frames, times or pixels than before."""


@functools.cache
def decoder_name() -> str:
    """Return the decoder and its version, as responses record it."""
    return f"pyav-{version('av')}/{REVISION}"


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """A video file, measured from its packets rather than believed from its header.

    Attributes:
        path: of the file.
        size_bytes: of the file.
        duration: from the first frame's start to the last frame's end, in seconds.
        frame_count: of the frames that can be shown, exactly.
        width: in pixels as displayed, after rotation.
        height: in pixels as displayed, after rotation.
        fps: frames per second on average.
        codec: its name in FFmpeg, such as `h264`.
        rotation: clockwise degrees by which the stored picture is turned to be displayed; a multiple of 90.
        has_audio: whether there is a sound track.
    """

    path: Path
    size_bytes: int
    duration: float
    frame_count: int
    width: int
    height: int
    fps: float
    codec: str
    rotation: int
    has_audio: bool

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self) | {"path": str(self.path)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], path: Path) -> VideoInfo:
        """Return the record of `to_json`, of a file that may lie elsewhere by now."""
        return cls(**{**values, "path": path})


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """Some frames of a video and when they are shown.

    Attributes:
        frames: `(n, height, width, 3)` uint8 RGB.
        indices: frame numbers in presentation order, strictly ascending.
        times: of the frames in seconds from the first frame of the video.
        info: the video that they are from.
    """

    frames: NDArray[np.uint8]
    indices: tuple[int, ...]
    times: tuple[float, ...]
    info: VideoInfo

    def __len__(self) -> int:
        return len(self.indices)

    def seen(self) -> Seen:
        """Return the record of what these frames are."""
        _, height, width, _ = self.frames.shape
        return Seen(self.indices, self.times, width, height, decoder_name(), self.info.duration)

    def to_json(self) -> dict[str, Any]:
        """Return all but the pixels, as JSON values."""
        return described(self.frames.shape, self.indices, self.times, self.info)

    @classmethod
    def from_json(cls, values: Mapping[str, Any], pixels: NDArray[np.uint8], path: Path) -> Clip:
        """Return the clip of `to_json` and its pixels, of a file that may lie elsewhere by now.

        Raises:
            ValueError: if the pixels do not fill the frames.
        """
        frames = pixels.reshape(values["shape"])
        info = VideoInfo.from_json(values["info"], path)
        return cls(frames, tuple(values["indices"]), tuple(values["times"]), info)


@dataclass(frozen=True, slots=True)
class Shown:
    """Which frames of a video a plan shows, without their pixels, and what it takes to get them.

    Attributes:
        indices: frame numbers in presentation order, strictly ascending.
        times: of the frames in seconds from the first frame of the video.
        width: of the frames as the plan scales them, in pixels.
        height: of the frames as the plan scales them, in pixels.
        decoded: frames that have to be decoded to get these.
        seeks: places in the file where decoding begins.
        info: the video that they are from.
    """

    indices: tuple[int, ...]
    times: tuple[float, ...]
    width: int
    height: int
    decoded: int
    seeks: int
    info: VideoInfo

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def pixel_bytes(self) -> int:
        """Bytes of the frames as RGB."""
        return len(self) * self.height * self.width * 3

    def clip_json(self) -> dict[str, Any]:
        """Return what `Clip.to_json` of these frames is."""
        return described((len(self), self.height, self.width, 3), self.indices, self.times, self.info)

    def to_json(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        return asdict(self) | {"info": self.info.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], path: Path) -> Shown:
        """Return the record of `to_json`."""
        lists = {name: tuple(values[name]) for name in ("indices", "times")}
        return cls(**{**values, **lists, "info": VideoInfo.from_json(values["info"], path)})


def described(shape: Sequence[int], indices: Sequence[int], times: Sequence[float], info: VideoInfo) -> dict[str, Any]:
    """Return the description of a clip, as JSON values."""
    return {"shape": list(shape), "indices": list(indices), "times": list(times), "info": info.to_json()}
