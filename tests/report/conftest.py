"""Small real runs: clips drawn with PyAV, answered by models that look, guess or misbehave."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pytest

from vau_bench import evaluation
from vau_bench.evaluation import Options
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.feed import feed
from vau_bench.records import Outcome, Request, Response, Usage

CLIPS = 6
SECONDS = 3
RATE = 10
COLUMNS = (
    "Video Name",
    "Question",
    "Option 1",
    "Option 2",
    "Option 3",
    "Option 4",
    "Correct Option",
    "Anomaly Class",
    "Start Time",
    "End Time",
)


def write_clip(path: Path, shade: int) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.time_base = Fraction(1, RATE)
        for number in range(SECONDS * RATE):
            frame = np.full((96, 160, 3), shade, np.uint8)
            frame[:, : number * 5] = 255 - shade
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts = number
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def write_annotation(folder: Path, rows: Iterable[tuple[object, ...]]) -> None:
    with (folder / "clips.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clips folder: four anomalous videos and two normal ones. Read it, do not write into it."""
    folder = tmp_path_factory.mktemp("clips")
    (folder / "videos").mkdir()
    rows: list[tuple[object, ...]] = []
    for number in range(CLIPS):
        name = f"clip{number}.mp4"
        write_clip(folder / "videos" / name, 20 * number)
        normal = number >= 4
        label = "Normal" if normal else "Fighting" if number % 2 else "Robbery"
        times = (0, 0) if normal else (0.5, 1.5 + 0.25 * number)
        rows.append(
            (name, f"What happens in {number}?", "one", "two", "three", "four", "ABCD"[number % 4], label, *times)
        )
    write_annotation(folder, rows)
    return folder


class Watcher(Model[ModelConfig]):
    """Looks at the frames and answers as the test says, else with a first guess, a reflection and the truth."""

    answers: ClassVar[dict[str, str | Outcome | BaseException]] = {}

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request, clip in feed(self.clips, requests):
            answer = self.answers.get(request.sample.id, self._truth(request))
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(clip, Exception):
                yield request.failure(Outcome.MISSING, str(clip))
            elif isinstance(answer, Outcome):
                yield request.failure(answer, "because the test says so")
            else:
                seen = clip.seen() if clip is not None else None
                yield request.answer(answer, seen=seen, usage=Usage(100, 20, 0.5))

    @staticmethod
    def _truth(request: Request) -> str:
        target = request.sample.target
        if request.kind == "mcq":
            return f"<answer>{target.option}</answer>"
        if request.kind == "classification":
            return f"<answer>{target.label}</answer>"
        if not target.segments:
            return "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>"
        start, end = target.segments[0]
        return (
            "<think>It starts at once.</think><answer>Anomaly</answer><glue>[0.0, 1.0]</glue>"
            "<reflect>Too early.</reflect>"
            f"<think>Better.</think><answer>Anomaly</answer><glue>[{start}, {end}]</glue>"
        )


@pytest.fixture
def watcher(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> type[Watcher]:
    monkeypatch.setitem(MODELS._entries, "watcher", Watcher)
    monkeypatch.setattr(Watcher, "answers", {})
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    return Watcher


@pytest.fixture
def make_run(tmp_path: Path, clips: Path, watcher: type[Watcher]) -> Callable[..., Path]:
    """Evaluate and return the run folder: `make_run("clips_grounding")`."""

    def make(*tasks: str, model: str = "watcher", **changes: Any) -> Path:
        run_id = changes.pop("run_id", "run")
        options = Options(**{"model": model, "tasks": tasks, "data": clips, "resamples": 0, **changes})
        return evaluation.evaluate(options, tmp_path / "runs", run_id=run_id).path

    return make


@pytest.fixture
def rewrite() -> Callable[[Path, Callable[[dict[str, Any]], None]], None]:
    """Change every line of a run's journal by hand and score it again."""

    def change(run: Path, edit: Callable[[dict[str, Any]], None]) -> None:
        journal = run / "responses.jsonl"
        records = [json.loads(line) for line in journal.read_text().splitlines()]
        for record in records:
            edit(record)
        journal.write_text("".join(json.dumps(record) + "\n" for record in records))
        evaluation.score(run, resamples=0)

    return change
