"""The command that repeats a run, from the options that its manifest holds."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import MISSING, fields

from vau_bench.evaluation import Options


def repeat_command(options: Options) -> str:
    """Return the command, with every option that is not at its default."""
    return " ".join(["vau-bench evaluate", *_flags(options)])


def _flags(options: Options) -> Iterator[str]:
    for field in fields(Options):
        value = getattr(options, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value == default:
            continue
        flag = "--" + field.name.replace("_", "-")
        if field.name == "tasks_dirs":
            yield from (f"--tasks-dir {shlex.quote(str(folder))}" for folder in value)
        elif field.name == "model_args":
            yield from (f"{flag} {shlex.quote(f'{name}={_bare(v)}')}" for name, v in value.items())
        else:
            yield f"{flag} {shlex.quote(','.join(value) if field.name == 'tasks' else str(value))}"


def _bare(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
