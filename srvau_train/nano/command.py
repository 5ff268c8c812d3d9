"""The command `train nano`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from vau_bench.cli.common import TerminalProgress


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("runs/nano"),
    show_default=True,
    help="Folder; the same command again goes on there.",
)
@click.option("--seed", default=0, show_default=True, help="Of weights, data order and sampling.")
@click.option("--scale", default=1.0, show_default=True, help="Share of the recipe's clips and steps, to try it out.")
@click.option("--ablations", is_flag=True, help="Also train and measure what the card compares with.")
@click.option(
    "--beside",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="Finished run of another seed whose figures stand beside in the card; may be repeated.",
)
def nano(out: Path, seed: int, scale: float, ablations: bool, beside: tuple[Path, ...]) -> None:
    """Train the nano reference model on two CPU cores, from nothing to a measured checkpoint and its card."""
    from srvau_train.command import need_trl

    need_trl()
    from srvau_train.nano.card import write_card
    from srvau_train.nano.measure import measure
    from srvau_train.nano.recipe import Recipe
    from srvau_train.nano.train import Training

    bars = TerminalProgress()
    recipe = replace(Recipe(), seed=seed).scaled(scale)
    with bars.shown():
        training = Training(out, recipe, say=bars.stage, advance=bars.advance)
        training.run()
        measure(training, ablations=ablations)
    click.echo(write_card(training, beside))
