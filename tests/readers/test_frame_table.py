"""The table of test videos, and truth that is a set of frames."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.errors import DataError
from vau_bench.kinds.detection import Detection, rasterised
from vau_bench.readers.frame_table import Listed, frame_sample, read_frame_table, write_frame_table
from vau_bench.records import Sample

KIND = Detection()
EVENTS = st.lists(st.tuples(st.integers(0, 350), st.integers(1, 90)).map(lambda e: (e[0], e[0] + e[1])), min_size=1)
PATH = Path("frames.csv")


def sample(*events: tuple[int, int], frames: int = 400, fps: float = 25.0, label: str = "x") -> Sample:
    return frame_sample(Listed("v.mp4", frames, fps, "t:2"), label, events, "a:1", Counter())


class TestTable:
    def test_a_rate_in_the_table_comes_before_that_of_the_task(self) -> None:
        rows = b"\xef\xbb\xbfvideo,fps,frames\nb/one.mp4,29.97,90\ntwo.avi,,7\n"
        one, two = read_frame_table(PATH, rows, 24).values()
        assert (one.name, one.video, one.frames, one.fps, one.where) == (
            "one", "b/one.mp4", 90, 29.97, "frames.csv:2",
        )  # fmt: skip
        assert (two.name, two.frames, two.fps) == ("two", 7, 24)
        assert read_frame_table(PATH, b"video,frames\na.mp4,3\n", 24)["a"].fps == 24

    @pytest.mark.parametrize(
        ("rows", "told"),
        [
            ("", r"frames.csv:1: no column 'video', 'frames'"),
            ("video,frames\n", r"frames.csv holds no row"),
            ("video,frames,fps\n,9,25\n", r"frames.csv:2: the row has no video"),
            ("video,frames,fps\na,0,25\n", r"frames.csv:2: not a number of frames: '0'"),
            ("video,frames,fps\na,7.5,25\n", r"frames.csv:2: not a number of frames: '7.5'"),
            ("video,frames,fps\na,9,0\n", r"frames.csv:2: not a number of frames a second in the column 'fps': '0'"),
            ("video,frames,fps\na,9,inf\n", r"frames.csv:2: not a number of frames a second"),
            ("video,frames,fps\na,9,fast\n", r"frames.csv:2: not a number of frames a second"),
            ("video,frames\na,9\n", r"frames.csv:2: not a number of frames a second in the column 'fps': ''"),
            ("video,frames,fps\na.mp4,9,25\na.avi,9,25\n", r"frames.csv:3: the video 'a' stands there twice"),
            ("video,frames,fps\na,9\n", r"frames.csv:2: the row has 2 fields, the header 3"),
        ],
    )
    def test_a_broken_row_is_told_with_file_and_line(self, rows: str, told: str) -> None:
        with pytest.raises(DataError, match=told):
            read_frame_table(PATH, rows.encode(), None)

    def test_it_is_written_from_the_videos(self, tmp_path: Path) -> None:
        draw(tmp_path / "videos" / "deep" / "b.mp4", frames=7, fps=5)
        draw(tmp_path / "videos" / "a.mp4", frames=9, fps=30)
        write_frame_table(tmp_path / "videos", tmp_path / "all.csv")
        found = read_frame_table(PATH, (tmp_path / "all.csv").read_bytes(), None)
        assert [(v.video, v.frames, v.fps) for v in found.values()] == [("a.mp4", 9, 30), ("b.mp4", 7, 5)]
        write_frame_table(tmp_path / "videos", tmp_path / "some.csv", ["b"])
        assert list(read_frame_table(PATH, (tmp_path / "some.csv").read_bytes(), None)) == ["b"]
        with pytest.raises(DataError, match=r"1 videos are not below .*videos, such as c"):
            write_frame_table(tmp_path / "videos", tmp_path / "none.csv", ["a", "c"])
        assert not (tmp_path / "none.csv").exists()


def draw(path: Path, frames: int, fps: int) -> None:
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as video:
        stream = video.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 32, 16, "yuv420p"
        for _ in range(frames):
            video.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 32, 3), np.uint8), format="rgb24")))
        video.mux(stream.encode())


class TestTruth:
    @given(EVENTS, st.integers(351, 500), st.sampled_from([24.0, 25.0, 29.97, 30000 / 1001]))
    def test_it_is_the_union_of_the_events_frame_by_frame(
        self, events: list[tuple[int, int]], frames: int, fps: float
    ) -> None:
        plain = np.zeros(frames)
        for first, end in events:
            plain[first:end] = 1
        found = sample(*events, frames=frames, fps=fps)
        assert np.array_equal(rasterised(KIND.truth(found), frames, fps), plain)
        assert len(found.target.segments or ()) == np.count_nonzero(np.diff(plain, prepend=0) == 1)

    @given(EVENTS, st.sampled_from([24.0, 29.97]))
    def test_a_model_that_writes_it_is_right(self, events: list[tuple[int, int]], fps: float) -> None:
        video = sample(*events, fps=fps)
        reading = KIND.read(KIND.write(KIND.truth(video)), video)
        assert reading is not None and reading.answer == KIND.truth(video)
        assert KIND.worth(reading.answer, video) == 1.0

    def test_a_normal_video_has_none(self) -> None:
        video = sample(label="Normal")
        assert (video.id, video.video, video.group, video.target.segments) == ("v", "v.mp4", "v", ())
        assert video.fields == {"frames": 400, "fps": 25.0, "duration": 16.0}

    def test_an_event_is_cut_at_the_end_of_the_video_and_noted(self) -> None:
        notes: Counter[str] = Counter()
        video = frame_sample(Listed("v", 100, 10.0, ""), "x", [(20, 100), (90, 130)], "", notes)
        assert [tuple(s) for s in video.target.segments or ()] == [(2.0, 10.0)]
        assert notes == {"cut_at_the_end": 1}

    @pytest.mark.parametrize(
        ("events", "label", "told"),
        [
            ([(0, 5), (400, 410)], "x", "a:1: an event begins at frame 400 of v, which has 400"),
            ([], "x", "a:1: a video of class x with 0 events"),
            ([(0, 5)], "Normal", "a:1: a video of class Normal with 1 events"),
        ],
    )
    def test_what_cannot_be_is_told(self, events: list[tuple[int, int]], label: str, told: str) -> None:
        with pytest.raises(DataError, match=told):
            sample(*events, label=label)
