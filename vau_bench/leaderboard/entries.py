"""An entry: a measured run small enough for git, that anyone can check.

`entries/<model>/<run>/` holds the manifest without machine paths and host names, the results, and per sample what the
metrics are made from: no footage, no response, no text of a dataset. `entry.json` holds the sha256 of each file.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from vau_bench.declarations import validated
from vau_bench.errors import DataError, RunError
from vau_bench.leaderboard.links import problem_of
from vau_bench.records import Outcome
from vau_bench.results import TaskResult
from vau_bench.runs import Manifest, dump_json

SCHEMA = 1
MANIFEST, RESULTS, SCORES, INDEX = "manifest.json", "results.json", "scores.jsonl.gz", "entry.json"
FILES = (MANIFEST, RESULTS, SCORES)
LARGEST = 64 << 20
"""Bytes that a file of an entry may hold when unpacked: entries come from anywhere."""


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, strict=True)


class EntryIndex(_Record):
    """The contents of `entry.json`."""

    schema_: Literal[1] = Field(alias="schema")
    sha256: dict[str, str]
    report: str | None = None

    @field_validator("report")
    @classmethod
    def _linkable(cls, report: str | None) -> str | None:
        problem = problem_of(report) if report is not None else None
        if problem:
            raise ValueError(problem)
        return report


Seconds = Annotated[float, Field(ge=0, le=1e8)]
Span = tuple[float, float]
"""From the first start to the last end of an answer's intervals, in seconds."""


class SampleRow(BaseModel):
    """What an entry tells about one sample: which one, what became of it, and what metrics and plots are made from.

    Attributes:
        worth: of the answer, from 0 to 1; `first_worth` of the one before a reflection.
        label: its true class, as its place among the names of the result's `classes` in order.
        true: of a grounding task, when the anomaly is; `predicted`, when it is said to be.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)

    task: str
    sample_id: str
    group: str
    outcome: Outcome
    values: dict[str, float | None]
    worth: float = Field(ge=0, le=1)
    first_worth: float | None = Field(default=None, ge=0, le=1)
    label: int | None = Field(default=None, ge=0)
    true: tuple[Seconds, Seconds] | None = None
    predicted: Span | None = None


class _MetricShape(_Record):
    value: float | None
    low: float | None
    high: float | None
    se: float | None
    mde: float | None
    n: int
    clusters: int
    method: str
    unit: str
    higher_is_better: bool | None
    answered_only: float | None


class _FloorShape(_Record):
    answered: int
    metrics: dict[str, float | None]


class _ClassShape(_Record):
    n: int = Field(ge=0)
    value: float | None


class _CellsShape(_Record):
    repaired: int = Field(ge=0)
    broken: int = Field(ge=0)
    kept_right: int = Field(ge=0)
    kept_wrong: int = Field(ge=0)


class _ReflectionShape(_Record):
    pairs: int = Field(ge=0)
    without_pair: int = Field(ge=0)
    cells: _CellsShape
    metrics: dict[str, _MetricShape]


class _TaskShape(_Record):
    task: str
    version: int
    kind: str
    dataset: str
    style: str
    split: str
    frames: str
    headline: str
    expected: int = Field(ge=0)
    outcomes: dict[str, int]
    metrics: dict[str, _MetricShape]
    floors: dict[str, _FloorShape]
    digests: dict[str, str]
    classes: dict[str, _ClassShape] = {}
    reflection: _ReflectionShape | None = None


class _ManifestShape(_Record):
    run_id: str
    model: str
    status: Literal["success"]
    started: str
    model_identity: dict[str, Any]
    options: dict[str, Any]
    environment: dict[str, Any]
    preset: dict[str, Any] | None = None


class _ResultsShape(_Record):
    schema_: Literal[1] = Field(alias="schema")
    run_id: str
    model: str = Field(min_length=1)
    tasks: list[_TaskShape] = Field(min_length=1)


@dataclass(frozen=True)
class Entry:
    """A measured run.

    Attributes:
        path: its folder; `None` while it is only made.
        model: the name that it stands under.
        tasks: the results, as in `results.json`.
        rows: of all tasks.
        report: where the report of the run is (`vau_bench.leaderboard.links`), if anywhere.
    """

    path: Path | None
    model: str
    manifest: Manifest
    tasks: list[TaskResult]
    rows: Sequence[SampleRow]
    report: str | None = None

    @cached_property
    def by_task(self) -> Mapping[str, tuple[SampleRow, ...]]:
        """The rows of each task, ordered by sample, so that entries can be laid side by side."""
        found: dict[str, list[SampleRow]] = {t["task"]: [] for t in self.tasks}
        for row in self.rows:
            found.setdefault(row.task, []).append(row)
        return {task: tuple(sorted(rows, key=lambda r: r.sample_id)) for task, rows in found.items()}

    @property
    def identity(self) -> tuple[str, str]:
        """What tells two runs apart."""
        return self.manifest.run_id, self.manifest.started

    @property
    def where(self) -> str:
        """The folder's last two names, for messages."""
        return "/".join(self.path.parts[-2:]) if self.path else self.model


