"""A look at a video tells what decoding gives, and no pixel is needed for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vau_bench.errors import UsageError, VideoMissingError, VideoUnreadableError
from vau_bench.video import ClipLoader, decode, parse_plan
from vau_bench.video.cache import entry_bytes
from vau_bench.video.clip import Shown
from vau_bench.video.decoding import look
from vau_bench.video.looking import even_footage, shown_frames

PLANS = ("uniform(5)", "fps(2)", "fps(4, max=6) short_side=48", "window(0.5, 1.7, 3) 84x84", "uniform(500)")


@pytest.fixture
def clip(video, tmp_path: Path) -> Path:
    return video(tmp_path / "a.mp4", 75, options={"g": "25", "bf": "0", "sc_threshold": "0"})


@pytest.mark.parametrize("plan", PLANS)
def test_it_shows_the_frames_that_decoding_gives(clip: Path, plan: str) -> None:
    shown, decoded = look(clip, plan), decode(clip, plan)
    assert (shown.indices, shown.times, shown.info) == (decoded.indices, decoded.times, decoded.info)
    assert (len(shown), shown.height, shown.width, 3) == decoded.frames.shape
    assert shown.pixel_bytes == decoded.frames.nbytes


def test_it_counts_the_frames_from_each_keyframe_on(clip: Path) -> None:
    shown = look(clip, "window(2.0, 2.1, 1)")
    assert (shown.seeks, shown.decoded) == (1, shown.indices[0] - 50 + 1), "from the keyframe at frame 50"
    assert look(clip, "fps(25)").decoded == 75


def test_the_loader_looks_and_knows_what_the_cache_will_hold(clip: Path, tmp_path: Path) -> None:
    with ClipLoader(tmp_path / "cache") as clips:
        shown = clips.look(clip, "uniform(4)")
        assert clips.cached_bytes(clip, "uniform(4)") is None
        clips.load(clip, "uniform(4)")
        assert clips.cached_bytes(clip, "uniform(4)") == entry_bytes(shown)
        assert shown == look(clip, "uniform(4)")
    with ClipLoader() as clips:
        assert clips.cached_bytes(clip, "uniform(4)") is None, "without a cache there is nothing in it"


def test_what_cannot_be_shown_is_an_error_of_the_video(clip: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video")
    with ClipLoader() as clips:
        with pytest.raises(VideoUnreadableError, match=r"window\(9, 10, 2\) holds no frame"):
            clips.look(clip, "window(9, 10, 2)")
        with pytest.raises(VideoUnreadableError, match="not a video"):
            clips.look(tmp_path / "text.mp4", "uniform(2)")
        with pytest.raises(VideoMissingError, match="no such video"):
            clips.look(tmp_path / "absent.mp4", "uniform(2)")
        with pytest.raises(UsageError, match="not a frame plan"):
            clips.look(clip, "all")


def test_the_record_survives_json(clip: Path) -> None:
    shown = look(clip, "fps(3)")
    assert Shown.from_json(json.loads(json.dumps(shown.to_json())), clip) == shown


def test_footage_that_does_not_exist_is_looked_at_alike() -> None:
    timeline, info = even_footage(10, width=640, height=360, fps=25, keyframe_seconds=2)
    assert (info.duration, info.frame_count) == (10.0, 250)
    shown = shown_frames(timeline, parse_plan("fps(1)"), info)
    assert shown.times == tuple(float(s) for s in range(10))
    assert (shown.seeks, shown.decoded) == (5, 5 * 26), "each keyframe, and on to the second after it"
    with pytest.raises(VideoUnreadableError, match="holds no frame"):
        shown_frames(timeline, parse_plan("window(20, 30, 4)"), info)
