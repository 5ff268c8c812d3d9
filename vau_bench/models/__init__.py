"""Model adapters by name, and how one is made from a name and its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import ValidationError

from vau_bench.declarations import first_problem
from vau_bench.errors import NameCollisionError, UnknownNameError, UsageError
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.presets import Preset, known_presets
from vau_bench.registry import Registry
from vau_bench.video import ClipLoader


def _is_model(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, Model)


MODELS: Registry[type[Model[Any]]] = Registry("model", group="vau_bench.models", accepts=_is_model)
MODELS.add("gold", "vau_bench.models.gold:Gold")
MODELS.add("hf_vlm", "vau_bench.models.hf_vlm:HfVlm")
MODELS.add("motion", "vau_bench.models.motion:Motion")
MODELS.add("openai", "vau_bench.models.openai:OpenAI")
MODELS.add("qwen_vl", "vau_bench.models.qwen_vl:QwenVL")
MODELS.add("srvau_r1", "vau_bench.models.srvau_r1:SrvauR1")
for _floor in (
    "always_a",
    "always_normal",
    "longest_option",
    "majority_class",
    "prior_interval",
    "random",
    "whole_video",
):
    MODELS.add(f"floors/{_floor}", f"vau_bench.models.floors:{_floor.title().replace('_', '')}")

LMMS = "lmms/"
"""Before the name of an adapter of lmms-eval: each is a model, and none is listed here."""

_NEXT_ARGUMENT = re.compile(r",(?=\s*[A-Za-z_]\w*\s*=)")


def parse_model_args(texts: tuple[str, ...]) -> dict[str, str]:
    """Return the arguments of `k=v,k=v` texts; a comma inside a value stays where no `name=` follows it.

    Raises:
        UsageError: if a part is not `name=value`, or a name stands twice.
    """
    arguments: dict[str, str] = {}
    for text in texts:
        for part in _NEXT_ARGUMENT.split(text):
            name, equals, value = part.partition("=")
            name = name.strip()
            if not equals or not name:
                raise UsageError(f"--model-args wants name=value, not {part!r}")
            if name in arguments:
                raise UsageError(f"--model-args names {name!r} twice")
            arguments[name] = value.strip()
    return arguments


def preset_of(name: str) -> Preset | None:
    """Return the preset of this name; `None` if it is an adapter's, or no model's.

    Raises:
        NameCollisionError: if an adapter of another package has the name of a preset.
    """
    preset = known_presets().get(name)
    if preset is not None and name in MODELS:
        raise NameCollisionError(f"two models are named {name!r}: a preset, and one from {MODELS.source(name)}")
    return preset


def adapter_of(name: str) -> type[Model[Any]]:
    """Return the adapter of a model or of a preset.

    Raises:
        UnknownNameError: if there is no such model.
        MissingExtraError: if it is lmms-eval's, which is not installed.
    """
    if name.startswith(LMMS):
        from vau_bench.models.lmms import adapter_named

        return adapter_named(name.removeprefix(LMMS))
    preset = preset_of(name)
    if preset is None and name not in MODELS:
        raise UnknownNameError("model", name, [*MODELS, *known_presets()])
    return MODELS.get(preset.model if preset else name)


def model_config(name: str, arguments: Mapping[str, Any]) -> ModelConfig:
    """Return the validated arguments of a model; those of a preset stand under the given ones.

    Raises:
        UnknownNameError: if there is no such model.
        UsageError: if an argument is unknown, missing or of the wrong form.
    """
    schema, preset = adapter_of(name).Config, preset_of(name)
    try:
        return schema.model_validate({**(preset.arguments if preset else {}), **arguments})
    except ValidationError as error:
        raise UsageError(f"model {name}: {first_problem(error, schema)}") from None


def create_model(
    name: str,
    arguments: Mapping[str, Any],
    clips: ClipLoader,
    *,
    windows: str | None = None,
    wrap: Callable[[Model[Any]], Model[Any]] | None = None,
) -> Model[Any]:
    """Return the model, ready for requests; see `model_config` for errors.

    What a checkpoint itself tells about frames and style comes before what its preset does. With `windows` it is asked
    about windows of long videos (`vau_bench.models.windows`). `wrap` puts another model in its place that answers for
    it, such as that of an engine (`vau_bench.engines`); it gets windows as requests of their own.
    """
    model, preset = adapter_of(name)(model_config(name, arguments), clips), preset_of(name)
    if preset:
        model.frames = model.frames or preset.frames
        model.style = model.style or preset.style
    if wrap is not None:
        model = wrap(model)
    if windows is None:
        return model
    from vau_bench.models.windows import Windowed, parse_windows

    return Windowed(model, parse_windows(windows), clips)
