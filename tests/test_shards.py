"""Processes that share a run ask each video once between them, wait for nobody, and score as one process does."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.errors import RunError, UsageError
from vau_bench.evaluation import Options, evaluate, evaluate_shard, score
from vau_bench.journal import Journal, read_journal
from vau_bench.ranks import check_alike
from vau_bench.runs import Manifest, RunFolder, environment
from vau_bench.shards import Shard, deal

COLUMNS = ["Video Name", "Question", *(f"Option {n}" for n in range(1, 5)), "Correct Option", "Start Time", "End Time"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for i in range(60):
            writer.writerow([f"clip{i:03d}.mp4", f"What happens in {i}?", *"wxyz", "ABCD"[i % 4], i % 7, i % 7 + 2])
    return folder


@pytest.fixture
def options(data: Path) -> Options:
    return Options("floors/random", ("clips_mcq",), data=data, resamples=200)


class TestTheDeal:
    @given(st.dictionaries(st.text(max_size=6), st.integers(1, 50), max_size=60), st.integers(1, 9))
    def test_each_group_has_one_rank_and_no_rank_much_more_than_another(
        self, weights: dict[str, int], count: int
    ) -> None:
        dealt = deal(weights, count)
        assert dealt.keys() == weights.keys()
        loads = [sum(w for name, w in weights.items() if dealt[name] == rank) for rank in range(count)]
        assert max(loads) - min(loads) <= max(weights.values(), default=0)

    @given(st.dictionaries(st.text(max_size=6), st.integers(1, 50), max_size=30), st.integers(1, 9), st.randoms())
    def test_it_does_not_depend_on_the_order_of_the_dataset(
        self, weights: dict[str, int], count: int, rng: random.Random
    ) -> None:
        names = list(weights)
        rng.shuffle(names)
        assert deal({name: weights[name] for name in names}, count) == deal(weights, count)


class TestWhichShard:
    @pytest.mark.parametrize(
        ("told", "expected"),
        [
            ({"RANK": "1", "WORLD_SIZE": "4"}, Shard(1, 4)),
            ({"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "3"}, Shard(2, 3)),
            ({"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}, Shard(0, 2)),
            ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, None),  # a batch script, not one of eight
            ({"RANK": "0", "WORLD_SIZE": "1"}, None),
            ({"RANK": "0"}, None),
            ({}, None),
        ],
    )
    def test_the_launcher_tells(self, told: Mapping[str, str], expected: Shard | None) -> None:
        assert Shard.of("auto", told) == expected
        assert Shard.of("none", told) is None
        assert Shard.of("2/5", told) == Shard(2, 5)

    @pytest.mark.parametrize("text", ["5/5", "1/0", "-1/2", "one", "1", "1/2/3", ""])
    def test_what_is_no_shard_is_refused(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"cannot be|none of auto, none, and RANK/COUNT"):
            Shard.of(text, {})

    def test_a_launcher_that_tells_nonsense_is_named(self) -> None:
        with pytest.raises(UsageError, match=r"\$RANK=x and \$WORLD_SIZE=2 are no rank and number of processes"):
            Shard.of("auto", {"RANK": "x", "WORLD_SIZE": "2"})


def run_ranks(options: Options, out: Path, count: int, order: list[int] | None = None) -> Path:
    found = [evaluate_shard(options, out, Shard(rank, count), run_id="r") for rank in order or range(count)]
    assert [result is None for result in found] == [True] * (count - 1) + [False]
    return out / "r"


class TestResults:
    @pytest.mark.parametrize("count", [2, 3, 7])
    def test_any_number_of_ranks_gives_the_same_bytes(self, options: Options, tmp_path: Path, count: int) -> None:
        alone = evaluate(options, tmp_path / "alone", run_id="r").path
        shared = run_ranks(options, tmp_path / "shared", count)
        for name in ("results.json", "scores.jsonl"):
            assert (shared / name).read_bytes() == (alone / name).read_bytes()
        assert RunFolder(shared).read_manifest().status == "success"

    def test_ranks_may_come_in_any_order(self, options: Options, tmp_path: Path) -> None:
        alone = evaluate(options, tmp_path / "alone", run_id="r").path
        shared = run_ranks(options, tmp_path / "shared", 3, [2, 0, 1])
        assert (shared / "results.json").read_bytes() == (alone / "results.json").read_bytes()

    def test_a_source_video_belongs_to_one_rank_whatever_the_task(self, options: Options, tmp_path: Path) -> None:
        folder = run_ranks(replace(options, tasks=("clips_mcq", "clips_grounding")), tmp_path, 3)
        journals = [list(read_journal(folder / f"responses.{n}.jsonl")) for n in range(3)]
        videos = [{response.sample_id for response in journal} for journal in journals]
        assert [len(journal) for journal in journals] == [40, 40, 40] and [len(of) for of in videos] == [20, 20, 20]
        assert len(set.union(*videos)) == 60

    def test_more_ranks_than_videos_leave_some_without_work(self, options: Options, tmp_path: Path) -> None:
        for rank in range(70):
            evaluate_shard(options, tmp_path, Shard(rank, 70), run_id="r")
        assert score(tmp_path / "r", resamples=0).tasks[0]["outcomes"]["missing"] == 0

    def test_what_a_rank_has_not_asked_yet_is_missing_for_whoever_scores_early(
        self, options: Options, tmp_path: Path
    ) -> None:
        assert evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r") is None
        assert RunFolder(tmp_path / "r").read_manifest().status == "started"
        assert score(tmp_path / "r", resamples=0).tasks[0]["outcomes"]["missing"] == 30


class TestResuming:
    def test_another_number_of_ranks_asks_only_what_is_left(self, options: Options, tmp_path: Path) -> None:
        evaluate_shard(options, tmp_path, Shard(1, 3), run_id="r")
        run_ranks(options, tmp_path, 2)
        answered = Counter(r.sample_id for r in RunFolder(tmp_path / "r").responses())
        assert len(answered) == 60 and set(answered.values()) == {1}

    def test_one_process_goes_on_with_what_ranks_began_and_the_other_way_round(
        self, options: Options, tmp_path: Path
    ) -> None:
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        done = evaluate(options, tmp_path, run_id="r")
        assert done.tasks[0]["outcomes"]["missing"] == 0
        assert set(Counter(r.sample_id for r in RunFolder(tmp_path / "r").responses()).values()) == {1}
        assert evaluate_shard(options, tmp_path, Shard(1, 2), run_id="r") is not None

    def test_the_latest_answer_counts_whoever_wrote_it(self, options: Options, tmp_path: Path) -> None:
        """An error of one process, mended by a rank, mended again by one process: the order of files is no order."""
        folder = RunFolder(tmp_path / "r")
        alone = evaluate(options, tmp_path, run_id="r")
        first = next(folder.responses())
        for epoch, rank, text in ((1, 0, "<answer>B</answer>"), (3, None, "<answer>D</answer>"), (2, 1, "no")):
            with Journal(folder.journal_path(rank)) as journal:
                journal.epoch = epoch
                journal.append(first.__class__(**{**_fields(first), "text": text}))
        *_, last = (r for r in folder.responses() if r.sample_id == first.sample_id)
        assert last.text == "<answer>D</answer>"
        with folder.history() as history:
            assert history.epoch == 3
            kept = history.response(first.task, first.style, 0, first.sample_id)
            assert kept is not None and kept.text == last.text
        again = score(alone.path, resamples=0)
        assert next(s for s in again.scores if s.sample_id == first.sample_id).prediction == "D"


def _fields(response: object) -> dict[str, object]:
    return {name: getattr(response, name) for name in response.__dataclass_fields__}  # type: ignore[attr-defined]


class TestRefusals:
    def test_the_same_rank_twice(self, options: Options, tmp_path: Path) -> None:
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        with (
            Journal(tmp_path / "r" / "responses.1.jsonl"),
            pytest.raises(RunError, match=r"another process writes to .*responses\.1\.jsonl"),
        ):
            evaluate_shard(options, tmp_path, Shard(1, 2), run_id="r")

    def test_ranks_beside_a_process_that_works_alone(
        self, options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vau_bench.ranks.PATIENCE", 0.2)
        evaluate(options, tmp_path, run_id="r")
        with (
            Journal(tmp_path / "r" / "responses.jsonl"),
            pytest.raises(RunError, match=r"another process works on .* alone; wait for it"),
        ):
            evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")

    @pytest.mark.parametrize(
        ("change", "told"),
        [
            (lambda m: m["environment"].update(commit="abc123"), r"commit of vau-bench is .* here, abc123.* there"),
            (lambda m: m["environment"]["packages"].update({"vau-bench": "0.0.9"}), r"version of vau-bench .* 0\.0\.9"),
            (lambda m: m["environment"].update(code="0" * 64), r"code of vau-bench is \w+ here, 0{12} there"),
            (lambda m: m["tasks"][0].update(version=77), r"version of clips_mcq is 1 here, 77 there"),
            (
                lambda m: m["tasks"][0].update(version=77, digests={"task": "f" * 64}),
                r"version of clips_mcq is 1 here, 77 there",
            ),
            (lambda m: m["tasks"][0]["digests"].update(prompts="f" * 64), r"prompts of clips_mcq is \w+ here, f{12} "),
            (lambda m: m["options"].update(seed=5), r"option seed is 0 here, 5 there"),
            (lambda m: m.update(model="gold"), r"model is floors/random here, gold there"),
        ],
    )
    def test_nodes_that_do_not_do_the_same(
        self, options: Options, tmp_path: Path, change: Callable[[dict[str, object]], None], told: str
    ) -> None:
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        record = json.loads((tmp_path / "r" / "manifest.json").read_text())
        own = Manifest.from_json(json.loads(json.dumps(record)))
        change(record)
        with pytest.raises(RunError, match=rf"rank 1 of 2 on .* does not do what the run that it joins does: {told}"):
            check_alike(own, Manifest.from_json(record), Shard(1, 2))

    def test_data_may_lie_elsewhere_on_another_node_and_decoding_may_take_longer(
        self, options: Options, tmp_path: Path
    ) -> None:
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        own = RunFolder(tmp_path / "r").read_manifest()
        other = Manifest(**{**_fields(own), "options": {**own.options, "data": "/elsewhere", "decode_timeout": 9.0}})
        check_alike(own, other, Shard(1, 2))

    def test_the_environment_of_one_process_is_like_itself(self) -> None:
        own = Manifest("r", "m", {}, [], {}, environment=environment())
        check_alike(own, own, Shard(0, 2))

    def test_ranks_of_another_number_at_the_same_time(self, options: Options, tmp_path: Path) -> None:
        """They would ask what others ask, too; one launch after the other may have another number."""
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        with (
            _at_work(tmp_path / "r"),
            pytest.raises(RunError, match=r"rank 1 of 3 .*: number of processes is 3 here, 2 there"),
        ):
            evaluate_shard(options, tmp_path, Shard(1, 3), run_id="r")

    def test_who_comes_when_others_have_ended_and_does_something_else(
        self, data: Path, options: Options, tmp_path: Path
    ) -> None:
        """Its answers and theirs would be scored as one run, with none of them asked anew."""
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        before = (tmp_path / "r" / "manifest.json").read_bytes()
        with pytest.raises(RunError, match=r"rank 1 of 2 .*option seed is 7 here, 0 there.*choose another --run-id"):
            evaluate_shard(replace(options, seed=7), tmp_path, Shard(1, 2), run_id="r")
        assert (tmp_path / "r" / "manifest.json").read_bytes() == before
        assert evaluate_shard(options, tmp_path, Shard(1, 2), run_id="r") is not None

    def test_a_rank_with_answers_of_its_own_alone_may_change_what_it_asks(
        self, options: Options, tmp_path: Path
    ) -> None:
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        evaluate_shard(replace(options, seed=7), tmp_path, Shard(0, 2), run_id="r")
        assert RunFolder(tmp_path / "r").read_manifest().options["seed"] == 7

    def test_a_newer_program_goes_on_when_all_others_have_ended_and_says_so(
        self, options: Options, tmp_path: Path
    ) -> None:
        evaluate_shard(options, tmp_path, Shard(0, 2), run_id="r")
        folder = RunFolder(tmp_path / "r")
        older = folder.read_manifest()
        folder.write_manifest(replace(older, environment={**older.environment, "commit": "abc123", "dirty": False}))
        with pytest.warns(UserWarning, match=r"commit of vau-bench is .* here, was abc123 .*rank 1 of 2 goes on"):
            assert evaluate_shard(options, tmp_path, Shard(1, 2), run_id="r") is not None


@contextmanager
def _at_work(run: Path) -> Iterator[None]:
    """Be there as a rank of the run is."""
    with (run / "responses.jsonl").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


RANK = """
import os, sys, time
from pathlib import Path
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig

