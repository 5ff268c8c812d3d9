"""Whatever fails while an entry is written, the leaderboard holds the old entry or the new one, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.errors import RunError
from vau_bench.leaderboard.adding import add_entry
from vau_bench.leaderboard.board import check_entries


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str, int], None]:
    """Let the n-th call of a function fail as on a full disk: `failing(os, "fsync", 2)`."""

    def fail(owner: object, name: str, nth: int) -> None:
        real, calls = getattr(owner, name), []

        def call(*args: object, **kwargs: object) -> object:
            calls.append(args)
            if len(calls) == nth:
                raise OSError(28, "No space left on device")
            return real(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    return fail


FAULTS = [(os, "fsync", 1), (os, "fsync", 4), (Path, "rename", 1), (Path, "rename", 2)]


@pytest.mark.parametrize(("owner", "name", "nth"), FAULTS)
def test_an_entry_is_replaced_as_a_whole_or_not_at_all(
    runs: dict[str, Path], board: Path, failing: Callable[..., None], owner: object, name: str, nth: int
) -> None:
    before = state(board)
    failing(owner, name, nth)
    with pytest.raises(RunError, match="No space left on device; nothing was changed"):
        add_entry(runs["mcq"], board, replace_old=True)
    assert state(board) == before
    assert check_entries(board, Catalogue())[1] == []


@pytest.mark.parametrize(("owner", "name", "nth"), FAULTS[:3])
def test_a_new_entry_is_written_as_a_whole_or_not_at_all(
    runs: dict[str, Path], tmp_path: Path, failing: Callable[..., None], owner: object, name: str, nth: int
) -> None:
    failing(owner, name, nth)
    with pytest.raises(RunError, match="nothing was changed"):
        add_entry(runs["mcq"], tmp_path)
    assert state(tmp_path) == {}
