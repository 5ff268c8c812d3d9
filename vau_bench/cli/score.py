"""`vau-bench score`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vau_bench.cli.common import TerminalProgress, data_option, json_option, names, print_json, run_argument


@click.command(short_help="Score a run again, offline.")
@run_argument
@data_option
@click.option(
    "--mode",
    type=click.Choice(["strict", "paper"]),
    default="strict",
    show_default=True,
    help="Which figures to print; both are computed.",
)
@click.option(
    "--resamples", type=click.IntRange(min=0), default=10_000, show_default=True, help="Of the bootstrap; 0: none."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the bootstrap and of random floors.")
@click.option(
    "--text",
    metavar="A,B",
    default="",
    help="Text metrics of answers in prose (reasoning, text): embedding, rouge_l, bleu1 to bleu4, cider, meteor.",
)
@click.option(
    "--embedder", metavar="PATH|NAME", help="Sentence embedder of --text embedding; default: the packaged one."
)
@json_option
@click.pass_context
def score(ctx: click.Context, /, run: Path, mode: str, text: str, as_json: bool, **settings: Any) -> None:
    """Score the answers of a run again: a pure function of its journal and the ground truth.

    Needs no model, no video and no network. Writes scores.jsonl and results.json. Text metrics need the extra [text].
    """
    from vau_bench import evaluation
    from vau_bench.report.table import paper_table

    progress = TerminalProgress()
    with progress.shown():
        results = evaluation.score(run, text=names(text), progress=progress, **settings)
    if as_json:
        print_json(results.as_json())
    else:
        click.echo(results.table() if mode == "strict" else paper_table(results))
    problem = evaluation.nothing_scored(results)
    if problem:
        click.echo(f"error: {problem}", err=True)
        ctx.exit(1)
