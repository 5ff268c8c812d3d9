"""The one command, from nothing to a measured checkpoint and its card, a two-thousandth as long as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from srvau_train.nano.command import nano
from srvau_train.nano.recipe import Recipe

pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.timeout(900)
def test_every_stage_learns_and_everything_is_measured_and_once_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a model that has learnt nothing never ends a completion
    short = replace(Recipe().scaled(0.0005), prompts=4, rollouts=4, grpo_steps=2)
    monkeypatch.setattr(Recipe, "scaled", lambda recipe, share: short)

    def run() -> str:
        done = CliRunner().invoke(nano, ["--scale", "0.0005", "--out", str(tmp_path)], catch_exceptions=False)
        assert (done.exit_code, done.stdout) == (0, f"{tmp_path / 'final' / 'README.md'}\n")
        return (tmp_path / "final" / "README.md").read_text("utf-8")

    card = run()
    for stage, steps in (("base", 4), ("reflect", 4), ("grpo", 2)):
        assert max(line["step"] for line in lines(tmp_path / stage / "metrics.jsonl")) == steps
    for lesson in ("vision", "reading", "watching"):
        assert (tmp_path / lesson / "state.pt").is_file()
    measured = {
        path.parent.name: json.loads(path.read_text())["tasks"] for path in tmp_path.glob("runs/*/results.json")
    }
    assert {name: len(tasks) for name, tasks in measured.items()} == {
        "grpo": 4, "reflect": 3, "black": 3, "shuffled": 3,
    }  # fmt: skip
    assert {task["expected"] for tasks in measured.values() for task in tasks} == {4}
    numbers = {int(line["sample_id"].rpartition("-")[2]) for line in lines(tmp_path / "rocot-own" / "chains.jsonl")}
    assert numbers <= set(short.answered)
    planted = json.loads((tmp_path / "planted.json").read_text())
    assert all(counts["wrong"] + counts["right"] == 4 for counts in planted.values())
    for told in ("| reflect | grounding | miou |", "| black |", "## Against what it came from", "curves.svg"):
        assert told in card

    stages = lines(tmp_path / "stages.jsonl")
    assert run() == card
    assert [line["stage"] for line in lines(tmp_path / "stages.jsonl")] == [line["stage"] for line in stages]
