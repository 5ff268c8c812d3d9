"""`vau-bench evaluate`."""

from __future__ import annotations

import os
import sys
from dataclasses import fields
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
    from vau_bench.engines import Engine
    from vau_bench.profiling import Profile
    from vau_bench.results import Results
    from vau_bench.shards import Shard

AROUND = ("actors", "checkpoint", "engine", "gpus_per_actor", "out", "profile", "report", "run_id", "shard")
"""Options of the command that are none of an evaluation; a file of options may hold them, too."""


@click.command(short_help="Evaluate a model on tasks.")
@click.option("-m", "--model", help="Model, see `vau-bench models list`.")
@click.option("--checkpoint", help="Path or hub id of a local checkpoint; short for --model-args checkpoint=...")
@click.option("--model-args", multiple=True, metavar="K=V,..", help="Arguments, see `vau-bench models show MODEL`.")
@click.option(
    "-t", "--tasks", multiple=True, metavar="A,B", help="Tasks, groups or patterns, see `vau-bench tasks list`."
)
@data_option
@click.option("--style", help="Prompt style: direct, think or reflect.")
@click.option("--split", help="Split of the dataset; default: the task's.")
@click.option("--limit", type=click.IntRange(min=1), help="Samples per task, evenly spread over the dataset.")
@click.option("--frames", metavar="PLAN", help="Frame plan, such as 'uniform(16)' or 'fps(2, max=64) short_side=336'.")
@click.option(
    "--windows", metavar="LENGTH/STRIDE", help="Ask grounding and detection in windows, such as 32s/16s, and join them."
)
@click.option(
    "--shuffle-options", type=int, metavar="SEED", help="Shuffle multiple-choice options, balanced over letters."
)
@click.option("--max-new-tokens", type=click.IntRange(min=1), help="Tokens an answer may have; default: the task's.")
@click.option("--temperature", type=click.FloatRange(min=0), default=0.0, show_default=True, help="0 is greedy.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of generation.")
@click.option("--decode-workers", type=click.IntRange(min=1), default=1, show_default=True, help="Decoding processes.")
@click.option(
    "--decode-timeout",
    type=click.FloatRange(min=0.1),
    default=60.0,
    show_default=True,
    help="Seconds a video may take.",
)
@click.option(
    "--resamples", type=click.IntRange(min=0), default=10_000, show_default=True, help="Of the bootstrap; 0: none."
)
@tasks_dir_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder of runs.",
)
@click.option("--run-id", help="Name of the run's folder; default: made from the options.")
@click.option(
    "--resume", type=click.Path(exists=True, file_okay=False, path_type=Path), metavar="RUN", help="Go on with a run."
)
@click.option(
    "--from",
    "from_run",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN",
    help="Repeat a run in a new folder.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="YAML file with these options.",
)
@click.option(
    "--shard",
    default="auto",
    show_default=True,
    metavar="RANK/COUNT",
    help="Part of the videos that this process asks, such as 0/4; auto: as torchrun, accelerate, srun or mpirun tell; "
    "none: all.",
)
@click.option("--engine", type=click.Choice(["ray"]), help="Run the model in the processes of a Ray cluster.")
@click.option("--actors", metavar="MIN:MAX", help="Processes of the model there; default: from 1 to what has room.")
@click.option("--gpus-per-actor", type=click.FloatRange(min=0), default=0.0, show_default=True, help="GPUs of each.")
@click.option("--profile", is_flag=True, help="Tell where the time went, and what would help.")
@click.option("--report/--no-report", default=True, show_default=True, help="Write report.html.")
@json_option
@click.pass_context
def evaluate(ctx: click.Context, /, **given: Any) -> None:
    """Evaluate a model on tasks, and print each metric with its interval beside the best blind floor.

    The same command again goes on where it stopped: what is answered is not asked again. What could not be
    answered is counted by its outcome and stays in the denominator.

    Started by torchrun, accelerate, srun or mpirun, each process asks its own videos and writes its own journal into
    the same run folder; the one that ends last prints the results.

    \b
    vau-bench evaluate --model motion --tasks vau_synth_grounding
    vau-bench evaluate --model qwen_vl --checkpoint PATH --tasks clips --data DIR --style think
    torchrun --nproc-per-node 8 -m vau_bench evaluate --model qwen2_5_vl_7b --tasks msad_grounding --data DIR
    """  # noqa: D301
    from vau_bench import evaluation
    from vau_bench.profiling import Profile
    from vau_bench.shards import Shard

    options, out, run_id = _asked_for(ctx, given)
    engine = _engine(given)
    shard = None if engine else Shard.of(given["shard"], os.environ)
    progress = TerminalProgress(quiet=shard is not None and shard.rank > 0)
    profile = Profile()
    results: Results | None
    with progress.shown():
        if shard is None:
            results = evaluation.evaluate(
                options, out, run_id=run_id, progress=progress, profile=profile, engine=engine
            )
        else:
            results = evaluation.evaluate_shard(options, out, shard, run_id=run_id, progress=progress, profile=profile)
        written = None
        if results and given["report"]:
            with profile.phase("report"):
                written = _write_report(results.path, progress)
    if given["profile"]:
        _tell_profile(profile, shard)
    if results is None:
        click.echo(f"{shard} has asked its part; the process that ends last scores the run", err=True)
        return
    if given["as_json"]:
        told = {"profile": profile.as_json()} if given["profile"] else {}
        print_json({**results.as_json(), "path": str(results.path), **told})
    else:
        click.echo(results.table())
        click.echo(f"run: {results.path}")
        if written:
            click.echo(f"report: {written}")
    problem = evaluation.nothing_scored(results)
    if problem:
        click.echo(f"error: {problem}", err=True)
        ctx.exit(1)


