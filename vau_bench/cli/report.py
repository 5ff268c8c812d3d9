"""`vau-bench report`."""

from __future__ import annotations

from pathlib import Path

import click

from vau_bench.cli.common import TerminalProgress, data_option, runs_argument
from vau_bench.report import SAMPLES, STRIPS, write_report


@click.command(short_help="Write the HTML report of one or several runs.")
@runs_argument
@data_option
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The file; default: report.html in the run folder, of several runs comparison.html in the first.",
)
@click.option(
    "--samples",
    type=click.IntRange(min=0),
    default=SAMPLES,
    show_default=True,
    help="Samples that are shown one by one; the rest is counted.",
)
@click.option(
    "--strips",
    type=click.IntRange(min=0),
    default=STRIPS,
    show_default=True,
    help="Of these, how many with the frames that the model saw.",
)
def report(runs: tuple[Path, ...], data: Path | None, out: Path | None, samples: int, strips: int) -> None:
    """Write the report of one or several runs: one HTML file that needs no network, and print its path.

    Several runs stand side by side: their samples are joined by task and id.

    Where the dataset or its videos are absent, it is written without questions or frames, and says so.
    """
    progress = TerminalProgress()
    with progress.shown():
        path = write_report(runs, out, data=data, samples=samples, strips=strips, progress=progress)
    click.echo(path)
