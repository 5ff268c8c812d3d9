"""RoCoT data: every planned chain passes or is counted, the same bytes come out however often it was interrupted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from srvau_train.cli import train
from srvau_train.rewards import form_reward, format_reward
from srvau_train.rocot.answers import Answer, Grid, is_right
from srvau_train.rocot.build import Built, build
from srvau_train.rocot.config import RocotConfig
from srvau_train.rocot.filters import leak
from srvau_train.rocot.mistakes import ErrorModel
from srvau_train.rocot.plan import kept_counts
from srvau_train.rocot.records import read_records
from srvau_train.rocot.scene_teacher import SceneTeacher
from srvau_train.rocot.splits import check_training_split
from srvau_train.rocot.teacher import Assignment, Chain, Manner
from vau_bench.errors import DataError, RunError, UsageError
from vau_bench.journal import to_line
from vau_bench.parsing import parse_grammar, parse_interval, parse_label, parse_option, write_interval, write_think
from vau_bench.records import Outcome, Response, Sample, Segment, Target
from vau_bench.synth import CLASSES, samples
from vau_bench.synth.draws import Draw

ALL = RocotConfig(clips=200, kinds=("grounding", "classification", "mcq", "report"))
FEW = RocotConfig(clips=12)
FILES = ("chains.jsonl", "rejected.jsonl", "config.json", "statistics.md", "README.md")
TRUTH = {s.id: s for s in samples("train", 200)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rocot")
    build(out, ALL, SceneTeacher())
    return out


@pytest.fixture(scope="module")
def chains(folder: Path) -> list[dict[str, Any]]:
    return list(read_records(folder / "chains.jsonl"))


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


# 200 training clips


def test_every_planned_chain_is_kept_or_counted(folder: Path, chains: list[dict[str, Any]]) -> None:
    rejected = list(read_records(folder / "rejected.jsonl"))
    assert len(chains) + len(rejected) == 800
    assert all(r["reasons"] for r in rejected)
    assert len(chains) == 800, Counter(r["reasons"][0] for r in rejected)


def test_revised_answers_are_right_by_the_parsers_of_evaluation(chains: list[dict[str, Any]]) -> None:
    for record in chains:
        truth = TRUTH[record["sample_id"]].target
        grammar = parse_grammar(record["response"])
        assert grammar.well_formed and grammar.style == "reflect"
        if record["kind"] == "mcq":
            option = parse_option(record["response"])
            assert option is not None and option.value == truth.option
        if record["kind"] in ("classification", "report"):
            label = parse_label(record["response"], CLASSES)
            assert label is not None and label.value == truth.label
        if record["kind"] in ("grounding", "report"):
            interval = parse_interval(record["response"])
            assert interval is not None and interval.value.valid == truth.segments


def test_right_and_wrong_first_answers_stand_as_declared(chains: list[dict[str, Any]]) -> None:
    for kind in ALL.kinds:
        right = [r["first_right"] for r in chains if r["kind"] == kind]
        assert sum(right) == 60, kind
    for record in chains:
        assert record["first_right"] == (record["action"] == "keep") == (record["mistake"] == "none")
        assert (record["parts"]["first"] == record["parts"]["final"]) == record["first_right"]


def test_a_loss_from_the_offset_leaves_wrong_first_answers_out(chains: list[dict[str, Any]]) -> None:
    for record in chains:
        learnt = record["response"][record["loss_from"] :]
        assert learnt == record["response"] if record["first_right"] else learnt.startswith("<reflect>")


def test_reflections_walk_the_whole_clip_and_never_tell_of_the_truth(chains: list[dict[str, Any]]) -> None:
    for record in chains:
        assert all(f"{t} s " in record["parts"]["reflect"] for t in range(16))
        assert leak(record["parts"]["reflect"]) is None


def test_the_reward_finds_every_chain_well_formed(chains: list[dict[str, Any]]) -> None:
    for record in chains:
        interval = record["kind"] in ("grounding", "report")
        assert form_reward(record["response"]) == format_reward(record["response"], interval=interval) == 1


def test_language_varies_and_every_error_occurs(folder: Path, chains: list[dict[str, Any]]) -> None:
    assert len({r["parts"]["reflect"] for r in chains}) > 0.99 * len(chains)
    wanted = {"wrong_class", "shifted", "too_long", "too_short", "false_alarm", "miss", "wrong_option", "none"}
    assert {r["mistake"] for r in chains} == wanted
    page = (folder / "statistics.md").read_text()
    assert "| kept | 800 |" in page and "| leak | 0 |" in page and "0.300" in page
    card = (folder / "README.md").read_text()
    assert "split `train`" in card and "wrong_class 0.2" in card and "choice here is ours" in card


def test_only_the_training_split_is_in_it_and_provenance_is(chains: list[dict[str, Any]]) -> None:
    assert {r["split"] for r in chains} == {"train"}
    assert all(r["sample_id"].startswith("train-") for r in chains)
    assert len({r["key"] for r in chains}) == len(chains)
    assert chains[0]["provenance"]["teacher"] == "scene" and chains[0]["provenance"]["dataset"]["name"] == "vau_synth"


# The same bytes


def test_two_builds_are_byte_identical_and_another_seed_is_not(tmp_path: Path) -> None:
    for name in ("a", "b"):
        build(tmp_path / name, FEW, SceneTeacher())
    build(tmp_path / "c", replace(FEW, seed=1), SceneTeacher())
    a, b, c = (contents(tmp_path / name) for name in "abc")
    assert a == b
    assert a["chains.jsonl"] != c["chains.jsonl"]


def test_more_clips_only_append(tmp_path: Path) -> None:
    build(tmp_path / "few", FEW, SceneTeacher())
    build(tmp_path / "more", replace(FEW, clips=20), SceneTeacher())
    few, more = ((tmp_path / name / "chains.jsonl").read_bytes() for name in ("few", "more"))
    assert more.startswith(few) and len(more) > len(few)


def test_a_build_that_was_killed_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    build(whole, FEW, SceneTeacher())
    code = f"""
