"""Figures that papers report, with where they stand and how they were measured.

They are facts about papers. Nobody here has repeated them, so they stand in tables of their own and are never ranked
with measured rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vau_bench.declarations import read_declaration
from vau_bench.errors import DataError

SCALES: dict[str, tuple[float, float]] = {
    "percent": (0, 100),
    "fraction": (0, 1),
    "score_10": (0, 10),
    "score_50": (0, 50),
}
REPORTED = "reported"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Source(_Record):
    """Where figures were read.

    Attributes:
        title: of the paper or page.
        url: where to find it.
        date: of its publication, as far as known: `2025-05`.
        where: tables or pages.
        third_party: not read in the paper itself but in a listing of it.
        note: what else a reader must know.
    """

    title: str
    url: str = Field(pattern=r"^https://[^\s<>]+$")
    date: str = Field(pattern=r"^\d{4}(-\d{2}){0,2}$")
    where: str
    third_party: bool = False
    note: str | None = None


class Column(_Record):
    """One kind of figure: its scale and what it is."""

    scale: Literal["percent", "fraction", "score_10", "score_50"]
    summary: str


class Row(_Record):
    """The figures of one model; `None` where the source leaves a cell out.

    Attributes:
        style: the prompt style, `None` where the source does not tell or it does not apply.
    """

    model: str = Field(min_length=1)
    dataset: str = Field(min_length=1)
    style: Literal["direct", "think", "reflect"] | None = None
    values: dict[str, float | None]
    note: str | None = None
    provenance: Literal["reported"] = "reported"


class Table(_Record):
    """Figures of one protocol.

    Attributes:
        kind: of task.
        protocol: how they were measured.
        n: samples by dataset, where told.
        columns: by name.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    kind: Literal["mcq", "grounding", "classification", "reasoning"]
    protocol: str
    n: dict[str, int] = {}
    columns: dict[str, Column]
    rows: list[Row] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_fit(self) -> Table:
        seen = set()
        for row in self.rows:
            who = (row.model, row.dataset, row.style)
            if who in seen:
                raise ValueError(f"two rows of {row.model} on {row.dataset} ({row.style or 'no style'})")
            seen.add(who)
            for name, value in row.values.items():
                if name not in self.columns:
                    raise ValueError(f"{row.model}: no column {name!r}")
                low, high = SCALES[self.columns[name].scale]
                if value is not None and not low <= value <= high:
                    raise ValueError(f"{row.model}: {name} is {value:g}, not within {low:g} to {high:g}")
        return self


class Published(_Record):
    """The contents of a file of `leaderboards/published`."""

    schema_: Literal[1] = Field(alias="schema")
    source: Source
    tables: list[Table] = Field(min_length=1)


def read_published(folder: Path) -> list[Published]:
    """Return what all files of a folder hold, in the order of their names.

    Raises:
        DataError: naming the file and the first key that is wrong, or two tables of one name.
    """
    files = [(path, read_declaration(Published, path)) for path in sorted(folder.glob("*.yaml"))]
    named: dict[str, Path] = {}
    for path, published in files:
        for table in published.tables:
            other = named.setdefault(table.name, path)
            if other != path:
                raise DataError(f"{path}: the table {table.name!r} stands in {other.name}, too")
    return [published for _, published in files]
