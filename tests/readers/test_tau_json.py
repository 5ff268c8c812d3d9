"""TAU-106K: accidents by their part of a clip, made seconds by a table of lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers.tau_json import read_tau_json
from vau_bench.records import Segment

ARGS = {"annotations": {"test": "tau.json"}, "durations": "lengths.csv"}
LENGTHS = "video,duration\nlane_1.mp4,10.0\nlane_2.mp4,8\nlane_3.mp4,20.5\n"


def row(video: str = "videos/lane_1.mp4", kind: str = "single vehicle accident", *segments: Any) -> dict[str, Any]:
    return {"videoPath": video, "accident_type": kind, "accident_segments": list(segments), "data_source": "x"}


def read(folder: Path, content: Any, lengths: str = LENGTHS):
    (folder / "tau.json").write_text(content if isinstance(content, str) else json.dumps(content))
    (folder / "lengths.csv").write_text(lengths)
    return read_tau_json(folder, "test", ARGS)


def test_parts_of_a_clip_become_seconds_whether_numbers_or_strings(tmp_path: Path) -> None:
    numbers = row("videos/lane_1.mp4", "single vehicle accident", [0.5, 1.0])
    strings = row("videos/lane_2.mp4", "other accident", ["0.25", "0.5"])
    dataset = read(tmp_path, [numbers, strings, row("videos/lane_3.mp4", "normal")])
    one, two, normal = dataset.samples
    assert (one.id, one.video, one.target.segments) == ("lane_1", "videos/lane_1.mp4", (Segment(5.0, 10.0),))
    assert (two.target.label, two.target.segments) == ("other accident", (Segment(2.0, 4.0),))
    assert (normal.target.label, normal.target.segments, normal.fields["duration"]) == ("Normal", (), 20.5)


def test_the_first_of_several_segments_counts_and_the_row_is_noted(tmp_path: Path) -> None:
    dataset = read(tmp_path, [row("lane_1.mp4", "accident", [0.2, 0.3], [0.6, 0.9])])
    assert dataset.samples[0].target.segments == (Segment(2.0, 3.0),)
    assert dataset.notes["several_segments"] == 1


def test_an_accident_without_a_segment_has_no_known_time(tmp_path: Path) -> None:
    assert read(tmp_path, [row()]).samples[0].target.segments is None


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("youtube_abcDEF-_123_scene-73", "youtube_abcDEF-_123"),
        ("Domestic_BV1ab2cd3EF_4", "Domestic_BV1ab2cd3EF"),
        ("CCD_Accident_001116", "CCD_Accident_001116"),
        ("lane_1", "lane_1"),
    ],
)
def test_scenes_of_one_video_are_one_group(tmp_path: Path, name: str, group: str) -> None:
    dataset = read(tmp_path, [row(f"videos/{name}.mp4", "normal")], f"video,duration\n{name}.mp4,3\n")
    assert dataset.samples[0].group == group


def test_other_lengths_are_other_data(tmp_path: Path) -> None:
    rows = [row("lane_1.mp4", "normal")]
    assert read(tmp_path, rows).digest != read(tmp_path, rows, LENGTHS.replace("10.0", "10.5")).digest


@pytest.mark.parametrize(
    ("content", "lengths", "told"),
    [
        ("[\n{]", LENGTHS, r"tau.json:2: not JSON"),
        ({}, LENGTHS, r"tau.json: not a list of videos"),
        ([], LENGTHS, r"tau.json holds no row"),
        ([3], LENGTHS, r"tau.json, row 1: not an object with videoPath"),
        ([{"videoPath": "a"}], LENGTHS, r"tau.json, row 1: no key 'accident_type', 'accident_segments'"),
        ([row(" ")], LENGTHS, r"tau.json, row 1: videoPath is no text"),
        ([row() | {"accident_type": None}], LENGTHS, r"tau.json, row 1: accident_type is no text: None"),
        ([row() | {"accident_segments": "0.1"}], LENGTHS, r"tau.json, row 1: accident_segments is no list"),
        ([row(kind="normal"), row(kind="normal")], LENGTHS, r"tau.json, row 2: the video 'lane_1' stands there twice"),
        ([row("lane_1.mp4", "normal", [0, 1])], LENGTHS, r"row 1: a normal video with 1 accident segments"),
        ([row("lane_9.mp4", "normal")], LENGTHS, r"tau.json, row 1: there is no duration of lane_9"),
        ([row("lane_1.mp4", "x", [0.5, 1.2])], LENGTHS, r"row 1: the segment \[0.5, 1.2\] is not within 0 and 1"),
        ([row("lane_1.mp4", "x", ["0.5", "0.4"])], LENGTHS, r"row 1: not a start and a later end"),
        ([row("lane_1.mp4", "x", ["0.5", "late"])], LENGTHS, r"row 1: not a start and a later end"),
        ([row("lane_1.mp4", "x", ["0.5", "nan"])], LENGTHS, r"row 1: not a start and a later end"),
        ([row("lane_1.mp4", "x", "0.1")], LENGTHS, r"row 1: not a start and a later end"),
        ([row()], "video,seconds\n", r"lengths.csv:1: no column 'duration'"),
        ([row()], "video,duration\nlane_1.mp4,0\n", r"lengths.csv:2: not a duration in seconds: '0'"),
        ([row()], "video,duration\nlane_1.mp4,long\n", r"lengths.csv:2: not a duration in seconds: 'long'"),
        ([row()], LENGTHS + "lane_1.mp4,3\n", r"lengths.csv:5: the video 'lane_1' stands there twice"),
    ],
)
def test_a_broken_row_is_told_with_its_place(tmp_path: Path, content: Any, lengths: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, content, lengths)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"tau\.json"):
        read_tau_json(tmp_path, "test", ARGS)
    (tmp_path / "tau.json").write_text("[]")
    with pytest.raises(NoAnnotationError, match=r"lengths\.csv"):
        read_tau_json(tmp_path, "test", ARGS)


def test_a_video_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "lane_1.mp4").touch()
    dataset = read(tmp_path, [row("videos/lane_1.mp4", "normal"), row("videos/lane_2.mp4", "normal")])
    assert [dataset.find_video(s) for s in dataset.samples] == [tmp_path / "deep" / "lane_1.mp4", None]