import os, signal
from pathlib import Path
from srvau_train.rocot.build import build
from srvau_train.rocot.config import RocotConfig
from srvau_train.rocot.scene_teacher import SceneTeacher
count = 0
def step():
    global count
    count += 1
    if count == 17:
        os.kill(os.getpid(), signal.SIGKILL)
build(Path({str(cut)!r}), RocotConfig(clips=12), SceneTeacher(), progress=step)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == -9
    with (cut / "chains.jsonl").open("ab") as file:
        file.write(b'{"key": "torn')
    assert build(cut, FEW, SceneTeacher()) == Built(36, 0, 17)
    assert contents(cut) == contents(whole)
    assert build(cut, FEW, SceneTeacher()).resumed == 36
    assert contents(cut) == contents(whole)


def test_a_folder_of_another_configuration_is_left_alone(tmp_path: Path) -> None:
    build(tmp_path, FEW, SceneTeacher())
    before = contents(tmp_path)
    with pytest.raises(RunError, match="another configuration"):
        build(tmp_path, replace(FEW, seed=1), SceneTeacher())
    assert contents(tmp_path) == before


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match="cannot write"):
        build(tmp_path / "file" / "out", FEW, SceneTeacher())


# Filters, each counted


class BadTeacher(SceneTeacher):
    """Spoils one part of every chain."""

    id = "bad"

    def __init__(self, **spoilt: str) -> None:
        self.spoilt = spoilt

    def write(self, assignment: Assignment, draw: Draw) -> Chain:
        return replace(super().write(assignment, draw), **self.spoilt)


GENERIC = "I looked at it once more and I am no longer sure about what I wrote there."


