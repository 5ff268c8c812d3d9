"""`vau-bench models`."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import click

from vau_bench.cli.common import json_option, print_json, print_rows


@click.group(short_help="List models, show the arguments of one, check whether it can run here.")
def models() -> None:
    """List models, show the arguments of one, check whether it can run here."""


@models.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List all models: adapters, and the presets that name a published checkpoint."""
    from vau_bench.models import LMMS, MODELS
    from vau_bench.models.presets import known_presets

    rows = [*((name, model.summary) for name, model in MODELS.items()), (f"{LMMS}NAME", "any lmms-eval model")]
    named = known_presets()
    if as_json:
        adapters = [{"name": name, "summary": summary} for name, summary in rows]
        print_json([*adapters, *({"name": name, **preset.model_dump()} for name, preset in named.items())])
        return
    print_rows(("model", "summary"), rows)
    click.echo()
    print_rows(("preset", "adapter", "checkpoint"), [(name, p.model, p.checkpoint or "-") for name, p in named.items()])


@models.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one model: what it is, and its --model-args; of a preset also what it stands for."""
    from vau_bench.models import adapter_of, preset_of

    model, preset = adapter_of(name), preset_of(name)
    given = preset.arguments if preset else {}
    arguments = [
        {
            "name": key,
            "type": _type_name(field.annotation),
            "default": given.get(key, None if field.is_required() else field.get_default(call_default_factory=True)),
            "required": field.is_required() and key not in given,
            "description": field.description or "",
        }
        for key, field in model.Config.model_fields.items()
    ]
    if as_json:
        told = {"name": name, "summary": model.summary, "frames": model.frames, "arguments": arguments}
        print_json(told if preset is None else {**told, **preset.model_dump(exclude={"arguments"})})
        return
    click.echo(f"{name}: {preset.summary if preset else model.summary}\n")
    if preset is None:
        click.echo(f"{(model.__doc__ or '').strip()}\n")
    else:
        print_rows(("preset", ""), _preset_rows(preset))
        click.echo()
    if arguments:
        rows = [
            (str(a["name"]), "required" if a["required"] else repr(a["default"]), str(a["type"]), str(a["description"]))
            for a in arguments
        ]
        print_rows(("argument", "default", "type", "meaning"), rows)
    else:
        click.echo("It takes no arguments.")


@models.command()
@click.argument("name")
@click.option("--checkpoint", help="Path or hub id of a local checkpoint; short for --model-args checkpoint=...")
@click.option("--model-args", multiple=True, metavar="K=V,..", help="Arguments, see `vau-bench models show MODEL`.")
@json_option
def check(name: str, checkpoint: str | None, model_args: tuple[str, ...], as_json: bool) -> None:
    """Tell whether a model can run here: its config and processor are read, its weights are not.

    Nothing is downloaded and no server is called: a checkpoint that is not on this machine yet is an error, and so is
    a key that is not there.
    """
    from vau_bench.models import adapter_of, create_model, parse_model_args, preset_of
    from vau_bench.paths import cache_dir
    from vau_bench.video import ClipLoader

    arguments: dict[str, Any] = {**parse_model_args(model_args)}
    if checkpoint:
        arguments["checkpoint"] = checkpoint
    if "local_files_only" in adapter_of(name).Config.model_fields:
        arguments["local_files_only"] = True
    with closing(ClipLoader(cache_dir())) as clips, closing(create_model(name, arguments, clips)) as model:
        frames, style = (value or "the task's" for value in (model.own_frames or model.frames, model.style))
        told = {**model.described(), "frames": frames, "style": style}
    if as_json:
        print_json({"name": name, **told})
        return
    print_rows((name, ""), [(key, "-" if value is None else str(value)) for key, value in told.items()])
    preset = preset_of(name)
    if preset and preset.note:
        click.echo(f"note: {preset.note}")


def _preset_rows(preset: Any) -> list[tuple[str, str]]:
    """Return what stands in a preset, besides its arguments."""
    declared = "not declared" if preset.trained_on is None else ", ".join(preset.trained_on) or "none of ours"
    rows = [
        ("adapter", preset.model),
        ("frames", preset.frames or "the task's"),
        ("style", preset.style or "the task's"),
        ("trained on", declared),
        ("source", preset.source),
    ]
    return rows + ([("note", preset.note)] if preset.note else [])


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
