"""The command line. Commands are imported when they are called, so that help is instant."""

from __future__ import annotations

import importlib
import signal
import sys
import warnings
from importlib.metadata import EntryPoint, entry_points
from typing import NoReturn, TextIO

import click

from vau_bench._version import __version__
from vau_bench.errors import UsageError, VauBenchError, suggestion

COMMANDS = {
    "evaluate": ("evaluate:evaluate", "Evaluate a model on tasks; the same command again goes on where it stopped."),
    "plan": ("plan:plan", "Reckon what a run will cost, before it: tokens, GPU hours, memory, disk, money."),
    "score": ("score:score", "Score a run again, offline."),
    "compare": ("compare:compare", "Tell whether two runs differ, paired over their common samples."),
    "judge": ("judge:judge", "Let language models judge the reasoning of a run, and check the judges."),
    "report": ("report:report", "Write the HTML report of one or several runs."),
    "view": ("view:view", "Show runs in a browser, served from this machine."),
    "tasks": ("tasks:tasks", "List, show, make and check tasks."),
    "models": ("models:models", "List models, show the arguments of one, check whether it can run here."),
    "data": ("data:data", "Check annotations and videos."),
    "leaderboard": ("leaderboard:leaderboard", "Enter runs, check entries, build the leaderboard, export it."),
    "doctor": ("doctor:doctor", "Tell what is installed, what is missing, and how to get it."),
}
INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that knows the summary of each command without importing it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: D102
        return [*COMMANDS, *_others()]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: D102
        command: click.Command
        if name in COMMANDS:
            module, _, attribute = COMMANDS[name][0].partition(":")
            command = getattr(importlib.import_module(f"vau_bench.cli.{module}"), attribute)
            return command
        others = _others()
        if name not in others:
            raise click.UsageError(f"no command {name!r}{suggestion(name, [*COMMANDS, *others])}", ctx)
        command = others[name].load()
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: D102
        rows = [(name, summary) for name, (_, summary) in COMMANDS.items()]
        rows += [(name, f"From {point.value.partition('.')[0]}.") for name, point in _others().items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def _others() -> dict[str, EntryPoint]:
    """Return the commands that installed packages add, by name; ours cannot be replaced."""
    return {point.name: point for point in entry_points(group="vau_bench.commands") if point.name not in COMMANDS}


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vau-bench")
def cli() -> None:
    """Evaluate multimodal models on video anomaly understanding, with numbers that can be trusted.

    Every option can also come from the environment: --limit of `evaluate` is VAU_BENCH_EVALUATE_LIMIT.
    """


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Tell the user's warnings in one line: where in the code something was noticed helps nobody."""
    own = issubclass(category, UserWarning)
    told = f"warning: {message}\n" if own else warnings.formatwarning(message, category, filename, lineno, line)
    click.echo(told, err=True, nl=False)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command line; the exit code is 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    warnings.showwarning = _show_warning
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        code = cli.main(standalone_mode=False, auto_envvar_prefix="VAU_BENCH", prog_name="vau-bench")
        sys.exit(code if isinstance(code, int) else 0)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(UsageError.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except VauBenchError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
    except OSError as error:  # where a file lies is the user's; that it cannot be read or written is no defect of ours
        where = f": {error.filename}" if error.filename else ""
        click.echo(f"error: {error.strerror or error}{where}", err=True)
        sys.exit(1)