@pytest.mark.parametrize(
    ("reason", "spoilt"),
    [
        ("grammar", {"reflect": "I answered <answer>A</answer> and that is so."}),
        ("not_the_truth", {"final": "<answer>Anomaly</answer><glue>[0.1, 0.2]</glue>"}),
        ("leak", {"revised": "According to the ground truth this is what happens."}),
        ("not_about_this_answer", {"reflect": GENERIC}),
        ("copy", {"think": GENERIC, "revised": GENERIC}),
        ("empty", {"reflect": "Normal Fire 3."}),
    ],
)
def test_each_filter_rejects_and_counts(reason: str, spoilt: dict[str, str], tmp_path: Path) -> None:
    built = build(tmp_path, replace(FEW, kinds=("grounding",)), BadTeacher(**spoilt))
    rejected = list(read_records(tmp_path / "rejected.jsonl"))
    assert built.kept + built.rejected == 12
    counted = [r for r in rejected if reason in r["reasons"]]
    assert len(counted) == 12 if reason != "empty" else counted
    figures = json.loads((tmp_path / "statistics.json").read_text())
    assert figures["any_reason"][reason] == len(counted)
    assert figures["kept"] + sum(figures["rejected"].values()) == figures["planned"] == 12


@pytest.mark.parametrize(
    "text", ["The ground truth says so.", "the Correct  Answer is B", "as annotated", "I was told that it burns"]
)
def test_leaks_are_found_in_any_case_and_spacing(text: str) -> None:
    assert leak(text)


@pytest.mark.parametrize("text", ["At ground level, the truth is simple.", "My answer was Fire.", "unannotatedly"])
def test_innocent_words_are_no_leak(text: str) -> None:
    assert leak(text) is None


# The error model


def test_errors_are_drawn_at_their_declared_rates() -> None:
    model = ErrorModel(0.5, 0.0, 0.0, 0.0, 0.0, 0.5)
    anomalous = [s for s in TRUTH.values() if s.target.segments][:80]
    draw = Draw(5)
    made = []
    for sample in anomalous:
        assert sample.target.segments
        truth = Answer(sample.target.label or "", sample.target.segments[0])
        mistake = model.draw(sample, truth, "classification", CLASSES, (), Grid(), draw)
        assert mistake is not None and not is_right(mistake.answer, sample, "classification")
        made.append(mistake.name)
    assert set(made) == {"wrong_class", "miss"} and 25 <= made.count("miss") <= 55


def test_on_a_normal_video_only_a_false_alarm_is_possible_and_none_is_told(tmp_path: Path) -> None:
    config = replace(FEW, errors=ErrorModel(0, 0, 0, 0, 0, 1), right_share=0.0, kinds=("grounding",))
    build(tmp_path, config, SceneTeacher())
    rejected = list(read_records(tmp_path / "rejected.jsonl"))
    normal = sum(s.target.segments == () for s in list(TRUTH.values())[:12])
    assert [r["reasons"] for r in rejected] == [["no_possible_mistake"]] * normal


@pytest.mark.parametrize("fault", [{"miss": 0.5}, {"miss": -0.15, "shifted": 0.5}, {"miss": float("nan")}])
def test_probabilities_that_are_none_are_refused(fault: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="error model"):
        ErrorModel(**fault)


# A policy's own answers


def answered(number: int, segment: Segment | None, task: str = "vau_synth_grounding") -> Response:
    text = write_think("I watched it with care from the first second on.", write_interval(segment))
    return Response(f"k{number}", task, f"train-{number:04d}", "think", 0, text, Outcome.SCORED)


def journal(path: Path, responses: list[Response]) -> Path:
    path.write_bytes(b"".join(map(to_line, responses)))
    return path


