"""A small dataset with videos and a training split, and a teacher at a local endpoint that does as it is told."""

from __future__ import annotations

import csv
import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from srvau_train.rocot.config import TaskConfig
from srvau_train.rocot.openai_teacher import OpenAITeacher, OpenAITeacherConfig
from vau_bench.video import ClipLoader


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"rocot_tests_{path.parent.name}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_models = load(Path(__file__).parents[2] / "models" / "conftest.py")
chat_server, say, stopwatch = _models.chat_server, _models.say, _models.stopwatch

CANARY = "sk-canary-71d0aa"
SECONDS = 6
TASK = """
name: yard_{kind}
version: 1
kind: {kind}
summary: "a yard"
dataset:
  name: Yard
  reader: vau_csv
  args:
    annotations: {{train: train.csv, test: test.csv}}
    prefixes: {{train: msad_}}
splits: [train, test]
tuning_split: test
classes: [Normal, Fire, Fighting, Robbery]
frames: fps(1)
prompts: {kind}
style: {style}
metrics: [{metric}]
floors: [{floor}]
licence: ours
citation: none
"""
KINDS = {
    "grounding": ("miou", "always_normal"),
    "classification": ("accuracy", "always_normal"),
    "mcq": ("accuracy", "always_a"),
    "reasoning": ("verdict_accuracy", "always_normal"),
}
COLUMNS = (
    "Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option", "Key Object",
    "Description", "Reasoning", "Anomaly Class", "Start Time", "End Time",
)  # fmt: skip


@dataclass
class Yard:
    """The dataset: `rows` by file, videos, tasks; call `write` after a change."""

    root: Path
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    @property
    def videos(self) -> Path:
        return self.root / "clips"

    @property
    def tasks(self) -> Path:
        return self.root / "tasks"

    def write(self) -> None:
        for name, rows in self.rows.items():
            with (self.root / name).open("w", newline="") as file:
                writer = csv.DictWriter(file, COLUMNS)
                writer.writeheader()
                writer.writerows(rows)

    def config(self, *kinds: str, **options: Any) -> TaskConfig:
        tasks = tuple(f"yard_{kind}" for kind in kinds)
        return TaskConfig(tasks=tasks, data=self.root, tasks_dirs=(self.tasks,), **options)

    def arguments(self, *kinds: str) -> list[str]:
        tasks = ",".join(f"yard_{kind}" for kind in kinds)
        return ["--tasks", tasks, "--data", str(self.root), "--tasks-dir", str(self.tasks)]


def row(number: int, label: str, start: float, end: float, prefix: str = "msad_") -> dict[str, Any]:
    return {
        "Video Name": f"{prefix}yard_{number}.mp4",
        "Question": f"What happens in yard {number}?",
        "Option 1": "a bin burns",
        "Option 2": "two people fight",
        "Option 3": "nothing",
        "Option 4": "a bag is taken",
        "Correct Option": "ABCD"[number % 4],
        "Key Object": "bin",
        "Description": f"A yard with bins, number {number}.",
        "Reasoning": "### Why\nSomething is unusual here.",
        "Anomaly Class": label,
        "Start Time": start,
        "End Time": end,
    }


def write_video(path: Path, shade: int = 90, seconds: int = SECONDS) -> None:
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(5 * seconds):
            picture = np.full((48, 64, 3), (shade + 5 * i) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def yard_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("yard_clips")
    for number in range(12):
        write_video(folder / f"yard_{number}.mp4", 20 * number)
    return folder


@pytest.fixture
def yard(tmp_path: Path, yard_clips: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    """Twelve training rows (three of them normal), one of another dataset, and two test rows."""
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    made = Yard(tmp_path / "yard")
    made.videos.mkdir(parents=True)
    for path in yard_clips.iterdir():
        (made.videos / path.name).hardlink_to(path)
    for kind, (metric, floor) in KINDS.items():
        folder = made.tasks / f"yard_{kind}"
        folder.mkdir(parents=True)
        (folder / "task.yaml").write_text(
            TASK.format(kind=kind, metric=metric, floor=floor, style="think" if kind == "reasoning" else "direct")
        )
    classes = ("Fire", "Fighting", "Robbery", "Normal")
    made.rows["train.csv"] = [
        row(n, classes[n % 4], *((0, 0) if n % 4 == 3 else (1 + n % 3 / 2, 4 + n % 3 / 2))) for n in range(12)
    ]
    made.rows["train.csv"].append(row(99, "Fire", 1, 2, prefix="ecva_"))
    made.rows["test.csv"] = [row(n, "Fire", 1, 2, prefix="") for n in (50, 51)]
    made.write()
    return made


TRUE = re.compile(r"What is true: (.*)")
NAMED = re.compile(r"naming the first answer \((.*?)\)\.")
FORM = re.compile(r"nothing else: (\{.*\})")


def question(body: dict[str, Any]) -> str:
    """Return the text of the first question of a call."""
    content = body["messages"][1]["content"]
    return next(part["text"] for part in reversed(content) if part["type"] == "text")


def teach(body: dict[str, Any], **changes: Any) -> str:
    """Return what a good teacher replies to a call, with changes; `None` takes a key out."""
    true = TRUE.search(question(body))
    named = NAMED.search(question(body))
    form = FORM.search(body["messages"][0]["content"])
    assert true and named and form
    answer = named[1].strip('"')
    texts = {
        "first_reasoning": "The light in the yard changes quickly, and I take that for what matters here.",
        "reflection": f"My answer was {answer}. At 0 s the yard is dark, at 2 s it is brighter on the left, and from "
        "4 s on it is bright all over. I hold this against what I said.",
        "revised_reasoning": "Going by the brightness on the left side, second by second, the final answer follows.",
        "final_answer": re.sub(r"^([A-D])\. .*", r"\1", true[1]).removesuffix(", nothing anomalous happens"),
    }
    reply = {key: texts[key] for key in json.loads(form[1])} | changes
    return json.dumps({key: value for key, value in reply.items() if value is not None})


@pytest.fixture
def teacher(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[..., OpenAITeacher]]:
    """Make teachers with short pauses: `teacher(server.url, attempts=1)`."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    clips = ClipLoader()

    def make(url: str, frames: str | None = None, **arguments: Any) -> OpenAITeacher:
        patience = {"first_pause": 0.01, "timeout": 5.0, "retries": 1, "give_up_after": 4, "concurrency": 3}
        given = {"model": "vlm", "base_url": url, **patience, **arguments}
        return OpenAITeacher(OpenAITeacherConfig.of(given), clips, frames)

    yield make
    clips.close()


@pytest.fixture
def good() -> Callable[..., str]:
    """What a good teacher replies, see `teach`."""
    return teach


@pytest.fixture
def real(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The released test files, and clips with their rows as if they were training rows of two datasets."""
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "real" / "vau_bench"
    root.mkdir(parents=True)
    for path in (shared / "vau_bench").glob("test_*.csv"):
        (root / path.name).write_bytes(path.read_bytes())
    with (shared / "real_clips" / "clips.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (root / "train.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        for prefix in ("msad_", "ecva_", "ucf_"):
            writer.writerows({**row, "Video Name": prefix + row["Video Name"]} for row in rows)
    return root.parent
