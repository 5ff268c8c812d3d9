"""An evaluation ends in honest numbers, whatever happens on the way, and never asks twice."""

from __future__ import annotations

import csv
import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from vau_bench.errors import DataError, MissingExtraError, ModelError, RunError, UnknownNameError, UsageError
from vau_bench.evaluation import Options, evaluate, nothing_scored, score
from vau_bench.journal import read_journal
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig
from vau_bench.paths import builtin_tasks
from vau_bench.records import Outcome, Request, Response
from vau_bench.runs import RunFolder
from vau_bench.saved import load_results


def write_clips(folder: Path, rows: int, name: str = "clip{:03d}.mp4") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"])
        for i in range(rows):
            writer.writerow([name.format(i), f"What happens in {i}?", "one", "two", "three", "four", "ABCD"[i % 4]])
    return folder


class Scripted(Model[ModelConfig]):
    """Answers C, unless the test says otherwise."""

    reads_video = False
    asked: ClassVar[Counter[str]] = Counter()
    answers: ClassVar[dict[str, str | Outcome | BaseException]] = {}

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request in requests:
            self.asked[request.sample.id] += 1
            answer = self.answers.get(request.sample.id, "<answer>C</answer>")
            if isinstance(answer, BaseException):
                raise answer
            if isinstance(answer, Outcome):
                yield request.failure(answer, "because the test says so")
            else:
                yield request.answer(answer)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    monkeypatch.setitem(MODELS._entries, "scripted", Scripted)
    monkeypatch.setattr(Scripted, "asked", Counter())
    monkeypatch.setattr(Scripted, "answers", {})
    return Scripted


@pytest.fixture
def options(tmp_path: Path, scripted: type[Scripted]) -> Options:
    return Options("scripted", ("clips_mcq",), data=write_clips(tmp_path / "data", 12))


def test_every_expected_sample_is_counted_once(options: Options, tmp_path: Path, scripted: type[Scripted]) -> None:
    scripted.answers = {
        "clip000": "no idea",
        "clip001": Outcome.ERRORED,
        "clip002": Outcome.REFUSED,
        "clip003": Outcome.MISSING,
    }
    task = evaluate(options, tmp_path / "runs").tasks[0]
    assert task["outcomes"] == {
        "scored": 8, "unparsed": 1, "refused": 1, "truncated": 0, "errored": 1, "missing": 1
    }  # fmt: skip
    assert task["expected"] == sum(task["outcomes"].values()) == 12
    assert task["metrics"]["accuracy"]["value"] == pytest.approx(2 / 12)
    assert task["metrics"]["accuracy"]["answered_only"] == pytest.approx(2 / 8)


def test_results_become_a_data_frame_with_a_row_per_metric(
    options: Options, tmp_path: Path, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = evaluate(options, tmp_path / "runs")
    pytest.importorskip("pandas")
    frame = results.to_pandas()
    assert list(frame["metric"]) == list(results.tasks[0]["metrics"])
    assert frame["value"].iloc[0] == results.tasks[0]["metrics"]["accuracy"]["value"]
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"a data frame needs the extra \[plots\]"):
        results.to_pandas()


def test_the_same_command_again_asks_nothing_twice(options: Options, tmp_path: Path, scripted: type[Scripted]) -> None:
    first = evaluate(options, tmp_path / "runs")
    second = evaluate(options, tmp_path / "runs")
    assert first.path == second.path and first.tasks == second.tasks
    assert set(scripted.asked.values()) == {1}


def test_errors_and_missing_videos_are_asked_again_but_refusals_are_not(
    options: Options, tmp_path: Path, scripted: type[Scripted]
) -> None:
    scripted.answers = {
        "clip000": Outcome.ERRORED,
        "clip001": Outcome.REFUSED,
        "clip002": Outcome.MISSING,
    }
    evaluate(options, tmp_path / "runs")
    scripted.answers = {}
    again = evaluate(options, tmp_path / "runs").tasks[0]
    assert scripted.asked["clip000"] == scripted.asked["clip002"] == 2 and scripted.asked["clip001"] == 1
    assert again["outcomes"]["scored"] == 11 and again["outcomes"]["refused"] == 1


