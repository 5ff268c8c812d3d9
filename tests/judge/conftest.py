"""A small run with references, a judge on loopback that can be told what to do, and one in a process of its own."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from vau_bench.evaluation import Options, evaluate
from vau_bench.judge.client import Judge, JudgeConfig
from vau_bench.judge.judgements import Item
from vau_bench.judge.rubric import Rubric, read_rubric

HERE = Path(__file__).parent


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"judge_tests_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_models = load(HERE.parent / "models" / "conftest.py")
chat_server, say, stopwatch = _models.chat_server, _models.say, _models.stopwatch

CLASSES = ("Normal", "Fire", "Fighting", "Explosion")
TASK = """
name: tiny_reasoning
version: 1
kind: reasoning
summary: "a few videos, in prose"
dataset:
  name: Tiny
  reader: vau_csv
  args:
    annotations: {test: tiny.csv}
    columns: [Anomaly Class, Key Object, Description, Reasoning]
classes: vau_bench
frames: fps(1)
prompts: reasoning
metrics: [verdict_accuracy]
floors: [always_normal]
licence: none
citation: none
"""


@pytest.fixture
def rubric() -> Rubric:
    return read_rubric()


@pytest.fixture
def verdict(rubric: Rubric) -> Callable[..., str]:
    """Write verdicts: `verdict(7)`, `verdict(7, fluency=2)`."""

    def write(score: Any = 7, **scores: Any) -> str:
        return json.dumps({"reason": "Because.", **dict.fromkeys(rubric.dimensions, score), **scores})

    return write


@pytest.fixture
def item() -> Callable[..., Item]:
    def make(number: int = 0, text: str | None = None, **changes: Any) -> Item:
        said = f"A man falls. This is answer {number}" if text is None else text
        fields = {"task": "tiny_reasoning", "sample_id": f"s{number}", "group": f"g{number}", "label": "Fire"}
        fields |= {"reference": "A bin burns.", "text": said, "purpose": "answer/final", **changes}
        return Item(**fields)

    return make


@pytest.fixture
def judge(rubric: Rubric) -> Callable[..., Judge]:
    """Make judges with short pauses: `judge(server.url, retries=1)`."""

    def make(url: str, **arguments: Any) -> Judge:
        settings = {"model": "m", "first_pause": 0.02, "timeout": 5.0, **arguments}
        return Judge(JudgeConfig(base_url=url, **settings), rubric)

    return make


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Make a finished run over `count` videos whose answers are their references, or what `answers` gives by id."""

    def make(count: int = 8, answers: dict[str, str | None] | None = None, **options: Any) -> Path:
        monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
        data, tasks = tmp_path / "data", tmp_path / "tasks"
        (tasks / "tiny_reasoning").mkdir(parents=True)
        (tasks / "tiny_reasoning" / "task.yaml").write_text(TASK)
        data.mkdir()
        with (data / "tiny.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["Video Name", "Anomaly Class", "Key Object", "Description", "Reasoning"])
            for n in range(count):
                label = CLASSES[n % len(CLASSES)]
                reasoning = f"### Specific Anomaly Type: {label} ### Location A yard. ### Conclusion **{label}** it is."
                writer.writerow([f"v{n}.mp4", label, "bin", f"Video {n}: in a yard, this is answer {n}", reasoning])
        asked = Options("gold", ("tiny_reasoning",), data=data, tasks_dirs=(tasks,), resamples=0, **options)
        folder = evaluate(asked, tmp_path / "runs").path
        if answers:
            _replace(folder / "responses.jsonl", answers)
        return folder

    return make


def _replace(journal: Path, answers: dict[str, str | None]) -> None:
    lines = []
    for line in journal.read_text().splitlines():
        record = json.loads(line)
        said = answers.get(record["sample_id"], record["text"])
        if said is None:
            record |= {"outcome": "errored", "text": "", "error": "no luck"}
        elif record["sample_id"] in answers:
            record["text"] = said if record["turn"] == 0 else ""
        lines.append(json.dumps(record) + "\n")
    journal.write_text("".join(lines))


class JudgeProcess:
    """A judge in a process of its own, see `judge_server.py`."""

    def __init__(self, latency: float, faults: float = 0.0, seed: int = 0) -> None:
        command = [sys.executable, str(HERE / "judge_server.py"), str(latency), str(faults), str(seed)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self._process.stdout.readline())}/v1"

    def served(self) -> dict[str, int]:
        import httpx

        counts: dict[str, int] = httpx.get(self.url.removesuffix("/v1") + "/").json()
        return counts

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def judge_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., JudgeProcess]]:
    """Start judges: `judge_process(latency, faults)`."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    started: list[JudgeProcess] = []

    def start(latency: float = 0.0, faults: float = 0.0, seed: int = 0) -> JudgeProcess:
        started.append(JudgeProcess(latency, faults, seed))
        return started[-1]

    yield start
    for process in started:
        process.close()


@pytest.fixture
def between() -> Callable[[str], str]:
    """Return what stands between the markers of the answer in a prompt."""

    def find(prompt: str) -> str:
        found = re.search(r"<<<ANSWER (\w+)>>>\n(.*)\n<<<END OF ANSWER \1>>>", prompt, re.DOTALL)
        assert found is not None, prompt
        return found[2]

    return find
