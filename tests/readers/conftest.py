"""Annotation files in the VAU-Bench schema, written row by row."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from vau_bench.readers import Dataset
from vau_bench.readers.vau_csv import read_vau_csv

ROW = {
    "Video Name": "clip_1.mp4",
    "Question": "What happens?",
    "Option 1": "A bin burns",
    "Option 2": "A dog runs",
    "Option 3": "Nothing",
    "Option 4": "A car turns",
    "Correct Option": "A",
    "Key Object": "bin",
    "Description": "A bin burns beside a door.",
    "Reasoning": "### Why\nFire is not usual here.",
    "Anomaly Class": "Fire",
    "Start Time": "2.5",
    "End Time": "7",
}
COLUMNS = list(ROW)

Write: TypeAlias = Callable[..., Path]
Read: TypeAlias = Callable[..., Dataset]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write `clips.csv`: one row per mapping of what differs from `ROW`."""

    def write(*rows: dict[str, str], columns: list[str] = COLUMNS, **how: Any) -> Path:
        path = tmp_path / "clips.csv"
        with path.open("w", newline="", encoding=how.pop("encoding", "utf-8")) as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore", **how)
            writer.writeheader()
            writer.writerows({**ROW, **row} for row in rows)
        return path

    return write


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read `clips.csv`."""
    return lambda **args: read_vau_csv(tmp_path, "test", {"annotations": {"test": "clips.csv"}, **args})