def _engine(given: dict[str, Any]) -> Engine | None:
    """Return where the model runs, `None` for this process."""
    if given["engine"] is None:
        if given["actors"] or given["gpus_per_actor"]:
            raise click.UsageError("--actors and --gpus-per-actor need --engine ray")
        return None
    if given["shard"] not in ("auto", "none"):
        raise click.UsageError("--engine and --shard exclude each other: an engine shares the work out itself")
    from vau_bench.engines.ray import RayEngine

    return RayEngine.parse(given["actors"], given["gpus_per_actor"])


def _tell_profile(profile: Profile, shard: Shard | None) -> None:
    """Tell on stderr how long each phase took, and how long each stage was busy while there was something to ask."""
    rows = [
        (s.name, str(s.times), f"{s.seconds:.2f} s", f"{1000 * s.seconds / max(1, s.times):.2f} ms", f"{s.busy:.0%}")
        for s in profile.stages()
    ]
    phases = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in profile.phases().items())
    click.echo(f"{f'{shard}: ' if shard else ''}{profile.wall:.2f} s in all: {phases}; {profile.advice()}", err=True)
    print_rows(("stage", "times", "took", "each", "busy while asking"), rows, err=True)


def _asked_for(ctx: click.Context, given: dict[str, Any]) -> tuple[Any, Path, str | None]:
    """Return the options, the folder of runs and the run's name, from one of the four ways to give them."""
    from vau_bench.evaluation import Options
    from vau_bench.models import parse_model_args

    if sum(bool(given[way]) for way in ("resume", "from_run", "config")) > 1:
        raise click.UsageError("--resume, --from and --config exclude each other")
    known = {f.name for f in fields(Options)}
    typed = {k for k in given if ctx.get_parameter_source(k) is not click.core.ParameterSource.DEFAULT}
    base = _base(ctx, given, typed, known)
    chosen = {k: v for k, v in given.items() if k in known}
    chosen["tasks"] = names(*given["tasks"])
    chosen["model_args"] = parse_model_args(given["model_args"])
    if given["checkpoint"]:
        kept = {} if typed & {"model", "model_args"} else base.get("model_args", {})
        chosen["model_args"] = {**kept, **chosen["model_args"], "checkpoint": given["checkpoint"]}
        typed.add("model_args")
    merged = {**chosen, **base, **{k: v for k, v in chosen.items() if k in typed}}
    for name in ("model", "tasks"):
        if not merged.get(name):
            raise click.UsageError(f"missing option {_flag(name)}; see `vau-bench {name.rstrip('s')}s list`")
    return Options.from_json(merged), given["out"], given["run_id"]


def _base(ctx: click.Context, given: dict[str, Any], typed: set[str], known: set[str]) -> dict[str, Any]:
    """Return the options of the run or of the file that are to be repeated; where its folder lies enters `given`."""
    from vau_bench.runs import RunFolder

    if given["config"]:
        options, around = _from_file(ctx, given["config"], known)
        given |= {name: value for name, value in around.items() if name not in typed}
        return options
    if given["from_run"]:
        return RunFolder.existing(given["from_run"]).read_manifest().options
    if given["resume"]:
        changed = typed & ((known | {"checkpoint"}) - {"decode_workers", "decode_timeout", "resamples", "data"})
        if changed:
            raise click.UsageError(f"--resume takes {_flag(min(changed))} from the run; leave it out, or use --from")
        folder = given["resume"].resolve()  # "." has no name
        given |= {"out": folder.parent, "run_id": folder.name}
        return RunFolder.existing(folder).read_manifest().options
    return {}


def _from_file(ctx: click.Context, path: Path, known: set[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the options of an evaluation that stand in a file, and the other ones of the command."""
    from vau_bench.declarations import read_yaml
    from vau_bench.errors import DataError, UnknownNameError

    loaded = read_yaml(path)
    if not isinstance(loaded, dict):
        raise DataError(f"{path} holds no options")
    options = {str(k).replace("-", "_"): v for k, v in loaded.items() if v is not None}
    if "tasks_dir" in options:
        options["tasks_dirs"] = options.pop("tasks_dir")
    for name in options.keys() - known - {*AROUND}:
        raise UnknownNameError(f"option in {path}", name, known | {*AROUND})
    if isinstance(options.get("tasks"), str):
        options["tasks"] = names(options["tasks"])
    if isinstance(options.get("tasks_dirs"), str):
        options["tasks_dirs"] = (options["tasks_dirs"],)
    around = {
        name: parameter.type.convert(str(options.pop(name)), parameter, ctx)
        for parameter in ctx.command.params
        if (name := parameter.name) in AROUND and name in options
    }
    return options, around


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _write_report(run: Path, progress: TerminalProgress) -> Path | None:
    from vau_bench.errors import VauBenchError
    from vau_bench.report import write_report

    try:
        return write_report(run, progress=progress)
    except VauBenchError as error:
        # The results are safe; a report can be made again at any time.
        print(f"warning: no report: {error}", file=sys.stderr)
        return None
