"""Errors that a user can act on: one type per cause, each with the exit code of the CLI.

Anything that is not a `VauBenchError` is a defect of ours and is shown with its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VauBenchError(Exception):
    """The run failed, or nothing could be scored (exit code 1)."""

    exit_code = 1


class UsageError(VauBenchError):
    """The command cannot be carried out as it was given (exit code 2)."""

    exit_code = 2


class UnknownNameError(UsageError):
    """A task, model, style, option or other name that does not exist."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        self.name = name
        super().__init__(f"unknown {what} {name!r}{suggestion(name, known)}")


class NameCollisionError(VauBenchError):
    """Two things claim one name."""


class PluginError(VauBenchError):
    """Something that another package offers cannot be used; names the package."""


class PluginWarning(UserWarning):
    """Something that is not ours is broken and left out."""


class MissingExtraError(VauBenchError):
    """A package of an optional extra is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs the extra [{extra}]: pip install 'vau-bench[{extra}]'")


class DataError(VauBenchError):
    """A dataset file does not hold what its schema promises."""


class NoAnnotationError(DataError):
    """The annotation file of a split is not there."""


class RunError(VauBenchError):
    """A run folder cannot be opened, continued or written."""


class ModelError(VauBenchError):
    """A model cannot be loaded, or stopped working for every request."""


class VideoError(VauBenchError):
    """A video cannot be read; costs the sample, never the run."""


class VideoMissingError(VideoError):
    """There is no such file."""


class VideoUnreadableError(VideoError):
    """The file is not a video, holds no frame, or is damaged."""


class VideoTimeoutError(VideoError):
    """Decoding took longer than the limit."""


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return `"; did you mean ...?"` for a mistyped name, or the list of a few known names."""
    known = list(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    if not known:
        return "; none is known"
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"; known: {shown}"
