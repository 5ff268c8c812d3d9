"""`vau-bench view`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import click

from vau_bench.cli.common import TerminalProgress, data_option, runs_argument


@click.command(short_help="Show runs in a browser, served from this machine.")
@runs_argument
@data_option
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Where to listen; 0: any free port."
)
def view(runs: tuple[Path, ...], data: Path | None, port: int) -> None:
    """Serve the report of one or several runs to this machine alone, and print its address.

    Shows every sample of runs of any size: answers and frames are read when they are looked at. Ctrl-C ends it.
    """
    from vau_bench.report.viewer import Viewer
    from vau_bench.report.writing import check_runs, read_book

    check_runs(runs)
    progress = TerminalProgress()
    with progress.shown():
        book = read_book(runs, data, None, progress)
    with suppress(KeyboardInterrupt), Viewer(book, port) as viewer:
        click.echo("Ctrl-C ends it", err=True)
        click.echo(viewer.address)
        viewer.serve()
