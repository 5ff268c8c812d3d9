"""Judges that are called from the processes of a Ray cluster say what they say without it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vau_bench.judge.judgements import Judgement, read_judgements

pytestmark = pytest.mark.xdist_group("ray")


def judged(run: Path) -> dict[tuple[str, ...], Judgement]:
    """Return the judgements of a run by what they are about, without what differs from call to call."""
    return {(j.task, j.sample_id, j.purpose): replace(j, seconds=0.0) for j in read_judgements(run)}


def vau(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "vau_bench", "judge", *map(str, arguments)]
    env = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    env["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[2]), env.get("PYTHONPATH", "")])
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
def test_the_verdicts_are_those_without_it_and_none_is_asked_for_twice(chat_server, say, verdict, run_folder) -> None:
    pytest.importorskip("ray")
    server = chat_server(lambda served: say(verdict()))
    run = run_folder(count=100)
    told = vau(run, "--judge-model", "m", "--base-url", server.url, "--engine", "ray", "--actors", 2)
    assert told.returncode == 0, told.stderr
    assert len(server.calls) == 100 and "35.00" in told.stdout
    through = judged(run)
    again = vau(run, "--judge-model", "m", "--base-url", server.url, "--engine", "ray")
    assert again.returncode == 0 and len(server.calls) == 100
    (run / "judgements.jsonl").unlink()
    plain = vau(run, "--judge-model", "m", "--base-url", server.url)
    assert plain.stdout == told.stdout and judged(run) == through


@pytest.mark.thorough
def test_a_key_that_is_not_accepted_ends_it_in_one_sentence(chat_server, say, run_folder) -> None:
    pytest.importorskip("ray")
    server = chat_server(lambda served: say(status=401, raw=b'{"error": "no such key"}'))
    told = vau(run_folder(), "--judge-model", "m", "--base-url", server.url, "--engine", "ray", "--actors", 1)
    assert told.returncode == 1 and "no such key" in told.stderr and "Traceback" not in told.stderr


def test_actors_without_the_engine_are_wrong_usage(run_folder) -> None:
    told = vau(run_folder(), "--actors", 2)
    assert told.returncode == 2 and "--actors goes with --engine ray" in told.stderr
