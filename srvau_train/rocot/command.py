"""The command `train rocot`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, cast

import click

from srvau_train.rocot.answers import Kind
from srvau_train.rocot.mistakes import ErrorModel
from srvau_train.rocot.plan import RocotConfig
from srvau_train.rocot.teacher import Manner
from srvau_train.rocot.timeline import Walk
from vau_bench.cli.common import TerminalProgress, names
from vau_bench.errors import UnknownNameError, UsageError
from vau_bench.synth import DIFFICULTIES


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder; the same command again goes on.")
@click.option("--clips", default=1000, show_default=True, help="How many VAU-Synth training clips.")
@click.option("--kinds", default="grounding,classification,mcq", show_default=True, help="Tasks; also: report.")
@click.option("--split", default="train", show_default=True, help="Only train is accepted.")
@click.option("--data-seed", default=0, show_default=True, help="Seed of the clips.")
@click.option("--seconds", default=16.0, show_default=True, help="Length of a clip.")
@click.option("--difficulty", default="medium", show_default=True, help="easy, medium, hard, or 0 to 1.")
@click.option(
    "--first",
    type=click.Path(exists=True, path_type=Path),
    help="A run, or its responses.jsonl, whose answers are the first answers; else the error model's.",
)
@click.option(
    "--right-share",
    default="0.3",
    show_default=True,
    help="Share of right first answers, or `own` for the rate of --first.",
)
@click.option("--errors", default="", help="Error model, such as wrong_class=0.5,miss=0.5; what is not named is 0.")
@click.option("--seed", default=0, show_default=True, help="Seed of first answers and wordings.")
@click.option("--walk", type=click.Choice(["seconds", "runs"]), default="seconds", show_default=True)
@click.option("--step", default=1.0, show_default=True, help="Seconds between two moments of the timeline.")
@click.option("--grid", default=0.1, show_default=True, help="Times are multiples of so many seconds.")
@click.option("--audit", default=0, help="Also write audit.html with so many chains beside their frames.")
def rocot(out: Path, first: Path | None, audit: int, **options: Any) -> None:
    """Build reflection-oriented chains of thought with the offline scene teacher."""
    from srvau_train.rocot.build import build
    from srvau_train.rocot.scene_teacher import SceneTeacher

    config = config_of(**options)
    bars = TerminalProgress()
    with bars.shown():
        bars.stage("chains", config.clips * len(config.kinds))
        built = build(out, config, SceneTeacher(), first=first, progress=bars.advance)
    told = f"{built.kept} chains, {built.rejected} rejected ({built.resumed} of both were there)"
    click.echo(f"{told}; see {out / 'statistics.md'}")
    if audit > 0:
        from srvau_train.rocot.audit import write_audit

        click.echo(f"to look at: {write_audit(out, config, audit)}")


def config_of(
    kinds: str, right_share: str, errors: str, difficulty: str, walk: Walk, step: float, grid: float, **plain: Any
) -> RocotConfig:
    """Return the configuration that the options describe.

    Raises:
        UsageError: for an option that cannot be read.
    """
    weights = dict.fromkeys((f.name for f in fields(ErrorModel)), 0.0) if errors else {}
    for part in names(errors):
        name, _, value = part.partition("=")
        if name not in weights:
            raise UnknownNameError("error", name, weights)
        weights[name] = _number("--errors", value)
    return RocotConfig(
        kinds=cast("tuple[Kind, ...]", names(kinds)),
        right_share=None if right_share == "own" else _number("--right-share", right_share),
        errors=ErrorModel(**weights),
        difficulty=difficulty if difficulty in DIFFICULTIES else _number("--difficulty", difficulty),
        manner=Manner(walk, step, grid),
        **plain,
    )


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option}: not a number: {text!r}") from None
