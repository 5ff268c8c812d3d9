"""`vau-bench tasks`."""

from __future__ import annotations

from pathlib import Path

import click

from vau_bench.cli.common import json_option, print_json, print_rows, tasks_dir_option


@click.group(short_help="List tasks, or show one.")
def tasks() -> None:
    """List tasks, or show one."""


@tasks.command("list")
@tasks_dir_option
@json_option
def list_(tasks_dirs: tuple[Path, ...], as_json: bool) -> None:
    """List all tasks and groups."""
    from vau_bench.catalogue import Catalogue

    catalogue = Catalogue(tasks_dirs)
    known = list(catalogue.tasks())
    if as_json:
        print_json([{**t.spec.model_dump(), "folder": str(t.folder)} for t in known])
        return
    print_rows(
        ("task", "kind", "version", "summary"), [(t.name, t.spec.kind, str(t.version), t.spec.summary) for t in known]
    )
    click.echo()
    print_rows(("group", "tasks"), [(group, ", ".join(names)) for group, names in sorted(catalogue.groups().items())])


@tasks.command()
@click.argument("name")
@tasks_dir_option
@json_option
def show(name: str, tasks_dirs: tuple[Path, ...], as_json: bool) -> None:
    """Show one task: its declarations, its prompts and its page."""
    from vau_bench.catalogue import Catalogue

    task = Catalogue(tasks_dirs).get(name)
    if as_json:
        print_json({**task.spec.model_dump(), "prompts": task.prompts.model_dump(), "digests": task.digests})
        return
    click.echo((task.folder / "task.yaml").read_text(encoding="utf-8"))
    for style in task.prompts.styles:
        for turn, template in enumerate(task.prompts.turns(style), 1):
            click.echo(f"--- style {style}, turn {turn}\n{template}\n")
    page = task.folder / "README.md"
    if page.is_file():
        click.echo(page.read_text(encoding="utf-8"))


@tasks.command()
@click.argument("name")
@tasks_dir_option
def path(name: str, tasks_dirs: tuple[Path, ...]) -> None:
    """Print the folder of a task."""
    from vau_bench.catalogue import Catalogue

    click.echo(Catalogue(tasks_dirs).get(name).folder)
