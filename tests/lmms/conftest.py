"""Tiny tasks of every kind, and an environment in which lmms-eval finds the models of pyproject.toml."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KINDS = ("grounding", "classification", "mcq", "reasoning", "detection", "verdict", "text")
PEERS = {"verdict": "classification", "text": "reasoning"}
"""The shipped task that a kind without one of VAU-Synth borrows from."""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def tiny_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of task folders `tiny_KIND` with six clips each, and of `absent_grounding`, which lacks one of three."""
    from vau_bench.kinds import KINDS as known
    from vau_bench.paths import builtin_tasks
    from vau_bench.scaffold import new_task

    folder = tmp_path_factory.mktemp("tasks")
    for kind in KINDS:
        peer = PEERS.get(kind, kind)
        spec = (builtin_tasks() / f"vau_synth_{peer}" / "task.yaml").read_text()
        spec = spec.replace(f"vau_synth_{peer}", f"tiny_{kind}").replace("groups: [vau_synth]", "groups: []")
        spec = spec.replace("{train: 2000, val: 200, test: 200}", "{train: 20, val: 2, test: 6}, seconds: 12.0")
        if peer != kind:
            spec = spec.replace(f"kind: {peer}", f"kind: {kind}").replace(f"prompts: {peer}", f"prompts: {kind}")
            own = {"metrics": known.get(kind)(()).metrics, "floors": known.get(kind).floors}
            lines = (line for line in spec.splitlines() if line.partition(":")[0] not in own)
            spec = "\n".join([*lines, *(f"{key}: [{', '.join(names)}]" for key, names in own.items())])
        place = folder / f"tiny_{kind}"
        place.mkdir()
        (place / "task.yaml").write_text(spec)
    absent = new_task("absent_grounding", "grounding", folder)
    next(iter(sorted((absent / "data" / "videos").glob("*.mp4")))).unlink()
    return folder


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> dict[str, str]:
    """Variables of a process that finds the entry points as pyproject.toml declares them, and those of `mortal.py`."""
    installed = tmp_path_factory.mktemp("installed")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    _distribution(installed, "vau_bench", groups)
    _distribution(installed, "mortal", {"lmms_eval.models": {"mortal": "mortal_manifest:manifest"}})
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*map(str, (installed, HERE)), os.environ.get("PYTHONPATH", "")]).rstrip(":"),
        "VAU_BENCH_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _distribution(folder: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
    about = folder / f"{name}-0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0\n")
    points = [
        f"[{group}]\n" + "".join(f"{n} = {value}\n" for n, value in named.items()) for group, named in groups.items()
    ]
    (about / "entry_points.txt").write_text("\n".join(points))


@pytest.fixture(scope="session")
def lmms_path(tiny_tasks: Path, environment: dict[str, str]) -> Path:
    """What `vau-bench tasks lmms-path` prints for the tiny tasks."""
    command = [sys.executable, "-m", "vau_bench", "tasks", "lmms-path", "--tasks-dir", str(tiny_tasks)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert done.stderr == "" and len(done.stdout.splitlines()) == 1
    return Path(done.stdout.strip())
