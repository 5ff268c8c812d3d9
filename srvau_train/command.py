"""The commands `train sft` and `train grpo`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from srvau_train.config import TrainConfig
from vau_bench.errors import MissingExtraError, UsageError

CONFIGS = Path(__file__).parent / "configs"


def config_of(name: str, changes: Sequence[str]) -> TrainConfig:
    """Return a configuration by its file or by the name of one that comes with the package, with changes.

    Raises:
        UsageError: if there is none, or a field is wrong.
    """
    path = Path(name)
    if not path.is_file() and (CONFIGS / f"{name}.yaml").is_file():
        path = CONFIGS / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in CONFIGS.glob("*.yaml")))
        raise UsageError(f"no configuration {name}; give a file, or one of {known}")
    pairs = [change.partition("=") for change in changes]
    for field, equals, _ in pairs:
        if not equals:
            raise UsageError(f"--set {field}: write field=value, such as sft.learning_rate=1e-5")
    return TrainConfig.load(path, {field: value for field, _, value in pairs})


def _out(out: Path | None, config: str, stage: str) -> Path:
    return out or Path("runs") / f"{Path(config).stem}-{stage}"


_CHANGES = click.option("--set", "changes", multiple=True, metavar="FIELD=VALUE", help="Change a field; repeatable.")
_OUT = click.option("--out", type=click.Path(path_type=Path), help="Folder; the same command again goes on there.")


@click.command()
@click.argument("config")
@_OUT
@_CHANGES
def sft(config: str, out: Path | None, changes: tuple[str, ...]) -> None:
    """Fine-tune on chains and answers; CONFIG is a file, or the name of one that comes with the package."""
    checked = config_of(config, changes)
    need_trl()
    need_reporters(checked.report_to)
    from srvau_train.sft import train_sft

    click.echo(train_sft(checked, _out(out, config, "sft")))


@click.command()
@click.argument("config")
@_OUT
@_CHANGES
def grpo(config: str, out: Path | None, changes: tuple[str, ...]) -> None:
    """Reinforce answers that earn more; CONFIG is a file, or the name of one that comes with the package."""
    checked = config_of(config, changes)
    need_trl()
    need_reporters(checked.report_to)
    from srvau_train.grpo import train_grpo

    click.echo(train_grpo(checked, _out(out, config, "grpo")))


@click.command()
@click.argument("config")
@_CHANGES
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def plan(config: str, changes: tuple[str, ...], as_json: bool) -> int:
    """Reckon parameters, memory and hours of CONFIG; exit code 1 where it cannot fit."""
    from srvau_train.plan import Plan
    from srvau_train.plan import plan as reckon

    checked = config_of(config, changes)
    plans = [reckon(checked, stage) for stage in ("sft", "grpo")]
    if as_json:
        told = [{**asdict(p), "memory": {**asdict(p.memory), "total": p.memory.total}} for p in plans]
        click.echo(json.dumps(told, indent=2))
    else:
        click.echo(_told(checked, plans))
    problems = [f"{p.stage}: {p.problem}" for p in plans if isinstance(p, Plan) and p.problem]
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    return 1 if problems else 0


def _told(config: TrainConfig, plans: Sequence[Any]) -> str:
    n = plans[0].parameters
    place = "a GPU" if config.hardware.gpus else "the machine"
    limit = f"GiB of the {config.hardware.gpu_memory_gib:g} of {place}"
    lines = [
        f"{config.model.checkpoint}, {config.model.method}, {_where(config)}",
        f"parameters  {_count(n.total)}: text {_count(n.text)}, vocabulary {_count(n.embeddings)}, vision "
        f"{_count(n.vision)}; trained {_count(n.trained)}",
    ]
    for p in plans:
        parts = ", ".join(f"{name} {size:.1f}" for name, size in asdict(p.memory).items() if size)
        lines += [
            f"{p.stage:<5} {p.tokens} tokens a row, {p.visual_tokens} of them visual; "
            f"{p.steps} steps ({p.steps_from}); {p.tokens_per_second:,.0f} tokens/s assumed; {p.hours:.1f} h",
            f"      {limit}: {p.memory.total:.1f} ({parts})",
        ]
    return "\n".join(lines)


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} B" if parameters >= 1e8 else f"{parameters / 1e6:.2f} M"


def _where(config: TrainConfig) -> str:
    hardware = config.hardware
    return f"{hardware.nodes} x {hardware.gpus} GPUs, {hardware.strategy}" if hardware.gpus else "CPU"


def need_trl() -> None:
    """Say which extra is missing, before anything else happens.

    Raises:
        MissingExtraError: if TRL or datasets is not installed.
    """
    try:
        import datasets  # noqa: F401
        import trl  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("training", "train") from error


def need_reporters(names: Sequence[str]) -> None:
    """Say which place for metrics is not installed, before anything is loaded.

    Raises:
        UsageError: if one is not.
    """
    missing = [name for name in names if find_spec(name) is None]
    if missing:
        raise UsageError(f"report_to: {missing[0]} is not installed: pip install {missing[0]}, or leave it out")
