"""Checking a task: each mistake is one FAIL line that says what and where; what is in order passes."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from vau_bench.adversarial import PLAIN, adversarial_answers
from vau_bench.catalogue import Catalogue
from vau_bench.cli.main import main
from vau_bench.kinds.mcq import MultipleChoice
from vau_bench.readers import READERS, Dataset
from vau_bench.records import Sample, Target
from vau_bench.scaffold import new_task
from vau_bench.taskcheck import Check, check_folder
from vau_bench.video import ClipLoader

ORDER = [
    *("declarations", "page", "licence", "citation", "annotation", "hash", "splits", "samples"),
    *("prompts", "floors", "gold", "empty", "parsers", "videos"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small task without videos: 12 questions, four of them in another split."""
    folder = tmp_path / "mine"
    (folder / "data").mkdir(parents=True)
    (folder / "README.md").write_text("# mine\n\nMine.\n")
    spec = {
        "name": "mine",
        "version": 1,
        "kind": "mcq",
        "summary": "which option",
        "dataset": {
            "name": "Mine",
            "reader": "vau_csv",
            "args": {"annotations": {"test": "test.csv", "val": "val.csv"}},
        },
        "splits": ["val", "test"],
        "tuning_split": "val",
        "frames": "uniform(8)",
        "prompts": "mcq",
        "metrics": ["accuracy"],
        "floors": ["always_a", "random"],
        "licence": "ours",
        "citation": "none: ours",
    }
    (folder / "task.yaml").write_text(yaml.safe_dump(spec, sort_keys=False))
    questions(folder / "data" / "test.csv", range(8))
    questions(folder / "data" / "val.csv", range(8, 12))
    return folder


def questions(path: Path, numbers: Sequence[int]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"])
        rows.writerows(
            [f"v{i}.mp4", f"What happens in {i}?", "fire", "a fall", "a fight", "nothing", "ABCD"[i % 4]]
            for i in numbers
        )


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "task.yaml"
    spec = yaml.safe_load(path.read_text()) | changes
    path.write_text(yaml.safe_dump({k: v for k, v in spec.items() if v is not None}, sort_keys=False))


def line_of(folder: Path, start: str) -> str:
    lines = (folder / "task.yaml").read_text().splitlines()
    return f"task.yaml:{1 + next(i for i, line in enumerate(lines) if line.strip().startswith(start))}"


def checked(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in check_folder(folder, None, None)}


def failure(folder: Path, name: str) -> str:
    """Return what the only check that fails says."""
    checks = checked(folder)
    assert [check.name for check in checks.values() if check.state == "FAIL"] == [name], checks
    told = checks[name].told
    assert "\n" not in told
    return told


def test_what_is_in_order_passes_every_check(folder: Path) -> None:
    checks = checked(folder)
    assert list(checks) == ORDER
    assert {c.name: c.state for c in checks.values() if c.state != "ok"} == {"hash": "note", "videos": "note"}
    assert checks["annotation"].told == "val 4, test 8"
    assert checks["splits"].told == "val, test: 12 source videos, none in two"
    assert checks["gold"].told == "8 of 8 right"
    assert checks["empty"].told == "8 unparsed, worth 0"


@pytest.mark.slow
@pytest.mark.parametrize("name", list(Catalogue()))
def test_every_shipped_task_passes(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    task = Catalogue().get(name)
    if "clips" in task.spec.groups:
        pytest.skip("has no data of its own")
    rows = {"vau_synth": None, "smarthome_csv": "smarthome"}.get(task.spec.dataset.reader, "shared")
    data = request.getfixturevalue(rows) if rows else None
    failed = [check for check in check_folder(task.folder, data, None) if check.state == "FAIL"]
    assert failed == []


# Declarations.


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: mine\nkind: [\n", "task.yaml:3: "),
        ("name: mine\nverison: 1\n", "task.yaml:2: unknown key 'verison'; did you mean version?"),
        ("", "task.yaml: the whole: "),
    ],
)
def test_what_cannot_be_read_is_told_with_its_line_and_nothing_else_is_checked(
    folder: Path, text: str, told: str
) -> None:
    (folder / "task.yaml").write_text(text)
    assert told in failure(folder, "declarations")
    assert list(checked(folder)) == ["declarations", "the rest"]


@pytest.mark.parametrize(
    ("changes", "place", "told"),
    [
        ({"kind": "mqc"}, "kind:", "unknown kind in {} 'mqc'; did you mean mcq?"),
        ({"version": 0}, "version:", "{}: version: input should be greater than"),
        ({"split": "tets"}, "split:", "unknown split in {} 'tets'; did you mean test?"),
        ({"prompts": "mqc"}, "prompts:", "unknown prompts in {} 'mqc'; did you mean mcq?"),
        ({"style": "dirct"}, "style:", "unknown style in {} 'dirct'; did you mean direct?"),
        ({"metrics": []}, "metrics:", "{}: no metric is named"),
        ({"headline": "acuracy"}, "headline:", "unknown headline in {} 'acuracy'; did you mean accuracy?"),
    ],
    ids=str,
)
def test_a_mistake_in_the_declarations(folder: Path, changes: dict[str, Any], place: str, told: str) -> None:
    edit(folder, **changes)
    found = failure(folder, "declarations").replace(f"{folder}/", "")
    assert told.format(line_of(folder, place)) in found


def test_a_frame_plan_that_is_none(folder: Path) -> None:
    edit(folder, frames="unform(8)")
    assert "uniform" in failure(folder, "declarations")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{qestion}", "unknown placeholder in {}, style 'direct' 'qestion'; did you mean question?"),
        ('{question} {options} {"answer": 1}', "unknown placeholder in {}, style 'direct'"),
        ("{question", "{}, style 'direct': expected '}}'"),
    ],
)
def test_a_prompt_that_cannot_be_rendered(folder: Path, template: str, told: str) -> None:
    edit(folder, prompts=None)
    prompts = {"system": "Look.", "styles": {"direct": template}}
    (folder / "prompts.yaml").write_text(yaml.safe_dump(prompts, sort_keys=False))
    assert told.format(folder / "prompts.yaml:3") in failure(folder, "declarations")


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{question}", "style 'direct', sample 'v0': the prompt does not hold 'A'"),
        ("{options}", "the prompt does not hold 'What happens in 0?'"),
    ],
)
def test_a_prompt_that_leaves_out_what_the_answer_needs(folder: Path, template: str, told: str) -> None:
    edit(folder, prompts=None)
    (folder / "prompts.yaml").write_text(yaml.safe_dump({"styles": {"direct": template}}))
    assert told in failure(folder, "prompts")


