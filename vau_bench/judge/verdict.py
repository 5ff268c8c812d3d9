"""Reading a judge's reply: strictly, or not at all.

What counts as a verdict is one JSON object with a number for each dimension, an integer or a half from 0 to 10.
Around it may stand white space, one markdown fence, and before it one closed `<think>` block; the keys may come in any
order, further keys are not looked at. Nothing is guessed: not from prose, not from "8/10", not from a string "8", not
from a list, not from the half of an object, and not where a key stands twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vau_bench.judge.rubric import HIGHEST, LOWEST, REASON
from vau_bench.models.structured import NoObjectError, kind_of, read_object

_REASON_LONGEST = 2_000


class Verdict(NamedTuple):
    """What a judge decided.

    Attributes:
        scores: by dimension, 0 to 10.
        reason: what it said for itself.
    """

    scores: Mapping[str, float]
    reason: str

    @property
    def total(self) -> float:
        """The sum of the scores; never what the judge took for it."""
        return sum(self.scores.values())


class NoVerdictError(ValueError):
    """The reply is no verdict; the text says why, as a clause that the judge can be told."""


def read_verdict(text: str, dimensions: Sequence[str]) -> Verdict:
    """Return the verdict of a reply.

    Raises:
        NoVerdictError: if it holds none.
    """
    try:
        record = read_object(text)
    except NoObjectError as error:
        raise NoVerdictError(str(error)) from None
    if missing := [name for name in dimensions if name not in record]:
        raise NoVerdictError(f"the key {missing[0]!r} is missing")
    scores = {name: _score(name, record[name]) for name in dimensions}
    reason = record.get(REASON)
    return Verdict(scores, reason[:_REASON_LONGEST] if isinstance(reason, str) else "")


def _score(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoVerdictError(f"{name} is {kind_of(value)} and no number")
    if not LOWEST <= value <= HIGHEST:
        raise NoVerdictError(f"{name} is {str(value)[:20]}, not between 0 and 10")
    if value * 2 != int(value * 2):
        raise NoVerdictError(f"{name} is {value}, neither an integer nor a half")
    return float(value)
