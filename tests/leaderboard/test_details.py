"""What plots are drawn from, classes and times: kept as numbers, held to the samples, not asked of older entries."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vau_bench.catalogue import Catalogue
from vau_bench.cli.main import cli
from vau_bench.errors import RunError
from vau_bench.leaderboard.adding import add_entry
from vau_bench.leaderboard.board import check_entries, read_board
from vau_bench.leaderboard.entries import INDEX, _sha256, read_entry
from vau_bench.leaderboard.figures import drawings
from vau_bench.saved import load_results

Edit = Callable[..., None]


@pytest.fixture
def entry(board: Path) -> Path:
    """An entry of a grounding and a classification task, alone on its leaderboard."""
    for other in board.glob("entries/*"):
        if other.name != "floors-random":
            shutil.rmtree(other)
    return board / "entries" / "floors-random" / "random"


def errors(board: Path) -> list[str]:
    return [f.told for f in check_entries(board, Catalogue())[1] if f.level == "error"]


def change_rows(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    """Change the samples of an entry by hand, and mend its hash."""
    rows = [json.loads(line) for line in gzip.decompress((path / "scores.jsonl.gz").read_bytes()).splitlines()]
    change(rows)
    data = gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode())
    (path / "scores.jsonl.gz").write_bytes(data)
    index = json.loads((path / INDEX).read_text())
    index["sha256"]["scores.jsonl.gz"] = _sha256(data)
    (path / INDEX).write_text(json.dumps(index))


def forget(*keys: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for key in keys:
                del row[key]

    return change


def test_an_entry_keeps_class_and_times_of_each_sample(entry: Path, runs: dict[str, Path]) -> None:
    made = read_entry(entry)
    scores = {(s.task, s.sample_id): s for s in load_results(runs["random"]).scores}
    for task in made.tasks:
        names = sorted(task["classes"])
        for row in made.by_task[task["task"]]:
            score = scores[row.task, row.sample_id]
            assert row.label is not None and names[row.label] == score.label
            if task["kind"] == "grounding":
                assert [list(row.true)] == score.truth if row.true else score.truth == []
                assert [list(row.predicted)] == score.prediction if row.predicted else score.prediction == []
            else:
                assert row.true is row.predicted is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda c: c["Fire"].update(value=0.99), "class 'Fire' is told as 0.99 of 13, the samples give"),
        (lambda c: c["Fire"].update(n=500), "class 'Fire' is told as"),
        (lambda c: c.update(Fire2=c.pop("Fire"), Aaa={"n": 1, "value": 1.0}), "class 'Aaa' is told as 1.0 of 1"),
        (lambda c: c.clear(), "a sample is of none of its classes"),
        (lambda c: c["Fire"].update(n=-1), "classes.Fire.n: input should be greater than or equal to 0"),
    ],
)
def test_figures_by_class_that_are_not_those_of_the_samples_are_found(
    board: Path, entry: Path, edit: Edit, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    edit(entry / "results.json", lambda r: change(r["tasks"][0]["classes"]), rehash=True)
    told = errors(board)
    assert told and sentence in told[0]


def anomalous(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return next(row for row in rows if row["true"] and row["predicted"])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows[0].update(label=99), "a sample is of none of its classes"),
        (lambda rows: rows[0].update(label=None), "a sample is of none of its classes"),
        (lambda rows: rows[0].update(label=-1), "label: input should be greater than or equal to 0"),
        (lambda rows: anomalous(rows).update(true=[0.0, 0.5]), "the times of the sample 'test-"),
        (lambda rows: anomalous(rows).update(predicted=None), "the times of the sample 'test-"),
        (lambda rows: anomalous(rows).update(true=None), "the times of the sample 'test-"),
        (lambda rows: anomalous(rows).update(true=[1.0]), "true"),
        (lambda rows: anomalous(rows).update(true=[0.0, 1e300]), "true"),
        (lambda rows: anomalous(rows).update(predicted="[0, 1]"), "predicted"),
    ],
)
def test_classes_and_times_of_samples_that_were_changed_are_found(
    board: Path, entry: Path, change: Callable[[list[dict[str, Any]]], None], sentence: str
) -> None:
    change_rows(entry, change)
    told = errors(board)
    assert told and sentence in told[0]


def test_an_entry_from_before_samples_told_them_is_sound(board: Path, entry: Path) -> None:
    change_rows(entry, forget("label", "true", "predicted"))
    assert errors(board) == []
    assert read_board(board, resamples=50).rankings


def test_starts_are_drawn_of_entries_that_tell_them(
    board: Path, entry: Path, runs: dict[str, Path], edit: Edit
) -> None:
    edit(entry / "manifest.json", lambda m: m.update(model="seeing"), rehash=True)
    kinds = [d.stem.rpartition("-")[2] for d in drawings(read_board(board, resamples=50))]
    assert kinds.count("starts") == 1
    change_rows(entry, forget("true", "predicted"))
    assert "starts" not in [d.stem.rpartition("-")[2] for d in drawings(read_board(board, resamples=50))]


def test_a_run_whose_classes_are_not_those_of_its_scores_is_not_entered(
    runs: dict[str, Path], tmp_path: Path, copied: Callable[[str], Path]
) -> None:
    run = copied("random")
    record = json.loads((run / "results.json").read_text())
    record["tasks"][0]["classes"]["Fire"]["value"] = 0.5
    (run / "results.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"class 'Fire' is told as 0.5 of 13.*run `vau-bench score"):
        add_entry(run, tmp_path / "leaderboards")
    assert not (tmp_path / "leaderboards").exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.update(environment=[]), "environment: input should be a valid dict"),
        (lambda m: m.update(model_identity="x"), "model_identity: input should be a valid dict"),
        (lambda m: m.update(options=None), "options: input should be a valid dict"),
        (lambda m: m.update(status="failed"), "status: input should be 'success'"),
        (lambda m: m.update(schema=99), "the manifest has schema 99"),
        (lambda m: m.pop("tasks"), "the manifest is damaged"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_told(
    board: Path, entry: Path, edit: Edit, change: Callable[[dict[str, Any]], None], sentence: str
) -> None:
    edit(entry / "manifest.json", change, rehash=True)
    told = errors(board)
    assert told and sentence in told[0]


@pytest.mark.parametrize("reflection", [3, {"pairs": 1}, {"pairs": 1, "without_pair": 0, "cells": {}, "metrics": {}}])
def test_a_reflection_that_is_none_is_told(board: Path, entry: Path, edit: Edit, reflection: object) -> None:
    edit(entry / "results.json", lambda r: r["tasks"][0].update(reflection=reflection), rehash=True)
    told = errors(board)
    assert told and "reflection" in told[0]


def test_what_check_prints_cannot_steer_a_terminal(board: Path, entry: Path) -> None:
    hostile = entry.with_name("a\x1b[2J\u202eb")
    entry.rename(hostile)
    (hostile / "results.json").write_text("{}")
    told = CliRunner().invoke(cli, ["leaderboard", "check", "--dir", str(board)])
    assert told.exit_code == 1 and "results.json is not what entry.json says" in told.output
    assert "\x1b" not in told.output and "\u202e" not in told.output
