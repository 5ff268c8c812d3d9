"""Names of videos: prefixes of merged files, the source video of a cut clip."""

from __future__ import annotations

import re
from pathlib import Path

_PREFIX = re.compile(r"^(msad|ucf|ecva)_")
_CUT = re.compile(r"(_x264)_\d+_\d+$")


def without_prefix(name: str) -> str:
    """Return the name without the dataset prefix that merged annotation files put before it."""
    return _PREFIX.sub("", name)


def source_video(name: str) -> str:
    """Return the source video: no folder, no extension, no dataset prefix, no cut to a frame range."""
    return _CUT.sub(r"\1", without_prefix(Path(name).stem))
