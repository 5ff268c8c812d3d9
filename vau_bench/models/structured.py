"""Replies that are one JSON object: asked for in the strictest form that a server takes, read strictly or not at all.

What counts as an object may have around it white space, one markdown fence, and before it one closed `<think>` block.
Nothing is guessed: not from prose, not from a list, not from the half of an object, and not where a key stands twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

from vau_bench.models.endpoint import CallError, Cause, Post, Reply

Format = Literal["json_schema", "json_object", "none"]
Wanted = Literal["auto", "json_schema", "json_object", "none"]

_FORMATS: tuple[Format, ...] = ("json_schema", "json_object", "none")
_NOT_SUPPORTED = frozenset({400, 415, 422, 501})
_LONGEST = 100_000
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"\A```(?:json|JSON)?[ \t]*\n(.*)\n[ \t]*```\Z", re.DOTALL)


class NoObjectError(ValueError):
    """The reply is no JSON object; the text says why, as a clause that the writer can be told."""


class StrictestForm:
    """Asks for JSON by schema where the server can, else as an object, else in words alone.

    Args:
        wanted: the form, or `auto` for the strictest that the server takes.
        name: of the schema.
    """

    def __init__(self, wanted: Wanted, name: str) -> None:
        self._name = name
        self._forms = list(_FORMATS) if wanted == "auto" else [wanted]
        self._proven = wanted != "auto"

    async def post(self, post: Post, payload: Callable[[], dict[str, Any]], schema: Mapping[str, Any]) -> Reply:
        """Post a payload in that form; what the server refuses is not tried again by later calls.

        Raises:
            CallError: as `post` does.
        """
        for form in tuple(self._forms):
            try:
                reply = await post(lambda form=form: {**self._asking(form, schema), **payload()})  # type: ignore[misc]
            except CallError as error:
                refused = error.cause is Cause.FORM or error.status in _NOT_SUPPORTED
                if self._proven or not refused or form == _FORMATS[-1]:
                    raise
            else:
                if not self._proven:
                    self._proven, self._forms = True, [form]
                return reply
        raise AssertionError("the last form either succeeds or raises")

    def _asking(self, form: Format, schema: Mapping[str, Any]) -> dict[str, Any]:
        if form == "json_schema":
            told = {"name": self._name, "strict": True, "schema": dict(schema)}
            return {"response_format": {"type": form, "json_schema": told}}
        return {"response_format": {"type": form}} if form == "json_object" else {}


def read_object(text: str) -> dict[str, Any]:
    """Return the JSON object that a reply is.

    Raises:
        NoObjectError: if it is none.
    """
    text = _bare(text)
    if not text:
        raise NoObjectError("it is empty")
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    except NoObjectError:
        raise
    except (ValueError, RecursionError):
        raise NoObjectError("it is not one JSON object and nothing else") from None
    if not isinstance(value, dict):
        raise NoObjectError(f"it is JSON, but {kind_of(value)} and no object")
    return value


def kind_of(value: Any) -> str:
    """Return what a JSON value is, in words."""
    names = {bool: "a truth value", str: "a text", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")


def _bare(text: str) -> str:
    if len(text) > _LONGEST:
        raise NoObjectError(f"it has {len(text)} characters")
    text = _THOUGHT.sub("", text, count=1).strip()
    fence = _FENCE.match(text)
    return fence[1].strip() if fence else text


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        raise NoObjectError("a key stands twice in it")
    return record


def _no_constant(name: str) -> float:
    raise NoObjectError(f"{name} is no number")
