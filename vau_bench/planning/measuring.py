"""A small measurement of this machine: how long it decodes some of the videos."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from vau_bench.errors import UsageError, VideoError
from vau_bench.planning.decoding import DecodeRate, Timed, fitted_rate
from vau_bench.planning.workload import Viewed
from vau_bench.video import Shown, decode

CLIPS = 5
"""Clips that are decoded for it."""
SINGLE = "uniform(1)"
"""A second plan for each, by which seeks are told from pixels."""


def measured_rate(viewed: Sequence[Viewed], clips: int = CLIPS) -> DecodeRate:
    """Return how long this machine takes for some of the clips, evenly spread; in this process, without the cache.

    Raises:
        UsageError: if no video is there that could be decoded.
    """
    there = [(one.path, one.plan) for one in viewed if one.path is not None]
    chosen = [there[i * len(there) // clips] for i in range(clips)] if len(there) > clips else there
    timed: list[Timed] = []
    for path, plan in chosen:
        try:
            timed += [_timed(path, plan), _timed(path, SINGLE)]
        except VideoError:
            continue
    if not timed:
        raise UsageError("--measure decodes some of the videos, and there is none; pass --data with their folder")
    return fitted_rate(timed)


def _timed(path: Path, plan: str) -> Timed:
    from vau_bench.video.decoding import look

    shown: Shown
    shown, looked = _clocked(look, path, plan)
    _, decoded = _clocked(decode, path, plan)
    return Timed(shown, looked, decoded)


def _clocked(do: Callable[[Path, str], Any], path: Path, plan: str) -> tuple[Any, float]:
    """Return what comes of it, and the seconds of the processor, all threads together."""
    begin = time.process_time()
    result = do(path, plan)
    return result, time.process_time() - begin
