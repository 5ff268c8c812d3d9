"""Where things lie on disk: the shipped tasks and the cache."""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).parent


def builtin_tasks() -> Path:
    """Return the folder of the tasks that ship with the package."""
    installed = PACKAGE / "_tasks"
    return installed if installed.is_dir() else PACKAGE.parent / "tasks"


def cache_dir() -> Path:
    """Return the folder for what can be made again: `$VAU_BENCH_CACHE`, else `vau-bench` in the user's cache."""
    chosen = os.environ.get("VAU_BENCH_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "vau-bench"
