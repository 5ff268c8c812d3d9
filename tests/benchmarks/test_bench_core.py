"""What the harness itself costs: asking, journalling, scoring, starting. Prints figures beside their targets."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from vau_bench import evaluation
from vau_bench.catalogue import Catalogue
from vau_bench.evaluation import Options
from vau_bench.metrics import tiou
from vau_bench.records import Response

pytestmark = pytest.mark.benchmark

SAMPLES = 20_000
COLUMNS = [
    *("Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"),
    *("Anomaly Class", "Start Time", "End Time"),
]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 20,000 distinct videos, half of them normal."""
    folder = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i, (start, length) in enumerate(rng.uniform((0, 2), (60, 40), (SAMPLES, 2)).round(2)):
            what = ("Normal", 0, 0) if i % 2 else ("Fire", start, round(start + length, 2))
            options = [f"a statement of usual length about video {i}, the {n}th of four" for n in range(4)]
            writer.writerow([f"video_{i}.mp4", "What does the video show?", *options, "ABCD"[i % 4], *what])
    return folder


class Stages:
    """Progress that notes when each stage begins."""

    def __init__(self) -> None:
        self.began: dict[str, Seconds] = {}

    def stage(self, text: str, total: int | None = None) -> None:
        self.began[text] = Seconds.now()

    def advance(self, response: Response | None = None) -> None:
        pass


class Seconds(NamedTuple):
    """Wall time, and processor time, which other work on the machine disturbs less."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> Seconds:
        return cls(time.perf_counter(), time.process_time())

    def since(self, begun: Seconds) -> Seconds:
        return Seconds(self.wall - begun.wall, self.cpu - begun.cpu)


def told(what: str, seconds: Seconds, unit: str, target: str, scale: float = 1.0) -> None:
    wall, cpu = scale * seconds.wall, scale * seconds.cpu
    print(f"\n{what}: {wall:.3g} {unit}, {cpu:.3g} of the processor (target {target})", end="")


def run(clips: Path, tmp_path: Path, model: str, task: str) -> tuple[evaluation.Results, Seconds, Seconds]:
    """Return the results, what all took, and what asking took."""
    stages, begun = Stages(), Seconds.now()
    options = Options(model, (task,), data=clips, resamples=0)
    results = evaluation.evaluate(options, tmp_path, progress=stages)
    return results, Seconds.now().since(begun), stages.began["scoring"].since(stages.began["asking"])


@pytest.mark.parametrize(
    ("model", "task"),
    [
        ("floors/always_normal", "clips_grounding"),
        ("floors/random", "clips_mcq"),
    ],
)
def test_null_model(clips: Path, tmp_path: Path, model: str, task: str) -> None:
    results, total, asking = run(clips, tmp_path, model, task)
    assert results.tasks[0]["expected"] == SAMPLES
    assert len((results.path / "responses.jsonl").read_bytes().splitlines()) == SAMPLES
    told(f"{model} on {task}, all", total, "ms a sample", "0.2", 1000 / SAMPLES)
    told(f"{model} on {task}, asking and the journal", asking, "ms a sample", "0.2", 1000 / SAMPLES)


@pytest.mark.parametrize("task", ["clips_mcq", "clips_grounding", "clips_classification"])
def test_scoring(clips: Path, tmp_path: Path, task: str) -> None:
    results, _, _ = run(clips, tmp_path, "floors/random", task)
    for resamples, target in ((0, "2"), (10_000, "4")):
        begun = Seconds.now()
        again = evaluation.score(results.path, resamples=resamples)
        told(f"score {task}, {resamples} resamples", Seconds.now().since(begun), "s", target)
        headline = again.tasks[0]["metrics"][again.tasks[0]["headline"]]
        assert (headline["low"] is None) == (resamples == 0)


def test_resuming_a_finished_run(clips: Path, tmp_path: Path) -> None:
    run(clips, tmp_path, "floors/always_a", "clips_mcq")
    _, total, asking = run(clips, tmp_path, "floors/always_a", "clips_mcq")
    told("going on with a finished run, all", total, "s", "4")
    told("going on with a finished run, finding that nothing is to be asked", asking, "s", "2")


def test_tiou_pairs() -> None:
    rng = np.random.default_rng(0)
    predicted, true = (np.sort(rng.uniform(0, 100, (4_000_000, 2))) for _ in range(2))
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        values = tiou(predicted, true)
        best = min(best, time.perf_counter() - begun)
    assert values.shape == (4_000_000,)
    print(f"\ntIoU: {len(values) / best / 1e6:.3g} million pairs a second (target 20)", end="")


def test_reading_a_task(clips: Path) -> None:
    with (clips / "clips.csv").open("a") as file:
        file.write("\n")  # not the content that is remembered
    begun = Seconds.now()
    assert len(Catalogue().get("clips_mcq").select(clips).samples) == SAMPLES
    told(f"reading {SAMPLES} samples", Seconds.now().since(begun), "s", "0.5")


@pytest.mark.parametrize(("arguments", "target"), [(("--help",), "0.25"), (("tasks", "list"), "0.4")])
def test_starting_the_command_line(arguments: tuple[str, ...], target: str) -> None:
    command = [sys.executable, "-m", "vau_bench", *arguments]
    taken = []
    for _ in range(5):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        taken.append(time.perf_counter() - begun)
    print(f"\nvau-bench {' '.join(arguments)}, best of 5: {min(taken):.3g} s (target {target})", end="")
