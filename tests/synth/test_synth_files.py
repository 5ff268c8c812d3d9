"""Video files: complete or absent, made once, and faithful to the arrays."""

import os
import time
from pathlib import Path

import av
import numpy as np
import pytest

from vau_bench.errors import UsageError, VauBenchError
from vau_bench.synth import SynthParams, ensure_videos, files, render, scene_at

TINY = {"size": (64, 48), "fps": 2, "workers": 1}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_clips_are_made_and_reported(tmp_path):
    seen = []
    folder = ensure_videos(tmp_path, "test", 3, progress=lambda done, total: seen.append((done, total)), **TINY)
    assert names(folder) == ["test-0000.mp4", "test-0001.mp4", "test-0002.mp4"]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_what_is_there_is_not_made_again(tmp_path):
    folder = ensure_videos(tmp_path, "test", 2, **TINY)
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    seen = []
    assert ensure_videos(tmp_path, "test", 3, progress=lambda *step: seen.append(step), **TINY) == folder
    assert seen == [(1, 1)]
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())


def test_frames_and_times_are_those_of_the_arrays(tmp_path):
    folder = ensure_videos(tmp_path, "test", 1, workers=1)
    expected = render(scene_at("test", 0))
    with av.open(str(folder / "test-0000.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [frame.time for frame in frames] == pytest.approx([i / 10 for i in range(160)], abs=1e-9)
    decoded = np.stack([frame.to_ndarray(format="rgb24") for frame in frames])
    assert decoded.shape == expected.shape
    assert np.abs(decoded.astype(int) - expected).mean() < 4


def test_two_processes_make_what_one_does(tmp_path):
    one = ensure_videos(tmp_path / "one", "val", 3, **TINY)
    two = ensure_videos(tmp_path / "two", "val", 3, **{**TINY, "workers": 2})
    assert names(one) == names(two)
    for name in names(one):
        assert (one / name).read_bytes() == (two / name).read_bytes()


@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError])
def test_an_interrupted_run_leaves_no_half_written_clip_and_goes_on(tmp_path, monkeypatch, failure):
    whole = files._encode

    def stops_at_the_second(spec, index, path):
        if index == 1:
            path.write_bytes(b"half a clip")
            raise failure
        whole(spec, index, path)

    monkeypatch.setattr(files, "_encode", stops_at_the_second)
    with pytest.raises(failure):
        ensure_videos(tmp_path, "test", 3, **TINY)
    (folder,) = tmp_path.iterdir()
    assert names(folder) == ["test-0000.mp4"]
    monkeypatch.setattr(files, "_encode", whole)
    ensure_videos(tmp_path, "test", 3, **TINY)
    assert names(folder) == ["test-0000.mp4", "test-0001.mp4", "test-0002.mp4"]


def test_leavings_of_a_killed_process_are_swept_but_not_those_of_a_running_one(tmp_path):
    folder = ensure_videos(tmp_path, "test", 1, **TINY)
    old, young = folder / ".test-0001-x.tmp", folder / ".test-0001-y.tmp"
    old.touch()
    young.touch()
    os.utime(old, (time.time() - 7200,) * 2)
    ensure_videos(tmp_path, "test", 2, **TINY)
    assert not old.exists() and young.exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(VauBenchError, match="cannot write synthetic clips to"):
        ensure_videos(blocked / "cache", "test", 1, **TINY)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(files.tempfile, "mkstemp", refuse)
    with pytest.raises(VauBenchError, match="Permission denied; name a folder that can be written"):
        ensure_videos(tmp_path / "cache", "test", 1, **TINY)


def test_a_full_folder_needs_no_right_to_write(tmp_path, monkeypatch):
    folder = ensure_videos(tmp_path, "test", 1, **TINY)
    monkeypatch.setattr(Path, "mkdir", lambda *a, **k: pytest.fail("wrote"))
    assert ensure_videos(tmp_path, "test", 1, **TINY) == folder


def test_other_content_has_another_folder(tmp_path):
    folders = {
        ensure_videos(tmp_path, "test", 0, **TINY),
        ensure_videos(tmp_path, "val", 0, **TINY),
        ensure_videos(tmp_path, "test", 0, seed=1, **TINY),
        ensure_videos(tmp_path, "test", 0, params=SynthParams(difficulty="hard"), **TINY),
        ensure_videos(tmp_path, "test", 0, params=SynthParams(seconds=12), **TINY),
        ensure_videos(tmp_path, "test", 0, **{**TINY, "fps": 4}),
    }
    assert len(folders) == 6
    assert ensure_videos(tmp_path, "test", 0, params=SynthParams(difficulty=0.4), **TINY) in folders


def test_without_h264_the_clips_are_mpeg4(tmp_path, monkeypatch):
    monkeypatch.setattr(av, "codecs_available", {"mpeg4"})
    folder = ensure_videos(tmp_path, "test", 1, **TINY)
    with av.open(str(folder / "test-0000.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"
        assert len(list(container.decode(video=0))) == 32


@pytest.mark.parametrize(
    "arguments", [{"size": (65, 48)}, {"size": (8, 8)}, {"fps": 0}, {"seed": -1}, {"split": "dev"}]
)
def test_what_cannot_be_made_is_refused(tmp_path, arguments):
    with pytest.raises(UsageError):
        ensure_videos(tmp_path, **{"split": "test", "n": 1, **TINY, **arguments})
