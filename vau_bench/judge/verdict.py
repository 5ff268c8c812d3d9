"""Reading a judge's reply: strictly, or not at all.

What counts as a verdict is one JSON object with a number for each dimension, an integer or a half from 0 to 10.
Around it may stand white space, one markdown fence, and before it one closed `<think>` block; the keys may come in any
order, further keys are not looked at. Nothing is guessed: not from prose, not from "8/10", not from a string "8", not
from a list, not from the half of an object, and not where a key stands twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from vau_bench.judge.rubric import HIGHEST, LOWEST, REASON

_LONGEST = 100_000
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\n(.*)\n[ \t]*```\Z", re.DOTALL)
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
    record = _object(_bare(text))
    if missing := [name for name in dimensions if name not in record]:
        raise NoVerdictError(f"the key {missing[0]!r} is missing")
    scores = {name: _score(name, record[name]) for name in dimensions}
    reason = record.get(REASON)
    return Verdict(scores, reason[:_REASON_LONGEST] if isinstance(reason, str) else "")


def _bare(text: str) -> str:
    if len(text) > _LONGEST:
        raise NoVerdictError(f"it has {len(text)} characters")
    text = _THOUGHT.sub("", text, count=1).strip()
    fence = _FENCE.match(text)
    return fence[1].strip() if fence else text


def _object(text: str) -> dict[str, Any]:
    if not text:
        raise NoVerdictError("it is empty")
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except NoVerdictError:
        raise
    except (ValueError, RecursionError):
        raise NoVerdictError("it is not one JSON object and nothing else") from None
    if not isinstance(value, dict):
        raise NoVerdictError(f"it is JSON, but {_kind(value)} and no object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise NoVerdictError("a key stands twice in it")
    return record


def _no_constant(name: str) -> float:
    raise NoVerdictError(f"{name} is no score")


def _score(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise NoVerdictError(f"{name} is {_kind(value)} and no number")
    if not LOWEST <= value <= HIGHEST:
        raise NoVerdictError(f"{name} is {str(value)[:20]}, not between 0 and 10")
    if value * 2 != int(value * 2):
        raise NoVerdictError(f"{name} is {value}, neither an integer nor a half")
    return float(value)


def _kind(value: Any) -> str:
    names = {bool: "a truth value", str: "a text", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")
