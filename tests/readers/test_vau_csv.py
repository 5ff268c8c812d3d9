"""The VAU-Bench schema: each trap of the released files by itself, each way in which a file can be broken."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from vau_bench.errors import DataError
from vau_bench.readers.vau_csv import read_vau_csv
from vau_bench.records import Sample, Segment

HEADER = "Video Name,Anomaly Class,Start Time,End Time"


def only(dataset) -> Sample:
    (sample,) = dataset.samples
    return sample


def test_a_row_is_a_sample(write, read) -> None:
    path = write({})
    dataset = read()
    sample = only(dataset)
    assert (sample.id, sample.video, sample.group) == ("clip_1", "clip_1.mp4", "clip_1")
    assert sample.target.label == "Fire"
    assert sample.target.segments == (Segment(2.5, 7.0),)
    assert sample.target.option == "A"
    assert sample.target.texts == {
        "description": "A bin burns beside a door.",
        "reasoning": "### Why\nFire is not usual here.",
    }
    assert sample.fields["question"] == "What happens?"
    assert sample.fields["options"] == ["A bin burns", "A dog runs", "Nothing", "A car turns"]
    assert sample.fields["key_object"] == "bin"
    assert dataset.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_rows_keep_their_order(write, read) -> None:
    write(*({"Video Name": f"{name}.mp4"} for name in "zax"))
    assert [s.id for s in read().samples] == ["z", "a", "x"]


def test_one_file_holds_several_datasets_told_by_the_prefix_of_their_names(write, read) -> None:
    write(*({"Video Name": f"{name}.mp4"} for name in ("msad_Fire_1", "ecva_7", "msad_Fire_2", "msadness")))
    assert [(s.id, s.group) for s in read(prefixes={"test": "msad_"}).samples] == [
        ("msad_Fire_1", "Fire_1"),
        ("msad_Fire_2", "Fire_2"),
    ]
    assert len(read(prefixes={"train": "msad_"}).samples) == 4
    with pytest.raises(DataError, match="no row whose video name begins with 'ucf_'"):
        read(prefixes={"test": "ucf_"})


# The traps of the released files.

MASK = dict.fromkeys(
    (
        "Question",
        "Option 1",
        "Option 2",
        "Option 3",
        "Option 4",
        "Correct Option",
        "Key Object",
        "Description",
        "Reasoning",
        "Anomaly Class",
    ),
    "-1",
)


def test_a_masked_row_keeps_its_interval_and_nothing_else(write, read) -> None:
    write(MASK)
    dataset = read()
    sample = only(dataset)
    assert sample.target.segments == (Segment(2.5, 7.0),)
    assert sample.target.label is None and sample.target.option is None and sample.target.texts == {}
    assert "question" not in sample.fields and "options" not in sample.fields
    assert dataset.notes["masked"] == 1


def test_a_masked_normal_row_is_still_without_an_anomaly(write, read) -> None:
    write({**MASK, "Start Time": "0.0", "End Time": "0.0"})
    sample = only(read())
    assert sample.target.segments == () and sample.target.label is None


@pytest.mark.parametrize(("start", "end"), [("-1", "-1"), ("-1.0", "-1.0"), (" -1 ", "-1.00")])
def test_minus_one_is_an_unknown_time(write, read, start: str, end: str) -> None:
    write({"Start Time": start, "End Time": end})
    dataset = read()
    assert only(dataset).target.segments is None
    assert only(dataset).target.label == "Fire"
    assert dataset.notes["unknown_time"] == 1


@pytest.mark.parametrize(("start", "end"), [("0", "0"), ("0.0", "0.00"), ("-0.0", "0")])
def test_zero_is_a_normal_video(write, read, start: str, end: str) -> None:
    write({"Anomaly Class": "Normal", "Start Time": start, "End Time": end})
    assert only(read()).target.segments == ()


def test_an_anomaly_may_begin_at_zero(write, read) -> None:
    write({"Start Time": "0", "End Time": "0.5"})
    assert only(read()).target.segments == (Segment(0.0, 0.5),)


def test_a_row_that_is_called_normal_and_holds_an_interval_is_kept_and_counted(write, read) -> None:
    write({"Anomaly Class": "Normal", "Start Time": "2", "End Time": "150"})
    dataset = read()
    assert only(dataset).target.label == "Normal"
    assert only(dataset).target.segments == (Segment(2, 150),)
    assert dataset.notes["normal_with_interval"] == 1


@pytest.mark.parametrize(
    ("cell", "letter"),
    [
        ("A", "A"),
        (" D ", "D"),
        ("D. Green trash bin tipping over", "D"),
        ("B) A dog runs", "B"),
        ("C: Nothing", "C"),
        ("B.A dog runs", "B"),
    ],
)
def test_the_right_option_may_be_a_sentence_that_begins_with_its_letter(write, read, cell: str, letter: str) -> None:
    write({"Correct Option": cell})
    dataset = read()
    assert only(dataset).target.option == letter
    assert dataset.notes["option_as_sentence"] == (len(cell.strip()) > 1)


@pytest.mark.parametrize("cell", ["A dog runs", "A man is seen", "E", "a", "1", "AB", "Banana", "(A) or (B)"])
def test_a_right_option_without_a_letter_is_refused_not_guessed(write, read, cell: str) -> None:
    write({"Correct Option": cell})
    with pytest.raises(DataError, match=r"clips.csv:3: the right option is not A, B, C or D"):
        read()


@pytest.mark.parametrize(
    ("name", "id_", "group"),
    [
        ("msad_Fire_1.mp4", "msad_Fire_1", "Fire_1"),
        ("ucf_Arson001_x264.mp4", "ucf_Arson001_x264", "Arson001_x264"),
        ("ecva_1577.mp4", "ecva_1577", "1577"),
        ("Fighting033_x264_570_841.mp4", "Fighting033_x264_570_841", "Fighting033_x264"),
        ("ucf_Fighting033_x264_570_841", "ucf_Fighting033_x264_570_841", "Fighting033_x264"),
        ("Normal_Videos_006_x264.mp4", "Normal_Videos_006_x264", "Normal_Videos_006_x264"),
        ("folder/clip_2.mp4", "clip_2", "clip_2"),
        ("cam1.0", "cam1.0", "cam1.0"),
        ("cam1.0.MP4", "cam1.0", "cam1.0"),
        (".mp4", ".mp4", ".mp4"),
        ("Überfall 1.mp4", "Überfall 1", "Überfall 1"),
    ],
)
def test_the_source_video_is_without_prefix_folder_and_cut(write, read, name: str, id_: str, group: str) -> None:
    write({"Video Name": name})
    sample = only(read())
    assert (sample.id, sample.video, sample.group) == (id_, name, group)


@pytest.mark.parametrize(
    ("cell", "label"),
    [
        ("Fire", "Fire"),
        ("fire", "Fire"),
        ("food_safety", "Food Safety"),
        ("FOOD  SAFETY", "Food Safety"),
        ("Traffic accident", "Traffic_accident"),
        ("traffic_Accident", "Traffic_accident"),
        ("normal", "Normal"),
        ("Pickpocketing", "Pickpocketing"),
    ],
)
def test_a_class_has_one_spelling(write, read, cell: str, label: str) -> None:
    write({"Anomaly Class": cell})
    assert only(read()).target.label == label


# The forms that a CSV file may take.


def test_a_byte_order_mark_is_no_part_of_the_first_column(write, read) -> None:
    write({}, encoding="utf-8-sig")
    assert only(read()).id == "clip_1"


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_endings_are_all_one(write, read, ending: str) -> None:
    write({}, {"Video Name": "b.mp4"}, lineterminator=ending)
    assert [s.id for s in read().samples] == ["clip_1", "b"]
    assert read().samples[1].target.segments == (Segment(2.5, 7.0),)


def test_a_file_that_changes_is_read_again(write, read) -> None:
    write({})
    before = read()
    assert read().samples == before.samples
    write({"End Time": "9"})
    assert only(read()).target.segments == (Segment(2.5, 9.0),)
    assert read().digest != before.digest


def test_quotes_protect_commas_newlines_and_quotes(write, read) -> None:
    text = 'First, a "bin".\n\nThen\r\nsmoke.'
    write({"Description": text})
    assert only(read()).target.texts["description"] == text


def test_columns_may_stand_in_any_order_among_others(write, read) -> None:
    write({}, columns=["End Time", "Start Time", "Extra", "Video Name", "Anomaly Class"])
    assert only(read(columns=["Start Time", "End Time"])).target.segments == (Segment(2.5, 7.0),)


def test_a_file_needs_only_the_columns_of_its_task(write, read) -> None:
    write({}, columns=["Video Name", "Start Time", "End Time"])
    sample = only(read(columns=["Start Time", "End Time"]))
    assert sample.target.label is None and sample.target.option is None
    write({"Start Time": "0", "End Time": "0"}, columns=["Video Name", "Start Time", "End Time"])
    assert only(read()).target.label == "Normal"
    write({}, columns=["Video Name", "Anomaly Class"])
    assert only(read()).target.segments is None


def test_blank_lines_are_passed_over(write, read) -> None:
    path = write({})
    path.write_text(path.read_text() + "\n\n")
    assert len(read().samples) == 1


# Broken files: each is refused in one sentence that names the place.


def refusal(read, **args) -> str:
    with pytest.raises(DataError) as caught:
        read(**args)
    return str(caught.value)


def test_a_missing_column_is_named(write, read) -> None:
    write({}, columns=["Video Name", "Start Time"])
    told = refusal(read, columns=["Start Time", "End Time"])
    assert told.endswith("clips.csv:1: no column 'End Time'; found Video Name, Start Time")


def test_a_video_that_stands_there_twice_is_named(write, read) -> None:
    write({}, {"Video Name": "other.mp4"}, {})
    assert "the video 'clip_1' stands there twice" in refusal(read)


def test_two_files_that_would_share_an_id_are_refused(write, read) -> None:
    write({"Video Name": "a/clip.mp4"}, {"Video Name": "b/clip.mp4"})
    assert "'clip' stands there twice" in refusal(read)


def test_a_duration_is_read_where_there_is_a_column_for_it(write, read) -> None:
    write({"Duration": "12.5"}, {"Video Name": "b.mp4", "Duration": ""}, columns=["Video Name", "Duration"])
    known, unknown = read().samples
    assert known.fields["duration"] == 12.5 and "duration" not in unknown.fields


@pytest.mark.parametrize("duration", ["long", "0", "-3", "inf", "nan"])
def test_a_duration_that_is_none_is_refused(write, read, duration: str) -> None:
    write({"Duration": duration}, columns=["Video Name", "Duration"])
    assert f"clips.csv:2: not a duration in seconds: {duration!r}" in refusal(read)


@pytest.mark.parametrize(("start", "end"), [("7", "2"), ("3", "3"), ("0", "-1")])
def test_a_reversed_or_empty_span_is_refused(write, read, start: str, end: str) -> None:
    write({"Start Time": start, "End Time": end})
    assert "reversed or empty" in refusal(read)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("nan", "5"),
        ("2", "nan"),
        ("2", "inf"),
        ("-inf", "2"),
        ("-1", "5"),
        ("-3", "-2"),
        ("", ""),
        ("1:05", "1:20"),
        ("2", ""),
    ],
)
def test_what_is_no_time_is_refused(write, read, start: str, end: str) -> None:
    write({"Start Time": start, "End Time": end})
    assert "not a time" in refusal(read)


def test_text_that_is_not_utf8_is_told_with_its_line(tmp_path: Path, read) -> None:
    (tmp_path / "clips.csv").write_bytes(
        f"{HEADER}\nok.mp4,Fire,1,2\n".encode() + "Überfall.mp4,Fire,1,2\n".encode("latin-1")
    )
    assert refusal(read).endswith("clips.csv:3: not UTF-8 text")


@pytest.mark.parametrize("content", ["", "\n", "\ufeff"])
def test_an_empty_file_has_no_columns(tmp_path: Path, read, content: str) -> None:
    (tmp_path / "clips.csv").write_text(content, encoding="utf-8")
    assert refusal(read).endswith("clips.csv:1: no column 'Video Name'; found none")


def test_a_header_alone_holds_no_row(tmp_path: Path, read) -> None:
    (tmp_path / "clips.csv").write_text(f"{HEADER}\n")
    assert refusal(read).endswith("clips.csv holds no row")


def test_a_row_without_a_name_is_refused(tmp_path: Path, read) -> None:
    (tmp_path / "clips.csv").write_text(f"{HEADER}\n,Fire,1,2\n")
    assert refusal(read).endswith("clips.csv:2: the row has no video name")


@pytest.mark.parametrize(
    ("row", "fields"), [("a.mp4,Fire, Arson,1,2", 5), ("a.mp4,Fire,1", 3), ("a.mp4", 1), ("a.mp4,Fire,1,2,", 5)]
)
def test_a_ragged_row_is_refused(tmp_path: Path, read, row: str, fields: int) -> None:
    (tmp_path / "clips.csv").write_text(f"{HEADER}\nok.mp4,Fire,1,2\n{row}\n")
    assert refusal(read).endswith(f"clips.csv:3: the row has {fields} fields, the header 4")


def test_a_quote_that_is_never_closed_does_not_swallow_rows_silently(tmp_path: Path, read) -> None:
    (tmp_path / "clips.csv").write_text(f'{HEADER}\na.mp4,"Fire,1,2\nb.mp4,Fire,1,2\n')
    assert "the row has 2 fields, the header 4" in refusal(read)


def test_a_field_without_end_is_refused(tmp_path: Path, read) -> None:
    (tmp_path / "clips.csv").write_text(f'{HEADER}\na.mp4,"{"x" * 200_000}\n')
    assert "clips.csv:2: not CSV: field larger than" in refusal(read)


def test_a_column_that_stands_there_twice_is_refused(tmp_path: Path, read) -> None:
    (tmp_path / "clips.csv").write_text("Video Name,Start Time,End Time,Start Time\na.mp4,1,2,3\n")
    assert refusal(read).endswith("clips.csv:1: the column 'Start Time' stands there twice")


def test_an_absent_file_is_told_with_what_to_do(read) -> None:
    assert "no annotation file" in refusal(read) and "pass --data DIR" in refusal(read)


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path, read) -> None:
    (tmp_path / "clips.csv").mkdir()
    assert "cannot read" in refusal(read)


def test_a_dataset_that_is_not_shipped_says_what_to_pass() -> None:
    with pytest.raises(DataError, match=r"not shipped; pass --data DIR with clips.csv in it"):
        read_vau_csv(None, "test", {"annotations": {"test": "clips.csv"}})


# What `task.yaml` says under `dataset.args`.


def test_arguments_are_checked_with_a_hint(write, read) -> None:
    write({})
    assert refusal(read, video=["videos"]) == "dataset.args: unknown key 'video'; did you mean videos?"
    assert refusal(read, videos="videos").startswith("dataset.args: videos: input should be a valid list")


def test_a_split_without_a_file_is_refused(write, tmp_path: Path) -> None:
    write({})
    with pytest.raises(DataError, match=r"dataset.args: no annotations for the split 'val'; known: test"):
        read_vau_csv(tmp_path, "val", {"annotations": {"test": "clips.csv"}})


def test_videos_are_found_in_the_folders_that_are_named_first(write, read, tmp_path: Path) -> None:
    write({})
    dataset = read(videos=["videos"])
    assert dataset.find_video(only(dataset)) is None
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / "clip_1.mp4").touch()
    dataset = read(videos=["videos"])
    assert dataset.find_video(only(dataset)) == tmp_path / "videos" / "clip_1.mp4"