def test_other_options_are_another_run(options: Options, tmp_path: Path) -> None:
    paths = {
        evaluate(changed, tmp_path / "runs").path
        for changed in (options, replace(options, limit=3), replace(options, style="think"), replace(options, seed=1))
    }
    assert len(paths) == 4


def test_a_changed_prompt_is_asked_anew_and_the_old_answer_is_not_scored(
    options: Options, tmp_path: Path, scripted: type[Scripted]
) -> None:
    """A run that is continued under one name with other settings must not mix old and new answers."""
    evaluate(options, tmp_path / "runs", run_id="mine")
    scripted.answers = {"clip006": KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        evaluate(replace(options, style="think"), tmp_path / "runs", run_id="mine")
    rescored = score(tmp_path / "runs" / "mine")
    assert rescored.tasks[0]["style"] == "think"
    assert rescored.tasks[0]["outcomes"]["scored"] == 6
    assert rescored.tasks[0]["outcomes"]["missing"] == 6


def test_scores_are_read_from_their_file_when_they_are_asked_for(options: Options, tmp_path: Path) -> None:
    results = evaluate(options, tmp_path / "runs")
    saved = load_results(results.path).scores
    assert len(results.scores) == len(saved) == 12 and list(results.scores) == results.samples() == saved
    assert results.scores[3] == saved[3] and results.scores[-2:] == saved[-2:]
    fresh = score(results.path).scores
    (results.path / "scores.jsonl").write_text("{}\n")
    assert list(results.scores) == saved, "what was read is kept"
    with pytest.raises(RunError, match="cannot read"):
        list(fresh)
    (results.path / "scores.jsonl").unlink()
    with pytest.raises(RunError, match="is not scored"):
        list(fresh)


def test_a_run_that_cannot_be_scored_to_its_end_keeps_the_scores_of_before(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = evaluate(options, tmp_path / "runs").path
    before = {name: (run / name).read_bytes() for name in ("scores.jsonl", "results.json")}
    journal = next(run.glob("responses*.jsonl"))
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([*lines[:5], lines[5].replace(b'"text":', b'"text":[},'), *lines[6:]]))
    with pytest.raises(RunError, match="mend or delete this line"):
        score(run)
    assert {name: (run / name).read_bytes() for name in before} == before
    assert not list(run.glob(".*.tmp"))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ModelError("it fell over"), RuntimeError("a defect")])
def test_what_was_answered_before_the_end_is_kept(
    options: Options, tmp_path: Path, scripted: type[Scripted], error: BaseException
) -> None:
    scripted.answers = {"clip007": error}
    with pytest.raises(type(error)):
        evaluate(options, tmp_path / "runs", run_id="r")
    manifest = json.loads((tmp_path / "runs" / "r" / "manifest.json").read_text())
    assert manifest["status"] == ("cancelled" if isinstance(error, KeyboardInterrupt) else "failed")
    assert len(list(read_journal(tmp_path / "runs" / "r" / "responses.jsonl"))) == 7
    scripted.answers = {}
    done = evaluate(options, tmp_path / "runs", run_id="r")
    assert done.tasks[0]["outcomes"]["scored"] == 12
    assert {k: v for k, v in scripted.asked.items() if v > 1} == {"clip007": 2}
    assert json.loads((tmp_path / "runs" / "r" / "manifest.json").read_text())["status"] == "success"


