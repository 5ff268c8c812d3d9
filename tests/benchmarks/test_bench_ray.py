"""What a second actor of the Ray engine brings, beside a second rank: a model that takes 50 ms a sample."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(900)]

SAMPLES = 2_000
SECONDS = 0.05
MODEL = """
import time

from vau_bench.models.base import Model


class Sleeper(Model):
    reads_video = False

    def generate(self, requests):
        for request in requests:
            time.sleep({seconds})
            yield request.answer("<answer>C</answer>")
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    site = tmp_path / "site"
    (site / "vau_sleeper-1.0.dist-info").mkdir(parents=True)
    (site / "vau_sleeper.py").write_text(MODEL.format(seconds=SECONDS))
    info = site / "vau_sleeper-1.0.dist-info"
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vau-sleeper\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vau_bench.models]\nsleeper = vau_sleeper:Sleeper\n")
    header = "Video Name,Question,Option 1,Option 2,Option 3,Option 4,Correct Option"
    rows = [f"clip{i}.mp4,What happens in {i}?,one,two,three,four,{'ABCD'[i % 4]}" for i in range(SAMPLES)]
    (tmp_path / "clips.csv").write_text("\n".join([header, *rows]) + "\n")
    root = str(Path(__file__).parents[2])
    return {**os.environ, "PYTHONPATH": os.pathsep.join((str(site), root)), "VAU_BENCH_CACHE": str(tmp_path / "cache")}


def first_to_last(
    tmp_path: Path, environment: dict[str, str], run: str, *engine: str, launcher: Sequence[str] = ()
) -> float:
    """Return the seconds from the first answer in the journals to the last, which leaves out how long all starts."""
    asked = ("--model", "sleeper", "--tasks", "clips_mcq", "--data", ".", "--run-id", run, "--no-report")
    command = [sys.executable, *launcher, "-m", "vau_bench", "evaluate", *asked, "--resamples", "0", *engine]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
    folder = tmp_path / "runs" / run
    begin = None
    last, size = time.perf_counter(), 0
    while process.poll() is None:
        now = sum(journal.stat().st_size for journal in folder.glob("responses*.jsonl"))
        if now != size:
            size, last = now, time.perf_counter()
            begin = begin or last
        time.sleep(0.01)
    assert process.returncode == 0 and begin is not None
    answered = [line for journal in folder.glob("responses*.jsonl") for line in journal.read_bytes().splitlines()]
    assert len(answered) == SAMPLES
    return last - begin


def test_two_actors(tmp_path: Path, environment: dict[str, str]) -> None:
    pytest.importorskip("ray.data", reason="the extra [ray] is not installed")
    pytest.importorskip("torch")
    taken = {
        count: first_to_last(tmp_path, environment, f"ray{count}", "--engine", "ray", "--actors", str(count))
        for count in (1, 2)
    }
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--no-python", sys.executable)
    ranks = first_to_last(tmp_path, environment, "ranks", launcher=torchrun)
    print(
        f"\nRay, {SAMPLES} samples of {1000 * SECONDS:.0f} ms: {taken[1]:.1f} s with one actor "
        f"({taken[1] / SAMPLES / SECONDS:.2f} of the sleep), {taken[2]:.1f} s with two; "
        f"{taken[1] / taken[2]:.2f} times as fast (target 1.8); two ranks of torchrun take {ranks:.1f} s, "
        f"so Ray takes {taken[2] / ranks:.2f} times as long (target 1.15)",
        end="",
    )
