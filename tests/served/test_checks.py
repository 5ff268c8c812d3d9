"""The doctor at an endpoint: a server that looks passes, and each way of not showing what was sent is found out."""

from __future__ import annotations

import json
import socket
import sys

import numpy as np
import pytest

from vau_bench.cli.main import main
from vau_bench.errors import ModelError, UsageError
from vau_bench.served.checks import checked
from vau_bench.served.probes import ADVICE, AT, DETAIL, LAST, MOMENT, ORDER, WHEN

CANARY = "sk-canary-77aa01"


def found(server, *frames, **arguments):
    """Return the checks of a server by name."""
    frames = frames or ("jpeg",)
    return {check.what: check for check in checked({"base_url": server.url, **arguments}, frames)}


def shrunk(shown, size=28):
    step = len(shown[0].picture) // size
    small = [f.picture.reshape(size, step, size, step, 3).mean((1, 3)).astype(np.uint8) for f in shown]
    return [frame._replace(picture=picture) for frame, picture in zip(shown, small, strict=True)]


def at_a_pace(shown):
    return [frame._replace(time=float(number)) for number, frame in enumerate(shown)]


TAMPERED = {
    "the other way round": (lambda shown: shown[::-1], {ORDER, LAST}),
    "the first eight": (lambda shown: shown[:8], {LAST}),
    "the last eight": (lambda shown: shown[-8:], {ORDER}),
    "every second": (lambda shown: shown[::2], {MOMENT}),
    "one in four": (lambda shown: shown[::4], {MOMENT}),
    "only one": (lambda shown: shown[:1], {ORDER, LAST, MOMENT, WHEN}),
    "none": (lambda shown: [], {ORDER, LAST, MOMENT, DETAIL, WHEN, AT}),
    "small": (shrunk, {DETAIL}),
    "without times": (lambda shown: [frame._replace(time=None) for frame in shown], {WHEN, AT}),
    "at a pace of its own": (at_a_pace, {WHEN, AT}),
    "with times of another clock": (lambda shown: [f._replace(time=f.time * 1.5) for f in shown], {WHEN}),
}


class TestWhatItSees:
    def test_one_that_looks_is_all_right_both_ways(self, looking):
        server = looking()
        checks = found(server, "jpeg", "video")
        assert {c.what for c in checks.values() if c.state != "ok"} == set(), checks
        assert {f"{way}: {kind}" for way in ("jpeg", "video") for kind in ADVICE} <= checks.keys()
        assert checks[f"jpeg: {ORDER}"].found == "4 of 4 right, 0.7 by guessing"

    @pytest.mark.parametrize(("tamper", "kinds"), TAMPERED.values(), ids=TAMPERED)
    def test_one_that_shows_something_else_is_found_out(self, looking, tamper, kinds):
        checks = found(looking(tamper=tamper))
        bad = {kind for kind in ADVICE if checks[f"jpeg: {kind}"].state == "BAD"}
        assert kinds <= bad, checks
        assert all(checks[f"jpeg: {kind}"].advice.startswith(ADVICE[kind]) for kind in bad)

    @pytest.mark.parametrize(
        ("tamper", "harmless"),
        [
            ("small", {ORDER, LAST, MOMENT, WHEN, AT}),
            ("without times", {ORDER, LAST, MOMENT, DETAIL}),
            ("every second", {ORDER, LAST, DETAIL}),
        ],
    )
    def test_what_it_does_show_is_not_blamed(self, looking, tamper, harmless):
        checks = found(looking(tamper=TAMPERED[tamper][0]))
        assert {kind for kind in harmless if checks[f"jpeg: {kind}"].state != "ok"} == set(), checks

    @pytest.mark.parametrize("rate", [0.25, 0.5])
    def test_a_video_that_is_sampled_too_thinly_is_found_out(self, looking, rate):
        checks = found(looking(rate=rate), "video")
        assert checks[f"video: {MOMENT}"].state == "BAD"

    def test_a_video_whose_times_are_made_up_is_found_out(self, looking):
        checks = found(looking(tamper=at_a_pace), "video")
        assert [checks[f"video: {kind}"].state for kind in (ORDER, WHEN, AT)] == ["ok", "BAD", "BAD"]

    @pytest.mark.parametrize("says", ["red", "yellow, I think", "10", "I see nothing.", ""])
    def test_one_that_does_not_look_at_all_is_bad_everywhere(self, looking, says):
        checks = found(looking(says=says or " "))
        assert {checks[f"jpeg: {kind}"].state for kind in ADVICE} == {"BAD"}

    def test_a_limit_of_images_is_told_in_the_words_of_the_server(self, looking):
        checks = found(looking(most_images=8))
        assert checks[f"jpeg: {DETAIL}"].state == "ok"
        assert checks[f"jpeg: {LAST}"].state == "BAD" and "at most 8 image(s)" in checks[f"jpeg: {LAST}"].found

    def test_images_that_are_refused_are_bad_and_videos_only_where_they_are_wanted(self, looking):
        server = looking(most_images=0, rate=None)
        checks = found(server, "jpeg", "video")
        assert (checks["jpeg: frames"].state, checks["video: frames"].state) == ("BAD", "-")
        assert "unknown part video_url" in checks["video: frames"].found
        assert found(server, "video")["video: frames"].state == "BAD"


