"""What other packages offer through entry points: imported on use, quietly, and never trusted to import at all."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from vau_bench.errors import PluginError


@dataclass(frozen=True)
class Offer:
    """One entry point.

    Attributes:
        what: the word for such a thing in messages, such as `"model"`.
        point: as the package declares it.
    """

    what: str
    point: EntryPoint

    @property
    def source(self) -> str:
        """The package that offers it."""
        return self.point.dist.name if self.point.dist else self.point.value

    def load(self) -> Any:
        """Import it; what the import prints goes to stderr, since stdout is for results.

        Raises:
            PluginError: naming the package, for whatever happens while it is imported.
        """
        with self._guarded():
            return self.point.load()

    def load_path(self) -> Path:
        """Import it, a path or a function that returns one; see `load`."""
        with self._guarded():
            offered = self.point.load()
            return Path(offered() if callable(offered) else offered)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            with redirect_stdout(sys.stderr):
                yield
        except (Exception, SystemExit) as error:  # a foreign package may fail in any way
            raise self.refused(f"cannot be loaded: {_told(error)}") from error

    def refused(self, why: str) -> PluginError:
        """Return the error that says what is wrong with it."""
        return PluginError(f"the {self.what} {self.point.name!r} of {self.source} {why}")


def _told(error: BaseException) -> str:
    """Return an error on one line, with its type where the words need it."""
    words = " ".join(str(error).split())
    return words if isinstance(error, ImportError | SyntaxError) and words else f"{type(error).__name__}: {words}"


def offers(what: str, group: str) -> Iterator[Offer]:
    """Yield what the installed packages offer in a group, without importing any of it."""
    for point in entry_points(group=group):
        yield Offer(what, point)
