"""A run through Ray is the run without it, whatever is lost on the way, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from vau_bench.engines.ray import RayEngine
from vau_bench.errors import MissingExtraError, UsageError
from vau_bench.evaluation import Options
from vau_bench.models import create_model
from vau_bench.paths import builtin_tasks
from vau_bench.video import ClipLoader

CANARY = "sk-canary-58c1d0"


@pytest.fixture
def needs_ray() -> None:
    pytest.importorskip("ray.data", reason="the extra [ray] is not installed")


with_ray = pytest.mark.usefixtures("needs_ray")
slow = pytest.mark.slow
thorough = pytest.mark.thorough
pytestmark = pytest.mark.xdist_group("ray")  # each starts a dozen processes


# What can be asked for.


@pytest.mark.parametrize(("text", "expected"), [(None, (1, None)), ("4", (4, 4)), ("1:8", (1, 8)), ("2:2", (2, 2))])
def test_how_many_actors_a_text_means(text: str | None, expected: tuple[int, int | None]) -> None:
    engine = RayEngine.parse(text, 0.5)
    assert (engine.least, engine.most, engine.gpus) == (*expected, 0.5)


@pytest.mark.parametrize("text", ["", "0", "8:1", "0:4", "-1", "1:", ":4", "many", "1:2:3", "1.5"])
def test_a_text_that_means_no_actors_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        RayEngine.parse(text)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["--actors", "2"], "--actors and --gpus-per-actor need --engine ray"),
        (["--engine", "ray", "--shard", "0/2"], "--engine and --shard exclude each other"),
        (["--engine", "ray", "--actors", "8:1"], "8 to 1 actors"),
        (["--engine", "spark"], "'spark' is not 'ray'"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_asked(bench: Any, typed: list[str], told: str) -> None:
    run = bench(*bench.stub(2, *typed))
    assert run.returncode == 2 and told in run.stderr
    assert not (bench.folder / "runs").exists()


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.data", None)
    with ClipLoader() as clips, pytest.raises(MissingExtraError, match=r"--engine ray needs the extra \[ray\]"):
        engine, options = RayEngine(), Options("gold", ("clips_mcq",))
        create_model("gold", {}, clips, wrap=lambda model: engine.over(model, options))


@with_ray
@pytest.mark.parametrize("name", ["gold", "motion", "floors/whole_video", "openai"])
def test_it_is_the_same_model_to_whoever_asks(name: str) -> None:
    arguments = {"model": "m", "base_url": "http://127.0.0.1:1/v1"} if name == "openai" else {}
    options = Options(name, ("clips_mcq",), model_args=arguments)
    with ClipLoader() as clips:
        here = create_model(name, arguments, clips)
        there = create_model(name, arguments, clips, wrap=lambda model: RayEngine().over(model, options))
        assert there.identity() == here.identity() and there.described() == here.described()
        for told in ("reads_video", "own_frames", "by_video", "frames", "style"):
            assert getattr(there, told) == getattr(here, told)
        assert there.planned(None, "uniform(4)") == here.planned(None, "uniform(4)")
        assert list(there.generate([])) == [], "nothing to ask starts no cluster"


# The same results.


def same(bench: Any, *arguments: str, actors: str = "1:2") -> None:
    """Check that a run through Ray has the files of the run without it."""
    plain = bench(*arguments, "--run-id", "run", "--out", "plain")
    through = bench(*arguments, "--run-id", "run", "--out", "through", "--engine", "ray", "--actors", actors)
    assert through.returncode == plain.returncode == 0, through.stderr + plain.stderr
    for name in ("results.json", "scores.jsonl"):
        one, other = ((bench.folder / out / "run" / name).read_bytes() for out in ("plain", "through"))
        assert one == other
    assert bench.answers("through/run") == bench.answers("plain/run")
    bench.wait(lambda: not bench.processes())


@slow
@with_ray
def test_a_blind_floor_that_is_fitted_to_a_split(bench: Any) -> None:
    same(bench, "--model", "floors/prior_interval", "--tasks", "vau_synth_grounding,vau_synth_mcq", "--limit", "30")


@thorough
@with_ray
@pytest.mark.parametrize("more", [(), ("--windows", "6s/3s")], ids=["whole", "in-windows"])
def test_a_model_that_sees(bench: Any, more: tuple[str, ...]) -> None:
    asked = ("--model", "motion", "--tasks", "vau_synth_grounding,vau_synth_mcq", "--limit", "5")
    same(bench, *asked, *more, "--decode-workers", "2")


@thorough
@with_ray
def test_videos_that_are_missing_or_damaged(bench: Any) -> None:
    videos = bench.folder / "data" / "videos"
    videos.mkdir(parents=True)
    (videos / "damaged.mp4").write_bytes(b"no video" * 100)
    rows = "damaged.mp4,1,4\nmissing.mp4,0,0\n"
    (bench.folder / "data" / "clips.csv").write_text(f"Video Name,Start Time,End Time\n{rows}")
    asked = ("--model", "motion", "--tasks", "clips_grounding", "--data", "data")
    run = ("--run-id", "run", "--out")
    told = [bench(*asked, *run, out, *more) for out, more in (("a", ()), ("b", ("--engine", "ray")))]
    assert [each.returncode for each in told] == [1, 1] and told[0].stderr == told[1].stderr
    results = [(bench.folder / out / "run" / "results.json").read_bytes() for out in "ab"]
    assert results[0] == results[1] and bench.outcomes("a/run") == {"errored": 1, "missing": 1}


@thorough
@with_ray
def test_a_task_of_ones_own_and_a_run_that_goes_on_with_and_without_ray(bench: Any) -> None:
    mine = bench.folder / "tasks" / "mine_mcq"
    shutil.copytree(builtin_tasks() / "clips_mcq", mine)
    declaration = (mine / "task.yaml").read_text().replace("name: clips_mcq", "name: mine_mcq", 1)
    (mine / "task.yaml").write_text(declaration)
    asked = [a.replace("clips_mcq", "mine_mcq") for a in bench.stub(12, "--tasks-dir", "tasks")]
    first = bench(*asked, "--engine", "ray", "--actors", "1")
    assert first.returncode == 0, first.stderr
    assert len(bench.asked()) == 12
    again = bench(*asked)
    assert again.returncode == 0 and len(bench.asked()) == 12, "what Ray has answered is not asked again"
    resumed = bench("--resume", "runs/run", "--engine", "ray")
    assert resumed.returncode == 0 and len(bench.asked()) == 12


# What goes wrong.


@slow
@with_ray
def test_an_actor_that_is_killed_costs_nothing(bench: Any) -> None:
    run = bench.start(*bench.stub(40, "--json", "--engine", "ray", "--actors", "2", seconds=0.1))
    killed = bench.wait(lambda: len(bench.asked()) >= 6 and bench.asked()[-1][0])
    os.kill(killed, signal.SIGKILL)
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    assert json.loads(out)["model"] == "stub" and "raylet" not in err, "what Ray reports is no result"
    assert bench.outcomes() == {"scored": 40}
    assert set(bench.answers().values()) == {1}
    assert killed not in {process for process, _ in bench.asked()[-8:]}
    bench.wait(lambda: not bench.processes())


@thorough
@with_ray
def test_a_poison_sample_ends_as_an_error_and_costs_no_other(bench: Any) -> None:
    run = bench(*bench.stub(20, "--engine", "ray", "--actors", "2", poison="clip013"))
    assert run.returncode == 0, run.stderr
    assert bench.outcomes() == {"scored": 19, "errored": 1}
    lines = (bench.folder / "runs" / "run" / "responses.jsonl").read_text().splitlines()
    (error,) = [json.loads(line)["error"] for line in lines if "clip013" in line]
    assert "3 processes of the model were lost over it" in error
    assert set(bench.answers().values()) == {1}


@thorough
@with_ray
@pytest.mark.parametrize(
    ("broken", "told"), [("model", "error: no weights here"), ("defect", "ZeroDivisionError: a defect")]
)
def test_what_no_model_can_do_ends_the_run(bench: Any, broken: str, told: str) -> None:
    run = bench(*bench.stub(20, "--engine", "ray", "--actors", "2", broken=broken))
    assert run.returncode == 1 and told in run.stderr
    assert ("Traceback" in run.stderr) == (broken == "defect"), run.stderr
    bench.wait(lambda: not bench.processes())


@slow
@with_ray
@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=thorough)])
def test_an_interrupted_run_leaves_no_process_and_goes_on(bench: Any, number: signal.Signals) -> None:
    asked = bench.stub(40, seconds=0.1)
    run = bench.start(*asked, "--engine", "ray", "--actors", "2")
    journal = bench.folder / "runs" / "run" / "responses.jsonl"
    bench.wait(lambda: journal.exists() and journal.stat().st_size)
    if number == signal.SIGINT:
        os.killpg(run.pid, number)  # as a terminal does: to all that run in it
    else:
        run.send_signal(number)
    _, err = run.communicate(timeout=60)
    assert (run.returncode, err.strip().splitlines()[-1]) == (130, "interrupted")
    bench.wait(lambda: not bench.processes(), 20)
    before = sum(bench.answers().values())
    assert 0 < before < 40
    log = len(bench.asked())
    assert bench(*asked).returncode == 0
    assert bench.outcomes() == {"scored": 40} and set(bench.answers().values()) == {1}
    assert len(bench.asked()) == log + 40 - before


@slow
@with_ray
def test_a_cluster_of_its_own_listens_on_the_loopback_alone_and_leaves_no_file(bench: Any) -> None:
    home = bench.folder / "home"
    home.mkdir()
    bench.env["HOME"] = str(home)
    run = bench.start(*bench.stub(30, "--engine", "ray", "--actors", "1", seconds=0.1))
    bench.wait(bench.asked)
    listening = bench.listening()
    _, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    assert listening == {"127.0.0.1"}
    assert not list(home.rglob("*"))


@slow
@with_ray
def test_a_cluster_that_is_not_there_is_told_in_one_sentence(bench: Any) -> None:
    bench.env["RAY_ADDRESS"] = "127.0.0.1:1"
    run = bench(*bench.stub(4, "--engine", "ray"))
    assert run.returncode == 2
    assert "no Ray cluster at $RAY_ADDRESS=127.0.0.1:1" in run.stderr and "Traceback" not in run.stderr


@slow
@with_ray
def test_gpus_that_a_machine_does_not_have_are_told_at_once(bench: Any) -> None:
    run = bench(*bench.stub(4, "--engine", "ray", "--gpus-per-actor", "99"))
    assert run.returncode == 2 and "99" in run.stderr and "Traceback" not in run.stderr
    assert bench.asked() == []


# Several nodes.


@pytest.fixture
def nodes(bench: Any, monkeypatch: pytest.MonkeyPatch, needs_ray: None) -> Iterator[Any]:
    """A cluster of two nodes on this machine, which knows nothing of the environment of commands."""
    from ray.cluster_utils import Cluster

    for name, value in bench.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    cluster.extra = cluster.add_node(num_cpus=2)
    cluster.wait_for_nodes()
    bench.env["RAY_ADDRESS"] = cluster.address
    yield cluster
    cluster.shutdown()


@slow
@with_ray
@pytest.mark.filterwarnings("ignore")
def test_a_node_that_is_lost_costs_nothing(bench: Any, nodes: Any) -> None:
    run = bench.start(*bench.stub(60, "--engine", "ray", "--actors", "3", seconds=0.4))
    bench.wait(lambda: len({process for process, _ in bench.asked()}) == 3 and len(bench.asked()) >= 9)
    actors = {process for process, _ in bench.asked()}
    nodes.remove_node(nodes.extra, allow_graceful=False)
    bench.wait(lambda: any(not Path(f"/proc/{process}").exists() for process in actors), 10)
    assert len(bench.asked()) < 50, "the node was lost too late to matter"
    _, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    assert bench.outcomes() == {"scored": 60}
    assert set(bench.answers().values()) == {1}


@thorough
@with_ray
@pytest.mark.filterwarnings("ignore")
def test_a_key_reaches_the_processes_and_is_written_nowhere(bench: Any, nodes: Any) -> None:
    bench.env["STUB_API_KEY"] = CANARY
    run = bench(*bench.stub(6, "--engine", "ray", "--actors", "2", secret="STUB_API_KEY"))
    assert run.returncode == 0, run.stderr
    assert bench.outcomes() == {"scored": 6}
    session = Path(nodes.head_node.get_session_dir_path())
    written = [path for folder in (session, bench.folder) for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in written)
    assert [str(path) for path in written if CANARY.encode() in path.read_bytes()] == []
