"""Decoded frames are exactly those of a slow, full decode, in every format that cameras and sites produce."""

from __future__ import annotations

import random
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vau_bench.errors import VideoMissingError, VideoUnreadableError
from vau_bench.video import decode, parse_plan, probe
from vau_bench.video.reader import Reader
from vau_bench.video.source import Source

GROUPS = {"g": "15", "sc_threshold": "0"}
OPEN_GROUPS = {"x264-params": "open-gop=1:keyint=15:min-keyint=15:scenecut=0:bframes=3"}
PYRAMID = {"bf": "8", "b_strategy": "0", "g": "40"}
IRREGULAR = [int(t) for t in np.cumsum(np.random.default_rng(5).integers(5, 400, 60))]

FORMATS = {
    "one long group.mp4": {},
    "short groups.mp4": {"options": GROUPS},
    "no reordering.mp4": {"options": {"bf": "0", **GROUPS}},
    "deep reordering.mp4": {"options": PYRAMID},
    "open groups.mp4": {"options": OPEN_GROUPS},
    "open groups.ts": {"options": OPEN_GROUPS},
    "intra refresh.mp4": {"options": {"x264-params": "intra-refresh=1:keyint=12:bframes=0"}},
    "variable rate.mp4": {"milliseconds": IRREGULAR, "options": GROUPS},
    "variable rate.mkv": {"milliseconds": IRREGULAR},
    "late start.mp4": {"milliseconds": [5000 + 40 * i for i in range(60)], "options": GROUPS},
    "late start.mkv": {"milliseconds": [5000 + 40 * i for i in range(60)]},
    "longer sound.mp4": {"audio_seconds": 9},
    "edit list.mp4": {"hidden": 10, "options": GROUPS},
    "hevc.mp4": {"codec": "libx265"},
    "hevc open.mkv": {"codec": "libx265", "options": {"x265": "open-gop=1"}},
    "raw.h264": {"container": "h264"},
    "raw.hevc": {"container": "hevc", "codec": "libx265"},
    "stream.ts": {"options": GROUPS},
    "no durations.mkv": {},
    "reordered.avi": {"options": GROUPS},
    "msmpeg4v2.avi": {"codec": "msmpeg4v2"},
    "msmpeg4v3.avi": {"codec": "msmpeg4"},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg4 reordered.avi": {"codec": "mpeg4", "options": {"bf": "2"}},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2", "b": "4M"}},
    "pictures.avi": {"codec": "mjpeg"},
    "vp8.webm": {"codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8", "b": "2M"}},
    "single.mp4": {"count": 1},
    "two.mp4": {"count": 2},
}
PLANS = ("uniform(7)", "fps(3, max=20)", "window(0.5, 1.1, 4)", "uniform(500)", "uniform(1)")


@pytest.fixture(scope="module", params=FORMATS)
def case(request, tmp_path_factory, video, reference):
    """A file of each kind with the times and numbers of all its frames."""
    path = video(tmp_path_factory.mktemp("formats") / request.param, **FORMATS[request.param])
    times, drawn = reference(path)
    if sorted(drawn) == drawn and (None in times or times != sorted(times)):
        times = [number / 25 for number in range(len(drawn))]  # the format tells none, or wrong ones
    return path, times, drawn


def test_every_format_gives_the_frames_of_a_full_decode(case, numbers) -> None:
    path, times, drawn = case
    info = probe(path)
    assert info.frame_count == len(drawn)
    assert info.duration > times[-1]
    for plan in PLANS:
        expected = parse_plan(plan).pick(np.array(times), info.duration)
        if not expected:
            continue
        clip = decode(path, plan)
        assert clip.indices == expected
        assert clip.times == pytest.approx([times[i] for i in expected], abs=1e-9)
        assert numbers(clip.frames) == [drawn[i] for i in expected]