@pytest.mark.parametrize("key", ["licence", "citation"])
@pytest.mark.parametrize("text", ["", "  ", "TODO"])
def test_a_licence_and_a_citation_are_needed(folder: Path, key: str, text: str) -> None:
    edit(folder, **{key: text})
    assert f"{line_of(folder, key)}: no {key}" in failure(folder, key)


def test_a_page_is_needed(folder: Path) -> None:
    (folder / "README.md").write_text("Mine.\n")
    assert "README.md:1: the page begins with '# mine'" in failure(folder, "page")
    (folder / "README.md").unlink()
    assert "README.md: it says what the task measures" in failure(folder, "page")


# Data.


def test_an_annotation_that_is_absent(folder: Path) -> None:
    (folder / "data" / "val.csv").unlink()
    assert "no annotation file" in failure(folder, "annotation")
    assert checked(folder)["the rest"].told == "not checked: it needs the data"


def test_a_row_that_breaks_the_schema_is_told_with_its_line(folder: Path) -> None:
    with (folder / "data" / "test.csv").open("a") as file:
        file.write("v99.mp4,Q?,a,b,c,d,E\n")
    assert "test.csv:10: the right option is not A, B, C or D: 'E'" in failure(folder, "annotation")


def test_hashes_are_offered_compared_and_told_with_their_line(folder: Path) -> None:
    note = checked(folder)["hash"].told
    line = yaml.safe_load(note[note.index("sha256:") :])
    edit(folder, dataset=yaml.safe_load((folder / "task.yaml").read_text())["dataset"] | line)
    assert checked(folder)["hash"] == Check("hash", "ok", "sha256 of val, test")
    questions(folder / "data" / "test.csv", range(7))
    told = failure(folder, "annotation")
    assert f"{line_of(folder, 'test: ' + line['sha256']['test'][:9])}: the test annotation of mine has changed" in told
    assert f"made for {line['sha256']['test'][:12]}" in told


def test_splits_that_share_a_source_video(folder: Path) -> None:
    questions(folder / "data" / "val.csv", [7, 3, 8])
    told = failure(folder, "splits")
    assert f"{line_of(folder, 'splits')}: 2 source videos in two splits (first: 'v3' in val and test)" in told


def test_a_split_that_only_training_needs_may_be_absent(folder: Path) -> None:
    dataset = yaml.safe_load((folder / "task.yaml").read_text())["dataset"]
    dataset["args"]["annotations"]["train"] = "train.csv"
    edit(folder, dataset=dataset, splits=["train", "val", "test"])
    checks = checked(folder)
    assert checks["annotation"] == Check("annotation", "note", "val 4, test 8; no file of train")
    assert [name for name, check in checks.items() if check.state == "FAIL"] == []
    (folder / "data" / "val.csv").unlink()
    assert "no annotation file" in failure(folder, "annotation")


