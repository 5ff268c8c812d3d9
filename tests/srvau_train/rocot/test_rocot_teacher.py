"""A teacher at an endpoint: what it is shown, what it may reply, and what becomes of a build when it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from srvau_train.rocot.build import build
from srvau_train.rocot.config import RocotConfig
from srvau_train.rocot.filters import leak
from srvau_train.rocot.lesson import lesson
from srvau_train.rocot.openai_teacher import OpenAITeacherConfig
from srvau_train.rocot.records import read_records
from vau_bench.errors import ModelError, RunError, UsageError
from vau_bench.models.told_times import read_labels
from vau_bench.parsing import parse_grammar, parse_interval

CANARY = "sk-canary-71d0aa"


def chains(out: Path) -> list[dict[str, Any]]:
    return list(read_records(out / "chains.jsonl"))


def reasons(out: Path) -> Counter[str]:
    return Counter(reason for r in read_records(out / "rejected.jsonl") for reason in r["reasons"])


# What is sent


def test_the_frames_come_with_their_times_then_question_truth_and_first_answer(
    yard, teacher, chat_server, say, good, tmp_path
) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    build(tmp_path / "out", yard.config("mcq", right_share=0.0, limit=1), teacher(server.url))
    (call,) = server.calls
    assert call.headers["authorization"] == f"Bearer {CANARY}"
    system, user = call.body["messages"]
    assert (
        '{"first_reasoning": "...", "reflection": "...", "revised_reasoning": "...", "final_answer": "..."}'
        in system["content"]
    )
    kinds = [part["type"] for part in user["content"]]
    assert kinds == ["text", "image_url"] * 6 + ["text"]
    assert read_labels("".join(p["text"] for p in user["content"][:-1] if p["type"] == "text")) == [
        f"{t}.0" for t in range(6)
    ]
    text = user["content"][-1]["text"]
    assert "What happens in yard 0?" in text and "B. two people fight" in text
    assert "What is true: A. a bin burns" in text and "A yard with bins, number 0." in text and "Class: Fire." in text
    first = chains(tmp_path / "out")[0]["parts"]["first"].removeprefix("<answer>")[0]
    assert f'naming the first answer ("option {first}")' in text and "The first answer: " + first in text
    assert call.body["response_format"]["type"] == "json_schema"


def test_another_frame_plan_can_be_asked_for(yard, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    build(tmp_path / "out", yard.config("mcq", limit=1), teacher(server.url, "uniform(2) short_side=32"))
    assert sum(part["type"] == "image_url" for part in server.calls[0].body["messages"][1]["content"]) == 2


def test_a_chain_says_who_wrote_it_from_which_prompt_and_never_where(
    yard, teacher, chat_server, say, good, tmp_path
) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    build(tmp_path / "out", yard.config("grounding", limit=4), teacher(server.url, seed=5))
    record = chains(tmp_path / "out")[0]
    assert record["provenance"]["teacher"] == "openai/vlm"
    assert record["provenance"]["lesson"] == {"version": lesson().version, "digest": lesson().digest}
    assert record["provenance"]["arguments"]["seed"] == 5
    assert record["task"] == "yard_grounding" and record["provenance"]["dataset"]["name"] == "Yard"
    everything = "".join(p.read_text() for p in (tmp_path / "out").iterdir())
    assert "127.0.0.1" not in everything and str(tmp_path) not in everything


def test_clips_of_vau_synth_are_drawn_for_a_teacher_that_looks(
    teacher, chat_server, say, good, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    server = chat_server(lambda served: say(good(served.body)))
    config = RocotConfig(clips=1, kinds=("report", "mcq"))
    assert build(tmp_path / "out", config, teacher(server.url, "uniform(2)")).kept == 2
    assert len(server.calls) == 2 and len(list((tmp_path / "cache").rglob("*.mp4"))) == 1


# What is accepted


def test_good_replies_become_chains_that_end_with_the_truth(yard, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    built = build(tmp_path / "out", yard.config("grounding"), teacher(server.url))
    assert (built.kept, built.rejected, built.skipped) == (12, 0, {})
    for record in chains(tmp_path / "out"):
        grammar = parse_grammar(record["response"])
        found = parse_interval(record["response"][slice(*grammar.last.span)])
        assert grammar.well_formed and found is not None
        assert [list(s) for s in found.value.valid or ()] == record["truth"]["segments"]
        assert record["loss_from"] == (0 if record["first_right"] else record["response"].index("<reflect>"))


GARBAGE = [
    "I cannot say.",
    "[1, 2]",
    '{"reflection": "a"',
    '{"reflection": "x", "reflection": "y"}',
    "",
]


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_told_asked_again_and_at_last_rejected_and_counted(
    text, yard, teacher, chat_server, say, tmp_path
) -> None:
    server = chat_server(lambda served: say(text))
    built = build(tmp_path / "out", yard.config("mcq", limit=2), teacher(server.url, attempts=3))
    assert (built.kept, built.rejected, len(server.calls)) == (0, 2, 6)
    assert reasons(tmp_path / "out") == {"unreadable_reply": 2}
    last = max(server.calls, key=lambda call: len(call.body["messages"])).body["messages"]
    assert [m["role"] for m in last] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert last[-1]["content"].startswith("That cannot be used: ")
    figures = json.loads((tmp_path / "out" / "statistics.json").read_text())
    assert figures["rejected"] == {"unreadable_reply": 2} and figures["planned"] == 2


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"reflection": None}, "'reflection' is missing"),
        ({"score": 3}, "'score' was not asked for"),
        ({"reflection": ["a"]}, "reflection is a list"),
        ({"revised_reasoning": " \n "}, "revised_reasoning is empty"),
        ({"reflection": "so <answer>A</answer>"}, "reflection holds a tag"),
        ({"reflection": "long " * 2000}, "more than 6000"),
        ({"final_answer": "all of them"}, "no answer that can be read"),
    ],
)
def test_a_reply_is_exactly_what_was_asked_for_or_none(
    changes, problem, yard, teacher, chat_server, say, good, tmp_path
) -> None:
    server = chat_server(lambda served: say(good(served.body, **changes)))
    build(tmp_path / "out", yard.config("mcq", limit=1), teacher(server.url, attempts=1))
    (record,) = read_records(tmp_path / "out" / "rejected.jsonl")
    assert record["reasons"] == ["unreadable_reply"] and problem in record["told"]


def test_a_reply_that_is_mended_is_kept(yard, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say("No." if len(served.body["messages"]) == 2 else good(served.body)))
    built = build(tmp_path / "out", yard.config("classification", limit=3), teacher(server.url))
    assert (built.kept, built.rejected, len(server.calls)) == (3, 0, 6)
    assert {call.body["seed"] for call in server.calls} == {0, 1}


LEAK = "Since the ground truth says so, my answer was wrong and option A, option B, option C or option D it is not."


@pytest.mark.parametrize("key", ["first_reasoning", "reflection", "revised_reasoning"])
def test_a_teacher_that_tells_of_the_truth_is_told_so_and_its_chain_rejected(
    key, yard, teacher, chat_server, say, good, tmp_path
) -> None:
    server = chat_server(lambda served: say(good(served.body, **{key: LEAK})))
    built = build(tmp_path / "out", yard.config("mcq", limit=1), teacher(server.url, attempts=2))
    assert (built.kept, built.rejected, len(server.calls)) == (0, 1, 2)
    assert reasons(tmp_path / "out")["leak"] == 1
    assert '"ground truth" gives away' in server.calls[1].body["messages"][-1]["content"]


@pytest.mark.parametrize(
    ("reason", "changes"),
    [
        ("not_about_this_answer", {"reflection": "I looked at the yard again and saw the light change everywhere."}),
        ("not_the_truth", {"final_answer": "C"}),
        ("empty", {"reflection": "Option B, no."}),
        (
            "copy",
            {"revised_reasoning": "The light in the yard changes quickly, and I take that for what matters here."},
        ),
    ],
)
def test_the_other_filters_hold_for_it_too(reason, changes, yard, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say(good(served.body, **changes)))
    build(tmp_path / "out", yard.config("mcq", limit=1), teacher(server.url, attempts=1))
    assert reasons(tmp_path / "out")[reason] == 1


@pytest.mark.parametrize("text", ["As I was given the interval", "the known answer", "the Correct class is Fire"])
def test_what_a_model_says_when_it_knows_is_a_leak(text: str) -> None:
    assert leak(text)


def test_a_refusal_is_rejected_and_not_asked_again(yard, teacher, chat_server, say, tmp_path) -> None:
    server = chat_server(lambda served: say(None, message={"refusal": f"I will not, {CANARY}."}))
    for _ in range(2):
        build(tmp_path / "out", yard.config("mcq", limit=1), teacher(server.url))
    assert reasons(tmp_path / "out") == {"teacher_refused": 1} and len(server.calls) == 1
    assert CANARY not in (tmp_path / "out" / "rejected.jsonl").read_text()


def test_a_cut_reply_is_told_as_such(yard, teacher, chat_server, say, tmp_path) -> None:
    server = chat_server(lambda served: say('{"reflection": "At 1 s', finish="length"))
    build(tmp_path / "out", yard.config("mcq", limit=1), teacher(server.url, attempts=2))
    assert "cut after 1500 tokens" in server.calls[1].body["messages"][-1]["content"]


def test_a_server_without_schemas_is_asked_in_words(yard, teacher, chat_server, say, good, tmp_path) -> None:
    def script(served):
        if "response_format" in served.body:
            return say(status=400, raw=b'{"error": {"message": "response_format is not supported"}}')
        return say(good(served.body))

    server = chat_server(script)
    built = build(tmp_path / "out", yard.config("mcq", limit=4), teacher(server.url, concurrency=1))
    assert built.kept == 4 and len(server.calls) == 6


# The key


def test_the_key_reaches_no_file_even_when_the_server_echoes_it(
    yard, teacher, chat_server, say, good, tmp_path
) -> None:
    def script(served):
        if served.number % 3 == 0:
            return say(f"Your key is {CANARY}.")
        if served.number % 3 == 1:
            return say(good(served.body, first_reasoning=f"The sign reads {CANARY}, and I take that for what matters."))
        return say(status=418, raw=f"no {CANARY}".encode())

    server = chat_server(script)
    with pytest.raises(ModelError) as caught:
        build(tmp_path / "out", yard.config("mcq"), teacher(server.url, attempts=1, concurrency=1))
    written = "".join(p.read_text() for p in (tmp_path / "out").iterdir())
    assert "[key]" in written and CANARY not in written and CANARY not in str(caught.value)
    assert CANARY not in repr(teacher(server.url).config)


# Endpoints that are slow, and that die


def test_many_chains_are_in_the_making_at_once(yard, teacher, chat_server, say, good, tmp_path) -> None:
    server = chat_server(lambda served: say(good(served.body), wait=0.3))
    built = build(tmp_path / "out", yard.config("mcq"), teacher(server.url, concurrency=6))
    assert built.kept == 12 and server.peak == 6


def test_an_endpoint_too_slow_to_answer_loses_that_chain_until_the_next_time(
    yard, teacher, chat_server, say, good, tmp_path
) -> None:
    slow = [True]
    server = chat_server(lambda served: say(good(served.body), wait=2.0 if slow[0] and served.number == 0 else 0.0))
    patient = {"timeout": 0.5, "retries": 0, "concurrency": 1}
    with pytest.raises(ModelError, match=r"no answer about 1 chains .*within 0.5 s.*the same command goes on"):
        build(tmp_path / "out", yard.config("mcq", limit=4), teacher(server.url, **patient))
    assert len(chains(tmp_path / "out")) == 3
    slow[0] = False
    built = build(tmp_path / "out", yard.config("mcq", limit=4), teacher(server.url, **patient))
    assert (built.kept, built.resumed) == (4, 3) and len(server.calls) == 5


def test_an_endpoint_that_dies_loses_nothing_and_the_same_build_goes_on(
    yard, teacher, chat_server, say, good, tmp_path
) -> None:
    server = chat_server(lambda served: say(good(served.body)))
    dying = [server]

    def script(served):
        if served.number == 7:
            dying[0].close()
        return say(good(served.body))

    dying[0] = chat_server(script)
    with pytest.raises(ModelError, match=r"is down: .*the same command goes on"):
        build(tmp_path / "out", yard.config("mcq"), teacher(dying[0].url, concurrency=1, give_up_after=2))
    before = (tmp_path / "out" / "chains.jsonl").read_bytes()
    assert 6 <= len(chains(tmp_path / "out")) <= 8
    assert json.loads((tmp_path / "out" / "statistics.json").read_text())["kept"] == len(chains(tmp_path / "out"))
    built = build(tmp_path / "out", yard.config("mcq"), teacher(server.url))
    assert built.kept == 12 and built.resumed + len(server.calls) == 12
    assert (tmp_path / "out" / "chains.jsonl").read_bytes().startswith(before)
    assert len({r["key"] for r in chains(tmp_path / "out")}) == 12


def test_the_command_ends_with_a_sentence_and_1_and_goes_on_later(
    yard, chat_server, say, good, tmp_path, monkeypatch
) -> None:
    healthy = [False]
    server = chat_server(
        lambda served: say(good(served.body)) if healthy[0] or served.number < 3 else say(status=503, raw=b"{}")
    )
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    arguments = f"model=vlm,base_url={server.url},retries=0,first_pause=0.01,concurrency=1"
    command = [
        *(sys.executable, "-m", "srvau_train.rocot", "--out", str(tmp_path / "out"), *yard.arguments("mcq")),
        *("--teacher", "openai", "--model-args", arguments, "--limit", "5", "--audit", "2"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done
    assert done.stderr.strip().splitlines()[-1].startswith("error: the teacher gave no answer about 2 chains")
    assert "Traceback" not in done.stderr and CANARY not in done.stderr
    healthy[0] = True
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "5 chains, 0 rejected (3 of both were there)" in done.stdout
    page = (tmp_path / "out" / "audit.html").read_text()
    assert page.count("<section>") == 2 and page.count("data:image/jpeg;base64,") == 2 * 16


def test_another_model_or_prompt_needs_another_folder_and_another_address_does_not(
    yard, teacher, chat_server, say, good, tmp_path
) -> None:
    config = yard.config("mcq", limit=1)
    one, two = (chat_server(lambda served: say(good(served.body))) for _ in range(2))
    build(tmp_path / "out", config, teacher(one.url))
    assert build(tmp_path / "out", config, teacher(two.url, attempts=5)).resumed == 1
    for other in ({"model": "other"}, {"temperature": 0.1}, {"frames": "uniform(3)"}):
        with pytest.raises(RunError, match="another configuration"):
            build(tmp_path / "out", config, teacher(one.url, **other))
    assert not two.calls


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "model"),
        ({"model": "m", "modle": "x"}, "modle"),
        ({"model": "m", "attempts": 0}, "attempts"),
        ({"model": "m", "base_url": "http://user:pw@host/v1"}, "password"),
        ({"model": "m", "extra_body": '{"response_format": 1}'}, "response_format"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments, told) -> None:
    with pytest.raises(UsageError, match=told):
        OpenAITeacherConfig.of(arguments)
