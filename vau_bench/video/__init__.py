"""Frames of videos, exactly when they are shown. Nothing else of the project opens a video file.

`ClipLoader` is the way to them; `decode` and `probe` do the same within the calling process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vau_bench.video.clip import Clip, Shown, VideoInfo, decoder_name
from vau_bench.video.files import EXTENSIONS, find_videos, is_video_name
from vau_bench.video.hashing import content_hash
from vau_bench.video.loader import ClipLoader
from vau_bench.video.plans import FramePlan, parse_plan

if TYPE_CHECKING:
    from vau_bench.video.decoding import decode, probe

__all__ = [
    "EXTENSIONS",
    "Clip",
    "ClipLoader",
    "FramePlan",
    "Shown",
    "VideoInfo",
    "content_hash",
    "decode",
    "decoder_name",
    "find_videos",
    "is_video_name",
    "parse_plan",
    "probe",
]


def __getattr__(name: str) -> Any:
    """Load FFmpeg only for those who decode in this process."""
    if name not in ("decode", "probe"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vau_bench.video import decoding

    return getattr(decoding, name)
