"""A journal is found by sample and turn, without its texts in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench import journal
from vau_bench.errors import RunError
from vau_bench.history import History, Told
from vau_bench.journal import Head, Journal, dated, from_line, read_heads, to_line
from vau_bench.records import Outcome, Response, Seen, Usage

TEXT = st.text(st.characters(codec="utf-8"), max_size=12)


def response(sample: str = "s", text: str = "yes", *, key: str = "k", turn: int = 0, **changes: object) -> Response:
    made = Response(key, "task", sample, "direct", turn, text, Outcome.SCORED)
    return replace(made, **changes)  # type: ignore[arg-type]


RESPONSES = st.builds(
    Response,
    key=TEXT,
    task=TEXT,
    sample_id=TEXT,
    style=TEXT,
    turn=st.integers(0, 3),
    text=TEXT,
    outcome=st.sampled_from(Outcome),
    seen=st.none() | st.just(Seen((0, 4), (0.0, 0.5), 64, 48, "av", 2.0)),
    usage=st.none() | st.just(Usage(3, 4, 0.5)),
    error=st.none() | TEXT,
)


@given(st.lists(st.tuples(RESPONSES, st.integers(0, 3)), max_size=8))
def test_heads_are_what_the_whole_lines_say(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[Response, int]]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "responses.jsonl"
    written = [to_line(r, epoch) for r, epoch in lines]
    path.write_bytes(b"".join(written))
    heads = list(read_heads(path))
    assert heads == [
        Head(e, r.key, r.task, r.sample_id, r.style, r.turn, r.outcome, sum(map(len, written[:n])))
        for n, (r, e) in enumerate(lines)
    ]
    assert [dated(line) for line in written] == [(e, r) for r, e in lines]


@given(
    st.lists(st.tuples(RESPONSES, st.sampled_from(["", ",", ", "])), max_size=6),
    st.integers(1, 700),
    st.integers(0, 40),
)
def test_heads_are_the_same_wherever_the_file_is_cut_into_blocks(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[Response, str]], block: int, torn: int
) -> None:
    """Some lines were written by another program, in UTF-8 and with spaces or without; the last one may be torn."""
    path = tmp_path_factory.mktemp("journal") / "responses.jsonl"
    written = [
        json.dumps(json.loads(to_line(r)), ensure_ascii=False, separators=(comma, ":")).encode() + b"\n"
        if comma
        else to_line(r)
        for r, comma in lines
    ]
    path.write_bytes(b"".join(written) + to_line(response())[:torn])
    with patch.object(journal, "_BLOCK", block):
        heads = list(read_heads(path))
    assert [(head.key, head.sample_id, head.turn, head.outcome) for head in heads] == [
        (r.key, r.sample_id, r.turn, r.outcome) for r, _ in lines
    ]
    assert [head.at for head in heads] == [sum(map(len, written[:n])) for n in range(len(lines))]


@given(st.lists(RESPONSES, max_size=12))
def test_the_last_response_is_found_as_a_plain_dictionary_finds_it(
    tmp_path_factory: pytest.TempPathFactory, written: list[Response]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "responses.jsonl"
    path.write_bytes(b"".join(map(to_line, written)))
    plain = {(r.task, r.style, r.turn, r.sample_id): r for r in written}
    with History([path]) as history:
        for place, last in plain.items():
            assert history.response(*place) == last
            assert history.told(*place) == Told.of(last)
        assert history.response("no", "such", 0, "task") is None and history.told("no", "such", 0, "task") is None


def test_a_line_that_another_program_wrote_is_read_as_well(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    record = json.loads(to_line(response()))
    path.write_text(json.dumps(dict(reversed(record.items()))) + "\n")
    with History([path]) as history:
        assert history.response("task", "direct", 0, "s") == response()


NOT_UTF8 = to_line(response("a\\b")).replace(b"a\\\\b", b"\xff\\u00e4")


@pytest.mark.parametrize("damage", [b"{}\n", b"no json\n", b'{"key":1}\n', b"[1]\n", b'"text"\n', b"\n", NOT_UTF8])
def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(to_line(response("a")) + damage + to_line(response("b")))
    with pytest.raises(RunError, match=r"responses\.jsonl:2: .*; mend or delete this line"):
        History([path])


def test_damage_behind_the_head_is_named_when_the_answer_is_read(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(to_line(response("a")) + to_line(response("b", "word")).replace(b'"word"', b'"wo\x00"x"'))
    with History([path]) as history:
        assert history.response("task", "direct", 0, "a") == response("a")
        with pytest.raises(RunError, match=r"responses\.jsonl:2: .*; mend or delete this line"):
            history.response("task", "direct", 0, "b")


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    path.write_bytes(to_line(response("a")) + to_line(response("b"))[:-5])
    with History([path]) as history:
        assert history.told("task", "direct", 0, "a") and not history.told("task", "direct", 0, "b")


def test_responses_that_are_written_meanwhile_are_found(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    long = response("b", "x" * 100_000)
    with History([]) as history, Journal(path) as open_journal:
        for one in (response("a"), long, response("a", "no", key="other")):
            history.add(one, path, open_journal.append(one))
        assert history.response("task", "direct", 0, "b") == long
        last = history.response("task", "direct", 0, "a")
        assert last is not None and last.text == "no"
        told = history.told("task", "direct", 0, "a")
        assert told is not None and told.answers("other") and not told.answers("k")


def test_conversations_put_turns_together_and_hold_what_was_answered(tmp_path: Path) -> None:
    path = tmp_path / "responses.jsonl"
    said = [response("a", "one"), response("a", "two", turn=1), response("b", "one"), response("c", turn=1)]
    path.write_bytes(b"".join(map(to_line, said)))
    with History([path]) as history:
        found = history.conversations("task", "direct", 2)
        assert found["a"].text == "one\n\ntwo" and found["b"].outcome is Outcome.MISSING
        assert set(found) == {"a", "b", "c"} and len(found) == 3
        assert "d" not in found and found.get("d") is None


def test_keys_that_are_no_digests_are_told_apart_too(tmp_path: Path) -> None:
    pairs = ["a" * 32, "A" * 32, " a" * 16, "a" * 31, "", "k"]
    told = [Told.of(response(key=key)) for key in pairs]
    assert len(set(told)) == len(pairs)
    assert all(one.answers(key) == (one is other) for one in told for key, other in zip(pairs, told, strict=True))


def test_what_is_read_is_what_was_written() -> None:
    assert from_line(to_line(response("a"), 4)) == response("a")
