"""`vau-bench judge`: what it prints, what it costs, and what it never tells."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from vau_bench.cli.main import main
from vau_bench.judge.judgements import FILE, read_judgements
from vau_bench.judge.rubric import BUILTIN

CANARY = "sk-canary-c0ffee42"


class Told(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def vau(monkeypatch, capsys):
    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["vau-bench", "judge", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        captured = capsys.readouterr()
        return Told(exit_.value.code, captured.out, captured.err)

    return run


@pytest.fixture
def server(chat_server, say, verdict):
    return chat_server(lambda served: say(verdict()))


def test_judging_prints_a_table_and_writes_the_figures_beside_the_scores(vau, run_folder, server):
    run = run_folder()
    told = vau(run, "--judge-model", "m", "--base-url", server.url, "--price-input", 1, "--price-output", 2)
    assert told.code == 0
    assert "35.00" in told.out and "factual_consistency" in told.out and "8 of 8" in told.err and "$0.0002" in told.err
    (task,) = json.loads((run / "results.json").read_text())["tasks"]
    assert task["judge"]["judges"][0]["total"]["value"] == 35 and "metrics" in task


def test_again_it_asks_nothing_and_without_a_judge_it_sums_up(vau, run_folder, server):
    run = run_folder()
    first = vau(run, "--judge-model", "m", "--base-url", server.url)
    again = vau(run, "--judge-model", "m", "--base-url", server.url)
    alone = vau(run)
    assert first.out == again.out == alone.out and len(server.calls) == 8


def test_dry_run_makes_no_call_and_tells_calls_tokens_and_cost(vau, run_folder, server):
    run = run_folder()
    arguments = (run, "--base-url", server.url, "--repeats", 3, "--dry-run")
    told = vau(*arguments, "--judge-model", "m", "--price-input", 1, "--price-output", 2, "--json")
    (price,) = json.loads(told.out)
    assert told.code == 0 and not server.calls and not (run / FILE).exists()
    assert (price["calls"], price["wanted"], price["done"], price["completion_tokens"]) == (24, 24, 0, 24 * 120)
    assert 24 * 700 < price["prompt_tokens"] < 24 * 1500
    assert price["cost"] == pytest.approx((price["prompt_tokens"] + 2 * price["completion_tokens"]) / 1e6)
    assert "unknown" in vau(*arguments, "--judge-model", "m").out


def test_estimate_asks_a_few_and_tells_what_the_rest_would_take(vau, run_folder, server):
    run = run_folder(count=16)
    arguments = (run, "--judge-model", "m", "--base-url", server.url, "--price-input", 1, "--price-output", 1)
    (price,) = json.loads(vau(*arguments, "--estimate", 4, "--json").out)
    assert len(server.calls) == 4 and price["how"] == "measured"
    assert (price["calls"], price["prompt_tokens"], price["completion_tokens"]) == (12, 12 * 11, 12 * 7)
    assert price["cost"] == pytest.approx(12 * 18 / 1e6) and price["done"] == 4
    vau(*arguments)
    assert len(server.calls) == 16, "the sample is paid for once"


def test_several_judges_from_the_command_line_and_from_a_file(vau, run_folder, server, tmp_path):
    run, file = run_folder(), tmp_path / "judges.yaml"
    file.write_text(f"judges:\n  - {{name: third, model: m, base_url: {server.url}, temperature: 1}}\n")
    texts = [f"model=m,base_url={server.url},name=first", f"model=n,base_url={server.url},concurrency=2"]
    told = vau(run, "--judge", texts[0], "--judge", texts[1], "--judges", file, "--limit", 2, "--json")
    names = {j["judge"] for j in json.loads(told.out)["tiny_reasoning"]["judges"]}
    assert names == {"first", f"n@{server.url.removeprefix('http://').removesuffix('/v1')}", "third"}
    assert len(server.calls) == 6


def test_check_prints_the_discrimination_table(vau, run_folder, server):
    told = vau(run_folder(), "--judge-model", "m", "--base-url", server.url, "--check", "--probes", 4)
    assert told.code == 0
    for words in ("AUC of the reference", "wrong_objects", "0.50", "injections resisted: 1.00"):
        assert words in told.out
    assert len(server.calls) == 4 * 6


def test_another_rubric(vau, run_folder, chat_server, say, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(
        "name: mine\nversion: 2\ndimensions:\n  truth: {asks: 'Is it true?', anchors: {0: wrong, 10: right}}\n"
        "system: '{rubric} {form}'\nuser: '{reference} {response}'\nrepair: '{problem}'\n"
    )
    server = chat_server(lambda served: say('{"reason": "", "truth": 4}'))
    told = vau(run_folder(), "--judge-model", "m", "--base-url", server.url, "--rubric", file, "--json")
    (judge,) = json.loads(told.out)["tiny_reasoning"]["judges"]
    assert (judge["rubric"], judge["highest"], judge["total"]["value"]) == ("mine/2", 10, 4)


@pytest.mark.parametrize(
    ("typed", "code", "sentence"),
    [
        ([], 1, "nothing is judged in"),
        (["--dry-run"], 2, "name a judge with --judge-model"),
        (["--base-url", "http://h/v1"], 2, "--base-url needs --judge-model"),
        (["--judge", "model"], 2, "--judge wants name=value"),
        (["--judge", "modle=m"], 2, "unknown key 'modle'; did you mean model"),
        (["--judge", "model=m,temperature=hot"], 2, "--judge: temperature: "),
        (["--judge", "model=m,api_key=x"], 2, "unknown key 'api_key'"),
        (["--judge-model", "m", "--base-url", "http://u:p@h/v1"], 2, "must not hold a password"),
        (["--judge", "model=m", "--judge", "model=m", "--dry-run"], 2, "two judges are called"),
        (["--judge-model", "m", "--tasks", "msad_reasoning"], 2, "unknown task of this run 'msad_reasoning'"),
        (["--judge-model", "m", "--rubric", "none.yaml"], 1, "no file none.yaml"),
        (["--judges", "none.yaml"], 1, "no file none.yaml"),
        (["--judge-model", "m"], 1, "no key: set $OPENAI_API_KEY"),
        (["--judge-model", "m", "--api-key-file", "none"], 1, "the key file none cannot be read"),
        (["--judge-model", "m", "--repeats", "0"], 2, "Invalid value for '--repeats'"),
    ],
)
def test_wrong_usage_is_one_sentence(vau, run_folder, monkeypatch, typed, code, sentence):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    told = vau(run_folder(), *typed)
    assert (told.code, told.out if code == 2 else "") == (code, "") and sentence in told.err
    assert "Traceback" not in told.err


def test_a_rubric_with_a_wrong_key_is_named_before_anything_is_asked(vau, run_folder, server, tmp_path):
    file = tmp_path / "rubric.yaml"
    file.write_text(BUILTIN.read_text(encoding="utf-8").replace("anchors:", "anchor:", 1))
    told = vau(run_folder(), "--judge-model", "m", "--base-url", server.url, "--rubric", file)
    assert told.code == 1 and "unknown key 'dimensions.classification_correctness.anchor'" in told.err
    assert not server.calls


def test_no_network_is_one_sentence_and_loses_nothing(vau, run_folder, server):
    run = run_folder()
    vau(run, "--judge-model", "m", "--base-url", server.url, "--limit", 3)
    url = "http://127.0.0.1:9/v1"
    told = vau(run, "--judge", f"model=m,base_url={url},retries=0,give_up_after=2")
    assert told.code == 1 and "is down" in told.err and "Traceback" not in told.err
    (task,) = json.loads((run / "results.json").read_text())["tasks"]
    assert [j["judged"] for j in task["judge"]["judges"] if j["judge"] != "m@127.0.0.1:9"] == [3]


def test_a_judge_that_says_nothing_usable_is_a_failure(vau, run_folder, chat_server, say):
    run = run_folder()
    told = vau(run, "--judge-model", "m", "--base-url", chat_server(lambda served: say("8/10")).url)
    assert told.code == 1 and "no verdict came about; the first: it is not one JSON object" in told.err
    assert {j.decision for j in read_judgements(run)} == {"unparsed"}


@pytest.mark.parametrize("source", ["environment", "file"])
def test_the_key_is_found_nowhere(vau, run_folder, chat_server, say, verdict, monkeypatch, tmp_path, source):
    replies = [verdict().replace("Because.", CANARY), f"no JSON, {CANARY}"]

    def script(served):
        assert served.headers["authorization"] == f"Bearer {CANARY}"
        if served.number % 4 == 3:
            return say(status=400, raw=json.dumps({"error": {"message": f"bad key {CANARY}"}}).encode())
        return say(replies[served.number % 2])

    run = run_folder()
    url = chat_server(script).url
    key_file = tmp_path.parent / f"{tmp_path.name}-key"
    key_file.write_text(CANARY)
    monkeypatch.setenv("OPENAI_API_KEY" if source == "environment" else "UNUSED", CANARY)
    more = ["--api-key-file", key_file] if source == "file" else []
    told = [
        vau(run, "--judge", f"model=m,base_url={url},response_format=none", *more, *extra)
        for extra in (["--dry-run"], ["--estimate", "2"], [], ["--check", "--probes", "2"], ["--json"])
    ]
    assert (run / FILE).stat().st_size > 1000
    key_file.unlink()
    assert not [t for t in told if CANARY in t.out + t.err]
    assert not [p for p in Path(tmp_path).rglob("*") if p.is_file() and CANARY.encode() in p.read_bytes()]
