"""The command group `train`; commands are imported when they are called."""

from __future__ import annotations

import importlib
import sys
from typing import NoReturn

import click

from vau_bench.errors import UsageError, VauBenchError, suggestion

COMMANDS = {
    "rocot": ("srvau_train.rocot.command:rocot", "Build reflection-oriented chains of thought (RoCoT)."),
    "sft": ("srvau_train.command:sft", "Supervised fine-tuning."),
    "grpo": ("srvau_train.command:grpo", "Reinforcement fine-tuning with the reflection-aware reward."),
    "plan": ("srvau_train.command:plan", "Reckon parameters, memory and hours of a configuration."),
    "nano": ("srvau_train.nano.command:nano", "The whole recipe in nano size, on two CPU cores."),
}


class LazyTrain(click.Group):
    """A group that knows the summary of each command without importing it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: D102
        if name not in COMMANDS:
            raise click.UsageError(f"no command {name!r}{suggestion(name, COMMANDS)}", ctx)
        module, _, attribute = COMMANDS[name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyTrain)
def train() -> None:
    """Train a reflecting model: data, supervised and reinforcement fine-tuning."""


def run(command: click.Command, name: str) -> NoReturn:
    """Run a command as a program; the exit code is 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    try:
        code = command.main(standalone_mode=False, prog_name=name)
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(UsageError.exit_code)
    except VauBenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(130)
