"""The rubric: what a judge is asked, read from YAML and checked before anything is paid for."""

from __future__ import annotations

import hashlib
import json
import string
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from vau_bench.declarations import read_declaration

BUILTIN = Path(__file__).parent / "rubric.yaml"
LOWEST, HIGHEST = 0.0, 10.0
REASON = "reason"
"""The key of a verdict under which the judge says why; it is kept and never scored."""

_PLACEHOLDERS = {
    "system": ({"rubric", "form"}, {"rubric", "form"}),
    "user": ({"label", "reference", "response"}, {"reference", "response"}),
    "repair": ({"problem", "form"}, {"problem"}),
}
"""The placeholders of each text: those that may stand in it, and those that must."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class Dimension(BaseModel):
    """One thing that is scored from 0 to 10.

    Attributes:
        asks: the question.
        anchors: what a score means, for some scores.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    asks: str = Field(min_length=1)
    anchors: dict[Annotated[int, Field(ge=0, le=10)], str] = Field(min_length=2)


class Rubric(BaseModel):
    """The contents of a rubric file; every key that is not listed here is an error.

    Attributes:
        name: for tables.
        version: raised with every change.
        dimensions: by name, in the order in which they are asked.
        system: the system prompt; `{rubric}` becomes the dimensions, `{form}` the form of a verdict.
        user: the question; `{label}`, `{reference}` and `{response}` are filled in, the latter two between markers.
        repair: what is said to a judge whose reply cannot be read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(min_length=1)
    version: int = Field(ge=1)
    dimensions: dict[Name, Dimension] = Field(min_length=1, max_length=20)
    system: str
    user: str
    repair: str

    @model_validator(mode="after")
    def _can_be_rendered(self) -> Rubric:
        if REASON in self.dimensions:
            raise ValueError(f"a dimension cannot be called {REASON!r}")
        for name, (known, needed) in _PLACEHOLDERS.items():
            _check_template(name, getattr(self, name), known, needed)
        return self

    @property
    def digest(self) -> str:
        """Hash of everything in the rubric."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def highest_total(self) -> float:
        """The total of an answer that is perfect in each dimension."""
        return HIGHEST * len(self.dimensions)

    @property
    def form(self) -> str:
        """A verdict as it is to be written, with dots for the scores."""
        scores = ", ".join(f'"{name}": <0 to 10>' for name in self.dimensions)
        return f'{{"{REASON}": "<text>", {scores}}}'

    def instructions(self) -> str:
        """Return the system prompt."""
        told = "\n\n".join(_told(name, dimension) for name, dimension in self.dimensions.items())
        return self.system.format(rubric=told, form=self.form)

    def question(self, label: str, reference: str, response: str) -> str:
        """Return the question; reference and response as they are to stand in it, markers included."""
        return self.user.format(label=label, reference=reference, response=response)

    def complaint(self, problem: str) -> str:
        """Return what is said to a judge whose reply cannot be read."""
        return self.repair.format(problem=problem, form=self.form)

    def verdict_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a verdict, within what servers support of the strict mode."""
        scores = {name: {"type": "number", "minimum": LOWEST, "maximum": HIGHEST} for name in self.dimensions}
        return {
            "type": "object",
            "properties": {REASON: {"type": "string"}, **scores},
            "required": [REASON, *self.dimensions],
            "additionalProperties": False,
        }


def read_rubric(path: Path | None = None) -> Rubric:
    """Return a rubric; `None` is the one that ships.

    Raises:
        DataError: naming the file and the first key that is wrong.
    """
    return read_declaration(Rubric, path or BUILTIN)


def _told(name: str, dimension: Dimension) -> str:
    anchors = "\n".join(f"  {score}: {meaning}" for score, meaning in sorted(dimension.anchors.items()))
    return f"{name}: {dimension.asks}\n{anchors}"


def _check_template(name: str, template: str, known: set[str], needed: set[str]) -> None:
    try:
        used = {field for _, field, _, _ in string.Formatter().parse(template) if field is not None}
        if unknown := used - known:
            raise ValueError(f"{name}: unknown placeholder {{{min(unknown)}}}; known: {', '.join(sorted(known))}")
        template.format(**dict.fromkeys(known, ""))
    except (ValueError, KeyError, IndexError) as error:
        told = str(error)
        raise ValueError(told if told.startswith(name) else f"{name}: {told}") from None
    if missing := needed - used:
        raise ValueError(f"{name}: the placeholder {{{min(missing)}}} is missing")