def own_answers() -> list[Response]:
    """Half of them exact, a quarter right with other ends, a quarter wrong."""
    out = []
    for number in range(12):
        true = TRUTH[f"train-{number:04d}"].target.segments
        segment = true[0] if true else None
        if number % 4 == 2:
            segment = Segment(segment.start, segment.end + 0.15 * segment.duration + 0.3) if segment else None
        if number % 4 == 3:
            segment = None if true else Segment(1, 3)
        out.append(answered(number, segment))
    return out


def test_a_policys_reasoning_and_answers_are_reflected_on_at_their_real_rate(tmp_path: Path) -> None:
    first = journal(tmp_path / "responses.jsonl", own_answers())
    config = replace(FEW, kinds=("grounding",), right_share=None)
    built = build(tmp_path / "out", config, SceneTeacher(), first=first)
    records = list(read_records(tmp_path / "out" / "chains.jsonl"))
    assert built.kept == 12
    assert all(r["parts"]["think"] == "I watched it with care from the first second on." for r in records)
    assert {r["action"] for r in records} >= {"keep", "correct"}
    assert all(r["origin"] == "policy" for r in records)
    refined = [r for r in records if r["action"] == "refine"]
    assert all(r["revised_tiou"] == 1 > r["first_tiou"] >= 0.7 for r in refined)


def test_surplus_answers_leave_until_the_declared_share_holds(tmp_path: Path) -> None:
    first = journal(tmp_path / "responses.jsonl", own_answers())
    build(tmp_path / "out", replace(FEW, kinds=("grounding",), right_share=0.5), SceneTeacher(), first=first)
    records = list(read_records(tmp_path / "out" / "chains.jsonl"))
    rejected = list(read_records(tmp_path / "out" / "rejected.jsonl"))
    assert sum(r["first_right"] for r in records) == len(records) / 2 > 0
    assert {r["reasons"][0] for r in rejected} == {"surplus"} and len(records) + len(rejected) == 12


@pytest.mark.parametrize(("right", "wrong", "kept"), [(90, 10, (4, 10)), (10, 90, (10, 23)), (0, 5, (0, 0))])
def test_as_many_answers_as_possible_are_kept(right: int, wrong: int, kept: tuple[int, int]) -> None:
    assert kept_counts(right, wrong, 0.3) == kept


def test_missing_and_unreadable_first_answers_are_counted(tmp_path: Path) -> None:
    broken = replace(answered(0, None), text="I cannot tell.")
    first = journal(tmp_path / "responses.jsonl", [broken, answered(1, Segment(1, 3))])
    config = replace(FEW, clips=3, kinds=("grounding",), right_share=None)
    build(tmp_path / "out", config, SceneTeacher(), first=first)
    reasons = [r["reasons"][0] for r in read_records(tmp_path / "out" / "rejected.jsonl")]
    assert reasons == ["unreadable_first_answer", "no_first_answer"]


def test_answers_about_test_videos_are_refused(tmp_path: Path) -> None:
    first = journal(tmp_path / "responses.jsonl", [replace(answered(0, None), sample_id="test-0000")])
    with pytest.raises(DataError, match="test-0000"):
        build(tmp_path / "out", replace(FEW, right_share=None), SceneTeacher(), first=first)


# Splits


def video(name: str) -> Sample:
    return Sample(name.removesuffix(".mp4"), name, name.removesuffix(".mp4"), Target(label="Fire"))


@pytest.mark.parametrize("split", ["test", "val", "", "Test"])
def test_no_split_but_train_is_built_on(split: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="split"):
        build(tmp_path / "out", replace(FEW, split=split), SceneTeacher())
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "copy", ["Abuse001_x264.mp4", "ucf_Abuse001_x264.mp4", "videos/abuse001_X264.mp4", "Abuse001_x264_10_90.mp4"]
)
def test_a_held_out_video_is_found_by_its_source_whatever_its_name(copy: str) -> None:
    with pytest.raises(DataError, match="1 of the samples"):
        check_training_split([video("Fire002_x264.mp4"), video(copy)], "train", [video("Abuse001_x264.mp4")])


