"""What listing many tasks costs, start of the process included. Prints figures beside their target."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vau_bench.paths import builtin_tasks

pytestmark = pytest.mark.benchmark

TASKS = 60


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A folder of 60 further tasks, each as long as a shipped one."""
    spec = (builtin_tasks() / "msad_mcq" / "task.yaml").read_text()
    for i in range(TASKS):
        folder = tmp_path / f"task_{i}"
        folder.mkdir()
        (folder / "task.yaml").write_text(spec.replace("name: msad_mcq", f"name: task_{i}"))
    return tmp_path


@pytest.mark.parametrize("command", [("list",), ("list", "--json"), ("show", "task_7")], ids=" ".join)
def test_listing_many_tasks(many: Path, command: tuple[str, ...]) -> None:
    env = {**os.environ, "VAU_BENCH_TASKS": str(many)}
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "vau_bench", "tasks", *command], check=True, capture_output=True, text=True, env=env
        )
        taken.append(time.perf_counter() - begun)
    if command == ("list", "--json"):
        assert sum(task["name"].startswith("task_") for task in json.loads(done.stdout)) == TASKS
    told = f"tasks {' '.join(command)} with {TASKS} further task folders"
    print(f"\n{told}, best of 5: {min(taken):.3g} s (target 0.5)", end="")
