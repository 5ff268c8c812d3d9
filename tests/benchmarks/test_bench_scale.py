"""What scaling out costs: overlap of decoding and model, ranks, memory over many samples, a journal of a million."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.evaluation import Options, evaluate, task_run
from vau_bench.history import History, Written
from vau_bench.journal import Journal, to_line
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.feed import feed
from vau_bench.records import Generation, Message, Outcome, Request, Response, Sample, Seen, Target, Usage
from vau_bench.runner import Runner, TaskRun
from vau_bench.scoring import TaskScoring
from vau_bench.video import ClipLoader

pytestmark = pytest.mark.benchmark

COLUMNS = ["Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"]
MILLION = 1_000_000


def write_rows(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(
            [f"clip{i:06d}.mp4", f"What happens in {i}?", "one", "two", "three", "four", "ABCD"[i % 4]]
            for i in range(count)
        )
    return folder


def resident() -> float:
    """Return the resident memory of this process in MB."""
    with Path("/proc/self/statm").open() as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def held() -> dict[str, int]:
    """Return how many files this process has open, threads it runs and processes it has started."""
    threads = list(Path("/proc/self/task").iterdir())
    children = [child for thread in threads for child in (thread / "children").read_text().split()]
    return {
        "files": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "threads": len(threads),
        "children": len(children),
    }


class SleepingLoader(ClipLoader):
    """Decodes in 40 ms, whatever the video."""

    decoding = 0.040

    def load(self, path: Path, plan: object) -> object:  # type: ignore[override]
        time.sleep(self.decoding)
        return path


class Stub(Model[ModelConfig]):
    """Takes 50 ms a sample."""

    thinking = 0.050

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request, _ in feed(self.clips, requests):
            time.sleep(self.thinking)
            yield request.answer("<answer>A</answer>")


def test_decoding_hides_behind_the_model(tmp_path: Path) -> None:
    """Goal: at most 1.1 times the slower stage alone; one after the other would be 1.8 times."""
    count, question = 100, (Message("user", "?", video=True),)
    asked = [
        Request(str(i), "t", "mcq", "direct", 0, sample, question, Generation(), tmp_path / f"{i}.mp4", "fps(1)")
        for i, sample in enumerate(Sample(str(i), "v", "v", Target()) for i in range(count))
    ]
    with SleepingLoader() as clips:
        begin = time.perf_counter()
        assert len(list(Stub(ModelConfig(), clips).generate(asked))) == count
        took = time.perf_counter() - begin
    print(
        f"\n{count} samples, 40 ms to decode, 50 ms to answer: {took / (count * Stub.thinking):.3f}x of the model alone"
    )
    assert took / (count * Stub.thinking) < 1.25


RANK = """
import os, sys, time
from pathlib import Path
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig

class Slow(Model[ModelConfig]):
    reads_video = False
    def generate(self, requests):
        for request in requests:
            time.sleep(0.02)
            yield request.answer("<answer>A</answer>")

MODELS.add("slow", Slow)
from vau_bench.evaluation import Options, evaluate, evaluate_shard
from vau_bench.shards import Shard
shard, options = Shard.of("auto", os.environ), Options("slow", ("clips_mcq",), data=Path(sys.argv[1]), resamples=0)
out = Path(sys.argv[2])
begin = time.perf_counter()
evaluate_shard(options, out, shard, run_id="r") if shard else evaluate(options, out, run_id="r")
print(f"took {time.perf_counter() - begin}")
"""


def test_two_torchrun_ranks_against_one_process(tmp_path: Path) -> None:
    """Goal: 1.9 times as fast."""
    pytest.importorskip("torch")
    data, script = write_rows(tmp_path / "data", 1000), tmp_path / "rank.py"
    script.write_text(RANK)

    def took(*launcher: str, out: str) -> float:
        command = [sys.executable, *launcher, str(script), str(data), str(tmp_path / out)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return max(float(line.split()[-1]) for line in done.stdout.splitlines() if "took" in line)

    one = took(out="one")
    two = took("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", out="two")
    print(f"\n1,000 samples of 20 ms: {one:.1f} s alone, {two:.1f} s in two ranks: {one / two:.2f}x")
    assert (tmp_path / "one/r/results.json").read_bytes() == (tmp_path / "two/r/results.json").read_bytes()
    assert one / two > 1.7


class Quick(Model[ModelConfig]):
    """Answers at once, and notes the memory of the process, and what it holds, after 1,000 samples and at the end."""

    reads_video = False
    memory: dict[int, float] = {}  # noqa: RUF012
    held: dict[int, dict[str, int]] = {}  # noqa: RUF012

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        for number, request in enumerate(requests, 1):
            yield request.answer("<answer>A</answer>")
            if number in (1000, 50_000):
                self.memory[number] = resident()
                self.held[number] = held()


def test_memory_stays_flat_over_fifty_thousand_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: at most 1.2 times the memory after 1,000 samples, and no more files, threads and processes."""
    monkeypatch.setitem(MODELS._entries, "quick", Quick)
    data = write_rows(tmp_path / "data", 50_000)
    evaluate(Options("quick", ("clips_mcq",), data=data, resamples=0), tmp_path / "runs")
    early, late = Quick.memory[1000], Quick.memory[50_000]
    print(f"\nresident after 1,000 samples {early:.0f} MB, after 50,000 {late:.0f} MB: {late / early:.2f}x")
    assert late / early < 1.2
    assert Quick.held[50_000] == Quick.held[1000]


