"""lmms-eval's adapters by name, and what is known of the times that they tell."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from vau_bench.errors import UnknownNameError
from vau_bench.extras import needed

OURS = "vau_bench."
NO_TIMES = ("openai", "litellm", "async_openai", "vllm")
"""Chat adapters that send a video as images, and nothing of when each was taken."""


class ToldTimesWarning(UserWarning):
    """A model is told other times than it is shown, or none."""


@cache
def registry() -> Any:
    """Return lmms-eval's registry of models.

    Raises:
        MissingExtraError: if lmms-eval is not installed.
    """
    with redirect_stdout(sys.stderr):  # its logger keeps the stream that it finds now; ours is for results
        return needed("lmms_eval.models", "a model of lmms-eval", "lmms").MODEL_REGISTRY_V2


def resolve(name: str, *, simple: bool = False) -> Any:
    """Return what lmms-eval finds under a name: `model_id`, `model_type` (chat or simple) and `class_path`.

    Raises:
        UnknownNameError: if there is no such adapter; says what was probably meant.
        MissingExtraError: if lmms-eval is not installed.
    """
    known = {other for other in registry().list_model_names() if not _is_ours(other)}
    if name not in known:
        raise UnknownNameError("model of lmms-eval", name, known)
    return registry().resolve(name, force_simple=simple)


def _is_ours(name: str) -> bool:
    manifest = registry().get_manifest(name)
    return (manifest.chat_class_path or manifest.simple_class_path or "").startswith(OURS)


def times_problem(model_id: str, form: str) -> str | None:
    """Return what is wrong with the times that an adapter tells, as far as it is known.

    Args:
        model_id: of the adapter.
        form: chat or simple.
    """
    if model_id == "qwen2_5_vl":
        return _times_of_qwen(form, _transformers())
    if form == "chat" and model_id in NO_TIMES:
        return "it sends the frames as images without their times"
    return None


def _times_of_qwen(form: str, transformers: tuple[int, ...]) -> str | None:
    if transformers < (5,):
        return "below transformers 5 it says that two frames last 1.0 s, whatever is shown"
    if form == "simple":
        return "in its simple form it says that two frames last 0.083 s, whatever is shown"
    if transformers < (5, 18):
        return "below transformers 5.18 all frames stand at one time when more than 2 a second are shown"
    return None


def _transformers() -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version("transformers").split(".")[:2])
    except (PackageNotFoundError, ValueError):
        return (5, 18)