def pack(entry: Entry) -> dict[str, bytes]:
    """Return the files of an entry by name; the same entry gives the same bytes."""
    lines = [
        json.dumps(row.model_dump(mode="json", exclude_none=False), sort_keys=True, separators=(",", ":"))
        for rows in entry.by_task.values()
        for row in rows
    ]
    results = {"schema": SCHEMA, "run_id": entry.manifest.run_id, "model": entry.model, "tasks": entry.tasks}
    files = {
        MANIFEST: dump_json(asdict(entry.manifest)).encode(),
        RESULTS: dump_json(results).encode(),
        SCORES: gzip.compress("".join(f"{line}\n" for line in lines).encode(), 9, mtime=0),
    }
    index: dict[str, Any] = {"schema": SCHEMA, "sha256": {name: _sha256(data) for name, data in files.items()}}
    if entry.report is not None:
        index["report"] = entry.report
    return {**files, INDEX: dump_json(index).encode()}


def read_entry(path: Path) -> Entry:
    """Return an entry, its files held against their hashes and their schema; `check` holds its figures to its rows.

    Raises:
        DataError: in one sentence, if anything is absent, foreign, damaged or not what its hash says.
    """
    there = sorted(p.name for p in path.iterdir())
    foreign = [name for name in there if name not in (*FILES, INDEX)]
    if foreign:
        raise DataError(f"{path}: {foreign[0]} is no part of an entry")
    absent = [name for name in (*FILES, INDEX) if name not in there]
    if absent:
        raise DataError(f"{path}: {absent[0]} is absent")
    index = validated(EntryIndex, _json(_bytes(path / INDEX), path / INDEX), str(path / INDEX))
    data = {}
    for name in FILES:
        data[name] = _bytes(path / name)
        if _sha256(data[name]) != index.sha256.get(name):
            raise DataError(f"{path / name} is not what {INDEX} says: it was changed or damaged after it was entered")
    results = _json(data[RESULTS], path / RESULTS)
    validated(_ResultsShape, results, str(path / RESULTS))
    try:
        record = _json(data[MANIFEST], path / MANIFEST)
        manifest = Manifest.from_json(record)
        validated(_ManifestShape, record, str(path / MANIFEST))
    except (RunError, AttributeError) as error:
        raise DataError(f"{path / MANIFEST}: {error}") from None
    if manifest.run_id != results["run_id"]:
        raise DataError(f"{path}: the manifest is of run {manifest.run_id!r}, the results of {results['run_id']!r}")
    rows = _rows(data[SCORES], path / SCORES)
    return Entry(path, results["model"], manifest, cast("list[TaskResult]", results["tasks"]), rows, index.report)


def _rows(data: bytes, path: Path) -> list[SampleRow]:
    try:
        with gzip.open(BytesIO(data)) as file:
            text = file.read(LARGEST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be unpacked: {error}") from None
    if len(text) > LARGEST:
        raise DataError(f"{path} unpacks to more than {LARGEST >> 20} MiB")
    lines = text.splitlines()
    return [validated(SampleRow, _json(line, path), f"{path}, line {n}") for n, line in enumerate(lines, 1)]


def _bytes(path: Path) -> bytes:
    if path.is_symlink() or not path.is_file():
        raise DataError(f"{path} is no plain file")
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path} is larger than {LARGEST >> 20} MiB")
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from None


def _json(data: bytes, path: Path) -> Any:
    try:
        record = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: {error}") from None
    if not isinstance(record, dict):
        raise DataError(f"{path}: not a JSON object")
    return record


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def entry_paths(folder: Path) -> list[Path]:
    """Return the folders of all entries below `leaderboards`, in order."""
    return sorted(p for p in (folder / "entries").glob("*/*") if p.is_dir() and not p.name.startswith("."))
