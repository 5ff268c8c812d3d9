"""`vau-bench leaderboard`."""

from __future__ import annotations

from pathlib import Path

import click

from vau_bench.cli.common import json_option, print_json, run_argument, tasks_dir_option

FORMATS = ("csv", "markdown", "latex", "model-index")
_dir_option = click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("leaderboards"),
    show_default=True,
    help="The folder with entries/ and published/.",
)


@click.group(short_help="Enter runs, check entries, build the leaderboard.")
def leaderboard() -> None:
    """Enter runs, check entries, build the leaderboard, export it."""


@leaderboard.command()
@run_argument
@_dir_option
@click.option("--name", help="Name of the model on the leaderboard; default: the adapter and its checkpoint.")
@click.option("--report", metavar="URL|FILE", help="The run's report: an https address, or a file below the folder.")
@click.option("--replace", "replace_old", is_flag=True, help="Overwrite the entry of the same model and run name.")
def add(run: Path, folder: Path, name: str | None, report: str | None, replace_old: bool) -> None:
    """Make an entry of a finished run, and print where it is.

    It holds the manifest without paths, addresses and machine names, the results, and per sample what the metrics are
    made from: no footage, no response, no text of a dataset. A report holds those, so it is linked and not copied.
    """
    from vau_bench.leaderboard.adding import add_entry, doubles

    path = add_entry(run, folder, name=name, report=report, replace_old=replace_old)
    click.echo(path)
    for other in doubles(path):
        click.echo(f"{other} holds tasks of it, too: remove that one if this run takes its place", err=True)


@leaderboard.command()
@_dir_option
@tasks_dir_option
@click.option("--strict", is_flag=True, help="Fail on stale entries and absent reports, too.")
@json_option
@click.pass_context
def check(ctx: click.Context, folder: Path, tasks_dirs: tuple[Path, ...], strict: bool, as_json: bool) -> None:
    """Check all entries and published figures: schema, hashes, and every figure computed again from its samples.

    Exit code 1 when one is wrong. An entry of a task that is gone or has changed since is stale, which is told; so is
    a linked report that is not there.
    """
    from vau_bench.catalogue import Catalogue
    from vau_bench.leaderboard.board import check_entries
    from vau_bench.leaderboard.published import read_published
    from vau_bench.report.wording import printable

    entries, findings = check_entries(folder, Catalogue(tasks_dirs))
    published = read_published(folder / "published")
    errors = sum(f.level == "error" for f in findings)
    if as_json:
        print_json({"sound": [e.where for e in entries], "findings": [f._asdict() for f in findings]})
    else:
        for finding in findings:
            click.echo(printable(f"{finding.level}: {finding.entry}: {finding.told}"))
        rows = sum(len(table.rows) for file in published for table in file.tables)
        stale = len({f.entry for f in findings if f.level == "stale"})
        click.echo(f"{len(entries)} entries are sound, {stale} stale, {errors} errors; {rows} published rows")
    if errors or (strict and findings):
        ctx.exit(1)


@leaderboard.command()
@_dir_option
@tasks_dir_option
@click.option("--radar", is_flag=True, help="Draw classes as radars, too.")
def build(folder: Path, tasks_dirs: tuple[Path, ...], radar: bool) -> None:
    """Write index.html, plots/, README.md and leaderboard.csv anew from entries and published figures.

    Prints their paths. Nothing is written when an entry is wrong. The same entries give the same bytes.
    """
    from vau_bench.catalogue import Catalogue
    from vau_bench.leaderboard.board import read_board
    from vau_bench.leaderboard.page import build_page
    from vau_bench.leaderboard.pages import build as build_pages

    board = read_board(folder, Catalogue(tasks_dirs))
    for path in (*build_page(board, folder, radar=radar), *build_pages(board, folder)):
        click.echo(path)


@leaderboard.command()
@_dir_option
@tasks_dir_option
@click.option("--format", "to", type=click.Choice(FORMATS), default="csv", show_default=True, help="Of the export.")
@click.option("--model", help="One model alone; with --format model-index.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Default: stdout.")
def export(folder: Path, tasks_dirs: tuple[Path, ...], to: str, model: str | None, out: Path | None) -> None:
    """Export the leaderboard: CSV, markdown, LaTeX (booktabs), or the model-index of a model card."""
    from vau_bench.catalogue import Catalogue
    from vau_bench.errors import UsageError
    from vau_bench.leaderboard.board import read_board
    from vau_bench.leaderboard.exports import to_csv, to_latex, to_model_index
    from vau_bench.leaderboard.pages import to_markdown
    from vau_bench.runs import write_atomically

    if model is not None and to != "model-index":
        raise UsageError("--model goes with --format model-index")
    board = read_board(folder, Catalogue(tasks_dirs))
    if to == "model-index":
        text = to_model_index(board, model)
    else:
        text = {"csv": to_csv, "markdown": to_markdown, "latex": to_latex}[to](board)
    if out is None:
        click.echo(text, nl=False)
    else:
        write_atomically(out, text)
