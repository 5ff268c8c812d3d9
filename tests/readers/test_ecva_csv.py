"""ECVA's own table: texts and moments of a video; rows whose id is no number are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers import Dataset
from vau_bench.readers.ecva_csv import read_ecva_csv

HEADER = 'video_id,A1 Classification,A2 - reason,A2 - result,"A3,moment",A3 - description,A4 - key sentences\n'
ROWS = (
    '1,x,"A belt, worn, snaps.",Boxes fall.,"[0005,0011],[0022,0127]","[A belt turns.],[ Boxes fall. ]",[]\n'
    "00563,x,,Nobody is hurt.,,Plain words.,[]\n"
)


def read(folder: Path, text: str, question: str = "cause", **more: str) -> Dataset:
    (folder / "table.csv").write_text(text)
    return read_ecva_csv(folder, "test", {"annotations": {"test": "table.csv"}, "question": question, **more})


def test_texts(tmp_path: Path) -> None:
    for question, texts in {
        "cause": ["A belt, worn, snaps.", ""],
        "result": ["Boxes fall.", "Nobody is hurt."],
        "description": ["A belt turns. Boxes fall.", "Plain words."],
    }.items():
        samples = read(tmp_path, HEADER + ROWS, question, query="And?").samples
        assert [s.target.texts["description"] for s in samples] == texts
        assert [s.id for s in samples] == ["1", "563"]
        assert {s.fields["query"] for s in samples} == {"And?"}


def test_all_moments_are_read_and_a_row_without_one_has_no_known_time(tmp_path: Path) -> None:
    assert [s.target.segments for s in read(tmp_path, HEADER + ROWS, "time").samples] == [((5, 11), (22, 87)), None]


def test_a_row_whose_id_is_no_number_is_left_out_and_noted(tmp_path: Path) -> None:
    dataset = read(tmp_path, HEADER + ROWS + "see below,x,x,x,x,x,x\n")
    assert len(dataset.samples) == 2 and dataset.notes["id_is_no_number"] == 1


@pytest.mark.parametrize(
    ("text", "question", "told"),
    [
        (HEADER, "cause", "table.csv holds no row with a number as video_id"),
        (HEADER + ROWS + ROWS, "cause", "table.csv:4: the video '1' stands there twice"),
        (HEADER + "1,x,w\n", "cause", "table.csv:2: the row has 3 fields, the header 7"),
        (HEADER.replace('"A3,moment"', "moment") + ROWS, "time", "table.csv:1: no column 'A3,moment'"),
        ("id\n1\n", "cause", "table.csv:1: no column 'video_id', 'A2 - reason'"),
        (HEADER + "1,x,w,w,0005-0011,w,w\n", "time", "table.csv:2: not moments such as"),
        (HEADER + '1,x,w,w,"[0005,0061]",w,w\n', "time", "table.csv:2: '0061' is no time"),
    ],
)
def test_a_broken_row_is_told_with_file_and_line(tmp_path: Path, text: str, question: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, text, question)


def test_an_absent_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"table\.csv"):
        read_ecva_csv(tmp_path, "test", {"annotations": {"test": "table.csv"}, "question": "cause"})


@pytest.mark.parametrize("file", ["563.mp4", "00563.mp4"])
def test_the_number_of_a_video_may_be_filled_up(tmp_path: Path, file: str) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / file).touch()
    dataset = read(tmp_path, HEADER + ROWS)
    assert [dataset.find_video(s) for s in dataset.samples] == [None, tmp_path / "deep" / file]
