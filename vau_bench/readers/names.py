"""Names of videos: prefixes of merged files, the source video of a cut clip."""

from __future__ import annotations

import re

from vau_bench.video import EXTENSIONS

_PREFIX = re.compile(r"^(msad|ucf|ecva)_")
_CUT = re.compile(r"(_x264)_\d+_\d+$")


def without_prefix(name: str) -> str:
    """Return the name without the dataset prefix that merged annotation files put before it."""
    return _PREFIX.sub("", name)


def stem(name: str) -> str:
    """Return the name without folder and video extension; "cam1.0" has none, though it holds a dot."""
    file = name.rpartition("/")[2]
    bare, _, extension = file.rpartition(".")
    return bare if bare and f".{extension.lower()}" in EXTENSIONS else file


def source_video(name: str) -> str:
    """Return the source video: no folder, no extension, no dataset prefix, no cut to a frame range."""
    return _CUT.sub(r"\1", without_prefix(stem(name)))
