"""A frame plan as a field of a declaration: checked when the file is read, in its canonical spelling."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from vau_bench.errors import UsageError
from vau_bench.video import parse_plan


def _canonical(text: str) -> str:
    try:
        return str(parse_plan(text))
    except UsageError as error:
        raise ValueError(str(error)) from None  # which pydantic tells with the name of the key


PlanText: TypeAlias = Annotated[str, AfterValidator(_canonical)]
