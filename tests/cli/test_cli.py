"""The command line: one clear sentence and the right exit code for whatever is typed."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path

import pytest

from vau_bench.cli.main import COMMANDS, cli, main


class Outcome:
    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def vau(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))

    def run(*arguments: str) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["vau-bench", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return Outcome(exit_.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    (folder / "videos").mkdir(parents=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Video Name", "Start Time", "End Time", "Anomaly Class"])
        writer.writerows([["a.mp4", 1.5, 4, "Fire"], ["b.mp4", 0, 0, "Normal"], ["c.mp4", 3, 9.5, "fighting"]])
    return folder


def test_every_command_has_help(vau) -> None:
    assert vau("--help").code == 0
    for command in COMMANDS:
        told = vau(command, "--help")
        assert told.code == 0 and "Usage: vau-bench" in told.out


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        (["evalute"], "no command 'evalute'; did you mean evaluate"),
        (["evaluate"], "missing option --model"),
        (["evaluate", "--model", "gold"], "missing option --tasks"),
        (["evaluate", "--model", "gold", "--tasks", "clip"], "unknown task 'clip'; did you mean clips"),
        (["evaluate", "--model", "god", "--tasks", "clips"], "unknown model 'god'; did you mean gold"),
        (["evaluate", "--model", "gold", "--tasks", "clips", "--limt", "3"], "No such option '--limt'"),
        (["evaluate", "--model", "gold", "--tasks", "clips", "--limit", "0"], "Invalid value for '--limit'"),
        (["evaluate", "--model", "gold", "--tasks", "clips", "--data", "nowhere"], "'nowhere' does not exist"),
        (["evaluate", "--model", "gold", "--model-args", "seed", "--tasks", "clips"], "--model-args wants name=value"),
        (["evaluate", "--model", "gold", "--model-args", "x=1", "--tasks", "vau_synth_mcq"], "unknown key 'x'"),
        (["evaluate", "--model", "gold", "--tasks", "vau_synth_mcq", "--frames", "unform(3)"], "uniform"),
        (["evaluate", "--model", "gold", "--tasks", "vau_synth_mcq", "--run-id", "../x"], "'../x' is no name"),
        (
            ["evaluate", "-m", "openai", "--model-args", "model=x,base_url=x", "-t", "vau_synth_mcq"],
            "url: base_url must",
        ),
        (["tasks", "show", "msad_mq"], "unknown task 'msad_mq'; did you mean msad_mcq"),
        (["models", "show", "qwen"], "unknown model 'qwen'; did you mean qwen_vl"),
        (["score", "nowhere"], "'nowhere' does not exist"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence_with_code_2(vau, typed: list[str], sentence: str) -> None:
    told = vau(*typed)
    assert told.code == 2, told.err
    assert sentence in told.err
    assert "Traceback" not in told.err and told.out == ""


def test_evaluate_prints_a_table_and_where_the_run_is(vau, clips: Path) -> None:
    told = vau("evaluate", "--model", "gold", "--tasks", "clips_grounding", "--data", str(clips), "--no-report")
    assert told.code == 0
    assert "clips_grounding" in told.out and "miou" in told.out and "100.0" in told.out
    assert "run: runs/gold-clips_grounding-" in told.out
    assert "\x1b" not in told.out + told.err


def test_json_on_stdout_is_json_and_nothing_else(vau, clips: Path) -> None:
    told = vau("evaluate", "-m", "gold", "-t", "clips_grounding,clips_classification", "--data", str(clips), "--json")
    results = json.loads(told.out)
    assert [t["task"] for t in results["tasks"]] == ["clips_grounding", "clips_classification"]
    assert json.loads(vau("score", results["path"], "--json").out)["tasks"] == results["tasks"]
    for listing in (["tasks", "list"], ["models", "list"], ["tasks", "show", "msad_mcq"], ["models", "show", "openai"]):
        assert json.loads(vau(*listing, "--json").out)


def test_absent_videos_are_counted_and_a_run_without_any_fails(vau, clips: Path) -> None:
    told = vau("evaluate", "--model", "motion", "--tasks", "clips_grounding", "--data", str(clips), "--json")
    assert told.code == 1
    assert "nothing could be scored: 3 of 3 answers are missing; the first: no video a.mp4" in told.err
    task = json.loads(told.out)["tasks"][0]
    assert task["outcomes"]["missing"] == task["expected"] == 3


def test_resume_takes_its_options_from_the_run(vau, clips: Path) -> None:
    path = json.loads(
        vau("evaluate", "-m", "gold", "-t", "clips_grounding", "--data", str(clips), "--limit", "2", "--json").out
    )["path"]
    again = vau("evaluate", "--resume", path, "--json")
    assert again.code == 0 and json.loads(again.out)["tasks"][0]["expected"] == 2
    refused = vau("evaluate", "--resume", path, "--limit", "3")
    assert refused.code == 2 and "--resume takes --limit from the run" in refused.err
    other = vau("evaluate", "--from", path, "--limit", "3", "--json")
    assert other.code == 0 and json.loads(other.out)["tasks"][0]["expected"] == 3
    assert json.loads(other.out)["path"] != path


def test_a_config_file_holds_options_and_the_command_line_wins(vau, clips: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(f"model: gold\ntasks: clips_grounding, clips_classification\ndata: {clips}\nlimit: 1\n")
    told = json.loads(vau("evaluate", "--config", str(config), "--limit", "2", "--json").out)
    assert [t["expected"] for t in told["tasks"]] == [2, 2]
    config.write_text("modl: gold\n")
    wrong = vau("evaluate", "--config", str(config))
    assert wrong.code == 2 and "unknown option in" in wrong.err and "did you mean model" in wrong.err


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("limit: many", "option limit: input should be a valid integer"),
        ("limit: 2.5", "option limit: input should be a valid integer"),
        ("limit: 0", "option limit: input should be greater than or equal to 1"),
        ("shuffle-options: yes", "option shuffle_options: input should be a valid integer"),
        ("temperature: hot", "option temperature: input should be a valid number"),
        ("temperature: .nan", "option temperature: input should be a finite number"),
        ("decode-workers: 0", "option decode_workers: input should be greater than or equal to 1"),
        ("resamples: many", "option resamples: input should be a valid integer"),
        ("frames: 3", "option frames: input should be a valid string"),
        ("model_args: foo", "option model_args: input should be a valid dictionary"),
        ("model: [gold]", "option model: input should be a valid string"),
        ("tasks: [clips_grounding, 3]", "option tasks.1: input should be a valid string"),
        ("report: maybe", "Invalid value for '--report'"),
        ("tasks-dir: nowhere", "no tasks folder nowhere"),
        ("run-id: a/b", "the run id 'a/b' is no name of a folder"),
    ],
)
def test_a_wrong_value_in_a_config_file_is_told_in_one_sentence(
    vau, clips: Path, tmp_path: Path, line: str, sentence: str
) -> None:
    config, name = tmp_path / "run.yaml", line.partition(":")[0]
    right = {"model": "gold", "tasks": "clips_grounding", "data": str(clips)}
    config.write_text("".join(f"{k}: {v}\n" for k, v in right.items() if k != name) + line + "\n")
    told = vau("evaluate", "--config", str(config))
    assert told.code == 2 and sentence in told.err, told.err


def test_a_config_file_may_hold_every_option_of_the_command(vau, clips: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.yaml"
    config.write_text(
        f"model: gold\r\ntasks: [clips_grounding]\r\ndata: {clips}\r\nout: there\r\nrun-id: first\r\n"
        "report: false\r\nlimit: null\r\n"
    )
    told = vau("evaluate", "--config", str(config))
    assert told.code == 0 and "run: there/first\n" in told.out and "report:" not in told.out
    told = vau("evaluate", "--config", str(config), "--run-id", "second", "--report")
    assert "run: there/second\n" in told.out and "report: there/second/report.html" in told.out


def test_another_checkpoint_leaves_the_other_model_arguments(vau, clips: Path, tmp_path: Path, monkeypatch) -> None:
    asked = []
    monkeypatch.setattr("vau_bench.evaluation.evaluate", lambda options, *_, **__: asked.append(options) or 1 / 0)
    config = tmp_path / "run.yaml"
    config.write_text("model: qwen_vl\ntasks: clips\ncheckpoint: old\nmodel_args: {checkpoint: x, dtype: float32}\n")
    for arguments in ([], ["--checkpoint", "new"], ["--model", "other", "--checkpoint", "new"]):
        with pytest.raises(ZeroDivisionError):
            cli.main(["evaluate", "--config", str(config), *arguments], standalone_mode=False)
    assert [options.model_args for options in asked] == [
        {"checkpoint": "old", "dtype": "float32"},
        {"checkpoint": "new", "dtype": "float32"},
        {"checkpoint": "new"},
    ]


@pytest.mark.parametrize("option", ["temperature", "decode-timeout"])
def test_a_number_must_be_one(vau, clips: Path, option: str) -> None:
    for value in ("nan", "inf"):
        told = vau("evaluate", "-m", "gold", "-t", "clips_grounding", "--data", str(clips), f"--{option}", value)
        assert told.code == 2 and "input should be a finite number" in told.err


def test_an_option_can_come_from_the_environment(vau, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAU_BENCH_EVALUATE_LIMIT", "1")
    told = vau("evaluate", "-m", "gold", "-t", "clips_grounding", "--data", str(clips), "--json")
    assert json.loads(told.out)["tasks"][0]["expected"] == 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("Video Name,Start Time\na.mp4,1\n", "clips.csv:1: no column 'End Time'"),
        ("Video Name,Start Time,End Time\na.mp4,1,2\na.mp4,3,4\n", "clips.csv:3: the video 'a' stands there twice"),
        ("Video Name,Start Time,End Time\na.mp4,9,2\n", "clips.csv:2: the interval [9, 2] is reversed or empty"),
        ("", "clips.csv:1: no column 'Video Name'"),
    ],
)
def test_a_broken_annotation_file_is_named_with_its_line(vau, clips: Path, content: str, sentence: str) -> None:
    (clips / "clips.csv").write_text(content)
    told = vau("evaluate", "-m", "gold", "-t", "clips_grounding", "--data", str(clips))
    assert told.code == 1 and sentence in told.err and told.err.count("\n") == 1


def test_a_dataset_without_a_usable_sample_says_why(vau, clips: Path) -> None:
    (clips / "clips.csv").write_text("Video Name,Start Time,End Time\na.mp4,-1,-1\n")
    told = vau("evaluate", "-m", "gold", "-t", "clips_grounding", "--data", str(clips))
    assert told.code == 1
    assert told.err == "error: clips_grounding has no sample that can take part; excluded: 1 unknown_time\n"


def test_a_run_can_be_resumed_from_inside_its_folder(vau, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vau("evaluate", "-m", "gold", "-t", "clips_grounding", "--data", str(clips), "--run-id", "first")
    monkeypatch.chdir("runs/first")
    assert vau("evaluate", "--resume", ".").code == 0
    assert not [path for path in Path.cwd().iterdir() if path.is_dir()]


def test_data_check_tells_what_is_absent_and_fails_on_what_is_broken(vau, clips: Path) -> None:
    told = vau("data", "check", "--tasks", "clips_grounding", "--data", str(clips))
    assert told.code == 0 and "3 videos absent (first: a.mp4)" in told.out
    (clips / "videos" / "a.mp4").write_bytes(b"not a video")
    told = vau("data", "check", "--tasks", "clips_grounding", "--data", str(clips))
    assert told.code == 1 and "a.mp4" in told.out


def test_doctor_names_what_is_there(vau) -> None:
    told = vau("doctor", "--json")
    checks = {c["what"]: c for c in json.loads(told.out)}
    assert told.code == 0
    assert checks["numpy"]["state"] == checks["decoder h264"]["state"] == "ok"


def test_doctor_sees_a_file_where_the_cache_should_be(vau, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    checks = {c["what"]: c for c in json.loads(vau("doctor", "--json").out)}
    assert checks["cache"]["state"] == "-" and "VAU_BENCH_CACHE" in checks["cache"]["advice"]


def test_models_show_documents_every_argument(vau) -> None:
    for name in ("openai", "qwen_vl", "motion", "floors/random"):
        arguments = json.loads(vau("models", "show", name, "--json").out)["arguments"]
        assert all(a["description"] for a in arguments), name


def test_a_folder_that_is_no_run_is_told(vau, tmp_path: Path) -> None:
    for command in ("score", "report"):
        told = vau(command, str(tmp_path))
        assert told.code == 1 and "it has no manifest.json" in told.err


def test_other_packages_add_commands_and_cannot_replace_ours(vau, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    from vau_bench.cli import main as module

    group = "vau_bench.commands"
    points = [
        EntryPoint("train", "srvau_train.cli:train", group),
        EntryPoint("score", "somewhere.else:score", group),
    ]
    monkeypatch.setattr(module, "entry_points", lambda group: points)
    assert "From srvau_train." in vau("--help").out
    assert "rocot" in vau("train", "--help").out
    assert "ground truth" in vau("score", "--help").out
    told = vau("trian")
    assert told.code == 2 and "did you mean train" in told.err


FLOOR = ("evaluate", "-m", "gold", "-t", "clips_grounding", "--data")


def test_a_profile_tells_where_the_time_went(vau, clips: Path) -> None:
    told = vau(*FLOOR, str(clips), "--profile", "--no-report")
    assert told.code == 0
    assert re.search(r"s in all: starting [\d.]+ s, asking [\d.]+ s, scoring [\d.]+ s; ", told.err)
    assert {"requests", "journal"} <= {line.split()[0] for line in told.err.splitlines() if line}
    found = json.loads(vau(*FLOOR, str(clips), "--profile", "--no-report", "--json").out)["profile"]
    assert {stage["name"] for stage in found["stages"]} == {"requests"}
    assert found["advice"] == "nothing was left to ask"


def test_shards_by_hand_and_by_a_launcher_end_in_one_table(vau, clips: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = vau(*FLOOR, str(clips), "--shard", "1/2", "--run-id", "r")
    assert first.code == 0 and first.out == ""
    assert "rank 1 of 2 has asked its part; the process that ends last scores the run" in first.err
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    last = vau(*FLOOR, str(clips), "--run-id", "r")
    assert last.code == 0 and "miou" in last.out and "run: runs/r" in last.out
    assert Path("runs/r/report.html").exists()


@pytest.mark.parametrize("shard", ["2/2", "half"])
def test_a_shard_that_is_none_is_wrong_usage(vau, clips: Path, shard: str) -> None:
    told = vau(*FLOOR, str(clips), "--shard", shard)
    assert told.code == 2 and ("cannot be" in told.err or "is none of auto, none" in told.err)
