"""All tasks that can be named: shipped ones, those of `--tasks-dir` and `$VAU_BENCH_TASKS`, those of packages."""

from __future__ import annotations

import fnmatch
import os
import warnings
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

from vau_bench.errors import NameCollisionError, UnknownNameError, UsageError
from vau_bench.paths import builtin_tasks
from vau_bench.task import Task


class Catalogue:
    """Task folders by name.

    Args:
        folders: further folders of task folders (`--tasks-dir`).
    """

    def __init__(self, folders: Iterable[Path] = ()) -> None:
        self._paths: dict[str, Path] = {}
        self._tasks: dict[str, Task] = {}
        for root in [builtin_tasks(), *folders, *_from_environment(), *_from_packages()]:
            if not root.is_dir():
                raise UsageError(f"no tasks folder {root}")
            self._add(root)

    def _add(self, root: Path) -> None:
        for declaration in sorted(root.glob("*/task.yaml")):
            folder = declaration.parent
            other = self._paths.setdefault(folder.name, folder)
            if other.resolve() != folder.resolve():
                raise NameCollisionError(f"two tasks are named {folder.name!r}: {other} and {folder}")

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._paths))

    def get(self, name: str) -> Task:
        """Return the task.

        Raises:
            UnknownNameError: if there is none; says what was probably meant.
        """
        if name not in self._paths:
            raise UnknownNameError("task", name, [*self._paths, *self.groups()])
        if name not in self._tasks:
            self._tasks[name] = Task(self._paths[name])
        return self._tasks[name]

    def groups(self) -> dict[str, list[str]]:
        """Return the names of the tasks of each group."""
        groups: dict[str, list[str]] = {}
        for name in sorted(self._paths):
            for group in self.get(name).spec.groups:
                if group in self._paths:
                    raise NameCollisionError(f"{group!r} is a task and a group of {name!r}")
                groups.setdefault(group, []).append(name)
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


def _from_packages() -> list[Path]:
    """Return the folders that installed packages offer: a path, or a function that returns one."""
    folders: list[Path] = []
    for point in entry_points(group="vau_bench.tasks"):
        try:
            offered = point.load()
            folders.append(Path(offered() if callable(offered) else offered))
        except Exception as error:  # a foreign package may fail in any way
            source = point.dist.name if point.dist else point.value
            warnings.warn(f"the tasks of {source} ({point.name}) cannot be loaded: {error}", stacklevel=4)
    return folders
