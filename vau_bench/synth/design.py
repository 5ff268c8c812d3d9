"""The balanced design of a split: which clip shows what, so that nothing but the pixels tells the answer.

Clips come in pairs, one anomalous and one normal, of the same place. Four pairs hold every place once and
every option letter once for each of the two; eight pairs (a block) hold every class once, and every stratum of
length and of start. Four blocks hold every class in every place. So label, class, place and letter are
independent by construction in every prefix, up to rounding.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from vau_bench.synth.draws import SPLITS, Draw
from vau_bench.synth.state import CLASSES, PLACES

_DESIGN_STREAM = 1
BLOCK = 16
SUPERBLOCK = 4 * BLOCK
SHORTEST, LONGEST = 2.0, 7.0
MARGIN = 0.8


class Cell(NamedTuple):
    """What the design says about one clip.

    Attributes:
        anomalous: whether `pair[0]` happens, or only its lookalike.
        pair: the class of the clip, and another one that it is to be told from.
        length: where the interval's length lies in its distribution, in [0, 1).
        start: where its start lies among the possible ones, in [0, 1).
        letter: index of the right option.
        asks: `what`, `where` or `when`.
    """

    anomalous: bool
    pair: tuple[str, str]
    place: str
    length: float
    start: float
    letter: int
    asks: str


def cell(split: str, seed: int, index: int) -> Cell:
    """Return the design of one clip."""
    return _superblock(split, seed, index // SUPERBLOCK)[index % SUPERBLOCK]


def interval(cell: Cell, seconds: float) -> tuple[float, float]:
    """Return start and end of a happening, in tenths of a second.

    Lengths lean to the short side, and starts spread over the whole clip, so that no constant interval does well.
    """
    length = round(SHORTEST + (LONGEST - SHORTEST) * cell.length**2, 1)
    room = seconds - 2 * MARGIN - length
    start = round(MARGIN + room * cell.start, 1)
    return start, round(start + length, 1)


@lru_cache(maxsize=512)
def _superblock(split: str, seed: int, number: int) -> tuple[Cell, ...]:
    draw = Draw(SPLITS[split], seed, number, _DESIGN_STREAM)
    classes = draw.shuffled(CLASSES)
    cells: list[Cell] = []
    for block in range(4):
        # two classes share a place; one goes to each half of the block
        halves: tuple[list[tuple[str, str]], list[tuple[str, str]]] = ([], [])
        for base in range(4):
            couple = draw.shuffled(classes[2 * base : 2 * base + 2])
            for half, name in zip(halves, couple, strict=True):
                half.append((name, PLACES[(base + block) % 4]))
        cells += _block(draw, [*draw.shuffled(halves[0]), *draw.shuffled(halves[1])])
    return tuple(cells)


def _block(draw: Draw, pairs: list[tuple[str, str]]) -> list[Cell]:
    """Lay out eight pairs of clips; the normal one of a pair takes the other class of the same place."""
    partner = {name: other for name, place in pairs for other, there in pairs if there == place and other != name}
    letters = [[*draw.shuffled(range(4)), *draw.shuffled(range(4))] for _ in range(2)]
    lengths = [draw.shuffled(range(8)) for _ in range(2)]
    starts = [draw.shuffled(range(8)) for _ in range(2)]
    asks = [draw.shuffled(["what"] * 4 + ["where"] * 2 + ["when"] * 2) for _ in range(2)]
    cells: list[Cell] = []
    for i, (name, place) in enumerate(pairs):
        couple = []
        for k, shown in enumerate((name, partner[name])):
            other = draw.pick([c for c in CLASSES if c != shown])
            length = (lengths[k][i] + draw.unit()) / 8
            start = (starts[k][i] + draw.unit()) / 8
            couple.append(Cell(k == 0, (shown, other), place, length, start, letters[k][i], asks[k][i]))
        cells += draw.shuffled(couple)
    return cells
