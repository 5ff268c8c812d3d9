"""One generic registry: names to things, lazily imported, a collision is an error, typos get a hint."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar, cast

from vau_bench.errors import NameCollisionError, UnknownNameError

T = TypeVar("T")
R = TypeVar("R", bound=Any)


class Registry(Generic[T]):
    """Names of one kind of thing.

    An entry is the thing itself or the text `"package.module:attribute"`, imported when it is first asked
    for. Other packages add entries through the entry-point group; one that cannot be imported warns with its
    name and never breaks the rest.

    Args:
        what: the word for one entry in messages, such as `"model"`.
        group: the entry-point group that adds to this registry.
    """

    def __init__(self, what: str, group: str | None = None) -> None:
        self.what = what
        self._group = group
        self._entries: dict[str, T | str] = {}
        self._sources: dict[str, str] = {}
        self._discovered = group is None

    def register(self, name: str) -> Callable[[R], R]:
        """Return a decorator that adds what it decorates under `name`."""

        def decorator(thing: R) -> R:
            self.add(name, cast(T, thing), source=getattr(thing, "__module__", "?"))
            return thing

        return decorator

    def add(self, name: str, thing: T | str, *, source: str = "vau_bench") -> None:
        """Add an entry.

        The same source may add a name again, as a notebook cell does that is run twice: the last one counts.

        Raises:
            NameCollisionError: if another source has added the name.
        """
        if name in self._entries and self._sources[name] != source:
            raise NameCollisionError(
                f"two {self.what}s are named {name!r}: one from {self._sources[name]}, one from {source}"
            )
        self._entries[name] = thing
        self._sources[name] = source

    def get(self, name: str) -> T:
        """Return the entry, importing it if need be.

        Raises:
            UnknownNameError: if there is none; says what was probably meant.
        """
        self._discover()
        try:
            entry = self._entries[name]
        except KeyError:
            raise UnknownNameError(self.what, name, self._entries) from None
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = cast(T, getattr(importlib.import_module(module), attribute))
            self._entries[name] = entry
        return entry

    def source(self, name: str) -> str:
        """Return the package or module that added `name`."""
        return self._sources[name]

    def __contains__(self, name: str) -> bool:
        self._discover()
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        self._discover()
        return iter(sorted(self._entries))

    def _discover(self) -> None:
        if self._discovered:
            return
        self._discovered = True
        for point in entry_points(group=self._group or ""):
            source = point.dist.name if point.dist else point.value
            try:
                thing = cast(T, point.load())
            except Exception as error:  # a foreign package may fail in any way
                warnings.warn(f"{self.what} {point.name!r} of {source} cannot be loaded: {error}", stacklevel=3)
                continue
            self.add(point.name, thing, source=source)