class TestTheRest:
    """Of these checks, none needs the frames."""

    def only(self, server, **arguments):
        return {check.what: check for check in checked({"base_url": server.url, **arguments}, ())}

    def test_nobody_there(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
        (check,) = checked({"base_url": url, "model": "m"})
        assert (check.what, check.state) == ("reached", "BAD") and url in check.found

    @pytest.mark.parametrize(
        ("models", "model", "state", "told"),
        [
            (("org/vlm",), None, "ok", "org/vlm, the only one"),
            (("a", "org/vlm"), "org/vlm", "ok", "org/vlm, one of 2"),
            (("a", "org/vlm"), "VLM", "-", "VLM is not there, org/vlm is"),
            (("org/vlm-2b",), "org/vlm-7b", "BAD", "did you mean org/vlm-2b?"),
            (("a", "b"), None, "BAD", "2 models: a, b"),
            (None, None, "BAD", "the server has no list of models"),
            (None, "org/vlm", "-", "org/vlm; the server has no list of models"),
        ],
    )
    def test_which_model_is_there(self, looking, models, model, state, told):
        checks = self.only(looking(models=models), **({} if model is None else {"model": model}))
        assert checks["model"].state == state and told in checks["model"].found
        assert ("answers" in checks) == (model is not None or state == "ok")

    @pytest.mark.parametrize(
        ("name", "state"), [("org/vlm", "ok"), ("vlm-2025-01-31", "ok"), ("q.gguf", "-"), (None, "-")]
    )
    def test_which_one_answers(self, looking, name, state):
        assert self.only(looking(name=name))["answers as"].state == state

    def test_servers_that_disagree(self, looking):
        servers = [looking(name=name) for name in ("org/vlm", "org/vlm", "other")]
        urls = [server.url for server in servers]
        checks = {c.what: c for c in checked({"base_url": urls, "model": "org/vlm"}, ())}
        assert checks["same model"].state == "BAD" and f"{urls[2]}: other" in checks["same model"].found
        assert checks[f"{urls[0]} reached"].state == "ok"
        checks = {c.what: c for c in checked({"base_url": urls[:2], "model": "org/vlm"}, ())}
        assert checks["same model"].state == "ok"

    def test_a_token_limit_that_is_not_kept(self, looking):
        server = looking()
        assert self.only(server)["token limit"].state == "ok"
        check = self.only(looking(obeys_limit=False))["token limit"]
        assert check.state == "BAD" and "max_completion_tokens" in check.advice

    def test_log_probabilities(self, looking):
        assert self.only(looking())["log-probabilities"].found == "P(A)=0.91, P(B)=0.09"
        assert self.only(looking(scores=False))["log-probabilities"].state == "-"

    def test_arguments_are_checked(self):
        with pytest.raises(UsageError, match="concurency"):
            list(checked({"base_url": "http://a/v1", "model": "m", "concurency": 3}))

    def test_a_hosted_endpoint_needs_a_key(self, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        with pytest.raises(ModelError, match="no key"):
            list(checked({"model": "m"}))


class TestTheCommand:
    def doctor(self, monkeypatch, capsys, *arguments):
        monkeypatch.setattr(sys, "argv", ["vau-bench", "doctor", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    def test_a_table(self, looking, monkeypatch, capsys):
        code, out, _ = self.doctor(monkeypatch, capsys, "--endpoint", looking().url, "--frames", "jpeg")
        assert code == 0 and f"jpeg: {ORDER}" in out and "what to do" in out.splitlines()[0]

    def test_json_and_the_exit_code(self, looking, monkeypatch, capsys):
        server = looking(tamper=lambda shown: shown[::-1])
        arguments = ("--endpoint", server.url, "--frames", "jpeg", "--model-args", "concurrency=2", "--json")
        code, out, _ = self.doctor(monkeypatch, capsys, *arguments)
        checks = {check["what"]: check for check in json.loads(out)}
        assert code == 1 and checks[f"jpeg: {ORDER}"]["state"] == "BAD"
        assert checks[f"jpeg: {ORDER}"].keys() == {"what", "state", "found", "advice"}

    def test_the_key_comes_from_the_variable_that_is_named_and_is_told_nowhere(self, looking, monkeypatch, capsys):
        server = looking(key=CANARY, rate=None)
        monkeypatch.setenv("MY_KEY", CANARY)
        monkeypatch.setenv("OPENAI_API_KEY", f"{CANARY}-wrong")
        asked = ("--endpoint", server.url, "--frames", "video")
        code, out, err = self.doctor(monkeypatch, capsys, *asked, "--api-key-env", "MY_KEY")
        assert code == 1 and "unknown part" in out and CANARY not in out + err
        code, out, err = self.doctor(monkeypatch, capsys, *asked)
        assert code == 1 and "not accepted (401)" in out and "set $OPENAI_API_KEY" in out and CANARY not in out + err

    def test_a_key_that_the_server_says_is_told_nowhere(self, looking, monkeypatch, capsys):
        server = looking(name=f"m for {CANARY}", models=(f"m for {CANARY}", "m"), says=f"red, {CANARY}")
        monkeypatch.setenv("OPENAI_API_KEY", CANARY)
        asked = ("--endpoint", server.url, "--model", "m", "--frames", "jpeg")
        code, out, err = self.doctor(monkeypatch, capsys, *asked)
        assert code == 1 and "m for [key]" in out and CANARY not in out + err

    @pytest.mark.parametrize("option", [("--model", "m"), ("--frames", "jpeg"), ("--model-args", "a=b")])
    def test_options_of_an_endpoint_need_one(self, monkeypatch, capsys, option):
        code, _, err = self.doctor(monkeypatch, capsys, *option)
        assert code == 2 and f"{option[0]} needs --endpoint" in err
