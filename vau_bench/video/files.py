"""Which files are videos, by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

EXTENSIONS = (
    *(".mp4", ".avi", ".mkv", ".webm", ".mov", ".m4v", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(
        ".wmv",
        ".asf",
        ".flv",
        ".f4v",
        ".3gp",
        ".3g2",
        ".ogv",
        ".vob",
        ".mxf",
        ".h264",
        ".264",
        ".h265",
        ".hevc",
    ),
)


def is_video_name(name: str | Path) -> bool:
    """Whether a file of this name is taken for a video."""
    return Path(name).suffix.lower() in EXTENSIONS


def find_videos(folder: Path) -> Iterator[Path]:
    """Yield the video files under a folder, sorted by path, leaving out hidden ones."""
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if is_video_name(path) and not hidden and path.is_file():
            yield path