class Slow(Model[ModelConfig]):
    reads_video = False
    def generate(self, requests):
        for request in requests:
            time.sleep(float(os.environ["SLEEP"]))
            yield request.answer("<answer>" + "ABCD"[len(request.sample.id) % 4] + "</answer>")

MODELS.add("slow", Slow)
from vau_bench.evaluation import Options, evaluate_shard
from vau_bench.shards import Shard
shard = Shard.of("auto", os.environ)
options = Options("slow", ("clips_mcq",), data=Path(sys.argv[1]), resamples=100)
print("begins", flush=True)
found = evaluate_shard(options, Path(sys.argv[2]), shard, run_id="r")
print("scored" if found else "left", flush=True)
"""


def start(data: Path, out: Path, rank: int, count: int, *, sleep: float = 0.02) -> subprocess.Popen[str]:
    env = {**os.environ, "RANK": str(rank), "WORLD_SIZE": str(count), "SLEEP": str(sleep)}
    command = [sys.executable, "-c", RANK, str(data), str(out)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ends(process: subprocess.Popen[str]) -> str:
    """Wait for a process that must succeed, and return what it says."""
    said, told = process.communicate(timeout=60)
    assert process.returncode == 0, told
    return said


@pytest.fixture
def undisturbed(data: Path, tmp_path: Path) -> Iterator[Path]:
    for rank in range(2):
        ends(start(data, tmp_path / "undisturbed", rank, 2, sleep=0))
    yield tmp_path / "undisturbed" / "r"


@pytest.mark.slow
class TestProcesses:
    def test_two_at_once_and_the_last_one_scores(self, data: Path, tmp_path: Path, undisturbed: Path) -> None:
        ranks = [start(data, tmp_path / "runs", rank, 2) for rank in range(2)]
        assert "scored\n" in [ends(rank).removeprefix("begins\n") for rank in ranks]
        assert (tmp_path / "runs" / "r" / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()

    @pytest.mark.parametrize("most", [5, pytest.param(20, marks=pytest.mark.thorough)])
    def test_a_rank_that_is_killed_costs_nothing_but_the_time_to_start_it_again(
        self, data: Path, tmp_path: Path, undisturbed: Path, most: int
    ) -> None:
        out, rng, kills = tmp_path / "runs", random.Random(3), 0
        while kills < most:
            count = rng.choice((2, 3))
            ranks = [start(data, out, rank, count, sleep=0.005) for rank in range(count)]
            victim = rng.choice(ranks)
            assert victim.stdout is not None
            victim.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.25))
            victim.send_signal(signal.SIGKILL)
            kills += 1
            victim.communicate(timeout=60)
            for rank in ranks:
                if rank is not victim:
                    ends(rank)
        for rank in range(2):
            ends(start(data, out, rank, 2, sleep=0))
        answered = Counter(r.sample_id for r in RunFolder(out / "r").responses())
        assert len(answered) == 60 and set(answered.values()) == {1}
        for name in ("results.json", "scores.jsonl"):
            assert (out / "r" / name).read_bytes() == (undisturbed / name).read_bytes()

    def test_a_disk_that_is_full_on_one_node_stops_that_rank_alone(
        self, data: Path, tmp_path: Path, undisturbed: Path
    ) -> None:
        out = tmp_path / "runs"
        full = subprocess.Popen(
            ["bash", "-c", f'ulimit -f 4; exec "{sys.executable}" -c "$0" "$@"', RANK, str(data), str(out)],
            env={**os.environ, "RANK": "1", "WORLD_SIZE": "2", "SLEEP": "0", "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        other = start(data, out, 0, 2)
        _, told = full.communicate(timeout=60)
        ends(other)
        assert full.returncode != 0 and "responses.1.jsonl" in told
        ends(start(data, out, 1, 2, sleep=0))
        assert (out / "r" / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()

    def test_two_torchrun_nodes_go_on_when_a_worker_of_one_is_killed(
        self, data: Path, tmp_path: Path, undisturbed: Path
    ) -> None:
        pytest.importorskip("torch")
        out, script = tmp_path / "runs", tmp_path / "rank.py"
        told_pid = "(Path(sys.argv[2]) / f'{shard.rank}.pid').write_text(str(os.getpid()))"
        script.write_text(RANK.replace('print("begins", flush=True)', told_pid))
        out.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        meet = ("--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}", "--rdzv-id", "test")
        launcher = (
            "-m",
            "torch.distributed.run",
            "--nnodes",
            "2",
            "--nproc-per-node",
            "1",
            "--max-restarts",
            "3",
            *meet,
        )
        env = {name: value for name, value in os.environ.items() if name not in ("RANK", "WORLD_SIZE")}
        nodes = [
            subprocess.Popen(
                [sys.executable, *launcher, str(script), str(data), str(out)],
                env={**env, "SLEEP": "0.1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        journal, deadline = out / "r" / "responses.1.jsonl", time.monotonic() + 60
        while not (journal.exists() and journal.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(int((out / "1.pid").read_text()), signal.SIGKILL)
        for node in nodes:
            _, told = node.communicate(timeout=120)
            assert node.returncode == 0, told
        answered = Counter(r.sample_id for r in RunFolder(out / "r").responses())
        assert len(answered) == 60 and set(answered.values()) == {1}
        assert (out / "r" / "results.json").read_bytes() == (undisturbed / "results.json").read_bytes()
