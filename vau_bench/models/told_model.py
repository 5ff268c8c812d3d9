"""Which model a server says that it is, compared with the one that was asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from vau_bench.errors import ModelError
from vau_bench.models.failures import shortened

_DATE = re.compile(r"[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{6}|\d{4})\Z")


def same_model(asked: str, told: str) -> bool:
    """Whether `told` names the model `asked` for: the same but for case, folders before it and a date behind it."""
    wanted, named = _bare(asked), _bare(told)
    return named == wanted or _DATE.sub("", named) == wanted


def _bare(name: str) -> str:
    return re.split(r"[/\\]", name.strip().rstrip("/\\"))[-1].casefold()


class ToldModels:
    """Keeps under which name each server answers; all of them have to agree.

    Args:
        asked: the model that is asked for; `None` compares nothing.
        tell: is given a sentence about each name that is not the one asked for, once.
    """

    def __init__(self, asked: str | None, tell: Callable[[str], None]) -> None:
        self._asked = asked
        self._told: dict[str, str] = {}
        self._strange: set[str] = set()
        self._tell = tell

    def note(self, url: str, told: Any) -> None:
        """Take note of the name in a reply of a server.

        Raises:
            ModelError: if another server answers under another name.
        """
        if self._asked is None or not isinstance(told, str) or not told or self._told.get(url) == told:
            return
        told = shortened(told)
        self._told[url] = told
        for other, name in self._told.items():
            if other != url and not agree(self._asked, name, told):
                raise ModelError(
                    f"the servers do not serve the same model: {other} answers as {name!r}, {url} as {told!r}; "
                    "leave one of them out of base_url, or give the model the same name on both"
                )
        if not same_model(self._asked, told) and _bare(told) not in self._strange:
            self._strange.add(_bare(told))
            self._tell(f"{url} answers as {told!r}, and was asked for {self._asked!r}: is it that model?")


def agree(asked: str, one: str, other: str) -> bool:
    """Whether two names may be those of one model: both are the one asked for, or they are alike."""
    wanted = same_model(asked, one), same_model(asked, other)
    return all(wanted) or (not any(wanted) and _bare(one) == _bare(other))
