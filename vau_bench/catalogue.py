"""All tasks that can be named: shipped ones, those of `--tasks-dir` and `$VAU_BENCH_TASKS`, those of packages."""

from __future__ import annotations

import fnmatch
import os
import warnings
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from vau_bench.errors import NameCollisionError, PluginError, PluginWarning, UnknownNameError, UsageError, VauBenchError
from vau_bench.paths import builtin_tasks
from vau_bench.plugins import Offer, offers
from vau_bench.task import Task


class Catalogue:
    """Task folders by name.

    A task whose declarations are broken is an error where it is asked for by name; wherever all tasks are gone
    through it is left out, with one warning.

    Args:
        folders: further folders of task folders (`--tasks-dir`).
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._paths: dict[str, Path] = {}
        self._told: dict[str, str] = {}
        self._tasks: dict[str, Task] = {}
        self._broken: dict[str, VauBenchError] = {}
        for root in [builtin_tasks(), *folders, *_from_environment()]:
            if not root.is_dir():
                raise UsageError(f"no tasks folder {root}")
            self._add(root)
        for root, package in _from_packages():
            self._add(root, f" of the package {package}")

    def _add(self, root: Path, origin: str = "") -> None:
        for declaration in sorted(root.glob("*/task.yaml")):
            folder = declaration.parent
            told = f"{folder}{origin}"
            other = self._paths.setdefault(folder.name, folder)
            if other.resolve() != folder.resolve():
                raise NameCollisionError(f"two tasks are named {folder.name!r}: {self._told[folder.name]} and {told}")
            self._told.setdefault(folder.name, told)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._paths))

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def get(self, name: str) -> Task:
        """Return the task.

        Raises:
            UnknownNameError: if there is none; says what was probably meant.
            VauBenchError: if its declarations are broken.
        """
        if name in self._broken:
            raise self._broken[name]
        if name not in self._tasks:
            try:
                self._tasks[name] = Task(self.folder(name))
            except VauBenchError as error:
                if name in self._paths:
                    self._broken[name] = error
                raise
        return self._tasks[name]

    def folder(self, name: str) -> Path:
        """Return the folder of a task, which need not be in order.

        Raises:
            UnknownNameError: if there is none; says what was probably meant.
        """
        if name not in self._paths:
            raise UnknownNameError("task", name, [*self._paths, *self.groups()])
        return self._paths[name]

    def tasks(self) -> Iterator[Task]:
        """Yield every task by name; one that cannot be read is left out, with one warning."""
        for name in self:
            told = name in self._broken
            try:
                yield self.get(name)
            except VauBenchError as error:
                if not told:
                    warnings.warn(f"the task {name!r} is left out: {error}", PluginWarning, stacklevel=2)

    def groups(self) -> dict[str, list[str]]:
        """Return the names of the tasks of each group."""
        groups: dict[str, list[str]] = {}
        for task in self.tasks():
            for group in task.spec.groups:
                if group in self._paths:
                    raise NameCollisionError(f"{group!r} is a task and a group of {task.name!r}")
                groups.setdefault(group, []).append(task.name)
        return groups

    def resolve(self, names: Iterable[str]) -> list[Task]:
        """Return the tasks that names, groups and patterns such as `msad_*` stand for, each once."""
        chosen: dict[str, Task] = {}
        for name in names:
            if name in self._paths:
                members = [name]
            elif any(c in name for c in "*?["):
                members = fnmatch.filter(sorted(self._paths), name)
            else:
                members = self.groups().get(name, [])
            if not members:
                raise UnknownNameError("task", name, [*self._paths, *self.groups()])
            chosen |= {member: self.get(member) for member in members}
        return list(chosen.values())


def _from_environment() -> list[Path]:
    listed = os.environ.get("VAU_BENCH_TASKS", "")
    return [Path(folder) for folder in listed.split(os.pathsep) if folder]


def _from_packages() -> Iterator[tuple[Path, str]]:
    """Yield the folders that installed packages offer, and the packages' names; warn of what is no folder."""
    for offer in offers("tasks", "vau_bench.tasks"):
        try:
            folder = _offered(offer)
            if not folder.is_dir():
                raise offer.refused(f"lie in no folder {folder}")
        except PluginError as error:
            warnings.warn(str(error), PluginWarning, stacklevel=4)
        else:
            yield folder, offer.source


def _offered(offer: Offer) -> Path:
    """Return the folder of an entry point.

    `package.tasks` is the folder `tasks` in the package, which is not imported; `package.module:name` is a path, or a
    function that returns one.
    """
    module, _, attribute = offer.point.value.partition(":")
    if attribute:
        return offer.load_path()
    package, *below = module.split(".")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise offer.refused(f"lie in no package {package!r}")
    return Path(spec.submodule_search_locations[0], *below)
