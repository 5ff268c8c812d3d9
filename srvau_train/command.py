"""The commands `train sft` and `train grpo`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
    from srvau_train.grpo import train_grpo

    click.echo(train_grpo(checked, _out(out, config, "grpo")))


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
