"""`vau-bench models`."""

from __future__ import annotations

from typing import Any

import click

from vau_bench.cli.common import json_option, print_json, print_rows


@click.group(short_help="List models, or show the arguments of one.")
def models() -> None:
    """List models, or show the arguments of one."""


@models.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List all models."""
    from vau_bench.models import MODELS

    rows = [(name, model.summary) for name, model in MODELS.items()]
    if as_json:
        print_json([{"name": name, "summary": summary} for name, summary in rows])
    else:
        print_rows(("model", "summary"), rows)


@models.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show one model: what it is, and its --model-args."""
    from vau_bench.models import MODELS

    model = MODELS.get(name)
    arguments = [
        {
            "name": key,
            "type": _type_name(field.annotation),
            "default": None if field.is_required() else field.get_default(call_default_factory=True),
            "required": field.is_required(),
            "description": field.description or "",
        }
        for key, field in model.Config.model_fields.items()
    ]
    if as_json:
        print_json({"name": name, "summary": model.summary, "frames": model.frames, "arguments": arguments})
        return
    click.echo(f"{name}: {model.summary}\n\n{(model.__doc__ or '').strip()}\n")
    if arguments:
        rows = [
            (str(a["name"]), "required" if a["required"] else repr(a["default"]), str(a["type"]), str(a["description"]))
            for a in arguments
        ]
        print_rows(("argument", "default", "type", "meaning"), rows)
    else:
        click.echo("It takes no arguments.")


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")
