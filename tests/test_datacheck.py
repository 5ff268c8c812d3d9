"""Checking a dataset: what is absent, cannot be read or contradicts the truth; one video never hides another."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.datacheck import DataReport, check_task
from vau_bench.evaluation import Silent
from vau_bench.video import ClipLoader


def film(path: Path, seconds: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(path, "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width = stream.height = 32
        for _ in range(5 * seconds):
            file.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        file.mux(stream.encode(None))


class Steps(Silent):
    """Counts what is told."""

    def __init__(self) -> None:
        self.total, self.done = 0, 0

    def stage(self, text: str, total: int | None = None) -> None:
        self.total = total or 0

    def advance(self, response: object = None) -> None:
        self.done += 1


def check(data: Path, rows: list[str], *, decode: bool = False) -> DataReport:
    (data / "clips.csv").write_text("\n".join(["Video Name,Start Time,End Time", *rows]) + "\n")
    steps = Steps()
    with ClipLoader() as clips:
        report = check_task(Catalogue().get("clips_grounding"), data, None, clips, decode=decode, progress=steps)
    assert steps.done == steps.total == report.samples
    json.dumps(report.as_json())
    return report


@pytest.mark.parametrize("decode", [False, True])
def test_what_is_in_order_has_no_fault(tmp_path: Path, decode: bool) -> None:
    film(tmp_path / "videos" / "a.mp4", 4)
    report = check(tmp_path, ["a.mp4,1,3"], decode=decode)
    assert (report.samples, report.videos, report.absent, report.faults) == (1, 1, [], [])


def test_every_sample_is_checked_whatever_is_wrong_with_another(tmp_path: Path) -> None:
    film(tmp_path / "videos" / "good.mp4", 4)
    film(tmp_path / "one" / "twice.mp4", 4)
    film(tmp_path / "two" / "twice.mp4", 4)
    (tmp_path / "videos" / "damaged.mp4").write_bytes(b"no video")
    rows = ["absent.mp4,1,3", "damaged.mp4,1,3", "twice.mp4,1,3", "good.mp4,1,3", "unknown.mp4,-1,-1"]
    report = check(tmp_path, rows)
    assert report.absent == ["absent.mp4"]
    assert len(report.faults) == 2 and "damaged.mp4" in report.faults[0] and "could be" in report.faults[1]
    assert (report.samples, dict(report.excluded)) == (4, {"unknown_time": 1})
    assert report.notes == {"unknown_time": 1}


@pytest.mark.parametrize(("end", "faulty"), [(4, False), (4.9, False), (5.5, True), (90, True)])
def test_an_interval_beyond_the_end_of_its_video_is_told(tmp_path: Path, end: float, faulty: bool) -> None:
    film(tmp_path / "videos" / "a.mp4", 4)
    report = check(tmp_path, [f"a.mp4,1,{end}"])
    assert report.faults == ([f"a.mp4: the true interval ends at {end:g} s, the video at 4.00 s"] if faulty else [])
