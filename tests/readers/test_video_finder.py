"""Videos are found in whatever folders they lie, and never guessed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vau_bench.errors import DataError
from vau_bench.readers.videos import VideoFinder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_a_video_is_found_anywhere_below_the_root(root: Path) -> None:
    touch(root, "deep/down/here/a.mp4")
    assert VideoFinder(root).find("a.mp4") == root / "deep/down/here/a.mp4"
    assert VideoFinder(root).find("b.mp4") is None


def test_the_named_folders_come_first_in_their_order(root: Path) -> None:
    touch(root, "one/a.mp4", "two/a.mp4", "a.mp4")
    assert VideoFinder(root, ["two", "one"]).find("a.mp4") == root / "two/a.mp4"
    assert VideoFinder(root, ["absent", "one"]).find("a.mp4") == root / "one/a.mp4"


@pytest.mark.parametrize("name", ["msad_Fire_1.mp4", "msad_Fire_1", "Fire_1.mp4", "Fire_1"])
@pytest.mark.parametrize("first", [[], ["videos"]])
def test_a_name_may_lack_its_extension_or_the_file_its_prefix(root: Path, name: str, first: list[str]) -> None:
    touch(root, "videos/Fire_1.mp4")
    assert VideoFinder(root, first).find(name) == root / "videos/Fire_1.mp4"


def test_a_file_with_the_prefix_goes_before_one_without(root: Path) -> None:
    touch(root, "x/ucf_a.mp4", "y/a.mp4")
    assert VideoFinder(root).find("ucf_a.mp4") == root / "x/ucf_a.mp4"
    assert VideoFinder(root).find("a.mp4") == root / "y/a.mp4"


def test_two_files_of_one_name_are_an_error_not_a_guess(root: Path) -> None:
    touch(root, "one/a.mp4", "two/a.mp4")
    with pytest.raises(DataError, match=r"'a\.mp4' could be .*a\.mp4 or .*a\.mp4; pass --data"):
        VideoFinder(root).find("a.mp4")


def test_the_extension_decides_between_two_encodings(root: Path) -> None:
    touch(root, "a.mp4", "b/a.avi")
    assert VideoFinder(root).find("a.avi") == root / "b/a.avi"
    with pytest.raises(DataError, match="could be"):
        VideoFinder(root).find("a")


def test_another_encoding_of_the_same_name_will_do(root: Path) -> None:
    touch(root, "a.avi")
    assert VideoFinder(root).find("a.mp4") == root / "a.avi"


def test_a_dot_in_a_name_is_no_extension(root: Path) -> None:
    touch(root, "cam1.0.mp4", "cam1.mp4")
    assert VideoFinder(root).find("cam1.0") == root / "cam1.0.mp4"
    assert VideoFinder(root).find("cam1.1") is None


def test_what_is_no_video_is_not_found_by_its_stem(root: Path) -> None:
    touch(root, "a.txt", "a.json")
    assert VideoFinder(root).find("a") is None


def test_a_name_may_hold_folders(root: Path) -> None:
    touch(root, "videos/Fire/a.mp4", "videos/Arson/a.mp4")
    assert VideoFinder(root, ["videos"]).find("Fire/a.mp4") == root / "videos/Fire/a.mp4"


def test_a_link_that_leads_nowhere_and_a_pipe_are_no_video(root: Path) -> None:
    (root / "annexed.mp4").symlink_to("not fetched")
    os.mkfifo(root / "pipe.mp4")
    finder = VideoFinder(root)
    assert finder.find("annexed.mp4") is None and finder.find("pipe.mp4") is None
