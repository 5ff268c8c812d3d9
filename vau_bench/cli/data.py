"""`vau-bench data`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from vau_bench.cli.common import (
    TerminalProgress,
    data_option,
    json_option,
    names,
    print_json,
    print_rows,
    tasks_dir_option,
)


@click.group(short_help="Check annotations and videos.")
def data() -> None:
    """Check annotations and videos."""


@data.command()
@click.option("-t", "--tasks", multiple=True, required=True, metavar="A,B", help="Tasks, groups or patterns.")
@data_option
@click.option("--split", help="Split; default: the task's.")
@click.option("--decode", is_flag=True, help="Decode a few frames of each video, instead of only opening it.")
@tasks_dir_option
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    /,
    tasks: tuple[str, ...],
    data: Path | None,
    split: str | None,
    decode: bool,
    tasks_dirs: tuple[Path, ...],
    as_json: bool,
) -> None:
    """Check that annotations can be read, that videos are there, open, and are as long as the truth says.

    Exit code 1 when a video that is there cannot be read, or a true interval ends after its video. Absent videos are
    told but are no failure: an evaluation counts them as missing.
    """
    from vau_bench.catalogue import Catalogue
    from vau_bench.datacheck import check_task
    from vau_bench.paths import cache_dir
    from vau_bench.video import ClipLoader

    chosen = Catalogue(tasks_dirs).resolve(names(*tasks))
    progress = TerminalProgress()
    with progress.shown(), ClipLoader(cache_dir()) as clips:
        reports = [check_task(task, data, split, clips, decode=decode, progress=progress) for task in chosen]
    if as_json:
        print_json([report.as_json() for report in reports])
    else:
        _print(reports)
    if any(report.faults for report in reports):
        ctx.exit(1)


def _print(reports: Sequence[Any]) -> None:
    print_rows(
        ("task", "samples", "excluded", "videos", "absent", "faults"),
        [
            (
                r.task,
                str(r.samples),
                str(sum(r.excluded.values())),
                str(r.videos),
                str(len(r.absent)),
                str(len(r.faults)),
            )
            for r in reports
        ],
    )
    for report in reports:
        for reason, count in sorted({**report.excluded, **report.notes}.items()):
            click.echo(f"{report.task}: {count} {reason}")
        if report.absent:
            click.echo(f"{report.task}: {len(report.absent)} videos absent (first: {report.absent[0]})")
        for fault in report.faults:
            click.echo(f"{report.task}: {fault}")
