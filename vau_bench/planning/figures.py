"""The figures of a plan, each with what it rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

from vau_bench.records import JSON


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure.

    Attributes:
        section: that it belongs to.
        name: what it is.
        value: a number, or words.
        unit: of a number.
        basis: the rule, measurement or assumption that it rests on.
    """

    section: str
    name: str
    value: float | str
    unit: str
    basis: str

    @property
    def told(self) -> str:
        """The value with its unit, as short as it is still meant."""
        return self.value if isinstance(self.value, str) else f"{spelled(self.value)} {self.unit}".rstrip()


@dataclass(frozen=True)
class Plan:
    """What a run will cost.

    Attributes:
        title: what is planned.
        figures: in the order of telling.
        problem: why it cannot run, `None` when it can.
    """

    title: str
    figures: tuple[Figure, ...]
    problem: str | None = None

    def value(self, section: str, name: str) -> float | str:
        """Return a figure's value; `KeyError` if there is none."""
        for figure in self.figures:
            if (figure.section, figure.name) == (section, name):
                return figure.value
        raise KeyError(f"{section}: {name}")

    def as_json(self) -> dict[str, JSON]:
        """Return the plan as JSON values."""
        return {"title": self.title, "problem": self.problem, "figures": [asdict(f) for f in self.figures]}


def spelled(value: float) -> str:
    """Return a number with three significant digits; whole ones and those over a hundred with all before the point."""
    if value == round(value) and abs(value) < 1e4:
        return f"{value:.0f}"
    if abs(value) >= 1e15:
        return f"{value:.3g}"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def sections(figures: Iterable[Figure]) -> dict[str, list[Figure]]:
    """Return the figures by section, in their order."""
    grouped: dict[str, list[Figure]] = {}
    for figure in figures:
        grouped.setdefault(figure.section, []).append(figure)
    return grouped
