"""Several runs in one report: samples joined by task and id, what the models disagree about, what judges said."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vau_bench.cli.main import cli
from vau_bench.errors import UsageError
from vau_bench.judge.judgements import Decision, Judgement, digest, to_line
from vau_bench.report import write_report
from vau_bench.report.joining import LETTERS

Run = Callable[..., Path]


class Read:
    """The data and the words of a written report."""

    def __init__(self, path: Path) -> None:
        self.text = " ".join(re.sub(r"<style.*?</style>|<script.*?</script>|<[^>]+>", " ", path.read_text()).split())
        packed = dict(re.findall(r'<script type="text/plain" id="((?:index|chunk)[^"]*)">([^<]*)', path.read_text()))
        data = {name: json.loads(zlib.decompress(base64.b64decode(text))) for name, text in packed.items()}
        self.index: dict[str, Any] = data.pop("index")
        self.cards: dict[str, dict[str, Any]] = {f"{c['task']}/{c['id']}": c for own in data.values() for c in own}

    def column(self, run: int, name: str) -> dict[str, Any]:
        return dict(zip(self.index["ids"], self.index["sides"][run][name], strict=True))


@pytest.fixture
def two(make_run: Run, watcher: Any) -> list[Path]:
    """Two runs of one task: the second answers clip1 wrongly, and clip2 not at all."""
    first = make_run("clips_mcq", run_id="first")
    watcher.answers = {"clip1": "<answer>A</answer>", "clip2": "I cannot tell."}
    return [first, make_run("clips_mcq", run_id="second")]


def test_samples_stand_once_with_the_answer_of_every_run(two: list[Path]) -> None:
    read = Read(write_report(two))
    assert sorted(read.cards) == [f"clips_mcq/clip{n}" for n in range(6)]
    assert [run["letter"] for run in read.index["runs"]] == ["A", "B"]
    card = read.cards["clips_mcq/clip1"]
    assert [(a["run"], a["prediction"], a["verdict"]) for a in card["answers"]] == [
        (0, "B", ["right", "good"]),
        (1, "A", ["wrong", "bad"]),
    ]
    assert [film["runs"] for film in card["films"]] == [[0, 1]]  # both saw the same: one strip


def test_models_disagree_where_one_is_right_and_another_is_not(two: list[Path]) -> None:
    index = Read(write_report(two)).index
    assert {i for i, apart in zip(index["ids"], index["disagree"], strict=True) if apart} == {"clip1", "clip2"}


def test_different_looks_at_one_sample_are_different_strips(make_run: Run) -> None:
    runs = [make_run("clips_grounding", run_id=plan[-2], frames=plan) for plan in ("uniform(3)", "uniform(5)")]
    films = Read(write_report(runs)).cards["clips_grounding/clip0"]["films"]
    assert [(film["runs"], len(film["frames"])) for film in films] == [([0], 3), ([1], 5)]


def test_a_timeline_holds_the_truth_once_and_every_models_answers(make_run: Run) -> None:
    runs = [make_run("clips_grounding", run_id="a", style="reflect"), make_run("clips_grounding", run_id="b")]
    runs.append(make_run("clips_grounding", run_id="c", model="floors/whole_video"))
    lanes = Read(write_report(runs)).cards["clips_grounding/clip0"]["timeline"]["lanes"]
    assert [(lane["role"], lane["run"]) for lane in lanes] == [
        ("truth", -1), ("first", 0), ("answer", 0), ("first", 1), ("answer", 1), ("answer", 2)
    ]  # fmt: skip


def test_the_runs_are_compared_over_their_common_samples(two: list[Path]) -> None:
    text = Read(write_report(two)).text
    assert "2 runs side by side" in text
    assert "A against B 6 common samples of 6 source videos. A better on 2, equal on 4, B better on 0." in text


def test_a_run_of_other_tasks_and_of_fewer_samples_is_joined_where_it_can_be(make_run: Run) -> None:
    runs = [
        make_run("clips_grounding", "clips_mcq", run_id="a"),
        make_run("clips_mcq", run_id="b", limit=2),
        make_run("clips_classification", run_id="c"),
    ]
    read = Read(write_report(runs))
    assert len(read.cards) == 18
    assert sorted(len(card["answers"]) for card in read.cards.values()) == [1] * 16 + [2] * 2
    assert [side["outcome"].count(None) for side in read.index["sides"]] == [6, 16, 12]


def test_shuffled_options_are_no_common_samples(make_run: Run) -> None:
    runs = [make_run("clips_mcq", run_id="a"), make_run("clips_mcq", run_id="b", shuffle_options=1)]
    read = Read(write_report(runs))
    assert [task["name"] for task in read.index["tasks"]] == ["clips_mcq (A)", "clips_mcq (B)"]
    assert len(read.cards) == 12


def test_several_runs_are_written_beside_the_report_of_the_first(two: list[Path], tmp_path: Path) -> None:
    alone = write_report(two[0]).read_bytes()
    done = CliRunner().invoke(cli, ["report", *map(str, two)])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(two[0] / "comparison.html")
    assert (two[0] / "report.html").read_bytes() == alone


def test_a_run_that_is_named_twice_and_more_runs_than_letters_are_refused(two: list[Path]) -> None:
    with pytest.raises(UsageError, match="named twice"):
        write_report([two[0], two[1], two[0] / ".." / "first"])
    with pytest.raises(UsageError, match="27 runs do not fit"):
        write_report([two[0] / str(n) for n in range(len(LETTERS) + 1)])


def judgement(answer: dict[str, Any], **changes: Any) -> Judgement:
    made: dict[str, Any] = {
        "key": "k", "judge": "strict", "judge_digest": "j", "rubric": "vau 1", "rubric_digest": "r",
        "prompt_digest": "p", "task": answer["task"], "sample_id": answer["sample_id"], "group": "g",
        "purpose": "answer/final", "response_digest": digest(answer["text"]), "characters": 9, "left_out": 0,
        "repeat": 0, "decision": Decision.JUDGED, "scores": {"detail": 4.0, "match": 7.0}, "reason": "too <b>short</b>",
    }  # fmt: skip
    return Judgement(**{**made, **changes})


def test_judges_are_told_with_their_reasons_and_only_about_the_text_that_is_there(two: list[Path]) -> None:
    answers = [json.loads(line) for line in (two[0] / "responses.jsonl").read_text().splitlines()]
    known, other, failed = answers[:3]
    lines = [
        judgement(known),
        judgement(other, key="o", response_digest=digest("what it said before")),
        judgement(failed, key="f", decision=Decision.UNPARSED, scores=None, reason=None, error="no object"),
    ]
    (two[0] / "judgements.jsonl").write_bytes(b"".join(map(to_line, lines)))
    read = Read(write_report(two))
    told = {a["sample_id"]: read.cards[f"clips_mcq/{a['sample_id']}"]["answers"][0]["judged"] for a in answers[:3]}
    assert told[known["sample_id"]] == [
        {
            "judge": "strict", "rubric": "vau 1", "part": "final", "score": 5.5,
            "scores": {"detail": 4.0, "match": 7.0}, "reason": "too <b>short</b>",
        }
    ]  # fmt: skip
    assert told[other["sample_id"]] == []
    assert told[failed["sample_id"]][0]["reason"] == "unparsed: no object"
    assert read.column(0, "judge")[known["sample_id"]] == 5.5
    assert set(read.column(1, "judge").values()) == {None}
    assert asdict(lines[0])["reason"] in json.dumps(read.cards)
