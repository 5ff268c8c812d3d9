"""What a run costs beside lmms-eval, start of the process included. Prints figures and their ratios."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vau_bench.lmms.folder import evaluator_problem
from vau_bench.paths import builtin_tasks

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(evaluator_problem() is not None, reason=str(evaluator_problem())),
]
DOCUMENTS = int(os.environ.get("VAU_BENCH_BENCH_DOCUMENTS", "20000"))
FOLDERS = 60
NATIVE = """\
task: null_native
dataset_path: json
dataset_kwargs: {data_files: {test: DOCUMENTS}}
test_split: test
output_type: generate_until
doc_to_visual: !function null_utils.shown
doc_to_text: question
doc_to_target: answer
generation_kwargs: {max_new_tokens: 16}
process_results: !function null_utils.right
metric_list:
  - {metric: right, aggregation: mean, higher_is_better: true}
"""
UTILS = """\
def shown(doc):
    return [doc["video"]]


def right(doc, results):
    return {"right": float(results[0] == doc["answer"])}
"""


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same questions as data of `clips_grounding` with empty videos, and as a task in lmms-eval's own form."""
    folder = tmp_path_factory.mktemp("documents")
    (folder / "videos").mkdir()
    native = folder / "native"
    native.mkdir()
    with (folder / "clips.csv").open("w", newline="") as file, (native / "documents.jsonl").open("w") as lines:
        rows = csv.writer(file)
        rows.writerow(["Video Name", "Start Time", "End Time"])
        for n in range(DOCUMENTS):
            video = folder / "videos" / f"video_{n}.mp4"
            video.touch()
            rows.writerow([video.name, *((0, 0) if n % 2 else (3, 3 + n % 40 + 1))])
            question = f"When does something anomalous happen in video {n}?"
            lines.write(json.dumps({"video": str(video), "question": question, "answer": "Normal"}) + "\n")
    (native / "null_native.yaml").write_text(NATIVE.replace("DOCUMENTS", str(native / "documents.jsonl")))
    (native / "null_utils.py").write_text(UTILS)
    return folder


def taken(*arguments: object, cache: Path, best_of: int = 1) -> tuple[float, str]:
    """Return the seconds of the fastest of some runs, and what the last one wrote."""
    told = {"VAU_BENCH_CACHE": cache, "HF_HOME": cache / "hub", "HF_DATASETS_OFFLINE": 1, "HF_HUB_OFFLINE": 1}
    environment = {**os.environ, **{name: str(value) for name, value in told.items()}}
    seconds = []
    for _ in range(best_of):
        begun = time.perf_counter()
        command = [sys.executable, "-m", *map(str, arguments)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        seconds.append(time.perf_counter() - begun)
    return min(seconds), done.stdout


def test_null_run(documents: Path, tmp_path: Path) -> None:
    answer = "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>"
    asked = ("--model", "floors/always_normal", "--tasks", "clips_grounding", "--data", documents, "--out", tmp_path)
    ours, table = taken("vau_bench", "evaluate", *asked, "--resamples", 0, "--no-report", cache=tmp_path)
    assert f"{DOCUMENTS} expected = {DOCUMENTS} scored" in table
    _, path = taken("vau_bench", "tasks", "lmms-path", "--data", documents, cache=tmp_path)
    for name, folder, said in (
        ("its own task", documents / "native", "Normal"),
        ("our task", Path(path.strip()), answer),
    ):
        task = "null_native" if said == "Normal" else "clips_grounding"
        stock = ("--model", "dummy", "--model_args", f"response={said}", "--include_path", folder, "--tasks", task)
        theirs, table = taken("lmms_eval", *stock, cache=tmp_path)
        assert f"|{task}" in table.replace(" ", ""), table[-2000:]  # an error of it exits with 0, too
        told = f"{DOCUMENTS} documents, null model: {ours:.3g} s here, {theirs:.3g} s under lmms-eval with {name}"
        print(f"\n{told}, {theirs / ours:.3g} times as long", end="")


def test_listing_tasks(tmp_path: Path) -> None:
    spec = (builtin_tasks() / "msad_mcq" / "task.yaml").read_text()
    for n in range(FOLDERS):
        folder = tmp_path / "tasks" / f"task_{n}"
        folder.mkdir(parents=True)
        (folder / "task.yaml").write_text(spec.replace("name: msad_mcq", f"name: task_{n}"))
    further = ("--tasks-dir", tmp_path / "tasks")
    ours, listed = taken("vau_bench", "tasks", "list", *further, cache=tmp_path, best_of=5)
    assert f"task_{FOLDERS - 1}" in listed
    theirs, _ = taken("lmms_eval", "tasks", "list", cache=tmp_path)
    print(f"\ntasks list with {FOLDERS} further folders, best of 5: {ours:.3g} s (target 0.5)", end="")
    print(f"; lmms-eval's own list: {theirs:.3g} s, {theirs / ours:.3g} times as long", end="")
