"""One generic registry: names to things, lazily imported, a collision is an error, typos get a hint."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar, cast

from vau_bench.errors import NameCollisionError, PluginError, PluginWarning, UnknownNameError
from vau_bench.plugins import Offer, offers

T = TypeVar("T")
R = TypeVar("R", bound=Any)


class Registry(Generic[T]):
    """Names of one kind of thing.

    An entry is the thing itself or the text `"package.module:attribute"`, imported when it is first asked
    for. Other packages add entries through the entry-point group, imported as late: one that cannot be used warns
    with its name where all are listed, is an error where it is asked for, and never breaks the rest.

    Args:
        what: the word for one entry in messages, such as `"model"`.
        group: the entry-point group that adds to this registry.
        accepts: whether a thing of another package can be an entry.
    """

    def __init__(
        self, what: str, group: str | None = None, accepts: Callable[[Any], bool] = lambda thing: True
    ) -> None:
        self.what = what
        self._group = group
        self._accepts = accepts
        self._entries: dict[str, T | str | Offer] = {}
        self._sources: dict[str, str] = {}
        self._broken: dict[str, PluginError] = {}
        self._discovered = group is None

    def register(self, name: str) -> Callable[[R], R]:
        """Return a decorator that adds what it decorates under `name`."""

        def decorator(thing: R) -> R:
            self.add(name, cast(T, thing), source=getattr(thing, "__module__", "?"))
            return thing

        return decorator

    def add(self, name: str, thing: T | str | Offer, *, source: str = "vau_bench") -> None:
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
            PluginError: if the package that offers it cannot be imported, or offers something else.
        """
        self._discover()
        try:
            entry = self._entries[name]
        except KeyError:
            raise UnknownNameError(self.what, name, self._entries) from None
        if isinstance(entry, str):
            module, _, attribute = entry.partition(":")
            entry = cast(T, getattr(importlib.import_module(module), attribute))
        elif isinstance(entry, Offer):
            entry = self._foreign(name, entry)
        self._entries[name] = entry
        return entry

    def _foreign(self, name: str, offer: Offer) -> T:
        """Import what another package offers; a failure is remembered, not tried again."""
        if name not in self._broken:
            try:
                thing = offer.load()
                if self._accepts(thing):
                    return cast(T, thing)
                self._broken[name] = offer.refused(f"is no {self.what}")
            except PluginError as error:
                self._broken[name] = error
        raise self._broken[name]

    def items(self) -> Iterator[tuple[str, T]]:
        """Yield every name and its entry; what cannot be imported is left out, with one warning."""
        for name in self:
            told = name in self._broken
            try:
                yield name, self.get(name)
            except PluginError as error:
                if not told:
                    warnings.warn(str(error), PluginWarning, stacklevel=2)

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
        for offer in offers(self.what, self._group or ""):
            self.add(offer.point.name, offer, source=offer.source)
        self._discovered = True
