"""How long anything covers a place: the runs of presence of each cell, and what stays where nothing stood before.

Passers-by cover a cell for well under a second. What covers neighbouring cells for longer is one stay: a person who
stands or lies, a thing put down, a fire.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vau_bench.models.motion_scene import Bools, Scene

Ints = NDArray[np.int64]

STAYING = 1.25
"""Seconds for which a cell must be covered to be part of a stay: a vehicle at town speed passes in about one."""

BLINK = 0.25
"""Seconds without cover that do not end a stay: noise, or someone who passes in the same colour."""

SMALLEST = 0.00125
"""Of the picture: smaller stays are noise, or a clock. A bag in the middle distance is about this large."""


class Runs(NamedTuple):
    """Times for which cells are covered without a break: frames `[start, stop)` of `cell`, by cell, then by time."""

    cell: Ints
    start: Ints
    stop: Ints

    @property
    def length(self) -> Ints:
        """In frames."""
        return self.stop - self.start

    def where(self, chosen: Bools) -> Runs:
        """Return some of the runs."""
        return Runs(self.cell[chosen], self.start[chosen], self.stop[chosen])

    def voxels(self) -> tuple[Ints, Ints, Ints]:
        """Return the run, the frame and the cell of each single covering."""
        run = np.repeat(np.arange(len(self.cell)), self.length)
        first = np.cumsum(self.length) - self.length
        return run, np.arange(len(run)) - first[run] + self.start[run], self.cell[run]


@dataclass(frozen=True, slots=True)
class Stay:
    """Something that stays for a while in one place.

    Attributes:
        first: frame in which it is there.
        stop: first frame in which it is gone.
        area: of the picture, 0 to 1.
        height: of the box around it, in picture heights.
        width: of the box around it, in picture heights.
        churn: share of its cells that change from frame to frame.
        glow: share of its cells that are bright, red rather than blue, and redder than the background.
        light: grey levels by which it is lighter than the background.
        company: share of the cells right beside it that are covered.
    """

    first: int
    stop: int
    area: float
    height: float
    width: float
    churn: float
    glow: float
    light: float
    company: float

    @property
    def shape(self) -> float:
        """Width over height."""
        return self.width / self.height


def runs(present: Bools) -> Runs:
    """Return the runs of `(n, rows, columns)` presence."""
    n = len(present)
    by_cell = np.zeros((present[0].size, n + 1), np.int8)
    by_cell[:, :n] = present.reshape(n, -1).T
    edges = np.diff(by_cell.ravel(), prepend=np.int8(0))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    cell = starts // (n + 1)
    return Runs(cell, starts - cell * (n + 1), stops - cell * (n + 1))


def bridged(found: Runs, gap: int) -> Runs:
    """Return the runs with those of a cell joined that are no more than `gap` frames apart."""
    if not len(found.cell):
        return found
    apart = (found.cell[1:] != found.cell[:-1]) | (found.start[1:] - found.stop[:-1] > gap)
    opens, closes = np.concatenate([[True], apart]), np.concatenate([apart, [True]])
    return Runs(found.cell[opens], found.start[opens], found.stop[closes])


def stays(scene: Scene, found: Runs) -> list[Stay]:
    """Return what stays in one place, in order of the first cell covered."""
    lasting = bridged(found, scene.frames(BLINK))
    lasting = lasting.where(lasting.length >= max(3, scene.frames(STAYING)))
    if not len(lasting.cell):
        return []
    run, frame, cell = lasting.voxels()
    group = linked(lasting, scene.present.shape)[run]
    order = np.argsort(group, kind="stable")
    bounds = np.flatnonzero(np.diff(group[order], prepend=-1, append=group.max() + 1))
    smallest = SMALLEST * scene.cells
    kept = []
    for begin, end in pairwise(bounds.tolist()):
        voxels = order[begin:end]
        if len(voxels) >= smallest * scene.frames(STAYING):
            stay = _measured(scene, frame[voxels], cell[voxels])
            if stay.area >= SMALLEST:
                kept.append(stay)
    return kept


def linked(lasting: Runs, shape: tuple[int, ...]) -> Ints:
    """Return a group number for each run: runs of touching cells, corners included, that overlap in time."""
    volume = np.full(shape, -1, np.int32)
    run, frame, cell = lasting.voxels()
    volume.reshape(shape[0], -1)[frame, cell] = run
    pairs = []
    for a, b in (
        (volume[:, :, :-1], volume[:, :, 1:]),
        (volume[:, :-1], volume[:, 1:]),
        (volume[:, :-1, :-1], volume[:, 1:, 1:]),
        (volume[:, :-1, 1:], volume[:, 1:, :-1]),
    ):
        touch = (a >= 0) & (b >= 0)
        pairs.append(np.unique(a[touch].astype(np.int64) * len(lasting.cell) + b[touch]))
    parent = list(range(len(lasting.cell)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    for code in np.concatenate(pairs).tolist():
        one, other = root(code // len(parent)), root(code % len(parent))
        parent[max(one, other)] = min(one, other)
    return np.array([root(k) for k in range(len(parent))])


def _measured(scene: Scene, frame: Ints, cell: Ints) -> Stay:
    n, rows, columns = scene.present.shape
    counts = np.bincount(frame, minlength=n)
    usual = float(np.quantile(counts[counts > 0], 0.75))
    there = np.flatnonzero(counts >= usual / 2)
    first, stop = int(there[0]), int(there[-1]) + 1
    covered = np.bincount(cell, minlength=rows * columns)
    core = np.flatnonzero(covered >= covered.max() / 2)
    y, x = core // columns, core % columns
    top, bottom, left, right = y.min(), y.max() + 1, x.min(), x.max() + 1
    shift = scene.shift.reshape(n, -1, 3)[frame, cell]
    colour = scene.colour.reshape(n, -1, 3)[frame, cell]
    glowing = (colour[:, 0] > 150) & (colour[:, 0] - colour[:, 2] > 60) & (shift[:, 0] - shift[:, 2] > 40)
    return Stay(
        first,
        stop,
        area=usual / scene.cells,
        height=float(bottom - top) / rows,
        width=float(right - left) / rows,
        churn=float(scene.changed.reshape(n, -1)[frame, cell].mean()),
        glow=float(glowing.mean()),
        light=float(shift.mean()),
        company=_company(scene.present[first:stop], top, bottom, left, right),
    )


def _company(present: Bools, top: int, bottom: int, left: int, right: int) -> float:
    """Return the share of covered cells in a margin around a box, as wide as the box is long."""
    margin = max(2, (bottom - top + right - left) // 2)
    _, rows, columns = present.shape
    y0, y1 = max(0, top - margin), min(rows, bottom + margin)
    x0, x1 = max(0, left - margin), min(columns, right + margin)
    around = present[:, y0:y1, x0:x1]
    inside = present[:, top:bottom, left:right]
    beside = around[0].size - inside[0].size
    return float(around.sum() - inside.sum()) / (beside * len(present)) if beside else 0.0
