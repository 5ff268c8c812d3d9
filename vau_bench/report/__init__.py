"""What people read of a run: the terminal table and the offline HTML report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vau_bench.evaluation import Progress

SAMPLES = 500
"""Samples that a report shows one by one."""

STRIPS = 200
"""Of these, how many with the frames that the model saw."""


def write_report(
    run: Path,
    out: Path | None = None,
    *,
    data: Path | None = None,
    samples: int = SAMPLES,
    strips: int = STRIPS,
    progress: Progress | None = None,
) -> Path:
    """Write the report of a run: one HTML file that needs no network. Returns its path.

    The same run gives the same bytes. A run without results is scored first where that is possible; absent data or
    videos cost the questions or the pictures, and the report says so.

    Args:
        run: the run folder.
        out: the file; default: `report.html` in the run folder.
        data: root of the datasets; default: where the run found them.
        samples: how many samples are shown one by one; the rest is counted.
        strips: how many of these are shown with their frames.
        progress: told how it goes.

    Raises:
        RunError: if the folder holds no run, its journal is damaged, or the file cannot be written.
    """
    from vau_bench.evaluation import Silent
    from vau_bench.report.contents import read_contents
    from vau_bench.report.page import render
    from vau_bench.runs import write_atomically

    progress = progress or Silent()
    contents = read_contents(run, data=data, progress=progress)
    path = out or run / "report.html"
    write_atomically(path, render(contents, samples=samples, strips=strips, progress=progress))
    return path


__all__ = ["SAMPLES", "STRIPS", "write_report"]
