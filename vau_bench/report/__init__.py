"""What people read of runs: the terminal table, the offline HTML report, and the same served from a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vau_bench.evaluation import Progress

SAMPLES = 10_000
"""Samples that a report shows one by one."""

STRIPS = 500
"""Of these, how many with the frames that the models saw."""


def write_report(
    runs: Path | Sequence[Path],
    out: Path | None = None,
    *,
    data: Path | None = None,
    samples: int = SAMPLES,
    strips: int = STRIPS,
    progress: Progress | None = None,
) -> Path:
    """Write the report of one or several runs: one HTML file that needs no network. Returns its path.

    The same runs give the same bytes. A run without results is scored first where that is possible; absent data or
    videos cost the questions or the pictures, and the report says so.

    Args:
        runs: the run folders.
        out: the file; default: `report.html` in the run folder, of several `comparison.html` in the first.
        data: root of the datasets; default: where the runs found them.
        samples: how many samples are shown one by one; the rest is counted.
        strips: how many of these are shown with their frames.
        progress: told how it goes.

    Raises:
        RunError: if a folder holds no run, its journal is damaged, or the file cannot be written.
        UsageError: if a run is named twice.
    """
    from vau_bench.evaluation import Silent
    from vau_bench.report.writing import checked_path, report_text
    from vau_bench.runs import write_atomically

    folders = [runs] if isinstance(runs, Path) else list(runs)
    path = checked_path(folders, out)
    text = report_text(folders, data=data, samples=samples, strips=strips, progress=progress or Silent())
    write_atomically(path, text)
    return path


__all__ = ["SAMPLES", "STRIPS", "write_report"]
