"""The journal loses nothing: not at a crash, not on a full disk, not to a second writer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.errors import RunError
from vau_bench.journal import Journal, from_line, read_journal, to_line
from vau_bench.records import Outcome, Response, Seen, Usage


def response(number: int = 0, text: str = "<answer>A</answer>") -> Response:
    return Response(f"key{number}", "task", f"s{number}", "direct", 0, text, Outcome.SCORED)


SEEN = Seen((0, 5), (0.0, 0.2), 320, 240, "PyAV", 4.0)


@given(
    text=st.text(),
    error=st.none() | st.text(),
    outcome=st.sampled_from(Outcome),
    scores=st.none() | st.dictionaries(st.text(), st.floats(0, 1)),
)
@settings(max_examples=200)
def test_every_response_survives_its_line(
    text: str, error: str | None, outcome: Outcome, scores: dict[str, float]
) -> None:
    written = Response("k", "t", "s", "think", 1, text, outcome, SEEN, Usage(3, 4, 0.5), scores, error)
    line = to_line(written)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert from_line(line) == written


def test_lone_surrogates_of_a_broken_tokenizer_are_kept() -> None:
    assert from_line(to_line(response(text="\ud800\x00"))).text == "\ud800\x00"


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    with Journal(tmp_path / "responses.jsonl") as journal:
        for number in range(3):
            journal.append(response(number))
    assert list(read_journal(tmp_path / "responses.jsonl")) == [response(n) for n in range(3)]


def test_a_line_is_with_the_operating_system_before_append_returns(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "responses.jsonl")
    journal.append(response())
    assert list(read_journal(journal.path)) == [response()]
    journal.close()


@pytest.mark.parametrize("cut", range(1, len(to_line(response(1)))))
def test_a_torn_last_line_is_dropped_wherever_it_tore(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(to_line(response(0)) + to_line(response(1))[:-cut])
    assert list(read_journal(path)) == [response(0)]
    with Journal(path) as journal:
        journal.append(response(2))
    assert list(read_journal(path)) == [response(0), response(2)]


def test_a_torn_line_longer_than_any_block_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(to_line(response(0)) + b"x" * 300_000)
    Journal(path).close()
    assert path.read_bytes() == to_line(response(0))


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(to_line(response(0)) + b"{oops\n" + to_line(response(1)))
    with pytest.raises(RunError, match=r"responses\.jsonl:2: not a journal line"):
        list(read_journal(path))


def test_a_second_writer_is_refused_until_the_first_is_done(tmp_path: Path) -> None:
    first = Journal(tmp_path / "responses.jsonl")
    with pytest.raises(RunError, match="another process writes"):
        Journal(tmp_path / "responses.jsonl")
    first.close()
    Journal(tmp_path / "responses.jsonl").close()


def test_a_full_disk_in_the_middle_of_a_line_leaves_a_whole_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "responses.jsonl")
    journal.append(response(0))
    write = os.write
    calls = iter([True, False])

    def full_after_a_part(fd: int, data: bytes) -> int:
        if next(calls):
            return write(fd, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full_after_a_part)
    with pytest.raises(RunError, match=r"the disk is full; all answers so far are in .*run the same command again"):
        journal.append(response(1))
    monkeypatch.undo()
    assert (tmp_path / "responses.jsonl").read_bytes() == to_line(response(0))
    journal.append(response(2))
    journal.close()
    assert list(read_journal(journal.path)) == [response(0), response(2)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_device_that_is_full_from_the_start_says_so() -> None:
    with pytest.raises(RunError):
        journal = Journal(Path("/dev/full"))
        journal.append(response())


def test_a_folder_that_cannot_be_written_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot write"):
        Journal(tmp_path / "absent" / "responses.jsonl")


def test_the_disk_is_synced_at_least_once_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    journal = Journal(tmp_path / "responses.jsonl", clock=lambda: now[0])
    synced: list[float] = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(now[0]), fsync(fd))[1])
    for tick in range(30):
        now[0] = tick / 10
        journal.append(response(tick))
    assert synced == [1.0, 2.0]
    journal.close()
    assert len(synced) == 3
