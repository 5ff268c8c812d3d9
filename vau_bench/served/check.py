"""What a check found."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

State: TypeAlias = Literal["ok", "-", "BAD"]


class Check(NamedTuple):
    """What was looked at, its state (ok, -, BAD), what was found, what to do."""

    what: str
    state: State
    found: str
    advice: str = ""
