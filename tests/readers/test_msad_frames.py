"""MSAD: one anomaly a row, frames counted from 1; the table of test videos says what is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.kinds.detection import Detection, rasterised
from vau_bench.readers.msad_frames import read_msad_frames

ARGS = {"annotations": {"test": "a.csv"}, "frames": {"test": "frames.csv"}}
HEADER = "name,scenario,total frames,starting frame of anomaly,ending frame of anomaly\n"
ROWS = "Fire_2,shop,400,51,400\nTraffic_accident_12,road,250,1,25\nFire_3,shop,100,7,9\n"
TABLE = "video,frames,fps\nTraffic_accident_12.mp4,250,25\nMSAD_normal_testing_1.mp4,90,30\nFire_2.mp4,400,20\n"


def read(folder: Path, rows: str = ROWS, table: str = TABLE, header: str = HEADER):
    (folder / "a.csv").write_text(header + rows, encoding="utf-8-sig")
    (folder / "frames.csv").write_text(table)
    return read_msad_frames(folder, "test", ARGS)


def test_the_tested_videos_in_the_order_of_the_table(tmp_path: Path) -> None:
    dataset = read(tmp_path)
    crash, normal, fire = dataset.samples
    assert (crash.id, crash.video, crash.target.label) == (
        "Traffic_accident_12",
        "Traffic_accident_12.mp4",
        "Traffic_accident",
    )
    assert (normal.target.label, normal.target.segments, normal.fields["frames"]) == ("Normal", (), 90)
    assert (fire.target.label, fire.fields["fps"], fire.fields["duration"]) == ("Fire", 20.0, 20.0)
    assert dataset.notes["rows_not_tested"] == 1


def test_frames_count_from_1_and_the_last_one_is_anomalous(tmp_path: Path) -> None:
    crash, _, fire = read(tmp_path).samples
    assert (crash.target.segments, fire.target.segments) == (((0.0, 1.0),), ((2.5, 20.0),))
    for sample, first, last in ((crash, 1, 25), (fire, 51, 400)):
        found = rasterised(Detection().truth(sample), sample.fields["frames"], sample.fields["fps"])
        assert [k for k, value in enumerate(found, 1) if value] == list(range(first, last + 1))


def test_where_the_lengths_differ_the_annotation_holds_and_it_is_noted(tmp_path: Path) -> None:
    dataset = read(tmp_path, table=TABLE.replace("Fire_2.mp4,400", "Fire_2.mp4,398"))
    assert dataset.samples[2].fields["frames"] == 400
    assert dataset.notes["other_number_of_frames"] == 1


@pytest.mark.parametrize("name", ["MSAD_normal_testing_7", "normal_testing_7", "Normal_7"])
def test_names_of_normal_videos(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, table=f"{TABLE}{name}.mp4,9,25\n").samples[-1].target.label == "Normal"


@pytest.mark.parametrize(
    ("rows", "table", "told"),
    [
        ("Fire_2,shop,400,51\n", TABLE, r"a.csv:2: the row has 4 fields, the header 5"),
        (",shop,400,51,400\n", TABLE, r"a.csv:2: the row has no name"),
        ("Fire_2,shop,400,51,\n", TABLE, r"a.csv:2: not three numbers of frames: 400, 51, $"),
        ("Fire_2,shop,400,51,9.5\n", TABLE, r"a.csv:2: not three numbers of frames: 400, 51, 9.5"),
        ("Fire_2,shop,400,0,9\n", TABLE, r"a.csv:2: the anomaly \[0, 9\] is reversed or does not count from 1"),
        ("Fire_2,shop,400,9,8\n", TABLE, r"a.csv:2: the anomaly \[9, 8\] is reversed"),
        (f"{ROWS}Fire_2.mp4,shop,400,1,9\n", TABLE, r"a.csv:5: the video 'Fire_2' stands there twice"),
        ("Fire_2,shop,400,401,410\n", "video,frames,fps\nFire_2,400,9\n", r"a.csv:2: an event begins at frame 400 of"),
        (f"{ROWS}MSAD_normal_testing_1,shop,90,1,9\n", TABLE, r"a.csv:5: .* which has the name of a normal video"),
        (ROWS, f"{TABLE}Robbery_1.mp4,9,25\n", r"frames.csv:5: Robbery_1 is not annotated"),
        (ROWS, f"{TABLE}abnormal_1.mp4,9,25\n", r"frames.csv:5: abnormal_1 is not annotated"),
        (ROWS, "video,frames\nFire_2.mp4,400\n", r"frames.csv:2: not a number of frames a second"),
        (ROWS, "video,frames,fps\n", r"frames.csv holds no row"),
        ("", TABLE, r"a.csv holds no row"),
    ],
)  # fmt: skip
def test_a_broken_row_is_told_with_file_and_line(tmp_path: Path, rows: str, table: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, rows, table)


def test_a_missing_column_and_a_missing_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"a\.csv"):
        read_msad_frames(tmp_path, "test", ARGS)
    with pytest.raises(DataError, match=r"a.csv:1: no column 'starting frame of anomaly'"):
        read(tmp_path, header=HEADER.replace("starting frame of anomaly", "start"))
    (tmp_path / "frames.csv").unlink()
    with pytest.raises(NoAnnotationError, match=r"frames\.csv"):
        read_msad_frames(tmp_path, "test", ARGS)


def test_another_table_is_other_data(tmp_path: Path) -> None:
    assert read(tmp_path).digest != read(tmp_path, table=TABLE.replace(",90,", ",91,")).digest