class Million(tuple[Sample, ...]):
    """A million samples that are made as they are asked for."""

    def __iter__(self) -> Iterator[Sample]:
        options = {"question": "What happens?", "options": ["one", "two", "three", "four"]}
        for i in range(MILLION):
            name = f"clip{i:07d}"
            yield Sample(name, f"{name}.mp4", name, Target(option="A"), options)

    def __len__(self) -> int:
        return MILLION


def test_a_journal_of_a_million_responses_opens_in_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Goal: what is pending is decided in 15 s and with 500 MB at most."""
    monkeypatch.setitem(MODELS._entries, "quick", Quick)
    options = Options("quick", ("clips_mcq",), data=write_rows(tmp_path / "data", 4), resamples=0)
    with ClipLoader() as clips:
        model = Quick(ModelConfig(), clips)
        run = task_run(Catalogue().get("clips_mcq"), model, options)
        run = replace(run, selection=replace(run.selection, samples=Million()))
        path = tmp_path / "responses.jsonl"
        _answer_all(path, model, clips, run)
        before, begin = resident(), time.perf_counter()
        with Journal(path) as journal, History([path]) as history:
            opened, held = time.perf_counter() - begin, resident() - before
            pending: list[Response | None] = []
            runner = Runner(model, "quick", Written(history, journal), clips, lambda response: pending.append(response))
            begin = time.perf_counter()
            assert list(runner._pending([run], 0)) == [] and len(pending) == MILLION
            decided = time.perf_counter() - begin
            begin = time.perf_counter()
            assert sum(1 for _ in Million()) == MILLION
            made = time.perf_counter() - begin
    size = path.stat().st_size / 2**30
    told = f"opened in {opened:.1f} s with {held:.0f} MB, decided in {decided:.1f} s, together {opened + decided:.1f} s"
    print(f"\n1,000,000 responses, {size:.2f} GiB: {told}, of which {made:.1f} s make the samples")
    assert held < 500


def test_scoring_keeps_of_a_sample_a_few_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a million answers take while they are scored, their samples and journal left out."""
    monkeypatch.setitem(MODELS._entries, "quick", Quick)
    options = Options("quick", ("clips_mcq",), data=write_rows(tmp_path / "data", 20_000), resamples=0)
    with ClipLoader() as clips:
        model = Quick(ModelConfig(), clips)
        run = task_run(Catalogue().get("clips_mcq"), model, options)
        path = tmp_path / "responses.jsonl"
        _answer_all(path, model, clips, run)
    taken = {}
    with History([path]) as history:
        for kept in (False, True):
            answers = history.conversations("clips_mcq", run.style, 1)
            tracemalloc.start()
            scoring = TaskScoring(run.task, run.selection, run.style)
            scores = [score for score in scoring.scores(answers) if kept]
            taken[kept] = tracemalloc.get_traced_memory()[0] / len(run.selection.samples)
            tracemalloc.stop()
            assert len(scores) == kept * 20_000
            assert scoring.result(split="test", frames="", resamples=0)["outcomes"]["scored"] == 20_000
    print(f"\nscoring keeps {taken[False]:.0f} bytes of a sample; with its score {taken[True]:.0f}")
    assert taken[False] < 400


def _answer_all(path: Path, model: Quick, clips: ClipLoader, run: TaskRun) -> None:
    """Write the journal of a finished run, each answer with sixteen frames and a rationale."""
    seen = Seen(tuple(range(16)), tuple(0.5 * i for i in range(16)), 448, 336, "av 15.1.0", 8.0)
    runner = Runner(model, "quick", Written(History(), None), clips, lambda response: None)  # type: ignore[arg-type]
    text = "<think>A man climbs over the fence, looks around and runs.</think><answer>A</answer>"
    with path.open("wb") as file:
        for asked in runner._pending([run], 0):
            file.write(to_line(asked.answer(text, outcome=Outcome.SCORED, seen=seen, usage=Usage(900, 40, 0.5))))