def test_a_dataset_of_which_nothing_can_take_part(folder: Path) -> None:
    path = folder / "data" / "test.csv"
    path.write_text(path.read_text().replace("fire", "-1"))
    assert "no sample of the split 'test' can take part: 8 no_question" in failure(folder, "samples")


def test_what_is_left_out_is_told(folder: Path) -> None:
    path = folder / "data" / "test.csv"
    path.write_text(path.read_text().replace("What happens in 3?", "-1"))
    assert checked(folder)["samples"] == Check("samples", "note", "7 take part; left out: 1 no_question")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"metrics": ["acuracy"]}, "'acuracy'; did you mean accuracy"),
        ({"floors": ["alwys_a"]}, "did you mean always_a"),
    ],
)
def test_a_metric_or_a_floor_that_does_not_exist(folder: Path, changes: dict[str, Any], told: str) -> None:
    edit(folder, **changes)
    assert told in failure(folder, "samples")


def test_a_task_without_floors_or_headline_is_told(folder: Path) -> None:
    edit(folder, floors=[], metrics=["position_balanced_accuracy"])
    checks = checked(folder)
    assert (checks["floors"].state, checks["gold"].state) == ("note", "note")
    assert "the headline accuracy is not among the metrics" in checks["gold"].told


@pytest.mark.parametrize("headline", ["miou", "false_alarm_rate"])
def test_the_truth_reaches_the_best_of_the_headline_and_silence_the_worst(folder: Path, headline: str) -> None:
    for split, first in (("test", 0), ("val", 8)):
        rows = "".join(f"v{first + i}.mp4,{i % 2 * 3},{i % 2 * 7}\n" for i in range(8))
        (folder / "data" / f"{split}.csv").write_text(f"Video Name,Start Time,End Time\n{rows}")
    edit(folder, kind="grounding", prompts="grounding", floors=["always_normal"], headline=headline)
    edit(folder, metrics=["miou", "false_alarm_rate"])
    checks = checked(folder)
    assert (checks["gold"].told, checks["empty"].told) == ("8 of 8 right", "8 unparsed, worth 0")


# Readers, kinds and floors that are wrong.


@pytest.fixture
def reads(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., Dataset]], None]:
    def reads(reader: Callable[..., Dataset]) -> None:
        monkeypatch.setitem(READERS._entries, "theirs", reader)
        edit(folder, dataset={"name": "Theirs", "reader": "theirs"}, splits=["test"], tuning_split="test")

    return reads


def sample(name: str, letter: str = "A") -> Sample:
    return Sample(name, f"{name}.mp4", name, Target(option=letter), {"question": "What?", "options": ["x", "y"]})


def test_a_reader_that_yields_a_sample_twice(folder: Path, reads: Callable[..., None]) -> None:
    reads(lambda data, split, args: Dataset((sample("a"), sample("b"), sample("a")), "0", lambda s: None))
    assert f"{line_of(folder, 'reader')}: the reader 'theirs' yields the sample 'a' twice" in failure(
        folder, "annotation"
    )


def test_a_reader_that_breaks_is_told_with_its_place(folder: Path, reads: Callable[..., None]) -> None:
    def reader(data: Path | None, split: str, args: Any) -> Dataset:
        raise KeyError("Video\nName")

    reads(reader)
    assert "test_taskcheck.py:" in failure(folder, "annotation")
    assert "KeyError: 'Video\\nName'" in failure(folder, "annotation")


def test_a_truth_that_is_no_answer(folder: Path, reads: Callable[..., None]) -> None:
    reads(lambda data, split, args: Dataset((sample("a"), sample("b", "C")), "0", lambda s: None))
    told = failure(folder, "gold")
    assert "1 of 2 truths are not read back as what they are (first: 'b'" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda found, text: replace(found, span=(0, len(text) + 1)), "outside of the text"),
        (lambda found, text: 1 / 0, "raises ZeroDivisionError"),
    ],
)
def test_a_parser_that_an_answer_breaks(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[..., Any], told: str
) -> None:
    read = MultipleChoice.read

    def broken(self: MultipleChoice, text: str, sample: Sample) -> Any:
        found = read(self, text, sample)
        return change(found, text) if found and "<answer>A</answer><answer>" in text else found

    monkeypatch.setattr(MultipleChoice, "read", broken)
    assert told in failure(folder, "parsers")


