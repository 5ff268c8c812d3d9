"""XD-Violence: events in frames, classes in names, normal videos in the table alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers.xd_frames import read_xd_frames

ARGS = {"annotations": {"test": "list.txt"}, "frames": {"test": "frames.csv"}, "fps": 24}
CLIP, FILM = "v=ab-C_1__#1_label_B4-0-0", "Some.Film.1999__#0-10-00_0-11-30_label_G-B2-B6"
OTHER, CALM = "Some.Film.1999__#00-20-00_00-21-30_label_A", "v=xyZ__#00-01-00_00-02-00_label_A"
LINES = f"{CLIP} 0 240 480 600\n\n{FILM}.mp4 24 48  96 120 100 144 144 168\n"
TABLE = f"video,frames\n{CALM}.mp4,960\n{FILM}.mp4,1200\n{CLIP}.mp4,720\n{OTHER}.mp4,480\n"


def read(folder: Path, lines: str = LINES, table: str = TABLE, **args: object):
    (folder / "list.txt").write_text(lines)
    (folder / "frames.csv").write_text(table)
    return read_xd_frames(folder, "test", {**ARGS, **args})


def test_normal_is_what_is_named_so_and_times_are_24ths_of_a_second(tmp_path: Path) -> None:
    calm, film, clip, other = read(tmp_path).samples
    assert (clip.id, clip.target.label, clip.target.segments) == (CLIP, "Riot", ((0.0, 10.0), (20.0, 25.0)))
    assert [(s.target.label, s.target.segments) for s in (calm, other)] == [("Normal", ())] * 2
    assert (calm.id, calm.fields) == (CALM, {"frames": 960, "fps": 24.0, "duration": 40.0})
    assert film.target.label == "Explosion, Shooting, Car accident"


def test_events_that_overlap_or_touch_are_one(tmp_path: Path) -> None:
    film = next(s for s in read(tmp_path).samples if s.id == FILM)
    assert film.target.segments == ((1.0, 2.0), (4.0, 7.0))


def test_scenes_of_one_film_are_one_group(tmp_path: Path) -> None:
    assert [s.group for s in read(tmp_path).samples] == ["v=xyZ", "Some.Film.1999", "v=ab-C_1", "Some.Film.1999"]


def test_a_table_that_is_as_long_as_the_features_cuts_what_goes_on(tmp_path: Path) -> None:
    dataset = read(tmp_path, table=TABLE.replace(",720", ",592"))
    clip = next(s for s in dataset.samples if s.id == CLIP)
    assert clip.target.segments == ((0.0, 10.0), (20.0, 592 / 24))
    assert dataset.notes == {"cut_at_the_end": 1}


def test_a_name_within_another_is_another_video(tmp_path: Path) -> None:
    longer, row = f"x{CLIP} 1 2\n{LINES}", f"{TABLE}x{CLIP}.mp4,50\n"
    found = {s.id: len(s.target.segments or ()) for s in read(tmp_path, longer, row).samples}
    assert (found[CLIP], found[f"x{CLIP}"]) == (2, 1)


@pytest.mark.parametrize(
    ("lines", "table", "told"),
    [
        (f"{CLIP}\n", TABLE, r"list.txt:1: not a video and pairs of frame numbers"),
        (f"{CLIP} 0 240 480\n", TABLE, r"list.txt:1: not a video and pairs"),
        (f"{CLIP} 0 24.5\n", TABLE, r"list.txt:1: not a video and pairs"),
        (f"{CLIP} -1 24\n", TABLE, r"list.txt:1: not a video and pairs"),
        (f"{CLIP} B4 0 24\n", TABLE, r"list.txt:1: not a video and pairs"),
        (f"{CLIP} 24 24\n", TABLE, r"list.txt:1: the event \[24, 24\] is reversed or empty"),
        (f"{CLIP} 0 24 90 60\n", TABLE, r"list.txt:1: the event \[90, 60\] is reversed or empty"),
        (f"{LINES}{CLIP}.mp4 1 2\n", TABLE, r"list.txt:4: the video '.*B4-0-0' stands there twice"),
        (f"{LINES}v=new__#1_label_B1-0-0 1 2\n", TABLE, r"list.txt:4: there is no number of frames for v=new"),
        (LINES.splitlines()[0], TABLE, r"frames.csv:3: a video of class Explosion, .* with 0 events"),
        (f"{LINES}{OTHER} 1 2\n", TABLE, r"list.txt:4: a video of class Normal with 1 events"),
        (LINES.replace("480 600", "720 730"), TABLE, r"list.txt:1: an event begins at frame 720 of .*, which has 720"),
        (LINES, f"{TABLE}v=new__#1.mp4,9\n", r"frames.csv:6: the name does not end in '_label_' and classes"),
        (LINES, f"{TABLE}v=new__#1_label_B3-0-0.mp4,9\n", r"frames.csv:6: the name does not end in '_label_'"),
        (LINES, f"{TABLE}v=new__#1_label_0-0-0.mp4,9\n", r"frames.csv:6: the name does not end in '_label_'"),
        (LINES, f"{TABLE}{OTHER}.avi,9\n", r"frames.csv:6: the video '.*label_A' stands there twice"),
        ("\n", TABLE, r"list.txt holds no line"),
        (LINES, "video,frames\n", r"frames.csv holds no row"),
    ],
)  # fmt: skip
def test_a_broken_line_is_told_with_file_and_line(tmp_path: Path, lines: str, table: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, lines, table)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"list\.txt"):
        read_xd_frames(tmp_path, "test", ARGS)
    (tmp_path / "list.txt").write_text(LINES)
    with pytest.raises(NoAnnotationError, match=r"frames\.csv"):
        read_xd_frames(tmp_path, "test", ARGS)
    with pytest.raises(DataError, match="pass --data DIR"):
        read_xd_frames(None, "test", ARGS)
    with pytest.raises(DataError, match=r"dataset\.args"):
        read(tmp_path, rate=24)


def test_another_table_is_other_data(tmp_path: Path) -> None:
    assert read(tmp_path).digest != read(tmp_path, table=TABLE.replace("960", "961")).digest


def test_a_video_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / f"{FILM}.mkv").touch()
    dataset = read(tmp_path)
    assert [dataset.find_video(s) for s in dataset.samples[:2]] == [None, tmp_path / "deep" / f"{FILM}.mkv"]
