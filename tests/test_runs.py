"""A run folder's files are whole or absent, and what cannot be written is told in one sentence."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vau_bench.errors import RunError
from vau_bench.runs import write_atomically


def test_the_old_content_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new\ud800")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_read_only_file_system_is_told_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, *_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    for name in ("open", "unlink"):
        monkeypatch.setattr(Path, name, refused)
    with pytest.raises(RunError, match=r"cannot write .*results\.json: Read-only file system$"):
        write_atomically(tmp_path / "results.json", "new")
