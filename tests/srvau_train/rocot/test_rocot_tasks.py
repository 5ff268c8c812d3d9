"""Training rows of tasks as the source of chains: truth from annotations, videos of a user, nothing held out in it."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from srvau_train.cli import train
from srvau_train.examples import chain_examples
from srvau_train.rocot.audit import write_audit
from srvau_train.rocot.build import build
from srvau_train.rocot.config import RocotConfig, TaskConfig
from srvau_train.rocot.records import read_records
from srvau_train.rocot.scene_teacher import SceneTeacher
from srvau_train.rocot.task_source import as_asked
from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, ModelError, UnknownNameError, UsageError
from vau_bench.evaluation import Options, evaluate
from vau_bench.journal import to_line
from vau_bench.parsing import write_interval, write_option, write_reflection, write_think
from vau_bench.records import ANOMALY, NORMAL, Outcome, Response, Sample, Segment, Target

ALL = ("grounding", "classification", "mcq", "reasoning")
SERVER = "model=m,base_url=http://127.0.0.1:9/v1"
THOUGHT = "I watched the yard with care from its first second to its last one."


def lines(out: Path, name: str = "chains") -> list[dict[str, Any]]:
    return list(read_records(out / f"{name}.jsonl"))


def reasons(out: Path) -> Counter[str]:
    return Counter(r["reasons"][0] for r in lines(out, "rejected"))


@pytest.fixture
def taught(yard, teacher, chat_server, say, good, tmp_path):
    """Build with a good teacher: `taught("mcq", right_share=0.5)`."""
    server = chat_server(lambda served: say(good(served.body)))

    def make(*kinds, first=(), out="out", **options):
        return build(tmp_path / out, yard.config(*kinds, **options), teacher(server.url), first=first)

    return make


# The four kinds


def test_every_kind_gets_chains_with_the_truth_of_the_annotation(yard, taught, tmp_path) -> None:
    built = taught(*ALL)
    assert built.kept + built.rejected == 48 and built.rejected == 0
    records = lines(tmp_path / "out")
    assert Counter(r["task"] for r in records) == {f"yard_{kind}": 12 for kind in ALL}
    rows = {r["Video Name"].removesuffix(".mp4"): r for r in yard.rows["train.csv"]}
    for record in records:
        row = rows[record["sample_id"]]
        assert record["split"] == "train" and record["group"] == record["sample_id"].removeprefix("msad_")
        if record["kind"] == "mcq":
            assert record["parts"]["final"] == f"<answer>{row['Correct Option']}</answer>"
        elif record["kind"] != "grounding":
            assert record["parts"]["final"] == f"<answer>{row['Anomaly Class']}</answer>"
        elif record["action"] != "keep":
            assert record["revised_tiou"] == 1


def test_right_and_wrong_first_answers_stand_as_declared_in_each_task(taught, tmp_path) -> None:
    taught("mcq", "classification", right_share=0.5)
    counts = Counter((r["kind"], r["first_right"]) for r in lines(tmp_path / "out") if int(r["sample_id"][10:]) < 10)
    assert counts == {(kind, right): 5 for kind in ("mcq", "classification") for right in (True, False)}


def test_errors_lie_within_the_video_and_decoys_are_not_needed(taught, tmp_path) -> None:
    taught("grounding", right_share=0.0)
    wrong = lines(tmp_path / "out")
    assert {r["mistake"] for r in wrong} <= {"shifted", "too_long", "too_short", "false_alarm", "miss"}
    for record in wrong:
        assert record["first_tiou"] < 0.7
        glue = record["parts"]["first"].partition("<glue>")[2].removesuffix("</glue>")
        if "Normal" not in record["parts"]["first"]:
            start, end = json.loads(glue)
            assert 0 <= start < end <= 6


def test_an_anomaly_at_an_unknown_time_can_be_classified_and_not_grounded(yard, taught, tmp_path) -> None:
    for row in yard.rows["train.csv"]:
        if row["Anomaly Class"] != NORMAL:
            row |= {"Start Time": -1, "End Time": -1}
    yard.write()
    taught("grounding", "classification", right_share=0.0)
    records = lines(tmp_path / "out")
    assert Counter(r["kind"] for r in records) == {"grounding": 3, "classification": 12}
    assert {r["mistake"] for r in records if r["label"] != NORMAL} >= {"wrong_class", "miss"}


def test_an_annotation_that_contradicts_itself_counts_as_each_kind_asks() -> None:
    odd = Sample("a", "a.mp4", "a", Target(NORMAL, (Segment(1, 3),)))
    assert as_asked(odd, "grounding").target.label == ANOMALY
    assert as_asked(odd, "classification").target.segments == ()
    nameless = replace(odd, target=Target(None, ()))
    assert as_asked(nameless, "grounding").target.label == NORMAL


def test_training_joins_the_chains_with_the_prompts_of_their_tasks(yard, taught, tmp_path) -> None:
    taught("grounding", "mcq")
    catalogue = Catalogue((yard.tasks,))
    tasks = {name: catalogue.get(name) for name in ("yard_grounding", "yard_mcq")}
    rows = chain_examples(tmp_path / "out", tasks, data=yard.root)
    assert len(rows) == 24
    assert all(row.request.video and row.request.video.is_file() and row.request.style == "reflect" for row in rows)
    assert {row.request.task for row in rows} == set(tasks)


# Videos


def test_a_missing_video_is_skipped_and_counted_until_it_is_there(yard, taught, yard_clips, tmp_path) -> None:
    (yard.videos / "yard_0.mp4").unlink()
    built = taught("mcq", "grounding")
    assert (built.kept, built.skipped) == (22, {"missing_video": 2})
    assert "| missing_video | 2 |" in (tmp_path / "out" / "statistics.md").read_text()
    (yard.videos / "yard_0.mp4").hardlink_to(yard_clips / "yard_0.mp4")
    built = taught("mcq", "grounding")
    assert (built.kept, built.resumed, built.skipped) == (24, 22, {})
    assert "missing_video" not in (tmp_path / "out" / "statistics.md").read_text()


@pytest.mark.parametrize("kind", ["mcq", "grounding"])
def test_a_damaged_video_is_skipped_and_counted(kind, yard, taught, tmp_path) -> None:
    (yard.videos / "yard_1.mp4").unlink()
    (yard.videos / "yard_1.mp4").write_bytes(b"no video at all" * 100)
    built = taught(kind)
    assert (built.kept, built.rejected, built.skipped) == (11, 0, {"unreadable_video": 1})


def test_videos_may_lie_in_folders_of_their_own(yard, taught, tmp_path) -> None:
    one, two = tmp_path / "one" / "deep", tmp_path / "two"
    one.mkdir(parents=True)
    yard.videos.rename(two)
    (two / "yard_3.mp4").rename(one / "msad_yard_3.mp4")
    built = taught("mcq", videos=(tmp_path / "one", two))
    assert built.kept == 12
    assert taught("mcq", out="other", videos=(two,)).skipped == {"missing_video": 1}


# What stays unseen


@pytest.mark.parametrize("copy", ["yard_4.mp4", "YARD_4.mp4", "msad_yard_4.avi"])
def test_a_test_video_among_the_training_rows_is_refused_by_its_source(copy, yard, taught, tmp_path) -> None:
    yard.rows["test.csv"][0]["Video Name"] = copy
    yard.write()
    with pytest.raises(DataError, match=r"1 of the samples .* held-out split .*msad_yard_4"):
        taught("mcq")
    assert not (tmp_path / "out").exists()


def test_without_the_test_annotation_nothing_is_built(yard, taught, tmp_path) -> None:
    (yard.root / "test.csv").unlink()
    with pytest.raises(DataError, match="held out cannot be checked: no annotation file"):
        taught("mcq")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("split", ["test", "val"])
def test_no_split_but_train_is_built_on(split, yard) -> None:
    with pytest.raises(UsageError, match="split train only"):
        yard.config("mcq", split=split).source()


def test_ucf_crime_is_not_grounded_unless_that_is_wanted(tmp_path) -> None:
    config = TaskConfig(tasks=("msad_grounding", "ucf_crime_grounding"), data=tmp_path)
    with pytest.raises(UsageError, match=r"ucf_crime_grounding is the out-of-distribution .*--ucf-grounding"):
        config.source()
    with pytest.raises(DataError, match="no annotation file"):
        replace(config, ucf_grounding=True).source()
    with pytest.raises(DataError, match="no annotation file"):
        TaskConfig(tasks=("ucf_crime_mcq",), data=tmp_path).source()


# A policy's own answers


def answer(number: int, text: str, task: str = "yard_mcq", prefix: str = "msad_") -> Response:
    return Response(f"k{number}", task, f"{prefix}yard_{number}", "think", 0, text, Outcome.SCORED)


def journal(path: Path, *responses: Response) -> Path:
    path.write_bytes(b"".join(map(to_line, responses)))
    return path


def test_several_runs_give_several_first_answers_and_the_same_one_counts_once(taught, tmp_path) -> None:
    runs = [
        journal(
            tmp_path / f"{seed}.jsonl",
            *(
                answer(n, write_think(f"{THOUGHT} Try {seed % 2}.", write_option("ABCD"[(n + seed) % 4])))
                for n in range(12)
            ),
        )
        for seed in range(3)
    ]
    runs.append(journal(tmp_path / "again.jsonl", answer(5, "What?")))
    again = journal(
        tmp_path / "same.jsonl",
        *(answer(n, write_think(f"{THOUGHT} Try 0.", write_option("ABCD"[n % 4]))) for n in range(12)),
    )
    taught("mcq", first=[*runs, again], right_share=None)
    records = lines(tmp_path / "out")
    assert Counter(r["sample_id"] for r in records) == {f"msad_yard_{n}": 3 for n in range(12)}
    assert sum(r["first_right"] for r in records) == 12 and {r["origin"] for r in records} == {"policy"}
    assert reasons(tmp_path / "out") == {"same_first_answer": 12, "no_first_answer": 11, "unreadable_first_answer": 1}
    built = taught("mcq", first=[*runs, again], right_share=None)
    assert built.resumed == 60 == built.kept + built.rejected


def test_the_reasoning_of_the_policy_is_kept_and_not_asked_for(yard, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    first = journal(tmp_path / "responses.jsonl", answer(2, write_think(THOUGHT, write_option("A"))))
    build(tmp_path / "out", yard.config("mcq", right_share=None), teacher(server.url), first=first)
    (record,) = lines(tmp_path / "out")
    assert record["parts"]["think"] == THOUGHT and record["action"] == "correct" and record["mistake"] == "own"
    assert "first_reasoning" not in json.dumps(server.calls[0].body)
    assert THOUGHT in server.calls[0].body["messages"][1]["content"][-1]["text"]


def test_of_a_reflecting_policy_the_first_of_both_answers_counts(taught, tmp_path) -> None:
    text = write_reflection(
        THOUGHT, write_interval(Segment(0, 6)), "Too long.", "Shorter.", write_interval(Segment(1, 4))
    )
    first = journal(tmp_path / "responses.jsonl", answer(0, text, "yard_grounding"))
    taught("grounding", first=first, right_share=None)
    (record,) = lines(tmp_path / "out")
    assert record["parts"]["first"] == "<answer>Anomaly</answer><glue>[0.0, 6.0]</glue>"
    assert record["first_tiou"] == 0.5 and record["revised_tiou"] == 1


def test_surplus_answers_leave_per_task_and_are_counted(taught, tmp_path) -> None:
    right = [answer(n, write_think(THOUGHT, write_option("ABCD"[n % 4]))) for n in range(8)]
    wrong = [answer(n, write_think(THOUGHT, write_option("ABCD"[(n + 1) % 4]))) for n in range(8, 12)]
    taught("mcq", first=journal(tmp_path / "r.jsonl", *right, *wrong), right_share=0.5)
    assert Counter(r["first_right"] for r in lines(tmp_path / "out")) == {True: 4, False: 4}
    assert reasons(tmp_path / "out") == {"surplus": 4}


@pytest.mark.parametrize(("number", "prefix"), [(50, ""), (99, "ecva_"), (77, "msad_")])
def test_answers_about_other_than_training_videos_are_refused(number, prefix, taught, tmp_path) -> None:
    first = journal(tmp_path / "r.jsonl", answer(number, write_option("A"), prefix=prefix))
    with pytest.raises(DataError, match=r"not of the split train of yard_mcq.*--split train"):
        taught("mcq", first=first)


def test_a_run_that_was_shared_among_processes_has_several_journals(taught, tmp_path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for rank in range(3):
        answers = (answer(n, write_think(THOUGHT, write_option("A"))) for n in range(rank, 12, 3))
        journal(run / f"responses.{rank}.jsonl", *answers)
    assert taught("mcq", first=run, right_share=None).kept == 12
    with pytest.raises(UsageError, match="no journal of responses"):
        taught("mcq", first=tmp_path / "cache")


def test_answers_of_other_tasks_are_left_alone(taught, tmp_path) -> None:
    first = journal(tmp_path / "r.jsonl", answer(0, write_option("A")), answer(50, "x", "elsewhere_mcq", ""))
    taught("mcq", first=first, right_share=None)
    assert reasons(tmp_path / "out") == {"no_first_answer": 11}


def test_any_model_of_vau_bench_gives_first_answers(yard, taught, tmp_path) -> None:
    options = Options(
        "motion", ("yard_grounding",), data=yard.root, split="train", tasks_dirs=(yard.tasks,), resamples=0
    )
    run = evaluate(options, tmp_path / "runs").path
    taught("grounding", first=run, right_share=None)
    assert len(lines(tmp_path / "out")) == 12


# Real rows, where they are


def test_real_rows_and_videos_become_chains(real, shared, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    tasks = ("msad_grounding", "msad_classification", "msad_mcq", "msad_reasoning")
    config = TaskConfig(tasks=tasks, data=real, videos=(shared / "real_clips" / "videos",))
    built = build(tmp_path / "out", config, teacher(server.url, "uniform(4) short_side=112"))
    assert (built.kept, built.rejected, built.skipped) == (44, 0, {})
    rows = chain_examples(tmp_path / "out", {name: Catalogue().get(name) for name in tasks}, data=real)
    assert len(rows) == 44 and {row.request.task for row in rows} == set(tasks)


def test_real_test_videos_are_found_under_the_prefix_of_training_names(real) -> None:
    source = TaskConfig(tasks=("ucf_crime_mcq",), data=real).source()
    with closing(source), pytest.raises(DataError, match="of the samples to train on belong to a held-out split"):
        source.check(())


# The page to look at, and the command


def test_the_audit_shows_the_frames_of_real_videos_and_says_when_they_are_gone(yard, taught, tmp_path) -> None:
    taught("mcq", "grounding")
    (yard.videos / "yard_2.mp4").unlink()
    page = write_audit(tmp_path / "out", yard.config("mcq", "grounding"), 24).read_text()
    assert page.count("<section>") == 24
    assert page.count("data:image/jpeg;base64,") == 22 * 16 and page.count("The video is not there") == 2
    assert "http" not in page and str(tmp_path) not in page


def test_the_card_says_whose_videos_and_whose_words_these_are(taught, tmp_path) -> None:
    taught("mcq")
    card = (tmp_path / "out" / "README.md").read_text()
    assert card.startswith("---\nlicense: other\n") and "# RoCoT on Yard" in card
    assert "tasks `yard_mcq`" in card and "openai/vlm" in card and "may be made up" in card and "synthetic" not in card
    assert "| yard_mcq | 12 |" in (tmp_path / "out" / "statistics.md").read_text()


def test_nothing_that_is_written_depends_on_where_it_lies(yard, taught, tmp_path) -> None:
    taught("mcq")
    moved = tmp_path / "moved"
    yard.root.rename(moved)
    yard.root = moved
    assert taught("mcq").resumed == 12


def command(*arguments: str) -> Any:
    return CliRunner().invoke(train, ["rocot", "--out", "out", *arguments])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tasks", "msad_mcq"], "knows VAU-Synth clips only"),
        (["--model-args", "model=m"], "takes neither --model-args"),
        (["--frames", "fps(1)"], "takes neither --model-args"),
        (["--tasks", "msad_mcq", "--clips", "3"], "--clips goes without --tasks only"),
        (["--limit", "3"], "--limit goes with --tasks only"),
        (["--ucf-grounding"], "--ucf-grounding goes with --tasks only"),
        (["--teacher", "openai"], "teacher openai: .*model"),
        (["--tasks", "msad_mcqq", "--teacher", "openai", "--model-args", SERVER], "did you mean msad_mcq"),
        (["--tasks", " , ", "--teacher", "openai", "--model-args", "model=m"], "no task named"),
        (["--kinds", "reasoning"], "kinds must be some of"),
    ],
)
def test_options_that_do_not_go_together_are_told(arguments, told, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = command(*arguments)
    assert isinstance(done.exception, UsageError)
    with pytest.raises(UsageError, match=told):
        raise done.exception
    assert not (tmp_path / "out").exists()


def test_a_build_of_no_chain_at_all_has_failed(yard, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    journal(tmp_path / "r.jsonl", answer(0, "I do not know."))
    arguments = [*yard.arguments("mcq"), "--teacher", "openai", "--model-args", SERVER, "--first", "r.jsonl"]
    done = command(*arguments)
    assert isinstance(done.exception, DataError) and "no chain could be built" in str(done.exception)
    assert reasons(tmp_path / "out") == {"no_first_answer": 11, "unreadable_first_answer": 1}


def test_without_a_key_where_one_is_needed_nothing_begins(yard, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    done = command(*yard.arguments("mcq"), "--teacher", "openai", "--model-args", "model=m")
    assert isinstance(done.exception, ModelError) and "no key" in str(done.exception)
    assert not (tmp_path / "out").exists()


def test_a_teacher_of_scenes_refuses_what_has_none(yard, tmp_path) -> None:
    with pytest.raises(DataError, match="about vau_synth clips only"):
        build(tmp_path / "out", yard.config("mcq"), SceneTeacher())


def test_a_task_without_a_training_split_is_named(tmp_path) -> None:
    with pytest.raises(UnknownNameError, match="split of clips_mcq 'train'"):
        TaskConfig(tasks=("clips_mcq",), data=tmp_path).source()


@pytest.mark.parametrize("fault", [{"tasks": ()}, {"tasks": ("a",), "limit": 0}, {"tasks": ("a",), "right_share": 2.0}])
def test_configurations_that_make_no_sense_are_refused(fault) -> None:
    with pytest.raises(UsageError):
        TaskConfig(**fault)


def test_both_kinds_of_source_are_configured_alike() -> None:
    for config in (RocotConfig(), TaskConfig(tasks=("a",))):
        record = config.as_json()
        assert record["right_share"] == 0.3 and record["errors"]["miss"] == 0.15
        assert not any(isinstance(value, Path) for value in record.values())
