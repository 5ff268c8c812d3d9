"""`vau-bench tasks`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path

import click

from vau_bench.cli.common import data_option, json_option, print_json, print_rows, tasks_dir_option


@click.group(short_help="List, show, make and check tasks.")
def tasks() -> None:
    """List tasks, show one, make a new one, check one."""


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
        told = {"headline": task.headline, "prompts": task.prompts.model_dump(), "digests": task.digests}
        print_json({**task.spec.model_dump(), **told})
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


@tasks.command("lmms-path")
@data_option
@click.option("--style", help="Prompt style; default: the model's, else each task's own.")
@click.option("--split", help="Split of the dataset; default: the task's.")
@tasks_dir_option
def lmms_path(data: Path | None, style: str | None, split: str | None, tasks_dirs: tuple[Path, ...]) -> None:
    """Print a folder that makes all tasks known to lmms-eval.

    What is not named here comes from VAU_BENCH_EVALUATE_DATA, _STYLE and _SPLIT when a task is run.

    \b
    lmms-eval --include_path $(vau-bench tasks lmms-path --data DIR) --tasks msad_grounding --model NAME
    """  # noqa: D301
    from vau_bench.catalogue import Catalogue
    from vau_bench.lmms.folder import evaluator_problem, write_folder

    if problem := evaluator_problem():
        click.echo(f"warning: {problem}", err=True)
    click.echo(write_folder(Catalogue(tasks_dirs), data=data, style=style, split=split))


@tasks.command()
@click.argument("name")
@click.option("--kind", required=True, help="mcq, grounding, classification, reasoning, detection, verdict or text.")
@click.option(
    "--tasks-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("tasks"),
    show_default=True,
    help="Folder that the new task folder is put in.",
)
@click.option("--own-prompts", is_flag=True, help="Put the kind's prompts into the folder, to change them.")
@json_option
def new(name: str, kind: str, tasks_dir: Path, own_prompts: bool, as_json: bool) -> None:
    """Write a task folder that runs at once, on three generated clips to replace by your own."""
    from vau_bench.catalogue import Catalogue
    from vau_bench.scaffold import new_task

    folder = new_task(name, kind, tasks_dir, own_prompts=own_prompts)
    where = "" if name in Catalogue() else f" --tasks-dir {shlex.quote(str(tasks_dir))}"
    commands = [
        f"vau-bench tasks check {name}{where}",
        f"vau-bench evaluate --model gold --tasks {name}{where}",
    ]
    if as_json:
        print_json({"name": name, "folder": str(folder), "next": commands})
        return
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        click.echo(f"wrote {path}")
    click.echo("next:\n  " + "\n  ".join(commands))


@tasks.command()
@click.argument("name")
@data_option
@click.option("--videos/--no-videos", default=True, show_default=True, help="Also look for the videos and open some.")
@tasks_dir_option
@json_option
@click.pass_context
def check(
    ctx: click.Context, name: str, data: Path | None, videos: bool, tasks_dirs: tuple[Path, ...], as_json: bool
) -> None:
    """Check a task: declarations, data, splits, prompts, that the truth scores 100 % and nothing scores 0, parsers.

    Prints one line a check: ok, note or FAIL, and what was found. Exit code 1 when one failed.
    """
    from vau_bench.catalogue import Catalogue
    from vau_bench.paths import cache_dir
    from vau_bench.taskcheck import check_folder
    from vau_bench.video import ClipLoader

    folder = Catalogue(tasks_dirs).folder(name)
    done = []
    with ClipLoader(cache_dir()) as clips:
        for found in check_folder(folder, data, clips if videos else None):
            done.append(found)
            if not as_json:
                click.echo(f"{found.state:<4}  {found.name:<12}  {found.told}")
    failed = sum(found.state == "FAIL" for found in done)
    if as_json:
        print_json({"task": name, "ok": not failed, "checks": [asdict(found) for found in done]})
    if failed:
        ctx.exit(1)