def test_a_model_that_skips_or_repeats_a_request_is_caught(tmp_path: Path, options: Options) -> None:
    class Forgetful(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
            for number, request in enumerate(requests):
                if number != 3:
                    yield request.answer("<answer>A</answer>")

    class Repeating(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
            for request in requests:
                yield request.answer("<answer>A</answer>")
                yield request.answer("<answer>B</answer>")

    for broken, sentence in ((Forgetful, "left 1 requests without"), (Repeating, "answered 'clip000' twice")):
        MODELS._entries["scripted"] = broken
        with pytest.raises(ModelError, match=sentence):
            evaluate(options, tmp_path / "runs", run_id=broken.__name__)


def test_a_run_in_which_nothing_could_be_scored_says_so(
    options: Options, tmp_path: Path, scripted: type[Scripted]
) -> None:
    scripted.answers = {f"clip{i:03d}": Outcome.ERRORED for i in range(12)}
    told = nothing_scored(evaluate(options, tmp_path / "runs"))
    assert told == "nothing could be scored: 12 of 12 answers are errored; the first: because the test says so"


def test_scoring_again_gives_the_same_bytes_and_needs_no_model(options: Options, tmp_path: Path) -> None:
    run = evaluate(options, tmp_path / "runs").path
    before = (run / "results.json").read_bytes(), (run / "scores.jsonl").read_bytes()
    (run / "results.json").unlink()
    score(run)
    assert before == ((run / "results.json").read_bytes(), (run / "scores.jsonl").read_bytes())


def test_a_broken_sentence_of_an_endpoint_does_not_break_the_scores(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
            for request in requests:
                yield request.failure(Outcome.ERRORED, "the server says \ud800\x00")

    monkeypatch.setitem(MODELS._entries, "scripted", Broken)
    run = evaluate(options, tmp_path / "runs").path
    first = json.loads((run / "scores.jsonl").read_text().splitlines()[0])
    assert first["error"] == "the server says \ud800\x00"


def test_a_run_of_another_version_is_told_by_the_option_that_is_unknown(options: Options, tmp_path: Path) -> None:
    run = evaluate(options, tmp_path / "runs").path
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["options"]["colour"] = "red"
    (run / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RunError, match="an option that this version does not know: colour"):
        score(run)


def test_answers_are_not_scored_against_a_truth_that_has_changed(options: Options, tmp_path: Path) -> None:
    run = evaluate(options, tmp_path / "runs").path
    write_clips(tmp_path / "data", 11)
    with pytest.raises(RunError, match="the data of clips_mcq changed since the run"):
        score(run)


def test_wrong_names_are_answered_with_what_was_probably_meant(options: Options, tmp_path: Path) -> None:
    for change, sentence in (
        ({"tasks": ("clips_mqc",)}, "unknown task 'clips_mqc'; did you mean clips_mcq"),
        ({"model": "scriptd"}, "unknown model 'scriptd'; did you mean scripted"),
        ({"style": "thnk"}, "unknown style of clips_mcq 'thnk'; did you mean think"),
        ({"split": "tset"}, "unknown split of clips_mcq 'tset'; did you mean test"),
    ):
        with pytest.raises(UnknownNameError, match=sentence):
            evaluate(replace(options, **change), tmp_path / "runs")
    with pytest.raises(UsageError, match="model scripted: unknown key 'sede'"):
        evaluate(replace(options, model_args={"sede": "1"}), tmp_path / "runs")
    with pytest.raises(DataError, match="no annotation file"):
        evaluate(replace(options, data=tmp_path), tmp_path / "runs")


def test_a_run_folder_that_cannot_be_made_is_one_sentence(options: Options, tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(RunError, match=r"cannot write the run folder .*; pass --out DIR"):
        evaluate(options, tmp_path / "runs")


@pytest.fixture
def two_turns(tmp_path: Path) -> Path:
    """A folder of tasks with one whose `direct` style asks in two turns."""
    folder = tmp_path / "tasks" / "two_turns"
    folder.mkdir(parents=True)
    spec = (builtin_tasks() / "clips_mcq" / "task.yaml").read_text()
    spec = spec.replace("name: clips_mcq", "name: two_turns").replace("prompts: mcq\n", "")
    (folder / "task.yaml").write_text(spec)
    (folder / "prompts.yaml").write_text("styles: {direct: ['Describe.', '{question} {options}']}")
    return folder.parent


def test_a_second_turn_quotes_the_first_and_is_asked_only_where_that_was_answered(
    options: Options, tmp_path: Path, two_turns: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversations: dict[str, list[str]] = {}
    failing = {"clip003"}

    class Talker(Scripted):
        def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
            for request in requests:
                conversations[request.sample.id] = [f"{m.role} {m.text[:8].rstrip('.')}" for m in request.messages]
                assert [m.video for m in request.messages] == [True, *[False] * (len(request.messages) - 1)]
                if request.turn == 0 and request.sample.id in failing:
                    yield request.failure(Outcome.ERRORED, "no answer")
                else:
                    yield request.answer("A street." if request.turn == 0 else "<answer>A</answer>")

    monkeypatch.setitem(MODELS._entries, "scripted", Talker)
    asked = replace(options, tasks=("two_turns",), tasks_dirs=(two_turns,))
    task = evaluate(asked, tmp_path / "runs").tasks[0]
    assert conversations["clip000"] == ["user Describe", "assistant A street", "user What hap"]
    assert conversations["clip003"] == ["user Describe"]
    assert task["outcomes"]["scored"] == 11 and task["outcomes"]["errored"] == 1
    failing.clear()
    conversations.clear()
    assert evaluate(asked, tmp_path / "runs").tasks[0]["outcomes"]["scored"] == 12
    assert list(conversations) == ["clip003"]


KILLED = """
import sys, time
from pathlib import Path
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig

class Slow(Model[ModelConfig]):
    reads_video = False
    def generate(self, requests):
        with open(sys.argv[1], "a") as log:
            for request in requests:
                print(request.sample.id, file=log, flush=True)
                time.sleep(0.004)
                yield request.answer("<answer>" + "ABCD"[len(request.sample.id) % 4] + "</answer>")

MODELS.add("slow", Slow)
from vau_bench.evaluation import Options, evaluate
evaluate(Options("slow", ("clips_mcq",), data=Path(sys.argv[2]), resamples=0), Path(sys.argv[3]), run_id="r")
"""


def test_a_disk_that_fills_up_is_named_even_where_the_manifest_cannot_tell(
    options: Options, tmp_path: Path, scripted: type[Scripted], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, room = os.write, [3]

    def write_three_lines(fd: int, data: bytes) -> int:
        room[0] -= 1
        if room[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    def full(*_: object) -> None:
        raise RunError("cannot write manifest.json: No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(os, "write", write_three_lines)
        disk.setattr(RunFolder, "finish", full)
        with pytest.raises(RunError, match=r"the disk is full; all answers so far are in .*run the same command again"):
            evaluate(options, tmp_path / "runs", run_id="r")
    assert len(list(read_journal(tmp_path / "runs" / "r" / "responses.jsonl"))) == 3
    assert evaluate(options, tmp_path / "runs", run_id="r").tasks[0]["outcomes"]["scored"] == 12
    assert max(scripted.asked.values()) == 2 and sum(scripted.asked.values()) == 13


@pytest.mark.slow
def test_killed_at_random_points_a_run_loses_nothing_and_asks_only_again_what_was_in_flight(tmp_path: Path) -> None:
    data = write_clips(tmp_path / "data", 150)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "asked"), str(data)]
    subprocess.run([*command, str(tmp_path / "undisturbed")], check=True)
    (tmp_path / "asked").unlink()
    kills, rng = 0, random.Random(7)
    while True:
        process = subprocess.Popen([*command, str(tmp_path / "killed")])
        try:
            # The first asked sample of this attempt tells that the start-up is over.
            deadline, before = time.monotonic() + 30, _lines(tmp_path / "asked")
            while _lines(tmp_path / "asked") == before and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.002)
            if kills < 6:
                process.wait(timeout=rng.uniform(0.01, 0.1))
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            continue
        assert process.returncode == 0
        break
    assert kills >= 3
    one, other = tmp_path / "undisturbed" / "r", tmp_path / "killed" / "r"
    assert (one / "scores.jsonl").read_bytes() == (other / "scores.jsonl").read_bytes()
    assert (one / "results.json").read_bytes() == (other / "results.json").read_bytes()
    asked = Counter((tmp_path / "asked").read_text().split())
    assert len(asked) == 150
    assert sum(asked.values()) - 150 <= kills  # one request at most is in flight at each kill


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
def test_interrupting_with_ctrl_c_ends_at_once_and_keeps_what_there_is(tmp_path: Path) -> None:
    data = write_clips(tmp_path / "data", 2000)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "asked"), str(data), str(tmp_path / "runs")],
        stderr=subprocess.PIPE,
    )
    while _lines(tmp_path / "asked") < 5 and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    process.communicate(timeout=20)
    assert time.monotonic() - begun < 5
    manifest = json.loads((tmp_path / "runs" / "r" / "manifest.json").read_text())
    assert manifest["status"] == "cancelled"
    assert 4 <= len(list(read_journal(tmp_path / "runs" / "r" / "responses.jsonl"))) < 2000
