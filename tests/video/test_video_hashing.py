"""Content hashes: right, and paid for once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from vau_bench.errors import VideoMissingError, VideoUnreadableError
from vau_bench.video import content_hash, find_videos, hashing, is_video_name


@pytest.fixture(autouse=True)
def _forgetful() -> None:
    """Start each test as a new process would."""
    forget()


def forget() -> None:
    hashing._memory.clear()
    hashing._loaded.clear()


def settled(path: Path, data: bytes) -> Path:
    """Write a file that was last changed a while ago."""
    path.write_bytes(data)
    os.utime(path, (1e9, 1e9))
    return path


def test_it_is_the_sha256_of_the_whole_file(tmp_path: Path) -> None:
    path = settled(tmp_path / "a.mp4", b"abc" * 10**6)
    assert content_hash(path) == hashlib.sha256(b"abc" * 10**6).hexdigest()


def test_a_known_file_is_not_read_again_by_another_process(tmp_path: Path, monkeypatch) -> None:
    path, index = settled(tmp_path / "a.mp4", b"abc"), tmp_path / "cache" / "hashes.jsonl"
    first = content_hash(path, index)
    forget()
    monkeypatch.setattr(hashlib, "file_digest", None)
    assert content_hash(path, index) == first


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path, index = settled(tmp_path / "a.mp4", b"abc"), tmp_path / "hashes.jsonl"
    before = content_hash(path, index)
    path.write_bytes(b"abd")
    assert content_hash(path, index) != before


def test_a_file_changed_just_now_is_not_remembered(tmp_path: Path) -> None:
    """Its next change may leave no trace in its size and time."""
    path, index = tmp_path / "a.mp4", tmp_path / "hashes.jsonl"
    path.write_bytes(b"abc")
    content_hash(path, index)
    assert not index.exists()


def test_torn_and_foreign_lines_of_the_index_are_passed_over(tmp_path: Path) -> None:
    path, index = settled(tmp_path / "a.mp4", b"abc"), tmp_path / "hashes.jsonl"
    index.write_text('["/x", 1, 2\n{}\n7\n\n["a", "b"]\n')
    assert content_hash(path, index) == hashlib.sha256(b"abc").hexdigest()


def test_an_index_that_cannot_be_written_does_not_matter(tmp_path: Path) -> None:
    path = settled(tmp_path / "a.mp4", b"abc")
    assert content_hash(path, path / "hashes.jsonl") == hashlib.sha256(b"abc").hexdigest()


def test_an_absent_file_and_a_folder_are_video_errors(tmp_path: Path) -> None:
    with pytest.raises(VideoMissingError, match=r"gone\.mp4"):
        content_hash(tmp_path / "gone.mp4")
    with pytest.raises(VideoUnreadableError):
        content_hash(tmp_path)


def test_videos_are_found_by_name_sorted_and_without_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.MP4", "a.avi", "notes.txt", ".hidden.mp4", "sub/c.mkv", ".git/d.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.mp4").mkdir()
    found = [str(p.relative_to(tmp_path)) for p in find_videos(tmp_path)]
    assert found == ["a.avi", "b.MP4", "sub/c.mkv"]
    assert is_video_name("x.webm")
    assert not is_video_name("x.csv")
