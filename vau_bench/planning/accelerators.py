"""Accelerators and machines of them, by name or from a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, RootModel

from vau_bench.declarations import read_declaration
from vau_bench.errors import DataError, UnknownNameError, UsageError

FILE = Path(__file__).with_name("accelerators.yaml")
_NOTATION = re.compile(r"([A-Za-z][\w.-]*)(?:\s*[:x]\s*(\d+))?")


class Accelerator(BaseModel):
    """What one accelerator can do at its peak.

    Attributes:
        tflops: 10^12 dense bfloat16 operations a second.
        bandwidth: 10^9 bytes of its memory a second.
        memory: 10^9 bytes.
        source: of the figures.
        read: when.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tflops: float = Field(gt=0)
    bandwidth: float = Field(gt=0)
    memory: float = Field(gt=0)
    source: str = Field(min_length=1)
    read: str = Field(min_length=1)


class Hardware(BaseModel):
    """Accelerators of one kind.

    Attributes:
        name: of the kind.
        count: how many.
        each: what one of them can do.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    count: int = Field(ge=1)
    each: Accelerator

    def __str__(self) -> str:
        return f"{self.count} x {self.name}"


class _Accelerators(RootModel[dict[str, Accelerator]]):
    pass


class _HardwareFile(BaseModel):
    """A file that describes a machine that is not in the table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = "accelerator"
    count: int = Field(1, ge=1)
    tflops: float = Field(gt=0)
    bandwidth: float = Field(gt=0)
    memory: float = Field(gt=0)
    source: str = "as given"


@cache
def accelerators() -> Mapping[str, Accelerator]:
    """Return all accelerators that are known, by name."""
    return read_declaration(_Accelerators, FILE).root


def parse_hardware(text: str) -> Hardware:
    """Return the machine of a text such as `h100:8`, or of a YAML file.

    A file holds `tflops`, `bandwidth` (GB/s) and `memory` (GB) of one accelerator; `name`, `count` and
    `source` may stand there, too.

    Raises:
        UsageError: if it is neither.
        UnknownNameError: if there is no such accelerator; lists those that are known.
    """
    path = Path(text)
    if path.suffix in {".yaml", ".yml"}:
        try:
            given = read_declaration(_HardwareFile, path)
        except DataError as error:
            raise UsageError(f"--hardware: {error}") from None
        peak = given.model_dump(include={"tflops", "bandwidth", "memory", "source"})
        return Hardware(name=given.name, count=given.count, each=Accelerator(**peak, read=str(path)))
    match = _NOTATION.fullmatch(text.strip())
    if not match:
        raise UsageError(f"not hardware: {text!r}; write name:count, such as h100:8, or name a YAML file")
    name, count = match[1].lower(), int(match[2] or 1)
    known = accelerators()
    if name not in known:
        raise UnknownNameError("accelerator", name, known)
    if count < 1:
        raise UsageError(f"hardware {text!r}: the count must be above 0")
    return Hardware(name=name, count=count, each=known[name])
