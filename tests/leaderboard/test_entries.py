"""Entries: what they hold, what they leave out, and that a changed one is refused."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vau_bench.catalogue import Catalogue
from vau_bench.cli.main import cli
from vau_bench.errors import DataError, RunError
from vau_bench.leaderboard.adding import _scrubbed, add_entry, doubles, entry_of, without_machine
from vau_bench.leaderboard.board import check_entries, read_board
from vau_bench.leaderboard.entries import FILES, INDEX, Entry, _sha256, entry_paths, pack, read_entry
from vau_bench.leaderboard.verify import computable, problems, recompute
from vau_bench.runs import RunFolder
from vau_bench.saved import load_results

Change = Callable[[dict[str, Any]], None]


def findings(folder: Path) -> list[tuple[str, str, str]]:
    return [(f.entry, f.level, f.told) for f in check_entries(folder, Catalogue())[1]]


def first(folder: Path) -> Path:
    return entry_paths(folder)[0]


# What an entry is.


def test_an_entry_holds_the_figures_and_what_they_are_made_from(runs: dict[str, Path], board: Path) -> None:
    path = board / "entries" / "floors-random" / "random"
    assert sorted(p.name for p in path.iterdir()) == sorted([*FILES, INDEX])
    entry = read_entry(path)
    run = load_results(runs["random"])
    assert entry.model == "floors/random"
    assert [t["task"] for t in entry.tasks] == [t["task"] for t in run.tasks]
    for told, scored in zip(entry.tasks, run.tasks, strict=True):
        for name, metric in told["metrics"].items():
            assert metric["value"] == scored["metrics"][name]["value"]
            assert metric["low"] is not None, "a run without resamples gets its intervals when it is entered"
    assert {(r.task, r.sample_id): r.worth for r in entry.rows} == {(s.task, s.sample_id): s.worth for s in run.scores}


def test_it_is_sound_and_small(board: Path) -> None:
    entries, told = check_entries(board, Catalogue())
    assert len(entries) == 3 and told == []
    assert sum(p.stat().st_size for p in first(board).iterdir()) < 30_000


def test_the_same_run_gives_the_same_bytes(runs: dict[str, Path]) -> None:
    assert pack(entry_of(runs["random"])) == pack(entry_of(runs["random"]))


def test_a_sample_is_told_in_numbers_without_any_text_of_a_dataset_or_a_response(board: Path) -> None:
    rows = gzip.decompress((first(board) / "scores.jsonl.gz").read_bytes()).decode().splitlines()
    assert {tuple(sorted(json.loads(row))) for row in rows} == {
        ("first_worth", "group", "label", "outcome", "predicted", "sample_id", "task", "true", "values", "worth")
    }
    assert all(v is None or isinstance(v, float) for row in rows for v in json.loads(row)["values"].values())


def test_the_machine_is_taken_out_of_the_manifest(runs: dict[str, Path]) -> None:
    manifest = RunFolder(runs["random"]).read_manifest()
    manifest.options.update(
        data="/home/me/data", tasks_dirs=["/home/me/tasks"], model_args={"checkpoint": "/m/Qwen-3B"}
    )
    manifest.model_identity.update(base_url="http://node7.corp:8000/v1", processor="~/secret/place")
    manifest.environment.update(hostname="node7", user="me")
    clean = without_machine(manifest)
    text = json.dumps([clean.options, clean.model_identity, clean.environment])
    assert "node7" not in text and "/home" not in text and "secret" not in text and '"me"' not in text
    assert clean.options["data"] is None and clean.options["tasks_dirs"] == []
    assert clean.options["model_args"] == {"checkpoint": "Qwen-3B"}
    assert {"python", "platform"} <= clean.environment.keys()


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("/home/me/ckpt", "ckpt"),
        ("/home/me/ckpt/", "ckpt"),
        ("../../models/a", "a"),
        (r"C:\Users\me\model", "model"),
        (r"\\server\share\model", "model"),
        ("no video at /data/x.mp4; stop", "no video at x.mp4; stop"),
        ("https://user:key@host/v1", "https:(address withheld)"),
        ("Qwen/Qwen2.5-VL-3B", "Qwen/Qwen2.5-VL-3B"),
        ("fps(2, max=64) short_side=336", "fps(2, max=64) short_side=336"),
        ("uniform(16)", "uniform(16)"),
    ],
)
def test_paths_and_addresses_are_cut_and_nothing_else(text: str, left: str) -> None:
    assert _scrubbed({"a": [text, 3, None, True]}) == {"a": [left, 3, None, True]}


# What cannot be entered.


def test_a_run_that_did_not_finish_or_scored_nothing_is_no_entry(runs: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is no entry: nothing could be scored"):
        entry_of(runs["nothing"])
    run = tmp_path / "run"
    shutil.copytree(runs["random"], run)
    folder = RunFolder(run)
    folder.finish(folder.read_manifest(), "cancelled")
    with pytest.raises(RunError, match="its status is cancelled; evaluate again"):
        entry_of(run)


def test_a_run_whose_results_are_not_those_of_its_scores_is_refused(runs: dict[str, Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs["random"], run)
    record = json.loads((run / "results.json").read_text())
    record["tasks"][0]["metrics"]["miou"]["value"] += 0.01
    (run / "results.json").write_text(json.dumps(record))
    with pytest.raises(RunError, match=r"miou in results.json is not that of scores.jsonl; run `vau-bench score"):
        add_entry(run, tmp_path / "leaderboards")
    assert not (tmp_path / "leaderboards").exists()


def test_nothing_is_overwritten_unless_asked(runs: dict[str, Path], board: Path) -> None:
    path = first(board)
    before = {p.name: p.read_bytes() for p in path.iterdir()}
    with pytest.raises(RunError, match="is there already; pass --replace"):
        add_entry(runs["mcq"], board)
    assert {p.name: p.read_bytes() for p in path.iterdir()} == before
    assert add_entry(runs["mcq"], board, replace_old=True) == path
    assert len(entry_paths(board)) == 3 and [p.name for p in path.parent.iterdir()] == [path.name]


def test_one_run_is_entered_once_whatever_it_is_called(runs: dict[str, Path], board: Path) -> None:
    with pytest.raises(RunError, match=r"the run mcq is entered already, as .*floors-always_a/mcq"):
        add_entry(runs["mcq"], board, name="another name", replace_old=True)
    copy = board / "entries" / "another" / "mcq"
    shutil.copytree(first(board), copy)
    errors = [told for _, level, told in findings(board) if level == "error"]
    assert errors == ["the run mcq is entered twice: also as another/mcq"]


@pytest.mark.parametrize(
    "name", ["../../../etc/passwd", "..", "/tmp/x", "a/../../b", "<script>alert(1)</script>", "Ä\u202e"]
)
def test_a_hostile_name_stays_below_entries(runs: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = tmp_path / "leaderboards"
    path = add_entry(runs["mcq"], folder, name=name)
    assert path.resolve().parents[1] == (folder / "entries").resolve()
    assert re.fullmatch(r"[A-Za-z0-9._-]+", path.parent.name)
    assert read_entry(path).model == name
    assert findings(folder) == []


def test_a_folder_that_cannot_be_written_is_told_and_nothing_is_left(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "leaderboards"
    folder.mkdir()
    (folder / "entries").write_text("a file")
    with pytest.raises(RunError, match=r"cannot write .*; nothing was changed"):
        add_entry(runs["mcq"], folder)
    assert [p.name for p in folder.iterdir()] == ["entries"]


# What check finds.


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_found_by_its_hash(board: Path, name: str) -> None:
    path = first(board) / name
    path.write_bytes(path.read_bytes() + b" ")
    ((_, level, told),) = findings(board)
    assert level == "error" and f"{name} is not what entry.json says" in told


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m: m.update(value=0.99), "value of accuracy is told as 0.99, the samples give 0.25"),
        (lambda m: m.update(low=0.2499), "low of accuracy is told as 0.2499"),
        (lambda m: m.update(se=0.001), "se of accuracy"),
        (lambda m: m.update(mde=0.01), "mde of accuracy"),
        (lambda m: m.update(n=100_000), "n of accuracy is told as 100000, the samples give 200"),
        (lambda m: m.update(answered_only=1.0), "answered_only of accuracy"),
    ],
)
def test_a_figure_that_is_not_that_of_the_samples_is_found_though_its_hash_was_mended(
    board: Path, edit: Callable[..., None], change: Change, sentence: str
) -> None:
    edit(first(board) / "results.json", lambda r: change(r["tasks"][0]["metrics"]["accuracy"]), rehash=True)
    ((_, level, told),) = findings(board)
    assert level == "error" and sentence in told


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t: t.update(expected=199), "the outcomes are not those of the samples"),
        (lambda t: t["outcomes"].update(scored=0, refused=200), "the outcomes are not those of the samples"),
        (lambda t: t.update(headline="nonsense"), "the headline 'nonsense' is none of its metrics"),
        (lambda t: t.update(kind="nonsense"), "unknown kind 'nonsense'"),
        (lambda t: t.update(kind="detection"), "accuracy cannot be computed from the samples"),
        (lambda t: t.update(task="other"), "are not about the same tasks"),
        (lambda t: t["metrics"].update(mine=t["metrics"]["accuracy"]), "mine cannot be computed from the samples"),
        (lambda t: t.update(version="1"), "tasks.0.version: input should be a valid integer"),
        (lambda t: t.pop("digests"), "the key 'tasks.0.digests' is missing"),
    ],
)
def test_a_result_that_does_not_fit_its_samples_is_found(
    board: Path, edit: Callable[..., None], change: Change, sentence: str
) -> None:
    edit(first(board) / "results.json", lambda r: change(r["tasks"][0]), rehash=True)
    errors = [told for _, level, told in findings(board) if level == "error"]
    assert errors and sentence in errors[0]


def rewrite_scores(path: Path, data: bytes) -> None:
    (path / "scores.jsonl.gz").write_bytes(data)
    index = json.loads((path / INDEX).read_text())
    index["sha256"]["scores.jsonl.gz"] = _sha256(data)
    (path / INDEX).write_text(json.dumps(index))


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress((path / "scores.jsonl.gz").read_bytes()).splitlines()]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda rows: rows[0]["values"].update(predicted=rows[0]["values"]["truth"]), "value of accuracy"),
        (lambda rows: rows.append(rows[0]), "a sample stands twice"),
        (lambda rows: rows[0]["values"].pop("truth"), "the samples do not hold the same values"),
        (lambda rows: rows[0]["values"].update(truth=1e12), "the metrics cannot be computed"),
        (lambda rows: rows[0].update(outcome="missing"), "the outcomes are not those"),
        (lambda rows: rows[0].update(outcome="perfect"), "line 1: outcome: input should be"),
        (lambda rows: rows[0].update(worth=7), "line 1: worth: input should be less than or equal to 1"),
        (lambda rows: rows[0].update(text="a response"), "line 1: unknown key 'text'"),
    ],
)
def test_samples_that_were_changed_are_found(board: Path, change: Callable[[Any], None], sentence: str) -> None:
    path = first(board)
    rows = rows_of(path)
    wrong = rows[0]["values"]
    assert wrong["predicted"] != wrong["truth"]
    change(rows)
    rewrite_scores(path, gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    errors = [told for _, level, told in findings(board) if level == "error"]
    assert any(sentence in told for told in errors)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda data: data[: len(data) // 2], "cannot be unpacked"),
        (lambda data: data[:200] + bytes(50) + data[250:], "cannot be unpacked"),
        (lambda data: b"", "the outcomes are not those of the samples"),
        (lambda data: b"not gzip at all", "cannot be unpacked"),
        (lambda data: gzip.compress(b"[1]\n"), "not a JSON object"),
        (lambda data: gzip.compress(b'{"worth": NaN}\n'), "NaN is no number"),
        (lambda data: gzip.compress(b"\xff\n"), "utf-8"),
    ],
)
def test_corrupted_samples_are_told_in_one_sentence(
    board: Path, damage: Callable[[bytes], bytes], sentence: str
) -> None:
    path = first(board)
    rewrite_scores(path, damage((path / "scores.jsonl.gz").read_bytes()))
    ((_, level, told),) = findings(board)
    assert level == "error" and sentence in told


def test_samples_that_unpack_without_end_are_refused(board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau_bench.leaderboard.entries.LARGEST", 1 << 20)
    rewrite_scores(first(board), gzip.compress(bytes(2 << 20)))
    ((_, _, told),) = findings(board)
    assert "unpacks to more than 1 MiB" in told


def test_absent_and_foreign_files_are_found(board: Path) -> None:
    one, two, three = entry_paths(board)
    (one / "manifest.json").unlink()
    (two / "clip.mp4").write_bytes(b"")
    (three / "results.json").rename(board / "elsewhere.json")
    (three / "results.json").symlink_to(board / "elsewhere.json")
    assert [told.partition(": ")[2] or told for _, _, told in findings(board)] == [
        "manifest.json is absent",
        "clip.mp4 is no part of an entry",
        f"{three / 'results.json'} is no plain file",
    ]


def test_a_task_that_is_gone_or_newer_makes_an_entry_stale_which_is_no_error(
    write: Callable[..., None], draw: Callable[..., Entry], tmp_path: Path
) -> None:
    digests = Catalogue().get("vau_synth_mcq").digests
    write(
        tmp_path,
        draw("gone", [True] * 30, task="no_such_task"),
        draw("old", [True] * 30, version=0),
        draw("reparsed", [True] * 30, digests={**digests, "data": "d", "parser": "before"}),
        draw("told", [True] * 30, headline="position_balanced_accuracy"),
        draw("fresh", [True] * 30),
    )
    entries, told = check_entries(tmp_path, Catalogue())
    assert len(entries) == 5
    assert [(f.entry, f.level) for f in told] == [
        ("gone/run", "stale"),
        ("old/run", "stale"),
        ("reparsed/run", "stale"),
        ("told/run", "stale"),
    ]
    assert "there is no such task any more" in told[0].told
    assert "measured with version 0, the task is at version 1" in told[1].told
    assert "the parser has changed since" in told[2].told
    assert "ranked by position_balanced_accuracy, its headline is accuracy now" in told[3].told
    check = ["leaderboard", "check", "--dir", str(tmp_path)]
    assert CliRunner().invoke(cli, check).exit_code == 0
    assert CliRunner().invoke(cli, [*check, "--strict"]).exit_code == 1


def test_reflections_are_held_to_the_samples_too(draw: Callable[..., Entry]) -> None:
    entry = draw("reflecting", [i % 3 > 0 for i in range(40)])
    rows = [r.model_copy(update={"first_worth": float(i % 2)}) for i, r in enumerate(entry.rows)]
    task = entry.tasks[0]
    told: dict[str, Any] = {"pairs": 40, "without_pair": 0, "cells": {}, "metrics": {}}
    task["reflection"] = told  # type: ignore[typeddict-item]
    entry = Entry(None, entry.model, entry.manifest, [task], rows)
    (anew,) = recompute([computable(task, entry.by_task[task["task"]])])
    told["metrics"] = {n.removeprefix("reflection/"): m for n, m in anew.items() if n.startswith("reflection/")}
    assert set(told["metrics"]) == {"net_gain", "graded_gain", "repair_rate", "break_rate"}
    first, worth = [r.first_worth for r in rows], [r.worth for r in rows]
    told["cells"] = {
        "repaired": sum(b > a for a, b in zip(first, worth, strict=True)),  # type: ignore[operator]
        "broken": sum(b < a for a, b in zip(first, worth, strict=True)),  # type: ignore[operator]
        "kept_right": sum(a == b == 1 for a, b in zip(first, worth, strict=True)),
        "kept_wrong": sum(a == b == 0 for a, b in zip(first, worth, strict=True)),
    }
    assert problems([entry]) == {0: []}
    told["pairs"] = 39
    assert "the counts of repaired and broken answers are not those" in problems([entry])[0][0]
    told["pairs"] = 40
    told["cells"]["repaired"] += 1
    told["metrics"]["net_gain"] = {**told["metrics"]["net_gain"], "value": 1.0}
    assert len(problems([entry])[0]) == 2


def test_no_page_is_made_of_a_wrong_entry(board: Path) -> None:
    (first(board) / "results.json").write_text("{}")
    with pytest.raises(DataError, match=r"the entry floors-always_a/mcq is wrong: .*is not what entry.json says"):
        read_board(board)
    built = CliRunner().invoke(cli, ["leaderboard", "build", "--dir", str(board)])
    assert built.exit_code != 0 and not (board / "README.md").exists()


def test_the_commands_add_and_check(runs: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "leaderboards"
    added = CliRunner().invoke(cli, ["leaderboard", "add", str(runs["mcq"]), "--dir", str(folder), "--name", "Mine"])
    assert added.exit_code == 0 and added.output.strip() == str(folder / "entries" / "Mine" / "mcq")
    told = CliRunner().invoke(cli, ["leaderboard", "check", "--dir", str(folder)])
    assert told.exit_code == 0 and told.output == "1 entries are sound, 0 stale, 0 errors; 0 published rows\n"
    (folder / "entries" / "Mine" / "mcq" / "manifest.json").write_text("")
    told = CliRunner().invoke(cli, ["leaderboard", "check", "--dir", str(folder), "--json"])
    record = json.loads(told.output)
    assert told.exit_code == 1 and record["sound"] == [] and record["findings"][0]["level"] == "error"


def test_an_older_run_of_the_same_model_is_named_when_a_newer_one_is_entered(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    folder, again = tmp_path / "leaderboards", tmp_path / "again"
    shutil.copytree(runs["mcq"], again)
    manifest = json.loads((again / "manifest.json").read_text())
    (again / "manifest.json").write_text(json.dumps({**manifest, "run_id": "again"}))
    command = ["leaderboard", "add", "--dir", str(folder), "--name", "Mine"]
    older, other, newer = (
        CliRunner().invoke(cli, [*command, str(run)]) for run in (runs["mcq"], runs["random"], again)
    )
    assert older.stderr == other.stderr == ""  # the tasks of the other one are others
    path = folder / "entries" / "Mine" / "mcq"
    assert newer.exit_code == 0 and newer.stdout.strip() == str(path.with_name("again"))
    assert newer.stderr == f"{path} holds tasks of it, too: remove that one if this run takes its place\n"
    (path / "results.json").unlink()
    assert doubles(path.with_name("again")) == []


def test_a_leaderboard_without_entries_is_sound(tmp_path: Path) -> None:
    assert check_entries(tmp_path, Catalogue()) == ([], [])
