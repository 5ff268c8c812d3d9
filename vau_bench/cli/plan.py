"""`vau-bench plan`."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from vau_bench.options import Options
    from vau_bench.planning.against import Compared
    from vau_bench.planning.figures import Plan
    from vau_bench.planning.planner import Circumstances
    from vau_bench.planning.workload import Footage, Workload
    from vau_bench.records import Response
    from vau_bench.video import ClipLoader

_run = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(short_help="Reckon what a run will cost, before it.")
@click.option("-m", "--model", help="Model, see `vau-bench models list`.")
@click.option("--checkpoint", help="Path or hub id of a local checkpoint; short for --model-args checkpoint=...")
@click.option("--model-args", multiple=True, metavar="K=V,..", help="Arguments, see `vau-bench models show MODEL`.")
@click.option("-t", "--tasks", multiple=True, metavar="A,B", help="Tasks, groups or patterns.")
@data_option
@click.option("--style", help="Prompt style: direct, think or reflect.")
@click.option("--split", help="Split of the dataset; default: the task's.")
@click.option("--limit", type=click.IntRange(min=1), help="Samples per task.")
@click.option("--frames", metavar="PLAN", help="Frame plan, such as 'uniform(16)' or 'fps(2, max=64) short_side=336'.")
@click.option("--windows", metavar="LENGTH/STRIDE", help="Windows of grounding and detection, such as 32s/16s.")
@click.option("--max-new-tokens", type=click.IntRange(min=1), help="Tokens an answer may have; default: the task's.")
@click.option("--decode-workers", type=click.IntRange(min=1), default=1, show_default=True, help="Decoding processes.")
@click.option("--hardware", metavar="NAME:COUNT|FILE", help="GPUs, such as h100:8, or a YAML file that describes them.")
@click.option("--hours", type=click.FloatRange(min=0, min_open=True), help="Hours of footage, in place of a data set.")
@click.option("--clip-seconds", type=click.FloatRange(min=0.1), help="Assumed length of a video.  [default: 60]")
@click.option("--frame-size", metavar="WxH", help="Assumed size of a video.  [default: 1280x720]")
@click.option("--price-in", type=click.FloatRange(min=0), help="Price of a million prompt tokens of an endpoint.")
@click.option("--price-out", type=click.FloatRange(min=0), help="Price of a million tokens of answers.")
@click.option("--concurrency", type=click.IntRange(min=1), help="Requests in flight; default: the model's.")
@click.option("--like", type=_run, metavar="RUN", help="Take lengths and seconds of answers from a run.")
@click.option("--against", type=_run, metavar="RUN", help="Reckon a run anew and compare with what it measured.")
@click.option("--measure", is_flag=True, help="Time the decoding of a few of the videos on this machine.")
@click.option(
    "--samples",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Samples of a task that are looked at.",
)
@tasks_dir_option
@json_option
@click.pass_context
def plan(ctx: click.Context, /, **given: Any) -> None:
    """Reckon tokens, GPU hours, memory, decoding, disk and money of an evaluation, each with what it rests on.

    Nothing is asked and nothing is downloaded. The exit code is 1 where the model does not fit the hardware.

    \b
    vau-bench plan --model qwen2_5_vl_7b --tasks msad_grounding --data DIR --hardware h100:8
    vau-bench plan --model gpt_4o --tasks vau_synth_mcq --hours 100 --price-in 2.5 --price-out 10
    vau-bench plan --against runs/RUN
    """  # noqa: D301
    from vau_bench.paths import cache_dir
    from vau_bench.planning.planner import planned
    from vau_bench.video import ClipLoader

    options, around = _options(given), _circumstances(given)
    progress = TerminalProgress()
    with ClipLoader(cache_dir(), workers=options.decode_workers) as clips:
        with progress.shown():
            made, workload = planned(options, around, clips, progress)
        rows = _compared(given["against"], made, workload, clips) if given["against"] else None
    if given["as_json"]:
        against = {} if rows is None else {"against": [{**r._asdict(), "ratio": r.ratio} for r in rows]}
        print_json({**made.as_json(), "circumstances": _told(around), **against})
    else:
        _print(made, rows)
    if made.problem:
        click.echo(f"error: {made.problem}", err=True)
        ctx.exit(1)


def _options(given: dict[str, Any]) -> Options:
    """Return what would be evaluated: as it was typed, or as a run was."""
    from vau_bench.models import parse_model_args
    from vau_bench.options import Options
    from vau_bench.runs import RunFolder

    typed = {
        name: given[name]
        for name in ("data", "style", "split", "limit", "frames", "windows", "max_new_tokens", "decode_workers")
    }
    if given["against"]:
        asked = {"model", "checkpoint", "model_args", "tasks", "hours"} | typed.keys() - {"data", "decode_workers"}
        if wrong := sorted(name for name in asked if given[name]):
            raise click.UsageError(f"--against takes --{wrong[0].replace('_', '-')} from the run; leave it out")
        options = Options.from_json(RunFolder.existing(given["against"]).read_manifest().options)
        return replace(options, data=given["data"] or options.data)
    for name in ("model", "tasks"):
        if not given[name]:
            raise click.UsageError(f"missing option --{name}; see `vau-bench {name.rstrip('s')}s list`")
    arguments: dict[str, Any] = {**parse_model_args(given["model_args"])}
    if given["checkpoint"]:
        arguments["checkpoint"] = given["checkpoint"]
    return Options.from_json(
        {
            "model": given["model"],
            "tasks": names(*given["tasks"]),
            "model_args": arguments,
            "tasks_dirs": given["tasks_dirs"],
            **typed,
        }
    )


def _circumstances(given: dict[str, Any]) -> Circumstances:
    from vau_bench.planning.accelerators import parse_hardware
    from vau_bench.planning.against import run_name
    from vau_bench.planning.estimate import Prices
    from vau_bench.planning.planner import Circumstances

    like = given["like"]
    return Circumstances(
        hardware=parse_hardware(given["hardware"]) if given["hardware"] else None,
        hours=given["hours"],
        footage=_footage(given),
        prices=Prices(given["price_in"], given["price_out"]),
        concurrency=given["concurrency"],
        like=_responses(like) if like else (),
        like_name=run_name(like) if like else "",
        measure=given["measure"],
        most=10**9 if given["against"] else given["samples"],
    )


def _footage(given: dict[str, Any]) -> Footage:
    import re

    from vau_bench.planning.workload import Footage

    footage = Footage()
    if given["clip_seconds"]:
        footage = replace(footage, seconds=given["clip_seconds"])
    if given["frame_size"]:
        match = re.fullmatch(r"(\d+)x(\d+)", given["frame_size"])
        if not match or not int(match[1]) * int(match[2]):
            raise click.UsageError(f"--frame-size {given['frame_size']!r} is no size; write 1280x720")
        footage = replace(footage, width=int(match[1]), height=int(match[2]))
    return footage


def _responses(run: Path) -> tuple[Response, ...]:
    from vau_bench.planning.against import last_responses
    from vau_bench.runs import RunFolder

    return tuple(last_responses(RunFolder.existing(run).responses()).values())


def _compared(run: Path, made: Plan, workload: Workload, clips: ClipLoader) -> list[Compared]:
    """Return what was reckoned of a run beside what it measured."""
    from vau_bench.planning.against import compared_cache, compared_seconds, compared_tokens, last_responses
    from vau_bench.runs import RunFolder

    responses = last_responses(RunFolder.existing(run).responses())
    seconds: float | None
    try:
        seconds = float(made.value("compute", "GPU hours")) * 3600
    except (KeyError, ValueError):  # no hardware was named, or it is no language model
        seconds = None
    return [
        *compared_tokens(workload.asked, responses),
        compared_seconds(responses, seconds),
        compared_cache(workload.viewed, clips),
    ]


def _told(around: Circumstances) -> dict[str, Any]:
    hardware = around.hardware.model_dump() if around.hardware else None
    return {"hardware": hardware, "hours": around.hours, "footage": asdict(around.footage)}


def _print(made: Plan, rows: list[Compared] | None) -> None:
    from vau_bench.planning.figures import sections, spelled

    click.echo(made.title)
    table = []
    for section, figures in sections(made.figures).items():
        table += [("", "", ""), (section, "", "")]
        table += [(f"  {figure.name}", figure.told, figure.basis) for figure in figures]
    print_rows(("figure", "value", "rests on"), table)
    if rows is None:
        return
    click.echo()
    print_rows(
        ("against the run", "task", "n", "reckoned", "measured", "reckoned / measured"),
        [
            (
                row.name,
                row.task or "all",
                str(row.n),
                *("-" if value is None else spelled(value) for value in (row.reckoned, row.measured)),
                "-" if row.ratio is None else f"{row.ratio:.4f}",
            )
            for row in rows
        ],
    )
