"""The command `train rocot`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, cast

import click

from srvau_train.rocot.answers import Grid, Kind
from srvau_train.rocot.config import Recipe, RocotConfig, TaskConfig
from srvau_train.rocot.mistakes import ErrorModel
from srvau_train.rocot.teacher import Manner, Teacher
from vau_bench.cli.common import TerminalProgress, data_option, names, tasks_dir_option
from vau_bench.errors import DataError, UnknownNameError, UsageError
from vau_bench.synth import DIFFICULTIES

OF_CLIPS = ("clips", "start", "kinds", "data_seed", "seconds", "difficulty")
OF_TASKS = ("data", "videos", "limit", "ucf_grounding", "tasks_dirs")


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder; the same command again goes on.")
@click.option("--clips", default=1000, show_default=True, help="How many VAU-Synth training clips.")
@click.option("--start", default=0, show_default=True, help="Number of the first of these clips.")
@click.option(
    "--kinds", default="grounding,classification,mcq", show_default=True, help="Tasks on clips; also: report."
)
@click.option("--split", default="train", show_default=True, help="Only train is accepted.")
@click.option("--data-seed", default=0, show_default=True, help="Seed of the clips.")
@click.option("--seconds", default=16.0, show_default=True, help="Length of a clip.")
@click.option("--difficulty", default="medium", show_default=True, help="easy, medium, hard, or 0 to 1.")
@click.option("-t", "--tasks", multiple=True, metavar="A,B", help="Tasks of vau_bench, instead of VAU-Synth clips.")
@data_option
@click.option(
    "--videos",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    help="Folder below which videos are looked for; may stand several times. Default: that of --data.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Samples per task, evenly spread over the dataset.")
@click.option("--ucf-grounding", is_flag=True, help="Also take UCF-Crime for grounding, the out-of-distribution test.")
@tasks_dir_option
@click.option("--teacher", type=click.Choice(["scene", "openai"]), default="scene", show_default=True)
@click.option("--model-args", multiple=True, metavar="K=V,..", help="Of the teacher openai: model=..,base_url=..")
@click.option("--frames", metavar="PLAN", help="Frames that the teacher openai is shown; default: each task's.")
@click.option("--decode-workers", type=click.IntRange(min=1), default=1, show_default=True, help="Decoding processes.")
@click.option(
    "--first",
    type=click.Path(exists=True, path_type=Path),
    multiple=True,
    help="A run, or its responses.jsonl, whose answers are the first answers, else the error model's; several give "
    "several first answers a sample.",
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
@click.pass_context
def rocot(
    ctx: click.Context,
    /,
    out: Path,
    first: tuple[Path, ...],
    audit: int,
    teacher: str,
    model_args: tuple[str, ...],
    frames: str | None,
    decode_workers: int,
    **options: Any,
) -> None:
    """Build reflection-oriented chains of thought (RoCoT).

    The offline teacher `scene` writes about VAU-Synth clips from what it knows of them; the teacher `openai` is a
    model at an OpenAI-compatible endpoint, and writes about any video.

    \b
    vau-bench train rocot --out DIR
    vau-bench train rocot --out DIR --tasks msad_grounding,ecva_grounding --data DIR --teacher openai --model-args model=NAME
    """  # noqa: D301, E501
    from srvau_train.rocot.build import build

    typed = {k for k in options if ctx.get_parameter_source(k) is not click.core.ParameterSource.DEFAULT}
    config = config_of(typed, **options)
    if teacher == "scene" and (model_args or frames or not config.scenes):
        why = "takes neither --model-args nor --frames" if config.scenes else "knows VAU-Synth clips only"
        raise UsageError(f"the teacher scene {why}; pass --teacher openai --model-args model=NAME,base_url=URL")
    bars = TerminalProgress()
    with _teacher(teacher, model_args, frames, decode_workers) as writer, bars.shown():
        built = build(out, config, writer, first=first, begin=partial(bars.stage, "chains"), progress=bars.advance)
    told = f"{built.kept} chains, {built.rejected} rejected ({built.resumed} of both were there)"
    skipped = "".join(f", {count} skipped: {reason}" for reason, count in built.skipped.items())
    click.echo(f"{told}{skipped}; see {out / 'statistics.md'}")
    if not built.kept:
        raise DataError(f"no chain could be built; why is counted in {out / 'statistics.md'}")
    if audit > 0:
        from srvau_train.rocot.audit import write_audit

        click.echo(f"to look at: {write_audit(out, config, audit)}")


@contextmanager
def _teacher(name: str, model_args: tuple[str, ...], frames: str | None, workers: int) -> Iterator[Teacher]:
    if name == "scene":
        from srvau_train.rocot.scene_teacher import SceneTeacher

        yield SceneTeacher()
        return
    from srvau_train.rocot.openai_teacher import OpenAITeacher, OpenAITeacherConfig
    from vau_bench.models import parse_model_args
    from vau_bench.paths import cache_dir
    from vau_bench.video import ClipLoader

    config = OpenAITeacherConfig.of(parse_model_args(model_args))
    with ClipLoader(cache_dir(), workers=workers) as clips:
        yield OpenAITeacher(config, clips, frames)


def config_of(
    typed: set[str],
    *,
    tasks: tuple[str, ...],
    kinds: str,
    right_share: str,
    errors: str,
    difficulty: str,
    walk: str,
    step: float,
    grid: float,
    seed: int,
    split: str,
    **plain: Any,
) -> Recipe:
    """Return the configuration that the options describe; `typed` are those that were given.

    Raises:
        UsageError: for an option that cannot be read, or that does not go with another.
    """
    for name in OF_CLIPS if tasks else OF_TASKS:
        if name in typed:
            flag = "--" + name.replace("_dirs", "_dir").replace("_", "-")
            raise UsageError(f"{flag} goes {'without' if tasks else 'with'} --tasks only")
    common: dict[str, Any] = {
        "right_share": None if right_share == "own" else _number("--right-share", right_share),
        "errors": _error_model(errors),
        "seed": seed,
        "split": split,
        "manner": Manner(cast("Any", walk), step, Grid(grid)),
    }
    if tasks:
        return TaskConfig(tasks=names(*tasks), **common, **{name: plain[name] for name in OF_TASKS})
    return RocotConfig(
        kinds=cast("tuple[Kind, ...]", names(kinds)),
        difficulty=difficulty if difficulty in DIFFICULTIES else _number("--difficulty", difficulty),
        **common,
        **{name: plain[name] for name in OF_CLIPS if name in plain},
    )


def _error_model(text: str) -> ErrorModel:
    if not text:
        return ErrorModel()
    weights = dict.fromkeys((f.name for f in fields(ErrorModel)), 0.0)
    for part in names(text):
        name, _, value = part.partition("=")
        if name not in weights:
            raise UnknownNameError("error", name, weights)
        weights[name] = _number("--errors", value)
    return ErrorModel(**weights)


def _number(option: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UsageError(f"{option}: not a number: {text!r}") from None
