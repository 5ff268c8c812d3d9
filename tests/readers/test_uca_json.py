"""UCA: a sentence is a sample, its text the query, its time seconds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers.uca_json import read_uca_json
from vau_bench.records import Segment

ARGS = {"annotations": {"test": "uca.json"}}
VIDEO: dict[str, Any] = {
    "duration": 59.88,
    "timestamps": [[48.5, 59.1], [40.4, 47.6], [41, 50.0]],
    "sentences": ["A man waves.", " Rain falls", "A dog {runs}"],
}


def read(folder: Path, content: Any):
    (folder / "uca.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return read_uca_json(folder, "test", ARGS)


def test_every_sentence_is_a_sample_of_its_video(tmp_path: Path) -> None:
    dataset = read(tmp_path, {"Abuse037_x264": VIDEO, "Normal_Videos_003_x264.mp4": VIDEO})
    first, second, third, *others = dataset.samples
    assert [s.id for s in dataset.samples[:4]] == [
        *(f"Abuse037_x264:{n}" for n in (1, 2, 3)),
        "Normal_Videos_003_x264:1",
    ]
    assert (first.video, first.group, first.fields["duration"]) == ("Abuse037_x264", "Abuse037_x264", 59.88)
    assert second.fields["query"] == "Rain falls", "without the space before it"
    assert third.target.segments == (Segment(41.0, 50.0),), "sentences overlap, in any order"
    assert first.target.label is None and others[0].target.segments, "ordinary events are events"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ('{\n"a": ', r"uca.json:2: not JSON"),
        ('{"a": {}, "a": {}}', r"uca.json: the key 'a' stands there twice"),
        ({"a": VIDEO, "a.mp4": VIDEO}, r"uca.json: a.mp4: the sentence 'a:1' stands there twice"),
        ([VIDEO], r"uca.json: not an object"),
        ({"a": [1]}, r"uca.json: a: not an object with duration, timestamps, sentences"),
        ({"a": {"duration": 3.0, "sentences": []}}, r"uca.json: a: no key 'timestamps'; found duration, sentences"),
        ({"a": {**VIDEO, "duration": 0}}, r"uca.json: a: not a duration in seconds: 0"),
        ({"a": {**VIDEO, "duration": "59"}}, r"not a duration in seconds: '59'"),
        ({"a": {**VIDEO, "sentences": ["x"]}}, r"uca.json: a: not as many timestamps as sentences"),
        ({"a": {**VIDEO, "sentences": ["x", " ", "y"]}}, r"uca.json: a, sentence 2: no text"),
        ({"a": {**VIDEO, "timestamps": [[1, 2], [3, 3], [4, 5]]}}, r"a, sentence 2: not a start and a later end"),
        ({"a": {**VIDEO, "timestamps": [[1, 2], [3], [4, 5]]}}, r"a, sentence 2: not a start and a later end: \[3\]"),
        ({"a": {**VIDEO, "timestamps": [None, [1, 2], [4, 5]]}}, r"a, sentence 1: not a start and a later end: None"),
        ({"a": {**VIDEO, "timestamps": [[1, True], [1, 2], [4, 5]]}}, r"a, sentence 1: not a start"),
        ({"a": {**VIDEO, "timestamps": [[-1, 2], [1, 2], [4, float("inf")]]}}, r"a, sentence 1: not a start"),
        ({}, r"uca.json holds no sentence"),
        ("[" * 200_000, r"uca.json: nested too deeply"),
    ],
)
def test_a_broken_file_is_told_with_its_place(tmp_path: Path, content: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, content)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"uca\.json"):
        read_uca_json(tmp_path, "test", ARGS)


def test_the_sentence_stands_in_every_prompt(unreleased: Path) -> None:
    task = Catalogue().get("uca_grounding")
    selection = task.select(unreleased)
    for style in task.prompts.styles:
        for sample in selection.samples:
            assert sample.fields["query"] in task.messages(task.kind(selection.dataset), sample, style)[-1].text


def test_released_sentences(shared: Path) -> None:
    args = {"annotations": {"test": "uca_sentences.json"}, "videos": ["videos"]}
    dataset = read_uca_json((shared / "real_clips").resolve(), "test", args)
    assert (len(dataset.samples), len({s.group for s in dataset.samples})) == (11, 4)
    for sample in dataset.samples:
        assert dataset.find_video(sample) is not None
        assert sample.target.segments and sample.target.segments[0].end <= sample.fields["duration"]
