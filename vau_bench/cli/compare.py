"""`vau-bench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vau_bench.cli.common import json_option, print_json

_RUN = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(short_help="Tell whether two runs differ.")
@click.argument("run_a", type=_RUN)
@click.argument("run_b", type=_RUN)
@click.option(
    "--allow-different-style", is_flag=True, help="Compare answers to differently worded questions (direct, reflect)."
)
@click.option(
    "--resamples",
    type=click.IntRange(min=100),
    default=10_000,
    show_default=True,
    help="Of the bootstrap, and permutations of the test.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of both.")
@click.option(
    "--samples",
    "decisive",
    type=click.IntRange(min=0),
    default=10,
    show_default=True,
    help="How many samples that decide to name per task.",
)
@json_option
def compare(run_a: Path, run_b: Path, as_json: bool, **options: Any) -> None:
    """Tell whether two scored runs differ, paired over the samples that both hold.

    Per task and metric: A - B with its 95% interval, clustered by source video, and the p-value of a test that swaps
    the two runs within source videos; headline metrics are adjusted for the number of tasks (Holm). Where the samples
    cannot tell, it says so, with the smallest difference that they could have shown.
    """
    from vau_bench.comparison import compare_results
    from vau_bench.saved import load_results

    comparison = compare_results(load_results(run_a), load_results(run_b), **options)
    if as_json:
        print_json(comparison.as_json())
    else:
        click.echo(comparison.table())
