"""UBnormal: the union of tracks, whose last frame is in; the table says what is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.kinds.detection import Detection, rasterised
from vau_bench.readers.ubnormal_tracks import read_ubnormal_tracks

ARGS = {"annotations": {"test": "ub"}, "frames": {"test": "frames.csv"}, "fps": 30}
ONE, FOG, CALM = "abnormal_scene_1_scenario_4", "abnormal_scene_2_scenario_1_fog", "normal_scene_17_scenario_3_1"
TABLE = f"video,frames\n{FOG}.mp4,300\n{CALM}.mp4,90\n{ONE}.mp4,200\n"
TRACKS = "0.0,29.0,59.0\n\n1.0,45.0,70.0\n2.0,120.0,120.0\n"


def tracks(folder: Path, name: str, rows: str, below: str = "Scene1") -> Path:
    path = folder / "ub" / below / f"{name}_annotations" / f"{name}_tracks.txt"
    path.parent.mkdir(parents=True)
    path.write_text(rows)
    return path


def read(folder: Path, table: str = TABLE):
    (folder / "frames.csv").write_text(table)
    return read_ubnormal_tracks(folder, "test", ARGS)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    tracks(tmp_path, ONE, TRACKS)
    tracks(tmp_path, FOG, "7.000000000000000000e+00,0.000000000000000000e+00,2.990000000000000000e+02,1.0", "Scene2")
    tracks(tmp_path, "abnormal_scene_9_scenario_1", "of the training split", "Scene9")
    return tmp_path


def test_tracks_make_one_truth_and_the_last_frame_is_in(root: Path) -> None:
    fog, calm, one = read(root).samples
    assert (fog.target.label, fog.target.segments) == ("Anomaly", ((0.0, 10.0),))
    assert (calm.id, calm.target.label, calm.target.segments) == (CALM, "Normal", ())
    frames = rasterised(Detection().truth(one), 200, 30).nonzero()[0].tolist()
    assert frames == [*range(29, 71), 120]


def test_a_scenario_in_fog_is_the_same_scenario(root: Path) -> None:
    groups = [s.group for s in read(root).samples]
    assert groups == ["abnormal_scene_2_scenario_1", CALM, ONE]


def test_the_digest_knows_the_tracks_that_are_read_and_no_others(root: Path) -> None:
    before = read(root).digest
    tracks(root, "abnormal_scene_3_scenario_1", "0,1,2")
    assert read(root).digest == before
    assert read(root, f"{TABLE}abnormal_scene_3_scenario_1.mp4,9\n").digest != before
    next(root.rglob(f"{ONE}_tracks.txt")).write_text(TRACKS.replace("70", "71"))
    assert read(root).digest != before


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("", r"scenario_8_tracks.txt holds no track"),
        ("0,5\n", r"scenario_8_tracks.txt:1: not an object, a first and a last frame: '0,5'"),
        ("0,5,9\n0 5 9\n", r"scenario_8_tracks.txt:2: not an object, a first and a last frame"),
        ("0,five,9\n", r"scenario_8_tracks.txt:1: not an object"),
        ("0,5.5,9\n", r"scenario_8_tracks.txt:1: not an object"),
        ("0,5,nan\n", r"scenario_8_tracks.txt:1: not an object"),
        ("0,5,inf\n", r"scenario_8_tracks.txt:1: not an object"),
        ("0,9,5\n", r"scenario_8_tracks.txt:1: the track \[9, 5\] is reversed or negative"),
        ("0,-1,5\n", r"scenario_8_tracks.txt:1: the track \[-1, 5\] is reversed or negative"),
        ("0,90,95\n", r"scenario_8_tracks.txt: an event begins at frame 90 of .*, which has 90"),
    ],
)  # fmt: skip
def test_a_broken_track_is_told_with_file_and_line(tmp_path: Path, rows: str, told: str) -> None:
    tracks(tmp_path, "abnormal_scene_1_scenario_8", rows)
    with pytest.raises(DataError, match=told):
        read(tmp_path, "video,frames\nabnormal_scene_1_scenario_8.mp4,90\n")


def test_what_does_not_fit_is_told(root: Path) -> None:
    with pytest.raises(DataError, match=r"frames.csv:5: there is no abnormal_scene_1_scenario_5_tracks.txt below"):
        read(root, f"{TABLE}abnormal_scene_1_scenario_5.mp4,9\n")
    with pytest.raises(DataError, match=r"frames.csv:5: the name begins with neither 'normal_' nor 'abnormal_'"):
        read(root, f"{TABLE}scene_1.mp4,9\n")
    tracks(root, ONE, TRACKS, "copy")
    with pytest.raises(DataError, match=r"two files of tracks of abnormal_scene_1_scenario_4"):
        read(root)


def test_an_absent_folder_and_an_absent_table_are_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"no folder .*ub"):
        read_ubnormal_tracks(tmp_path, "test", ARGS)
    (tmp_path / "ub").mkdir()
    with pytest.raises(NoAnnotationError, match=r"frames\.csv"):
        read_ubnormal_tracks(tmp_path, "test", ARGS)
    with pytest.raises(DataError, match="pass --data DIR"):
        read_ubnormal_tracks(None, "test", ARGS)
