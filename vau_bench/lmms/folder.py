"""The folder that `lmms-eval --include_path` reads: one small file a task, which says where the task lies."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import yaml

from vau_bench.catalogue import Catalogue
from vau_bench.errors import PluginWarning
from vau_bench.paths import cache_dir
from vau_bench.runs import write_atomically

_KEY = re.compile(r"^\s*(?:- )?[\"']?(?:task|group|tag)[\"']?\s*:\s*(.*)$")
_ITEM = re.compile(r"^\s*-\s+([^:#]+?)\s*(?:#.*)?$")


def write_folder(
    catalogue: Catalogue, *, data: Path | None = None, style: str | None = None, split: str | None = None
) -> Path:
    """Write the folder into the cache and return it; other tasks or settings are another folder.

    A task whose name lmms-eval has itself is left out with a warning, since that one would be run in its place.

    Args:
        catalogue: the tasks.
        data: root of the datasets; default: `$VAU_BENCH_EVALUATE_DATA` when a task is run.
        style: prompt style; default: `$VAU_BENCH_EVALUATE_STYLE`, else the model's or the task's.
        split: default: `$VAU_BENCH_EVALUATE_SPLIT`, else the task's.
    """
    settings = {"data": str(data.resolve()) if data else None, "style": style, "split": split}
    given = {name: value for name, value in settings.items() if value is not None}
    taken, files = builtin_names(), {}
    for task in catalogue.tasks():
        if task.name in taken:
            told = f"the task {task.name!r} is left out: lmms-eval has one of this name and would run that"
            warnings.warn(told, PluginWarning, stacklevel=2)
            continue
        about = yaml.safe_dump({"folder": str(task.folder.resolve()), **given}, allow_unicode=True)
        files[f"{task.name}.yaml"] = f"task: {task.name}\nclass: !function vau_bench.lmms.tasks.VauTask\n{about}"
    digest = hashlib.sha256("".join(files[name] for name in sorted(files)).encode()).hexdigest()[:16]
    folder = cache_dir() / "lmms-tasks" / digest
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_atomically(path, text)
    return folder


def evaluator_problem() -> str | None:
    """Return why lmms-eval cannot run tasks here, if so: it then says so in a traceback, and still exits with 0."""
    if installed() is None:
        return "lmms-eval is not installed: pip install 'vau-bench[lmms]'"
    try:
        usable = find_spec("filelock._api") is not None
    except ModuleNotFoundError:
        usable = False
    return None if usable else "lmms-eval cannot run tasks with this filelock: pip install 'vau-bench[lmms]'"


def installed() -> Path | None:
    """Return the folder of the installed lmms-eval, without importing it."""
    spec = find_spec("lmms_eval")
    places = spec.submodule_search_locations if spec else None
    return Path(places[0]) if places else None


def builtin_names() -> set[str]:
    """Return the names of lmms-eval's own tasks, groups and tags; none where it is not installed.

    The files are looked through line by line: to have lmms-eval list them takes ten seconds.
    """
    place = installed()
    if place is None:
        return set()
    files = sorted((place / "tasks").rglob("*yaml"))  # templates that others include end in _yaml
    return {name for file in files for name in _names_in(file.read_text(encoding="utf-8", errors="replace"))}


def _names_in(text: str) -> Iterator[str]:
    listed = False
    for line in text.splitlines():
        key, item = _KEY.match(line), _ITEM.match(line)
        if key:
            value = key[1].partition(" #")[0].strip()
            listed = not value
            yield from (part.strip(" []\"'") for part in value.split(",") if part.strip(" []\"'"))
        elif listed and item:
            yield item[1].strip("\"'")
        elif line.strip():
            listed = False
