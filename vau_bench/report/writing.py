"""From run folders to the text of their report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from vau_bench.errors import RunError
from vau_bench.evaluation import Progress
from vau_bench.paths import cache_dir
from vau_bench.report.book import Book, Strips
from vau_bench.report.choosing import choose, shares
from vau_bench.report.contents import read_contents
from vau_bench.report.film import Reels, Strip, looks, strips
from vau_bench.report.joining import check_number, join
from vau_bench.report.page import data_of, render
from vau_bench.runs import RunFolder
from vau_bench.video import ClipLoader

ALONE, TOGETHER = "report.html", "comparison.html"
"""Names of the report of one run, and of several."""


def check_runs(folders: Sequence[Path]) -> None:
    """Refuse to show what is no run, no run at all, or one twice.

    Raises:
        RunError: if a folder holds no run.
        UsageError: if no run is named, or one twice.
    """
    check_number([folder.resolve() for folder in folders])
    for folder in folders:
        RunFolder.existing(folder)


def checked_path(folders: Sequence[Path], out: Path | None) -> Path:
    """Return where the report goes, once it is known that the runs are there and that it can be written.

    Raises:
        RunError: if one is not so.
        UsageError: if no run is named, or one twice.
    """
    check_runs(folders)
    path = out or folders[0] / (ALONE if len(folders) == 1 else TOGETHER)
    if path.is_dir():
        raise RunError(f"cannot write {path}: it is a folder; pass --out FILE")
    if not path.parent.is_dir():
        raise RunError(f"cannot write {path}: there is no folder {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise RunError(f"cannot write {path}: permission denied; pass --out FILE")
    return path


def read_book(folders: Sequence[Path], data: Path | None, samples: int | None, progress: Progress) -> Book:
    """Return the samples of some runs, at most so many of them; `None`: all.

    Raises:
        RunError: if a folder holds no run, or a journal is damaged.
    """
    runs = [read_contents(folder, data=data, progress=progress) for folder in folders]
    return Book.of(runs, join(runs), samples)


def report_text(folders: Sequence[Path], *, data: Path | None, samples: int, strips: int, progress: Progress) -> str:
    """Return the report; see `write_report`."""
    book = read_book(folders, data, samples, progress)
    reels = Reels()
    found = _strips(book, strips, reels, progress)
    return render(book, data_of(book, found, reels.texts()))


def _strips(book: Book, most: int, reels: Reels, progress: Progress) -> Strips:
    """Return the film strips of at most so many samples, of each task its share."""
    seen = {number: looks(book.tasks[page.task], page.sample) for number, page in enumerate(book.pages)}
    by_task = [
        [number for number, page in enumerate(book.pages) if page.task == task and seen[number]]
        for task in range(len(book.tasks))
    ]
    budgets = shares([len(numbers) for numbers in by_task], most)
    chosen = [n for numbers, budget in zip(by_task, budgets, strict=True) for n in choose(numbers, budget)]
    wanted = [(number, look) for number in chosen for look in seen[number]]
    if not wanted:
        return {}
    progress.stage("frames", len(wanted))
    options = book.runs[0].options
    with ClipLoader(cache_dir(), workers=options.decode_workers, timeout=options.decode_timeout) as clips:
        made = strips([(look, book.pages[number].sample) for number, look in wanted], clips, reels, progress)
    found: dict[int, list[Strip]] = {number: [] for number in chosen}
    for (number, _), strip in zip(wanted, made, strict=True):
        found[number].append(strip)
    return found
