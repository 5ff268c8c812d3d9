"""Vad-Reasoning: an anomaly by its frames, made seconds by a table of lengths; normal rows have none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers import Dataset
from vau_bench.readers.vad_reasoning_jsonl import read_vad_reasoning_jsonl
from vau_bench.records import Segment

ARGS = {"annotations": {"test": "rows.jsonl"}, "durations": "lengths.csv"}
LENGTHS = "video,duration\nyard_1.mp4,30\nyard_2.avi,8.5\n"


def row(video: str = "yard_1", kind: str = "Normal", **more: Any) -> dict[str, Any]:
    return {"source": "SH", "video": video, "anomaly_type": kind, "total_frames": 900, "path": f"/x/{video}.mp4"} | more


def read(folder: Path, *rows: Any, lengths: str = LENGTHS) -> Dataset:
    lines = (r if isinstance(r, str) else json.dumps(r, ensure_ascii=False) for r in rows)
    (folder / "rows.jsonl").write_text("\n".join(lines))
    (folder / "lengths.csv").write_text(lengths)
    return read_vad_reasoning_jsonl(folder, "test", ARGS)


def test_frames_become_seconds(tmp_path: Path) -> None:
    anomaly, normal = read(tmp_path, row(kind="Falling Tree", start=120, end=480), row("yard_2")).samples
    assert (anomaly.id, anomaly.video, anomaly.target.label) == ("yard_1", "yard_1", "Falling Tree")
    assert anomaly.target.segments == (Segment(4.0, 16.0),)
    assert (normal.target.label, normal.target.segments, normal.fields["duration"]) == ("Normal", (), 8.5)
    assert {s.fields["paper"] for s in (anomaly, normal)} == {"vad_r1"}


def test_a_normal_row_may_say_that_there_is_no_start(tmp_path: Path) -> None:
    assert read(tmp_path, row(start=None, end=None)).samples[0].target.segments == ()


def test_the_name_may_have_an_extension_and_the_last_frame_may_be_the_end(tmp_path: Path) -> None:
    (sample,) = read(tmp_path, row("yard_2.avi", "Fire", start=0, end=900)).samples
    assert (sample.id, sample.video, sample.target.segments) == ("yard_2", "yard_2.avi", (Segment(0.0, 8.5),))


def test_a_line_separator_within_a_text_ends_no_row(tmp_path: Path) -> None:
    assert len(read(tmp_path, row(think="first\u2028second\x85third"), "", row("yard_2")).samples) == 2


def test_other_lengths_are_other_data(tmp_path: Path) -> None:
    assert read(tmp_path, row()).digest != read(tmp_path, row(), lengths=LENGTHS.replace("30", "31")).digest


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([row(), "{"], r"rows.jsonl:2: not JSON"),
        ([row(), '{"video": "a", "video": "b"}'], r"rows.jsonl:2: the key 'video' stands there twice"),
        (["", "[" * 100_000], r"rows.jsonl:2: nested too deeply"),
        ([" ", ""], r"rows.jsonl holds no row"),
        ([[1]], r"rows.jsonl:1: not an object with video, anomaly_type, total_frames"),
        ([{"video": "yard_1"}], r"rows.jsonl:1: no key 'anomaly_type', 'total_frames'"),
        ([row(" ")], r"rows.jsonl:1: video is no text: ' '"),
        ([row(kind=None)], r"rows.jsonl:1: anomaly_type is no text: None"),  # type: ignore[arg-type]
        ([row(total_frames=0)], r"rows.jsonl:1: not a number of frames: 0"),
        ([row(total_frames=True)], r"rows.jsonl:1: not a number of frames: True"),
        ([row(total_frames="900")], r"rows.jsonl:1: not a number of frames: '900'"),
        ([row("yard_2"), row("yard_2.avi")], r"rows.jsonl:2: the video 'yard_2' stands there twice"),
        ([row("yard_9")], r"rows.jsonl:1: there is no duration of yard_9"),
        ([row(start=1, end=2)], r"rows.jsonl:1: a normal video with the start or the end of an anomaly"),
        ([row(kind="normal")], r"rows.jsonl:1: no key 'start', 'end'"),
        ([row(kind="Fire", start=5)], r"rows.jsonl:1: no key 'end'"),
        ([row(kind="Fire", start=5, end=5)], r"rows.jsonl:1: not a start and a later end"),
        ([row(kind="Fire", start=None, end=5)], r"rows.jsonl:1: not a start and a later end"),
        ([row(kind="Fire", start=5, end=901)], r"rows.jsonl:1: the anomaly ends at frame 901 of 900"),
    ],
)
def test_a_broken_row_is_told_with_file_and_line(tmp_path: Path, rows: list[Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, *rows)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"rows\.jsonl"):
        read_vad_reasoning_jsonl(tmp_path, "test", ARGS)
    (tmp_path / "rows.jsonl").write_text("{}")
    with pytest.raises(NoAnnotationError, match=r"lengths\.csv"):
        read_vad_reasoning_jsonl(tmp_path, "test", ARGS)


def test_a_video_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "yard_1.avi").touch()
    dataset = read(tmp_path, row(), row("yard_2"))
    assert [dataset.find_video(s) for s in dataset.samples] == [tmp_path / "deep" / "yard_1.avi", None]