def test_pixels_are_those_of_a_full_decode(tmp_path: Path, video) -> None:
    """Frames left out because nothing refers to them change no pixel of the others."""
    path = video(tmp_path / "b.mp4", options=PYRAMID)
    with av.open(str(path)) as file:
        whole = [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
    for wanted in range(0, 60, 7):
        clip = decode(path, f"window({wanted / 25}, {(wanted + 1) / 25}, 1)")
        assert clip.indices == (wanted,)
        assert np.array_equal(clip.frames[0], whole[wanted])


@pytest.fixture(scope="module")
def long_video(tmp_path_factory, video) -> Path:
    return video(tmp_path_factory.mktemp("long") / "long.mp4", 600, options={"x264-params": "keyint=37"})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    plan=st.one_of(
        st.integers(1, 90).map("uniform({})".format),
        st.tuples(st.floats(0.1, 40), st.integers(1, 90)).map(lambda p: f"fps({p[0]}, max={p[1]})"),
        st.tuples(st.floats(0, 23), st.floats(0.1, 9), st.integers(1, 40)).map(
            lambda w: f"window({w[0]}, {w[0] + w[1]}, {w[2]})"
        ),
    )
)
def test_any_plan_on_a_long_video_shows_the_frames_it_names(plan: str, long_video: Path, numbers) -> None:
    clip = decode(long_video, plan)
    assert numbers(clip.frames) == list(clip.indices)
    assert clip.times == tuple(i / 25 for i in clip.indices)
    assert clip.indices == parse_plan(plan).pick(np.arange(600) / 25, 24.0)


def test_a_video_with_fewer_frames_than_asked_gives_each_once(tmp_path: Path, video, numbers) -> None:
    clip = decode(video(tmp_path / "short.mp4", 5), "uniform(16)")
    assert clip.indices == (0, 1, 2, 3, 4)
    assert numbers(clip.frames) == [0, 1, 2, 3, 4]


def test_duration_is_the_last_frames_end_whatever_the_sound_track_says(tmp_path: Path, video) -> None:
    info = probe(video(tmp_path / "sound.mp4", audio_seconds=9))
    assert info.duration == pytest.approx(60 / 25)
    assert info.has_audio
    assert info.fps == 25


