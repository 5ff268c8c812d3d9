"""CUVA: one row a video and question; a task reads the rows of one question."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, NoAnnotationError, VauBenchError
from vau_bench.readers import Dataset
from vau_bench.readers.cuva_json import CLASSES, read_cuva_json


def row(task: str = "Cause", output: Any = "The brakes fail.", video: str = "00001.mp4", **more: Any) -> dict[str, Any]:
    return {"instruction": " Why? ", "visual_input": video, "output": output, "task": task, "ID": 3} | more


def read(folder: Path, content: Any, question: str = "Cause") -> Dataset:
    (folder / "rows.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return read_cuva_json(folder, "test", {"annotations": {"test": "rows.json"}, "question": question})


def test_the_rows_of_a_question_under_its_name_and_its_code(tmp_path: Path) -> None:
    rows = [
        row(),
        row("Result"),
        row("T2", " Ice. ", "00002.MP4"),
        row("Detection", "YES"),
        row("T3", "x", "00002.MP4"),
    ]
    one, two = read(tmp_path, rows).samples
    assert (one.id, one.video, one.fields["query"]) == ("00001", "00001.mp4", "Why?")
    assert dict(one.target.texts) == {"description": "The brakes fail."}
    assert (two.id, two.group, dict(two.target.texts)) == ("00002", "00002", {"description": "Ice."})
    assert len(read(tmp_path, rows, "Result").samples) == 2


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("[05]", "Traffic Accidents"),
        ("5", "Traffic Accidents"),
        ("[5-2]", "Traffic Accidents"),
        ("TrafficAccidents", "Traffic Accidents"),
        ("animals hurting people", "Animals Hurting People"),
        ("[11]", "Forbidden to Burn"),
        ("Burning", "Forbidden to Burn"),
        ("1", "Fighting"),
    ],
)
def test_a_class_by_its_number_or_its_name(tmp_path: Path, output: str, name: str) -> None:
    assert read(tmp_path, [row("T1", output)], "Classification").samples[0].target.label == name


def test_the_task_lists_the_classes_that_the_reader_knows() -> None:
    assert Catalogue().get("cuva_classification").spec.classes == list(CLASSES)


def test_a_time_is_minutes_and_seconds(tmp_path: Path) -> None:
    rows = [row("Timestamp", "[0105,0130]"), row("T4", "[0009,0003]", "00002.mp4"), row("T4", "[]", "00003.mp4")]
    dataset = read(tmp_path, rows, "Timestamp")
    assert [s.target.segments for s in dataset.samples] == [((65, 90),), ((3, 9),), None]
    assert dataset.notes["reversed_moment"] == 1


@pytest.mark.parametrize(
    ("content", "question", "told"),
    [
        ("[\n{]", "Cause", r"rows.json:2: not JSON"),
        ({}, "Cause", r"rows.json: not a list of rows"),
        ([], "Cause", r"rows.json holds no row of the task Cause"),
        ([row("Result")], "Cause", r"rows.json holds no row of the task Cause"),
        ([row(), 3], "Cause", r"rows.json, row 2: not an object with instruction, visual_input, output, task"),
        ([{"task": "Cause"}], "Cause", r"rows.json, row 1: no key 'instruction', 'visual_input', 'output'"),
        ([row("Cuase")], "Cause", r"row 1: the task is not one of Detection, .* or T1 to T5: 'Cuase'"),
        ([row(task=None)], "Cause", r"rows.json, row 1: task is no text: None"),  # type: ignore[arg-type]
        ([row(output=" ")], "Cause", r"rows.json, row 1: output is no text: ' '"),
        ([row(video="")], "Cause", r"rows.json, row 1: visual_input is no text: ''"),
        ([row(instruction=1)], "Cause", r"rows.json, row 1: instruction is no text: 1"),
        ([row(), row("T2", video="00001.MP4")], "Cause", r"row 2: the Cause of the video '00001' stands there twice"),
        ([row("T1", "[12]")], "Classification", r"row 1: neither the number nor the name of a class: '\[12\]'"),
        ([row("T1", "0")], "Classification", r"row 1: neither the number nor the name of a class: '0'"),
        ([row("T1", "Flood")], "Classification", r"row 1: neither the number nor the name of a class: 'Flood'"),
        ([row("T4", "soon")], "Timestamp", r"rows.json, row 1: not moments such as"),
    ],
)
def test_a_broken_row_is_told_with_its_place(tmp_path: Path, content: Any, question: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, content, question)


def test_an_absent_file_and_an_unknown_question_are_told(tmp_path: Path) -> None:
    args = {"annotations": {"test": "rows.json"}, "question": "Cause"}
    with pytest.raises(NoAnnotationError, match=r"rows\.json"):
        read_cuva_json(tmp_path, "test", args)
    with pytest.raises(VauBenchError, match="question"):
        read_cuva_json(tmp_path, "test", args | {"question": "Detection"})


def test_a_video_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "00001.mp4").touch()
    dataset = read(tmp_path, [row(), row(video="00002.mp4")])
    assert [dataset.find_video(s) for s in dataset.samples] == [tmp_path / "deep" / "00001.mp4", None]