def test_an_answer_out_of_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = MultipleChoice.read
    monkeypatch.setattr(
        MultipleChoice, "read", lambda self, text, sample: read(self, text or "<answer>A</answer>", sample)
    )
    checks = checked(folder)
    assert checks["empty"].state == "FAIL" and "of 8 empty answers, 8 scored; all are unparsed" in checks["empty"].told


def test_a_floor_that_does_not_answer_each_sample(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MultipleChoice, "floor", lambda self, name, samples, context: ["A"])
    checks = checked(folder)
    assert checks["floors"].told == "the floor 'always_a' answers 1 of 8 samples"


def test_the_adversarial_answers_are_many_and_some_are_made_of_what_there_is_to_choose() -> None:
    answers = list(adversarial_answers(["A", "B"], ["a (b", "c.*"]))
    assert len(set(answers)) > 80 and set(PLAIN) < set(answers)
    assert "It is not a (b." in answers and "<answer>C.*!?</answer>" in answers
    assert max(map(len, answers)) < 10_000


# Videos.


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return new_task("drawn", "grounding", tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def clips() -> Iterator[ClipLoader]:
    with ClipLoader() as loader:
        yield loader


def videos(folder: Path, clips: ClipLoader) -> Check:
    return {check.name: check for check in check_folder(folder, None, clips)}["videos"]


def test_a_video_that_is_absent_damaged_or_too_short(drawn: Path, clips: ClipLoader) -> None:
    video, annotation = drawn / "data" / "videos" / "clip_1.mp4", drawn / "data" / "clips.csv"
    content, rows = video.read_bytes(), annotation.read_text()
    assert videos(drawn, clips) == Check("videos", "ok", "3 there, 3 decoded")
    video.unlink()
    assert videos(drawn, clips) == Check("videos", "FAIL", "1 of 3 videos are absent (first: clip_1.mp4)")
    video.write_bytes(b"no video")
    assert videos(drawn, clips).told.startswith("1 of 3 videos (first: ")
    video.write_bytes(content)
    annotation.write_text(rows.replace("6.4", "64"))
    assert "the true interval ends at 64 s, the video at 12.00 s" in videos(drawn, clips).told
    annotation.write_text(rows)


# The command.


@pytest.fixture
def vau(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("VAU_BENCH_TASKS", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["vau-bench", "tasks", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        return exit_.value.code, capsys.readouterr().out

    return run


def test_the_command_prints_a_line_a_check_and_fails_with_one(folder: Path, vau) -> None:
    code, out = vau("check", "mine", "--no-videos")
    assert code == 0
    assert [line.split()[1] for line in out.splitlines()] == ORDER
    assert "ok    gold          8 of 8 right\n" in out
    edit(folder, licence="")
    code, out = vau("check", "mine", "--no-videos")
    assert code == 1
    assert "FAIL  licence       " in out


def test_the_command_prints_json(folder: Path, vau) -> None:
    code, out = vau("check", "mine", "--no-videos", "--json")
    record = json.loads(out)
    assert (code, record["task"], record["ok"]) == (0, "mine", True)
    assert [check["name"] for check in record["checks"]] == ORDER
    (folder / "task.yaml").write_text("name: [")
    code, out = vau("check", "mine", "--json")
    record = json.loads(out)
    assert (code, record["ok"], record["checks"][0]["state"]) == (1, False, "FAIL")


def test_videos_that_are_absent_fail_the_command(folder: Path, vau) -> None:
    code, out = vau("check", "mine")
    assert code == 1
    assert "FAIL  videos        8 of 8 videos are absent (first: v0.mp4)" in out


@pytest.mark.parametrize(("name", "headline"), [("xd_violence_detection", "ap"), ("msad_detection", "auc")])
def test_the_command_that_shows_a_task_tells_its_headline(vau, name: str, headline: str) -> None:
    code, out = vau("show", name, "--json")
    assert (code, json.loads(out)["headline"]) == (0, headline)


def test_the_command_that_makes_a_task_says_what_comes_next(vau, tmp_path: Path) -> None:
    code, out = vau("new", "fresh", "--kind", "mcq", "--tasks-dir", str(tmp_path))
    assert code == 0
    assert out.endswith("next:\n  vau-bench tasks check fresh\n  vau-bench evaluate --model gold --tasks fresh\n")
    code, out = vau("new", "other", "--kind", "mcq", "--tasks-dir", str(tmp_path / "my tasks"), "--json")
    assert json.loads(out)["next"][0] == f"vau-bench tasks check other --tasks-dir '{tmp_path}/my tasks'"
    assert vau("new", "fresh", "--kind", "mcq", "--tasks-dir", str(tmp_path))[0] == 2
