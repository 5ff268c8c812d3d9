"""HIVAU-70k: one question and answer a line, at three levels; a task reads one kind of question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.kinds import text as kind
from vau_bench.metrics import captions
from vau_bench.readers import Dataset
from vau_bench.readers.hivau_jsonl import LEVELS, read_hivau_jsonl


def row(task: str = "caption", answer: Any = "A bin burns.", **more: Any) -> dict[str, Any]:
    turns = [{"from": "human", "value": "<video>\nWhat is it?"}, {"from": "gpt", "value": answer}]
    video = "ucf-crime/events/test/Yard001_x264_E0.mp4"
    return {"id": 0, "type": "event", "task": task, "video": video, "conversations": turns} | more


def read(folder: Path, *rows: Any, task: str = "caption", videos: list[str] | None = None) -> Dataset:
    (folder / "rows.jsonl").write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows))
    args = {"annotations": {"test": "rows.jsonl"}, "task": task, "videos": videos or []}
    return read_hivau_jsonl(folder, "test", args)


def test_a_row(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, row(), row("judgement"), row("analysis")).samples
    assert (sample.id, sample.group) == ("0:Yard001_x264_E0", "Yard001_x264")
    assert sample.fields == {"query": "What is it?", "level": "event", "corpus": ("A bin burns.",)}
    assert dict(sample.target.texts) == {"description": "A bin burns."} and sample.target.label is None


def test_a_word_is_as_rare_as_among_the_references_of_its_level_and_task(tmp_path: Path) -> None:
    rows = [
        row(answer="One.", id=1),
        row(answer="Two.", id=2),
        row(answer="Three.", id=3, type="clip"),
        row("analysis", "Four.", id=4),
    ]
    assert [s.fields["corpus"] for s in read(tmp_path, *rows).samples] == [("One.", "Two.")] * 2 + [("Three.",)]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("There is no anomaly here.", "Normal"),
        ("No anomaly.", "Normal"),
        ("There is an anomaly.", "Abnormal"),
        ("Nothing unusual.", "Abnormal"),
    ],
)
def test_a_judgement_is_normal_where_it_says_no_anomaly(tmp_path: Path, answer: str, label: str) -> None:
    assert read(tmp_path, row("Judgement", answer), task="judgement").samples[0].target.label == label


@pytest.mark.parametrize(
    ("video", "group"),
    [
        ("Normal_Videos_003_x264.mp4", "Normal_Videos_003_x264"),
        ("Normal_Videos_003_x264_E1.mp4", "Normal_Videos_003_x264"),
        ("Abuse001_x264_E0_C2.mp4", "Abuse001_x264"),
        ("v=ab_c__#1_label_B4-0-0_E0.mp4", "v=ab_c__#1_label_B4-0-0"),
        ("Film.1995__#01-11-55_01-12-40_label_G-B2-B6.mp4", "Film.1995__#01-11-55_01-12-40_label_G-B2-B6"),
    ],
)
def test_the_parts_of_a_video_are_one_group(tmp_path: Path, video: str, group: str) -> None:
    assert read(tmp_path, row(video=f"x/{video}")).samples[0].group == group


def turns(*pairs: tuple[str, Any]) -> dict[str, Any]:
    return row(conversations=[{"from": role, "value": value} for role, value in pairs])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row(), "{"], "rows.jsonl:2: not JSON"),
        ([""], "rows.jsonl holds no row of the task 'caption'; found none"),
        ([row("analysis"), row("Captioning")], "no row of the task 'caption'; found analysis, captioning"),
        ([[]], "rows.jsonl:1: not an object with id, type, task, video, conversations"),
        ([{"id": 1, "task": "caption"}], "rows.jsonl:1: no key 'type', 'video', 'conversations'"),
        ([row(id=None)], "rows.jsonl:1: the id is neither a number nor a text: None"),
        ([row(type="scene")], "rows.jsonl:1: the type is not one of clip, event, video: 'scene'"),
        ([row(video=" ")], "rows.jsonl:1: video is no text: ' '"),
        ([row(task=3)], "rows.jsonl:1: task is no text: 3"),  # type: ignore[arg-type]
        ([row(), row()], "rows.jsonl:2: the row '0:Yard001_x264_E0' stands there twice"),
        ([row(conversations="x")], "rows.jsonl:1: conversations are not one question and one answer"),
        ([turns(("human", "?"))], "rows.jsonl:1: conversations are not one question and one answer"),
        ([turns(("gpt", "x"), ("human", "?"))], "rows.jsonl:1: a turn of 'gpt' where one of 'human' belongs"),
        ([turns(("human", "<video>\n"), ("gpt", "x"))], "rows.jsonl:1: the turn of 'human' says nothing"),
        ([row(answer=None)], "rows.jsonl:1: value is no text: None"),
    ],
)
def test_a_broken_row_is_told_with_file_and_line(tmp_path: Path, rows: list[Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, *rows)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"rows\.jsonl"):
        read_hivau_jsonl(tmp_path, "test", {"annotations": {"test": "rows.jsonl"}, "task": "caption"})


def test_a_video_is_found_by_its_path_where_its_name_is_not_enough(tmp_path: Path) -> None:
    for part in ("train", "test"):
        file = tmp_path / "videos" / "ucf-crime" / "events" / part / "Yard001_x264_E0.mp4"
        file.parent.mkdir(parents=True)
        file.touch()
    dataset = read(tmp_path, row(), videos=["videos"])
    assert dataset.find_video(dataset.samples[0]) == file


def test_levels_are_those_of_the_metrics(tmp_path: Path) -> None:
    assert LEVELS == captions.LEVELS
    sample = read(tmp_path, row(type="video")).samples[0]
    assert kind.Text().values("A bin burns.", sample)["level"] == 2