def test_what_an_edit_list_cuts_off_is_not_shown(tmp_path: Path, video, numbers) -> None:
    clip = decode(video(tmp_path / "edited.mp4", hidden=10, options=GROUPS), "uniform(500)")
    assert numbers(clip.frames) == list(range(10, 60))
    assert clip.times[0] == 0.0


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_applied(tmp_path: Path, video, turned, numbers, degrees: int) -> None:
    path = turned(video(tmp_path / "turned.mp4"), degrees)
    info = probe(path)
    assert info.rotation == degrees
    assert (info.width, info.height) == ((160, 96) if degrees == 180 else (96, 160))
    clip = decode(path, "uniform(5)")
    assert clip.frames.shape == (5, info.height, info.width, 3)
    upright = np.rot90(clip.frames, degrees // 90, axes=(1, 2))
    assert numbers(upright) == list(clip.indices)
    small = decode(path, "uniform(5) short_side=48")
    assert small.frames.shape == ((5, 48, 80, 3) if degrees == 180 else (5, 80, 48, 3))


def test_frames_are_scaled_to_the_plans_size(clip_file: Path, numbers) -> None:
    clip = decode(clip_file, "uniform(6) 320x192")
    assert clip.frames.shape == (6, 192, 320, 3)
    assert numbers(clip.frames) == list(clip.indices)
    assert clip.seen().width == 320
    assert clip.seen().height == 192


def test_scaling_down_averages_instead_of_dropping_pixels(tmp_path: Path) -> None:
    """A fine grid becomes the grey of its mean: no pixel of a small moving object is lost."""
    path = tmp_path / "grid.mp4"
    grid = (np.indices((96, 160)).sum(0) % 2 * 255).astype(np.uint8)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "yuv420p"
        stream.options = {"qp": "0"}
        frame = av.VideoFrame.from_ndarray(np.repeat(grid[..., None], 3, 2), "rgb24")
        file.mux(stream.encode(frame))
        file.mux(stream.encode())
    clip = decode(path, "uniform(1) 40x24")
    assert np.abs(clip.frames.astype(int) - 127).max() < 12


def test_cover_art_is_not_taken_for_the_video(tmp_path: Path, video, numbers) -> None:
    plain = video(tmp_path / "plain.mp4")
    path = tmp_path / "cover.mp4"
    with av.open(str(plain)) as source, av.open(str(path), "w") as file:
        cover = file.add_stream("png", rate=1)
        cover.width = cover.height = 32
        cover.pix_fmt = "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic.value
        stream = file.add_stream_from_template(source.streams.video[0])
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
        file.mux(cover.encode(frame))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                file.mux(packet)
    with av.open(str(path)) as file:
        assert len(file.streams.video) == 2
    clip = decode(path, "uniform(6)")
    assert clip.info.codec == "h264"
    assert numbers(clip.frames) == list(clip.indices)


def test_a_window_after_the_end_is_an_error_that_tells_the_duration(clip_file: Path) -> None:
    with pytest.raises(VideoUnreadableError, match=r"2\.400 s"):
        decode(clip_file, "window(100, 101, 4)")


def test_a_clip_records_what_was_seen(clip_file: Path) -> None:
    clip = decode(clip_file, "uniform(4)")
    seen = clip.seen()
    assert (seen.indices, seen.times) == (clip.indices, clip.times)
    assert (seen.width, seen.height, seen.duration) == (160, 96, pytest.approx(2.4))
    assert seen.decoder.startswith("pyav-")
    assert len(clip) == 4


@pytest.mark.parametrize("shift", [40, 10**9, -(10**9)])
def test_a_seek_that_lands_elsewhere_costs_time_and_never_a_wrong_frame(
    long_video: Path, numbers, monkeypatch: pytest.MonkeyPatch, shift: int
) -> None:
    """The index of a file may be broken: every seek lands late, at the end, or at the start."""
    honest = Source.seek
    monkeypatch.setattr(Source, "seek", lambda self, stamp: honest(self, stamp + shift * 512))
    clip = decode(long_video, "uniform(9)")
    assert numbers(clip.frames) == list(clip.indices) == [(2 * k + 1) * 600 // 18 for k in range(9)]


def test_a_format_that_cannot_seek_is_read_on(long_video: Path, numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Source, "seek", lambda self, stamp: False)
    clip = decode(long_video, "uniform(9)")
    assert numbers(clip.frames) == list(clip.indices)


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_keyframe_flags_that_lie_are_found_out(tmp_path: Path, video, numbers, codec: str) -> None:
    """Without its table of sync samples an MP4 claims that every frame is a keyframe."""
    path = video(tmp_path / "liar.mp4", 80, codec=codec, options={"g": "40", "sc_threshold": "1000000000"})
    path.write_bytes(path.read_bytes().replace(b"stss", b"free"))
    clip = decode(path, "uniform(5)")
    assert numbers(clip.frames) == list(clip.indices)


def test_only_the_groups_with_wanted_frames_are_decoded(long_video: Path, monkeypatch) -> None:
    sent = []
    honest = Source.decode
    monkeypatch.setattr(Source, "decode", lambda self, p: sent.append(p) or honest(self, p))
    decode(long_video, "uniform(2)")
    assert len(sent) < 90, "600 frames need not be decoded for two"


def test_frames_are_decoded_by_several_readers_without_mixing_up(long_video: Path, numbers, monkeypatch) -> None:
    monkeypatch.setattr("vau_bench.video.decoding._cores", lambda: 4)
    clip = decode(long_video, "uniform(40)")
    assert numbers(clip.frames) == list(clip.indices)


def test_a_reader_gives_the_nearest_frame_before_one_that_is_gone(long_video: Path) -> None:
    from vau_bench.video.index import read_timeline

    with Source(long_video) as source:
        timeline = read_timeline(source).timeline
        stamp, frame = Reader(source, timeline).nearest(123)
    assert frame.pts == stamp == timeline.pts[123]


@pytest.mark.parametrize("folder", ["video_formats", "real_clips/videos"])
def test_real_videos_agree_with_a_full_decode(shared_data: Path, folder: str) -> None:
    files = sorted(p for p in (shared_data / folder).iterdir() if p.suffix in (".mp4", ".avi"))
    assert files
    for path in files:
        with av.open(str(path)) as file:
            stream = file.streams.video[0]
            stream.thread_type = "AUTO"
            stamps = [float(frame.pts * stream.time_base) for frame in file.decode(stream)]
        plan = f"uniform({random.Random(path.name).randint(2, 20)}) short_side=64"
        info, clip = probe(path), decode(path, plan)
        assert info.frame_count == len(stamps)
        assert clip.times == pytest.approx([stamps[i] - stamps[0] for i in clip.indices])


def test_an_absent_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(VideoMissingError, match=r"gone\.mp4"):
        probe(tmp_path / "gone.mp4")
