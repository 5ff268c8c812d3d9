"""What several commands share: options, JSON output, tables, progress on stderr."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from vau_bench.records import Outcome, Response

F = TypeVar("F", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
data_option = click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Root folder of the datasets: annotations and videos.",
)
tasks_dir_option = click.option(
    "--tasks-dir",
    "tasks_dirs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further folder of task folders; may stand several times.",
)
run_argument = click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
runs_argument = click.argument(
    "runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)


def names(*texts: str) -> tuple[str, ...]:
    """Return the names in texts such as `a,b`, blanks around them dropped."""
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_rows(header: Sequence[str], rows: Iterable[Sequence[str]], *, err: bool = False) -> None:
    """Print rows in aligned columns, without any decoration, so that they can be piped."""
    lines = [tuple(header), *(tuple(r) for r in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip(), err=err)


class TerminalProgress:
    """A progress bar on stderr; where that is no terminal, a plain line now and then; nothing at all if `quiet`."""

    EVERY = 30.0

    def __init__(self, *, quiet: bool = False) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self._quiet = quiet
        self._live = console.is_terminal and not quiet
        self._bar = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[told]}"),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._task: Any = None
        self._name, self._total, self._done = "", 0, 0
        self._failed: dict[Outcome, int] = {}
        self._said = time.monotonic()

    def stage(self, text: str, total: int | None = None) -> None:
        """Begin a stage."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._name, self._total, self._done, self._failed = text, total or 0, 0, {}
        self._task = self._bar.add_task(text, total=total, told="")

    def advance(self, response: Response | None = None) -> None:
        """Count one step, and what went wrong in it."""
        self._done += 1
        if response is not None and response.outcome is not Outcome.SCORED:
            self._failed[response.outcome] = self._failed.get(response.outcome, 0) + 1
        told = ", ".join(f"{count} {outcome}" for outcome, count in self._failed.items())
        self._bar.update(self._task, advance=1, told=told)
        if not (self._live or self._quiet) and time.monotonic() - self._said >= self.EVERY:
            self._said = time.monotonic()
            click.echo(f"{self._name}: {self._done} of {self._total}{'; ' + told if told else ''}", err=True)

    @contextmanager
    def shown(self) -> Iterator[TerminalProgress]:
        """Show the bar while the block runs."""
        with self._bar:
            yield self
