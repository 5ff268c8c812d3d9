"""SmartHome-Bench: verdicts, vague ones among them; either of its two files."""

from __future__ import annotations

from pathlib import Path

import pytest

from vau_bench.errors import DataError
from vau_bench.readers.smarthome_csv import read_smarthome_csv

HEADER = "Title,Category,Anomaly Tag,Video Description,Reasoning behind Normality/Anomalies\n"
ROWS = """smartbench_0001,Baby Monitoring,Normal,"Some words, with commas.","More words, with commas."
smartbench_0002,Baby Monitoring,Vague Abnormal,"Words, words.",Words without a comma
smartbench_0009,"Wildlife, Pet Monitoring",Abnormal,"Words, words.","Words, words."
"""
ARGS = {"annotations": {"test": "list.csv"}}


def read(folder: Path, text: str):
    (folder / "list.csv").write_text(text)
    return read_smarthome_csv(folder, "test", ARGS)


@pytest.mark.parametrize("tag", ["Anomaly Tag", "Label"])
def test_rows(tmp_path: Path, tag: str) -> None:
    dataset = read(tmp_path, HEADER.replace("Anomaly Tag", tag) + ROWS)
    normal, vague, abnormal = dataset.samples
    assert [s.target.label for s in dataset.samples] == ["Normal", "Abnormal", "Abnormal"]
    assert [s.fields["vague"] for s in dataset.samples] == [False, True, False]
    assert abnormal.fields["categories"] == ["Wildlife", "Pet Monitoring"]
    assert normal.target.texts == {"description": "Some words, with commas.", "reasoning": "More words, with commas."}
    assert dataset.notes == {"vague": 1} and vague.id == "smartbench_0002"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            HEADER + "smartbench_0001,Security,abnormal,w,w\n",
            r"list.csv:2: the verdict is not Normal, Abnormal",
        ),
        (HEADER + ",Security,Normal,w,w\n", "list.csv:2: the row has no title"),
        (HEADER + "smartbench_0001,Security,Normal,w\n", "list.csv:2: the row has 4 fields, the header 5"),
        (HEADER.replace("Anomaly Tag", "Tag") + ROWS, "list.csv:2: there is no column 'Anomaly Tag' or 'Label'"),
        (HEADER + ROWS + ROWS, "list.csv:5: the video 'smartbench_0001' stands there twice"),
        (HEADER, "holds no row"),
        ("Name\nx\n", "list.csv:1: no column 'Title', 'Category'"),
    ],
)
def test_a_broken_row_is_told_with_file_and_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, text)


def test_a_video_is_found_by_its_title(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    video = tmp_path / "deep" / "smartbench_0009.mp4"
    video.write_bytes(b"")
    dataset = read(tmp_path, HEADER + ROWS)
    assert dataset.find_video(dataset.samples[2]) == video
    assert dataset.find_video(dataset.samples[0]) is None