def test_clips_of_a_synthetic_test_split_are_refused_even_when_nothing_is_held_out() -> None:
    with pytest.raises(DataError, match="test-0003"):
        check_training_split([video("test-0003.mp4")], "train")
    check_training_split([video("train-0003.mp4"), video("test-drive.mp4")], "train")


# Options


@pytest.mark.parametrize(
    "fault",
    [
        {"kinds": ("essay",)},
        {"kinds": ()},
        {"clips": 0},
        {"start": -1},
        {"right_share": 1.5},
        {"manner": Manner(step=0)},
        {"manner": Manner(walk="backwards")},  # type: ignore[arg-type]
    ],
)
def test_configurations_that_make_no_sense_are_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        RocotConfig(**fault)


def test_chains_may_begin_at_another_clip(tmp_path: Path) -> None:
    build(tmp_path / "all", replace(FEW, clips=6), SceneTeacher())
    build(tmp_path / "some", replace(FEW, clips=2, start=3), SceneTeacher())
    made, some = (
        {(r["sample_id"], r["kind"]): r["response"] for r in read_records(tmp_path / name / "chains.jsonl")}
        for name in ("all", "some")
    )
    assert {int(sample.rpartition("-")[2]) for sample, _ in some} == {3, 4}
    assert some.items() <= made.items()


def test_the_real_rate_needs_a_policy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--first"):
        build(tmp_path, replace(FEW, right_share=None), SceneTeacher())


def test_the_command_builds_and_tells_what_it_did(tmp_path: Path) -> None:
    options = [
        "--clips",
        "3",
        "--kinds",
        "report",
        "--walk",
        "runs",
        "--grid",
        "0.5",
        "--errors",
        "false_alarm=0.5,miss=0.5",
    ]
    done = CliRunner().invoke(train, ["rocot", "--out", str(tmp_path / "out"), *options], catch_exceptions=False)
    assert done.exit_code == 0 and "3 chains, 0 rejected" in done.output
    assert "-" in next(read_records(tmp_path / "out" / "chains.jsonl"))["parts"]["reflect"]


def test_the_audit_shows_chains_beside_their_frames(tmp_path: Path) -> None:
    options = ["rocot", "--out", str(tmp_path), "--clips", "2", "--audit", "3"]
    done = CliRunner().invoke(train, options, catch_exceptions=False)
    page = (tmp_path / "audit.html").read_text()
    assert "audit.html" in done.output and page.count("<section>") == 3
    assert page.count("data:image/jpeg;base64,") == 3 * 16 and "http" not in page
    assert "&lt;answer&gt;" in page and "<answer>" not in page


def test_the_module_runs_and_refuses_a_test_split_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "srvau_train.rocot", "--out", str(tmp_path / "out"), "--split", "test"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2 and "split train only" in done.stderr and "Traceback" not in done.stderr


class TestGrid:
    @pytest.mark.parametrize(
        ("segment", "step", "offset", "expected"),
        [
            ((5.3, 7.9), 1.0, 0.5, (5.5, 7.5)),
            ((6.0, 8.0), 1.0, 0.5, (5.5, 7.5)),
            ((5.04, 5.05), 0.1, 0.0, (5.0, 5.1)),
            ((5.26, 8.74), 0.5, 0.0, (5.5, 8.5)),
        ],
    )
    def test_ends_move_to_the_nearest_time(self, segment, step, offset, expected):
        assert Grid(step, offset).rounded(Segment(*segment)) == expected

    @given(st.integers(0, 300), st.integers(1, 150))
    def test_half_way_between_frames_it_tells_which_frames_show_the_segment(self, start, length):
        true = Segment(start / 10, (start + length) / 10)
        shown = [t for t in range(60) if true.start <= t < true.end]
        if shown:
            assert Grid(1.0, 0.5).rounded(true) == (shown[0] - 0.5, shown[-1] + 0.5)
