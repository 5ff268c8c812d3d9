"""Several servers behind one endpoint: all work, one may die and come back, and no request is lost or asked in vain."""

from __future__ import annotations

import json
import shutil
import socket
from collections import Counter

import pytest
from pydantic import ValidationError

from vau_bench.errors import ModelError
from vau_bench.evaluation import Options, evaluate
from vau_bench.judge.client import JudgeConfig
from vau_bench.models import model_config, parse_model_args
from vau_bench.models.endpoint import EndpointWarning
from vau_bench.models.openai import OpenAI, OpenAIConfig
from vau_bench.records import Outcome
from vau_bench.served.cards import Card, Cards

CANARY = "sk-canary-5f1c0e"
ignored = pytest.mark.filterwarnings("ignore::vau_bench.models.failures.EndpointWarning")


@pytest.fixture
def model(clips, monkeypatch):
    """Make a model with short pauses: `model(a.url, b.url, retries=1)`."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)

    def make(*urls, **arguments):
        patience = {"first_pause": 0.02, "longest_pause": 0.1, "timeout": 5.0, "concurrency": 4, **arguments}
        return OpenAI(OpenAIConfig(model="vlm", base_url=list(urls), **patience), clips)

    return make


def questions(ask, count):
    return (ask(None, id=str(i), sees=False) for i in range(count))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answered(responses, count):
    """Check that so many requests were answered, each once."""
    assert Counter(r.outcome for r in responses) == {Outcome.SCORED: count}
    assert {r.sample_id for r in responses} == {str(i) for i in range(count)} and len(responses) == count


class TestTheSplit:
    def test_all_servers_work_and_each_gets_the_key(self, chat_server, model, ask, say):
        servers = [chat_server(lambda served: say(wait=0.01)) for _ in range(3)]
        answered(list(model(*(s.url for s in servers)).generate(questions(ask, 60))), 60)
        assert all(len(s.calls) >= 10 for s in servers) and sum(len(s.calls) for s in servers) == 60
        assert {c.headers["authorization"] for s in servers for c in s.calls} == {f"Bearer {CANARY}"}

    def test_concurrency_is_that_of_each_server(self, chat_server, model, ask, say):
        servers = [chat_server(lambda served: say(wait=0.05)) for _ in range(2)]
        list(model(*(s.url for s in servers), concurrency=3).generate(questions(ask, 40)))
        assert [s.peak for s in servers] == [3, 3]

    def test_a_quick_server_gets_more(self, chat_server, model, ask, say):
        quick, slow = (chat_server(lambda served, wait=wait: say(wait=wait)) for wait in (0.05, 0.25))
        answered(list(model(quick.url, slow.url).generate(questions(ask, 120))), 120)
        assert len(quick.calls) > 3 * len(slow.calls)

    def test_a_server_that_is_overloaded_is_spared(self, chat_server, model, ask, say):
        busy = chat_server(lambda served: say(status=429) if busy.in_flight > 2 else say(wait=0.02))
        other = chat_server(lambda served: say(wait=0.02))
        answered(list(model(busy.url, other.url, concurrency=16).generate(questions(ask, 300))), 300)
        turned_away = len(busy.calls) + len(other.calls) - 300
        assert turned_away < 150, "it soon gets about as many calls as it bears"


class TestTrouble:
    def test_a_retry_goes_to_another_server_at_once(self, chat_server, model, ask, say, stopwatch):
        bad = chat_server(lambda served: say(status=500))
        good = chat_server()
        patient = model(bad.url, good.url, concurrency=1, retries=0, first_pause=30.0, longest_pause=60.0)
        elapsed = stopwatch()
        answered(list(patient.generate(questions(ask, 2))), 2)
        assert elapsed() < 5 and len(bad.calls) == 1

    @pytest.mark.parametrize("trouble", [{"status": 500}, {"status": 503}, {"cut": True}, {"raw": b"<html>"}])
    def test_a_server_that_fails_for_ever_is_drained(self, chat_server, model, ask, say, trouble):
        bad, good = chat_server(lambda served: say(**trouble)), chat_server(lambda served: say(wait=0.005))
        with pytest.warns(EndpointWarning, match="is left out until it answers again") as told:
            answered(list(model(bad.url, good.url, longest_pause=60.0).generate(questions(ask, 300))), 300)
        assert [str(w.message).split()[0] for w in told] == [f"{bad.url}/chat/completions"], "once"
        assert len(bad.calls) < 20

    def test_a_server_that_hangs_is_drained(self, chat_server, model, ask, say):
        hung, good = chat_server(lambda served: say(wait=30.0)), chat_server(lambda served: say(wait=0.005))
        with pytest.warns(EndpointWarning, match=r"no complete answer within 0\.3 s"):
            answered(
                list(model(hung.url, good.url, timeout=0.3, longest_pause=60.0).generate(questions(ask, 300))), 300
            )
        assert len(hung.calls) < 20

    def test_one_that_is_not_there_from_the_beginning_is_told(self, chat_server, model, ask):
        good = chat_server()
        with pytest.warns(EndpointWarning, match="no connection"):
            answered(list(model(f"http://127.0.0.1:{free_port()}/v1", good.url).generate(questions(ask, 60))), 60)

    @ignored
    def test_a_server_that_dies_in_the_middle_loses_nothing(self, chat_server, model, ask, say):
        servers = [chat_server(lambda served: say(wait=0.01)) for _ in range(3)]
        responses = []
        for response in model(*(s.url for s in servers)).generate(questions(ask, 200)):
            responses.append(response)
            if len(responses) == 60:
                servers[1].close()
        answered(responses, 200)

    @ignored
    def test_a_server_that_comes_back_is_given_calls_again(self, chat_server, model, ask, say):
        script = lambda served: say(wait=0.02)  # noqa: E731
        stays, leaves = chat_server(script), chat_server(script)
        responses, back = [], None
        for response in model(stays.url, leaves.url).generate(questions(ask, 400)):
            responses.append(response)
            if len(responses) == 50:
                leaves.close()
            if len(responses) == 150:
                back = chat_server(script, leaves.port)
        answered(responses, 400)
        assert len(back.calls) > 40, "as many as the other one, from then on"

    @ignored
    def test_no_request_is_lost_or_twice_in_the_journal(self, chat_server, say, tmp_path, monkeypatch):
        monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
        (tmp_path / "videos").mkdir()
        Cards((Card("red", 2.0),)).write(tmp_path / "videos" / "v0.mp4")
        for number in range(1, 80):
            shutil.copy(tmp_path / "videos" / "v0.mp4", tmp_path / "videos" / f"v{number}.mp4")
        rows = "".join(f"v{number}.mp4,1,2\n" for number in range(80))
        (tmp_path / "clips.csv").write_text(f"Video Name,Start Time,End Time\n{rows}")
        served = []

        def script(call):
            served.append(call)
            if len(served) in (20, 60):
                (servers[0].leave if len(served) == 20 else servers[0].come_back)()
            return say("<answer>Normal</answer>", wait=0.02)

        servers = [chat_server(script) for _ in range(2)]
        arguments = {"model": "vlm", "base_url": [s.url for s in servers], "first_pause": 0.02, "concurrency": 4}
        options = Options("openai", ("clips_grounding",), data=tmp_path, model_args=arguments, resamples=0)
        run = evaluate(options, tmp_path / "runs").path
        records = [json.loads(line) for line in (run / "responses.jsonl").read_text().splitlines()]
        assert sorted(r["sample_id"] for r in records) == sorted({r["sample_id"] for r in records})
        assert Counter(r["outcome"] for r in records) == {"scored": 80}

    def test_a_refusal_is_believed_when_a_second_server_refuses_too(self, chat_server, model, ask, say):
        servers = [chat_server(lambda served: say(status=400, raw=b'{"error": "too long"}')) for _ in range(3)]
        (response,) = model(*(s.url for s in servers)).generate(questions(ask, 1))
        assert response.outcome is Outcome.ERRORED and response.error == "the server answered 400: too long"
        assert sum(len(s.calls) for s in servers) == 2

    @pytest.mark.parametrize("status", [400, 404, 413])
    def test_a_server_that_refuses_what_the_others_take_is_drained(self, chat_server, model, ask, say, status):
        # the fifth call is made when one of the first four, which go out together, has been answered
        strict = chat_server(lambda served: say(status=status) if served.number >= 4 else say())
        good = chat_server(lambda served: say(wait=0.01))
        with pytest.warns(EndpointWarning, match=f"left out until it answers again: the server answered {status}"):
            stream = model(strict.url, good.url, longest_pause=60.0).generate(questions(ask, 200))
            answered(list(stream), 200)
        assert len(strict.calls) < 20


class TestWhatStopsTheRun:
    def test_all_are_down(self, model, ask):
        urls = [f"http://127.0.0.1:{free_port()}/v1" for _ in range(2)]
        down = model(*urls, retries=0, give_up_after=5)
        told = f"{urls[0]}/chat/completions and {urls[1]}/chat/completions are down: 5 requests in a row failed"
        with pytest.warns(EndpointWarning), pytest.raises(ModelError) as caught:
            list(down.generate(questions(ask, 1000)))
        assert str(caught.value).startswith(told)
        assert "check that the servers run and that base_url is right, then resume the run" in str(caught.value)

    @ignored
    def test_all_go_down_and_what_was_answered_stands(self, chat_server, model, ask):
        servers = [chat_server() for _ in range(2)]
        responses = []
        with pytest.raises(ModelError, match="are down"):
            for response in model(*(s.url for s in servers), retries=1, give_up_after=3).generate(questions(ask, 1000)):
                responses.append(response)
                if len(responses) == 30:
                    for server in servers:
                        server.close()
        assert Counter(r.outcome for r in responses)[Outcome.SCORED] >= 30

    @ignored
    def test_one_that_is_down_and_one_that_fails_do_not_stop_it(self, chat_server, model, ask, say):
        failing = chat_server(lambda served: say(status=500))
        urls = f"http://127.0.0.1:{free_port()}/v1", failing.url
        responses = list(model(*urls, retries=0, give_up_after=2).generate(questions(ask, 12)))
        assert Counter(r.outcome for r in responses) == {Outcome.ERRORED: 12}
        assert "at 2 servers" in responses[0].error

    @pytest.mark.parametrize("status", [401, 404])
    def test_one_that_never_accepted_us_is_named(self, chat_server, model, ask, say, status):
        good = chat_server(lambda served: say(wait=0.01))
        raw = json.dumps({"error": {"message": f"not for {CANARY}"}}).encode()
        strict = chat_server(lambda served: say(status=status, raw=raw))
        with pytest.raises(ModelError) as caught:
            list(model(good.url, strict.url).generate(questions(ask, 20)))
        assert str(caught.value) == f"{strict.url}/chat/completions: the server answered {status}: not for [key]"

    @ignored
    def test_two_that_answer_as_different_models(self, chat_server, model, ask, say):
        one, other = (chat_server(lambda served, name=name: say(model=name, wait=0.01)) for name in ("vlm", "vlm-2b"))
        with pytest.raises(ModelError) as caught:
            list(model(one.url, other.url).generate(questions(ask, 20)))
        told = str(caught.value)
        assert told.startswith("the servers do not serve the same model: ")
        assert f"{one.url}/chat/completions " in told and f"{other.url}/chat/completions " in told
        assert "as 'vlm'" in told and "as 'vlm-2b'" in told

    def test_one_that_answers_as_another_model_is_told_once(self, chat_server, model, ask, say):
        server = chat_server(lambda served: say(model="qwen-q4.gguf"))
        with pytest.warns(EndpointWarning) as told:
            answered(list(model(server.url).generate(questions(ask, 20))), 20)
        assert len(told) == 1 and "answers as 'qwen-q4.gguf', and was asked for 'vlm'" in str(told[0].message)

    def test_a_name_that_holds_the_key_is_told_without_it(self, chat_server, model, ask, say):
        server = chat_server(lambda served: say(model=f"for {CANARY}"))
        with pytest.warns(EndpointWarning, match=r"for \[key\]") as told:
            list(model(server.url).generate(questions(ask, 1)))
        assert CANARY not in str(told[0].message)


class TestArguments:
    @pytest.mark.parametrize(
        "text",
        [
            "base_url=http://a:1/v1,http://b:2/v1/,concurrency=3",
            "base_url=http://a:1/v1, http://b:2/v1,concurrency=3",
            "base_url=http://a:1/v1;http://b:2/v1/chat/completions,concurrency=3",
        ],
    )
    def test_several_addresses_in_one_argument(self, text):
        config = model_config("openai", {"model": "vlm", **parse_model_args((text,))})
        assert config.addresses == ("http://a:1/v1", "http://b:2/v1") and config.concurrency == 3

    def test_a_list_and_the_environment(self, monkeypatch):
        assert OpenAIConfig(model="vlm", base_url=["http://a/v1", "http://b/v1"]).addresses == (
            "http://a/v1",
            "http://b/v1",
        )
        monkeypatch.setenv("OPENAI_BASE_URL", "http://c/v1,http://d/v1")
        assert OpenAIConfig(model="vlm").addresses == ("http://c/v1", "http://d/v1")

    @pytest.mark.parametrize(
        ("value", "sentence"),
        [
            ("http://a/v1,http://a/v1/", "names http://a/v1 twice"),
            ("http://a/v1,", "must look like"),
            ("http://a/v1,b", "must look like"),
            ("http://a/v1,http://u:pw@b/v1", "must not hold a password"),
            ("http://u:p,w@b/v1", "must look like"),
            (["http://a/v1", "http://b/v1?key=x"], "must end before"),
            ([], "must look like"),
        ],
    )
    def test_what_is_no_list_of_addresses(self, value, sentence):
        with pytest.raises(ValidationError, match=sentence) as caught:
            OpenAIConfig(model="vlm", base_url=value)
        assert "pw" not in caught.value.errors()[0]["msg"].replace("http://HOST", "")

    def test_a_key_is_needed_where_one_address_is_hosted(self, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        with pytest.raises(ModelError, match="no key"):
            OpenAIConfig(model="vlm", base_url=["http://a/v1", "https://api.openai.com/v1"]).settings()

    def test_answers_are_kept_under_the_first_address_or_the_name_of_the_service(self, model):
        alone = model("http://a/v1").identity()
        assert model("http://a/v1", "http://b/v1").identity() == alone
        assert model("http://b/v1", "http://a/v1").identity() != alone
        named = model("http://a/v1", service="cluster").identity()
        assert model("http://x/v1", "http://y/v1", service="cluster").identity() == named != alone
        assert "service" not in alone, "so that runs from before services had names go on"

    def test_verdicts_too(self):
        def digest(*urls, **more):
            return JudgeConfig(model="m", base_url=list(urls), **more).digest

        assert digest("http://a/v1") == digest("http://a/v1", "http://b/v1") != digest("http://b/v1")
        assert digest("http://a/v1", service="s") == digest("http://b/v1", service="s") != digest("http://a/v1")
        assert JudgeConfig(model="m", base_url="http://a:1/v1,http://b/v1").label == "m@a:1"
        assert JudgeConfig(model="m", base_url="http://a:1/v1,http://b/v1", service="s").label == "m@s"

    def test_all_addresses_are_described(self, model):
        assert model("http://a/v1", "http://b/v1").described()["address"] == "http://a/v1, http://b/v1"
