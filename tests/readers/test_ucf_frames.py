"""The official test list of UCF-Crime: events in frames, up to two a video."""

from __future__ import annotations

from pathlib import Path

import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, NoAnnotationError
from vau_bench.readers.ucf_frames import read_ucf_frames
from vau_bench.records import Segment

SHARED = Path(__file__).parents[3] / "shared" / "data"
ARGS = {"annotations": {"test": "list.txt"}, "frames": "frames.txt"}
LINES = """Abuse028_x264.mp4  Abuse  165  240  -1  -1  
Arson011_x264.mp4  Arson  150  420  680  1267

Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1
"""
COUNTS = "Abuse028@1412\nArson011@1267\nNormal003@2822\n"


def read(folder: Path, lines: str = LINES, counts: str = COUNTS):
    (folder / "list.txt").write_text(lines)
    (folder / "frames.txt").write_text(counts)
    return read_ucf_frames(folder, "test", ARGS)


def test_one_two_or_no_events(tmp_path: Path) -> None:
    dataset = read(tmp_path)
    abuse, arson, normal = dataset.samples
    assert (abuse.id, abuse.target.label, abuse.target.segments) == ("Abuse028_x264", "Abuse", (Segment(5.5, 8.0),))
    assert [s.start * 30 for s in arson.target.segments or ()] == [150, 680]
    assert normal.target.segments == ()
    assert (abuse.fields["frames"], abuse.fields["fps"]) == (1412, 30.0)
    assert dataset.notes == {"two_events": 1}


@pytest.mark.parametrize(
    ("lines", "counts", "told"),
    [
        ("Abuse028_x264.mp4 Abuse 165 240", COUNTS, r"list.txt:1: not a video, a class and four frame numbers"),
        ("Abuse028_x264.mp4 Abuse a b -1 -1", COUNTS, r"list.txt:1: not a video"),
        ("Abuse028_x264.mp4 Abuse 240 165 -1 -1", COUNTS, r"list.txt:1: the event \[240, 165\] is reversed"),
        ("Abuse028_x264.mp4 Abuse 240 -1 -1 -1", COUNTS, r"reversed, empty or incomplete"),
        ("Abuse028_x264.mp4 Abuse -1 -1 -1 -1", COUNTS, r"class Abuse with 0 events"),
        ("Normal_Videos_003_x264.mp4 Normal 1 2 -1 -1", COUNTS, r"class Normal with 1 events"),
        (LINES + LINES, COUNTS, r"list.txt:5: the video 'Abuse028_x264' stands there twice"),
        (LINES, "Abuse028@1412\n", r"list.txt:2: there is no number of frames for Arson011_x264"),
        (LINES, "Abuse028: 1412\n", r"frames.txt:1: not a name and a number of frames"),
        (LINES, "Abuse028@0\n", r"frames.txt:1: not a name and a number"),
        (LINES, "Abuse028@1\nAbuse028@1\n", r"frames.txt:2: the video 'Abuse028' stands there twice"),
        ("\n\n", COUNTS, "holds no line"),
    ],
)
def test_a_broken_line_is_told_with_file_and_line(tmp_path: Path, lines: str, counts: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        read(tmp_path, lines, counts)


def test_an_absent_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnnotationError, match=r"list\.txt"):
        read_ucf_frames(tmp_path, "test", ARGS)
    with pytest.raises(DataError, match="pass --data DIR"):
        read_ucf_frames(None, "test", ARGS)


def test_other_counts_are_other_data(tmp_path: Path) -> None:
    assert read(tmp_path).digest != read(tmp_path, counts=COUNTS.replace("1412", "1413")).digest


@pytest.mark.skipif(not (SHARED / "ucf_crime").is_dir(), reason="needs the official list of UCF-Crime")
def test_the_official_list() -> None:
    task = Catalogue().get("ucf_crime_detection")
    dataset = task.read(SHARED)
    anomalous = [s for s in dataset.samples if s.target.segments]
    assert (len(dataset.samples), len(anomalous), dataset.notes["two_events"]) == (290, 140, 16)
    frames = sum(s.fields["frames"] for s in dataset.samples)
    inside = sum(round((seg.end - seg.start) * 30) for s in anomalous for seg in s.target.segments or ())
    assert frames == 1_111_808
    assert 0.06 < inside / frames < 0.09


@pytest.mark.skipif(not (SHARED / "ucf_crime").is_dir(), reason="needs the official list of UCF-Crime")
def test_two_events_are_two_intervals_to_find(tmp_path: Path) -> None:
    selection = Catalogue().get("ucf_crime_official_grounding").select(SHARED)
    kind = Catalogue().get("ucf_crime_official_grounding").kind(selection.dataset)
    assert (len(selection.samples), selection.excluded) == (290, {})
    both = [s for s in selection.samples if len(s.target.segments or ()) == 2]
    assert len(both) == 16
    for sample in both:
        first, last = sample.target.segments or ()
        assert kind.worth((last, first), sample) == 1.0, "in whatever order"
        assert kind.worth((first,), sample) < 1.0
        assert 0 < kind.worth(((first.start, last.end),), sample) < 1.0
        found = kind.read_as_paper(kind.write(sample.target.segments), sample)
        assert found is not None and found.answer == sample.target.segments
