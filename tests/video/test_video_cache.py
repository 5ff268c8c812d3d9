"""The cache of decoded clips: never wrong, never in the way."""

from __future__ import annotations

import dataclasses
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from vau_bench.video import Clip, VideoInfo, parse_plan
from vau_bench.video.cache import ABANDONED, FrameCache

PLAN = parse_plan("uniform(3)")
VIDEO = Path("video.mp4")


def clip(fill: int = 7, side: int = 40) -> Clip:
    frames = np.full((3, side, side, 3), fill, np.uint8)
    frames[1, 2, 3] = 200
    info = VideoInfo(VIDEO, 123, 1.0 / 3, 3, side, side, 29.97, "h264", 0, False)
    return Clip(frames, (0, 1, 2), (0.0, 0.1, 1 / 3), info)


def entries(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def test_what_was_put_comes_back_exactly(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 1 << 20)
    cache.put("hash", PLAN, clip())
    found = FrameCache(tmp_path, 1 << 20).get("hash", PLAN, Path("elsewhere.mp4"))
    assert found is not None
    assert np.array_equal(found.frames, clip().frames)
    assert (found.indices, found.times) == (clip().indices, clip().times)
    assert found.info == dataclasses.replace(clip().info, path=Path("elsewhere.mp4"))
    assert found.frames.flags.writeable
    assert found.seen() == clip().seen()


def test_another_video_or_plan_is_another_entry(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 1 << 20)
    cache.put("hash", PLAN, clip())
    assert cache.get("other", PLAN, VIDEO) is None
    assert cache.get("hash", parse_plan("uniform(4)"), VIDEO) is None


def test_another_decoder_is_another_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = FrameCache(tmp_path, 1 << 20)
    cache.put("hash", PLAN, clip())
    monkeypatch.setattr("vau_bench.video.cache.decoder_name", lambda: "another decoder")
    assert cache.get("hash", PLAN, VIDEO) is None


@pytest.mark.parametrize("where", [0, 9, 17, 40, 200, -1])
def test_one_changed_byte_anywhere_is_noticed_and_the_entry_dropped(tmp_path: Path, where: int) -> None:
    cache = FrameCache(tmp_path, 1 << 20)
    cache.put("hash", PLAN, clip())
    (entry,) = entries(tmp_path)
    data = bytearray(entry.read_bytes())
    data[where] ^= 1
    entry.write_bytes(data)
    assert cache.get("hash", PLAN, VIDEO) is None
    assert entries(tmp_path) == []


@pytest.mark.parametrize("size", [0, 5, 19, 20, 300, 5000])
def test_a_torn_entry_is_noticed(tmp_path: Path, size: int) -> None:
    cache = FrameCache(tmp_path, 1 << 20)
    cache.put("hash", PLAN, clip())
    (entry,) = entries(tmp_path)
    os.truncate(entry, size)
    assert cache.get("hash", PLAN, VIDEO) is None


def test_the_least_recently_used_entries_give_way(tmp_path: Path) -> None:
    cache = FrameCache(tmp_path, 50_000)
    for i in range(3):
        cache.put(f"hash{i}", PLAN, clip())
        for file in entries(tmp_path):
            os.utime(file, (file.stat().st_atime, file.stat().st_mtime - 100))
    assert cache.get("hash0", PLAN, VIDEO) is not None, "use makes it recent"
    cache.put("hash3", PLAN, clip())
    assert cache.get("hash1", PLAN, VIDEO) is None
    assert cache.get("hash0", PLAN, VIDEO) is not None
    assert cache.get("hash3", PLAN, VIDEO) is not None
    assert sum(p.stat().st_size for p in entries(tmp_path)) <= 50_000


def test_a_clip_over_the_limit_is_not_kept(tmp_path: Path) -> None:
    FrameCache(tmp_path, 1000).put("hash", PLAN, clip())
    assert entries(tmp_path) == []


def test_drafts_of_dead_writers_are_swept_and_those_of_living_ones_left(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    old, new = tmp_path / "ab" / "x.clip.1-0.tmp", tmp_path / "ab" / "y.clip.2-0.tmp"
    for file in (old, new):
        file.write_bytes(b"half")
    past = time.time() - 2 * ABANDONED
    os.utime(old, (past, past))
    FrameCache(tmp_path, 1 << 20).put("hash", PLAN, clip())
    assert not old.exists()
    assert new.exists()


def test_a_folder_that_cannot_be_written_warns_once_and_never_raises(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    cache = FrameCache(blocked / "frames", 1 << 20)
    with pytest.warns(UserWarning, match="not cached any more"):
        cache.put("hash", PLAN, clip())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put("hash", PLAN, clip())
        assert cache.get("hash", PLAN, VIDEO) is None


def test_a_full_disk_leaves_no_half_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.warns(UserWarning, match="No space left"):
        FrameCache(tmp_path, 1 << 20).put("hash", PLAN, clip())
    assert entries(tmp_path) == []
