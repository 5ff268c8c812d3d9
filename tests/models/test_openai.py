"""The `openai` model against a real HTTP server that misbehaves in the ways that servers do."""

from __future__ import annotations

import base64
import email.utils
import io
import json
import logging
import math
import random
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from vau_bench.errors import ModelError, UsageError
from vau_bench.models.endpoint import EndpointSettings, pause, retry_after
from vau_bench.models.openai import OpenAI, OpenAIConfig
from vau_bench.records import Outcome
from vau_bench.video import ClipLoader

CANARY = "sk-canary-5f1c0e"


@pytest.fixture
def model(clips, monkeypatch):
    """Make a model with short pauses: `model(server.url, retries=1)`."""
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)

    def make(url, **arguments):
        patience = {"first_pause": 0.02, "timeout": 5.0, **arguments}
        return OpenAI(OpenAIConfig(model="vlm", base_url=url, **patience), clips)

    return make


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class TestWhatIsSent:
    def test_each_frame_stands_after_its_time_and_the_question_comes_last(self, chat_server, model, ask):
        server = chat_server()
        (response,) = model(server.url).generate([ask(text="When?", system="Be brief.")])
        system, user = server.calls[0].body["messages"]
        assert system == {"role": "system", "content": "Be brief."}
        kinds = [part["type"] for part in user["content"]]
        assert kinds == ["text", "image_url"] * 4 + ["text"]
        texts = [part["text"] for part in user["content"] if part["type"] == "text"]
        assert texts == ["[0.0s]", "[1.0s]", "[2.0s]", "[3.0s]", "When?"]
        assert response.seen.times == (0.0, 1.0, 2.0, 3.0)
        assert response.seen.indices == (0, 25, 50, 75)

    def test_images_are_the_frames(self, chat_server, model, ask, clips, clip):
        image = pytest.importorskip("PIL.Image")
        y, x = np.mgrid[0:57, 0:83]
        smooth = np.stack([128 + 90 * np.sin(x / 20), 128 + 90 * np.cos(y / 15), 2 * x], -1).astype(np.uint8)
        made = clip((0.0,), height=57, width=83)
        made.frames[0] = smooth
        clips.clips["a.mp4"] = made
        server = chat_server()
        list(model(server.url).generate([ask()]))
        part = server.calls[0].body["messages"][0]["content"][1]
        header, _, data = part["image_url"]["url"].partition(",")
        assert header == "data:image/jpeg;base64"
        back = np.asarray(image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")).astype(float)
        assert back.shape == smooth.shape
        assert 10 * math.log10(255**2 / np.mean((back - smooth) ** 2)) > 34

    def test_times_closer_than_a_tenth_are_told_apart(self, chat_server, model, ask, clips, clip):
        clips.clips["a.mp4"] = clip((0.0, 0.04, 0.08))
        server = chat_server()
        list(model(server.url).generate([ask()]))
        parts = server.calls[0].body["messages"][0]["content"]
        assert [p["text"] for p in parts if p["type"] == "text"][:3] == ["[0.00s]", "[0.04s]", "[0.08s]"]

    @pytest.mark.parametrize("plan", ["fps(2)", "uniform(7)", "window(2, 5, 4)"])
    def test_times_told_are_those_of_a_real_video(self, chat_server, ask, footage, plan):
        server = chat_server()
        requests = [ask(str(footage / name), plan=plan) for name in ("even.mp4", "uneven.mkv")]
        with ClipLoader() as loader:
            model = OpenAI(OpenAIConfig(model="vlm", base_url=server.url, concurrency=1), loader)
            responses = list(model.generate(requests))
        for call, response in zip(server.calls, responses, strict=True):
            parts = call.body["messages"][0]["content"][:-1]
            told = [float(part["text"].strip("[s]")) for part in parts[::2]]
            assert told == pytest.approx(list(response.seen.times), abs=0.051)
            assert [part["type"] for part in parts[1::2]] == ["image_url"] * len(told)

    def test_generation_settings(self, chat_server, model, ask):
        server = chat_server()
        request = ask(max_new_tokens=77, temperature=0.5, top_p=0.9, seed=3)
        list(model(server.url, extra_body='{"top_k": 1}').generate([request]))
        body = server.calls[0].body
        sent = {k: body[k] for k in ("max_tokens", "temperature", "top_p", "seed", "top_k", "model")}
        assert sent == {
            "max_tokens": 77,
            "temperature": 0.5,
            "top_p": 0.9,
            "seed": 3,
            "top_k": 1,
            "model": "vlm",
        }

    def test_settings_that_reasoning_models_refuse_can_be_left_out(self, chat_server, model, ask):
        server = chat_server()
        plain = model(server.url, max_tokens_field="max_completion_tokens", send_temperature=False, send_seed=False)
        list(plain.generate([ask(max_new_tokens=5)]))
        body = server.calls[0].body
        assert body["max_completion_tokens"] == 5
        assert not {"max_tokens", "temperature", "top_p", "seed"} & body.keys()

    def test_image_detail(self, chat_server, model, ask):
        server = chat_server()
        list(model(server.url, image_detail="low").generate([ask()]))
        assert server.calls[0].body["messages"][0]["content"][1]["image_url"]["detail"] == "low"

    def test_video_part_is_the_file_itself(self, chat_server, model, ask, tmp_path):
        (tmp_path / "a.mp4").write_bytes(b"not really a video")
        server = chat_server()
        (response,) = model(server.url, frames="video").generate([ask(str(tmp_path / "a.mp4"))])
        part, text = server.calls[0].body["messages"][0]["content"]
        assert part["video_url"]["url"] == "data:video/mp4;base64," + base64.b64encode(b"not really a video").decode(
            "ascii"
        )
        assert text["text"] == "What happens?"
        assert response.seen is None, "what the server samples is not known here"

    def test_video_part_that_is_too_large(self, chat_server, model, ask, tmp_path):
        (tmp_path / "a.mp4").write_bytes(bytes(20_000))
        server = chat_server()
        request = ask(str(tmp_path / "a.mp4"))
        (response,) = model(server.url, frames="video", max_video_mb=0.01).generate([request])
        assert response.outcome is Outcome.ERRORED
        assert response.error == "a.mp4 has 0.0 MB, more than max_video_mb=0.01" and not server.calls

    def test_too_many_frames_are_an_error_not_a_bill(self, chat_server, model, ask):
        server = chat_server()
        (response,) = model(server.url, max_frames=3).generate([ask()])
        assert response.outcome is Outcome.ERRORED and "4 frames are more than max_frames=3" in response.error
        assert not server.calls

    @pytest.mark.parametrize("frames", ["jpeg", "video"])
    def test_two_questions_about_one_video_begin_alike(self, chat_server, model, ask, footage, frames):
        server = chat_server()
        asked = [ask(str(footage / "even.mp4"), id=text, text=text, system="Be brief.") for text in ("When?", "Who?")]
        with ClipLoader() as loader:
            list(OpenAI(OpenAIConfig(model="vlm", base_url=server.url, frames=frames), loader).generate(asked))
        (system, first), (again, second) = (call.body["messages"] for call in server.calls)
        assert system == again and first["content"][:-1] == second["content"][:-1]
        assert {first["content"][-1]["text"], second["content"][-1]["text"]} == {"When?", "Who?"}

    def test_text_without_video(self, chat_server, model, ask):
        server = chat_server()
        (response,) = model(server.url).generate([ask(None, sees=False)])
        assert server.calls[0].body["messages"] == [{"role": "user", "content": "What happens?"}]
        assert response.outcome is Outcome.SCORED and response.seen is None


class TestWhatComesBack:
    def answer(self, chat_server, model, ask, say, **arguments):
        server = chat_server(lambda served: say)
        (response,) = model(server.url, retries=1, **arguments).generate([ask(choices=("A", "B"))])
        return response, len(server.calls)

    def test_an_answer(self, chat_server, model, ask, say):
        response, _ = self.answer(chat_server, model, ask, say("  <answer>A</answer>\n"))
        assert (response.text, response.outcome) == ("  <answer>A</answer>\n", Outcome.SCORED)
        assert (response.usage.prompt_tokens, response.usage.completion_tokens) == (11, 7)
        assert 0 < response.usage.seconds < 5

    def test_length_is_truncated_and_keeps_the_text(self, chat_server, model, ask, say):
        response, _ = self.answer(chat_server, model, ask, say("<think>and so", finish="length"))
        assert (response.text, response.outcome) == ("<think>and so", Outcome.TRUNCATED)

    def test_reasoning_that_used_up_all_tokens_is_truncated(self, chat_server, model, ask, say):
        response, _ = self.answer(chat_server, model, ask, say(None, finish="length"))
        assert (response.text, response.outcome) == ("", Outcome.TRUNCATED)

    @pytest.mark.parametrize(
        "fields",
        [
            {"finish": "content_filter", "text": None},
            {"text": None, "message": {"refusal": "I cannot watch this."}},
        ],
    )
    def test_refusals(self, chat_server, model, ask, say, fields):
        response, calls = self.answer(chat_server, model, ask, say(**fields))
        assert response.outcome is Outcome.REFUSED and response.error.startswith("refused: ")
        assert calls == 1

    def test_text_parts_are_joined(self, chat_server, model, ask, say):
        parts = [{"type": "text", "text": "<answer>"}, {"type": "text", "text": "B</answer>"}]
        response, _ = self.answer(chat_server, model, ask, say(parts))
        assert (response.text, response.outcome) == ("<answer>B</answer>", Outcome.SCORED)

    @pytest.mark.parametrize(
        ("text", "kind"),
        [(None, "NoneType"), ([{"type": "image_url", "image_url": {}}], "list"), ([], "list"), (7, "int")],
    )
    def test_content_that_is_no_text(self, chat_server, model, ask, say, text, kind):
        response, calls = self.answer(chat_server, model, ask, say(text))
        assert response.outcome is Outcome.ERRORED
        assert response.error == f"the reply holds no text (content is {kind})" and calls == 1

    @pytest.mark.parametrize(
        "raw", [b"{}", b'{"choices": []}', b'{"choices": [3]}', b'{"choices": [{"message": "x"}]}', b"[1]"]
    )
    def test_json_of_another_shape_is_an_error_at_once(self, chat_server, model, ask, say, raw):
        response, calls = self.answer(chat_server, model, ask, say(raw=raw))
        assert response.outcome is Outcome.ERRORED and response.error and calls == 1

    def test_an_error_with_status_200(self, chat_server, model, ask, say):
        response, _ = self.answer(chat_server, model, ask, say(raw=b'{"error": {"message": "busy"}}'))
        assert response.error == "the server answered with an error: busy"

    @pytest.mark.parametrize("raw", [b"<html><title>Bad gateway</title></html>", b"", b'{"choices": [', b"\xff"])
    def test_what_is_no_json_is_tried_again_and_then_an_error(self, chat_server, model, ask, say, raw):
        response, calls = self.answer(chat_server, model, ask, say(raw=raw))
        assert response.outcome is Outcome.ERRORED and "no JSON" in response.error
        assert calls == 2

    def test_another_4xx_is_an_error_at_once_with_the_servers_sentence(self, chat_server, model, ask, say):
        raw = json.dumps({"error": {"message": "context length\nexceeded", "code": "x"}}).encode()
        response, calls = self.answer(chat_server, model, ask, say(status=400, raw=raw))
        assert response.error == "the server answered 400: context length exceeded" and calls == 1

    def test_missing_and_broken_videos_cost_themselves_alone(self, chat_server, model, ask):
        server = chat_server()
        requests = [ask("absent.mp4", id="a"), ask(None, id="b"), ask("broken.mp4", id="c"), ask(id="d")]
        outcomes = {r.sample_id: r.outcome for r in model(server.url).generate(requests)}
        assert outcomes == {
            "a": Outcome.MISSING,
            "b": Outcome.MISSING,
            "c": Outcome.ERRORED,
            "d": Outcome.SCORED,
        }
        assert len(server.calls) == 1


class TestPatience:
    def test_random_500s_cost_nothing(self, chat_server, model, ask, say):
        rng = random.Random(0)
        server = chat_server(lambda served: say(status=500) if rng.random() < 0.05 else say())
        responses = list(model(server.url).generate(ask(id=str(i)) for i in range(100)))
        assert [r.outcome for r in responses] == [Outcome.SCORED] * 100
        assert {r.sample_id for r in responses} == {str(i) for i in range(100)}
        assert len(server.calls) > 100

    @pytest.mark.parametrize("dated", [False, True])
    def test_429_is_repeated_when_the_server_says_so(self, chat_server, model, ask, say, stopwatch, dated):
        def script(served):
            if served.number:
                return say()
            when = email.utils.formatdate(time.time() + 2, usegmt=True) if dated else "0.3"
            return say(status=429, headers={"Retry-After": when})

        server = chat_server(script)
        elapsed = stopwatch()
        (response,) = model(server.url, first_pause=0.001).generate([ask()])
        assert response.outcome is Outcome.SCORED
        assert elapsed() > (0.8 if dated else 0.29)

    def test_an_absurd_retry_after_is_capped(self, chat_server, model, ask, say, stopwatch):
        server = chat_server(lambda s: say() if s.number else say(status=503, headers={"Retry-After": "86400"}))
        elapsed = stopwatch()
        (response,) = model(server.url, longest_pause=0.1).generate([ask()])
        assert response.outcome is Outcome.SCORED and elapsed() < 3

    @pytest.mark.parametrize("trouble", [{"cut": True}, {"wait": 5.0}, {"status": 429}, {"status": 502}])
    def test_trouble_once_is_cured(self, chat_server, model, ask, say, trouble):
        server = chat_server(lambda served: say() if served.number else say(**trouble))
        (response,) = model(server.url, timeout=1.5).generate([ask()])
        assert response.outcome is Outcome.SCORED and len(server.calls) == 2

    @pytest.mark.parametrize(
        ("trouble", "sentence"),
        [
            ({"cut": True}, "the connection broke"),
            ({"wait": 5.0}, "no complete answer within 0.3 s (3 attempts)"),
            (
                {"status": 500, "raw": b"<html><title>Oops</title>"},
                "the server answered 500: Oops (3 attempts)",
            ),
        ],
    )
    def test_trouble_for_ever_is_an_error(self, chat_server, model, ask, say, trouble, sentence):
        server = chat_server(lambda served: say(**trouble))
        (response,) = model(server.url, timeout=0.3 if "wait" in trouble else 5.0, retries=2).generate([ask()])
        assert response.outcome is Outcome.ERRORED and sentence in response.error
        assert len(server.calls) == 3
        assert response.seen.times == (0.0, 1.0, 2.0, 3.0)

    def test_backoff_doubles_up_to_the_longest_pause(self):
        settings = EndpointSettings(("http://x",), first_pause=1.0, longest_pause=10.0)
        for attempt, ceiling in enumerate([1, 2, 4, 8, 10, 10]):
            drawn = [pause(attempt, settings) for _ in range(300)]
            assert min(drawn) >= 0 and 0.8 * ceiling < max(drawn) <= ceiling

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("3", 3.0), ("0.5", 0.5), ("-4", 0.0), ("nan", None), ("soon", None), ("", None)],
    )
    def test_retry_after(self, header, seconds):
        assert retry_after(header, 0.0) == seconds

    def test_retry_after_date(self):
        assert retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 40.0) == 60.0
        assert retry_after("Thu, 01 Jan 1970 00:01:40 GMT", 400.0) == 0.0


class TestWhatStopsTheRun:
    def test_a_server_that_is_down(self, model, ask):
        down = model(f"http://127.0.0.1:{free_port()}/v1", retries=0, give_up_after=5, concurrency=2)
        answered = []
        with pytest.raises(ModelError, match="is down: 5 requests in a row failed") as caught:
            answered.extend(down.generate(ask(id=str(i)) for i in range(1000)))
        assert "resume the run" in str(caught.value)

    def test_a_server_that_goes_down_keeps_what_was_answered(self, chat_server, model, ask):
        server = chat_server()
        stream = model(server.url, retries=0, give_up_after=3, concurrency=1).generate(
            ask(id=str(i)) for i in range(1000)
        )
        answered = [next(stream) for _ in range(4)]
        server.close()
        with pytest.raises(ModelError):
            answered.extend(stream)
        assert [r.outcome for r in answered[:4]] == [Outcome.SCORED] * 4

    @pytest.mark.parametrize("status", [401, 403, 404])
    def test_a_wrong_key_or_model(self, chat_server, model, ask, say, status):
        raw = json.dumps({"error": {"message": f"The model `vlm` is not for {CANARY}"}}).encode()
        server = chat_server(lambda served: say(status=status, raw=raw))
        with pytest.raises(ModelError, match=rf"answered {status}: The model `vlm` is not for \[key\]"):
            list(model(server.url, concurrency=1).generate([ask(), ask()]))
        assert len(server.calls) == 1

    def test_403_after_answers_costs_itself_alone(self, chat_server, model, ask, say):
        server = chat_server(lambda served: say(status=403) if served.number == 1 else say())
        stream = model(server.url, concurrency=1).generate(ask(id=str(i)) for i in range(3))
        outcomes = [r.outcome for r in stream]
        assert outcomes == [Outcome.SCORED, Outcome.ERRORED, Outcome.SCORED]

    def test_an_empty_account(self, chat_server, model, ask, say):
        raw = json.dumps({"error": {"message": "no money", "code": "insufficient_quota"}}).encode()
        server = chat_server(lambda served: say(status=429, raw=raw) if served.number else say())
        stream = model(server.url, concurrency=1).generate(ask(id=str(i)) for i in range(3))
        assert next(stream).outcome is Outcome.SCORED
        with pytest.raises(ModelError, match="no money"):
            next(stream)

    def test_no_key_for_the_hosted_endpoint(self, clips, ask, monkeypatch):
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        with pytest.raises(ModelError, match=r"no key: set \$OPENAI_API_KEY"):
            list(OpenAI(OpenAIConfig(model="vlm"), clips).generate([ask()]))


class TestConcurrency:
    def test_what_the_calls_take_is_counted(self, chat_server, model, ask, say, clips):
        server = chat_server(lambda served: say(wait=0.05))
        list(model(server.url, concurrency=3).generate(ask(None, id=str(i), sees=False) for i in range(6)))
        (stage,) = (stage for stage in clips.profile.stages() if stage.name == "calls")
        assert (stage.times, stage.lanes) == (6, 3) and 0.3 <= stage.seconds < 3

    def test_the_limit_is_kept_and_reached(self, chat_server, model, ask, say):
        server = chat_server(lambda served: say(wait=0.03))
        responses = list(model(server.url, concurrency=5).generate(ask(id=str(i)) for i in range(40)))
        assert len(responses) == 40 and server.peak == 5

    def test_requests_are_taken_lazily(self, chat_server, model, ask):
        taken = []

        def requests():
            for i in range(1000):
                taken.append(i)
                yield ask(id=str(i))

        stream = model(chat_server().url, concurrency=3).generate(requests())
        for _ in range(5):
            next(stream)
        assert len(taken) <= 5 + 3
        stream.close()

    def test_a_slow_answer_does_not_hold_up_the_others(self, chat_server, model, ask, say):
        def script(served):
            return say(wait=1.0 if served.body["messages"][0]["content"] == "slow" else 0.0)

        texts = ["slow", "quick", "quick", "quick"]
        requests = [ask(None, id=f"{text}{i}", text=text, sees=False) for i, text in enumerate(texts)]
        stream = model(chat_server(script).url, concurrency=2).generate(requests)
        assert [r.sample_id for r in stream] == ["quick1", "quick2", "quick3", "slow0"]

    @pytest.mark.benchmark
    def test_throughput_is_near_the_ideal(self, chat_server, model, ask, say, stopwatch, capsys):
        server = chat_server(lambda served: say(wait=0.05))
        elapsed = stopwatch()
        responses = list(
            model(server.url, concurrency=20).generate(ask(None, id=str(i), sees=False) for i in range(100))
        )
        ratio = elapsed() / (100 / 20 * 0.05)
        with capsys.disabled():
            print(f"\nopenai: 100 requests of 50 ms in 20 slots took {ratio:.2f} times the ideal 0.25 s")
        assert len(responses) == 100 and server.peak > 5

    def test_closing_early_cancels_what_is_in_flight(self, chat_server, model, ask, say, stopwatch, caplog):
        server = chat_server(lambda served: say(wait=30.0 if served.number else 0.0))
        stream = model(server.url, concurrency=4, timeout=60).generate(ask(id=str(i)) for i in range(100))
        next(stream)
        before = threading.active_count()
        elapsed = stopwatch()
        stream.close()
        assert elapsed() < 2
        assert not [t for t in threading.enumerate() if t.name == "vau-bench-endpoint"]
        assert threading.active_count() < before
        assert "destroyed" not in caplog.text

    def test_an_error_of_the_consumer_cancels_too(self, chat_server, model, ask, say, stopwatch):
        server = chat_server(lambda served: say(wait=30.0 if served.number else 0.0))
        elapsed = stopwatch()
        with pytest.raises(KeyboardInterrupt):
            for _ in model(server.url, timeout=60).generate(ask(id=str(i)) for i in range(9)):
                raise KeyboardInterrupt
        assert elapsed() < 3


class TestOptionScores:
    def tokens(self, *texts, at, top):
        content = [{"token": t, "logprob": -0.1, "top_logprobs": []} for t in texts]
        content[at]["top_logprobs"] = [{"token": t, "logprob": math.log(p)} for t, p in top]
        return {"logprobs": {"content": content}}

    def scores(self, chat_server, model, ask, say, choice, choices=("A", "B", "C")):
        server = chat_server(lambda served: say(choice=choice))
        (response,) = model(server.url, option_scores=True).generate([ask(choices=choices)])
        return response.option_scores, server.calls[0].body

    def test_at_the_letter_of_the_last_answer(self, chat_server, model, ask, say):
        top = [("B", 0.6), (" B", 0.1), ("A", 0.2), ("the", 0.1)]
        choice = self.tokens("A ", "man", "<answer>", "B", "</answer>", at=3, top=top)
        scores, body = self.scores(chat_server, model, ask, say, choice)
        assert body["logprobs"] is True and body["top_logprobs"] == 20
        assert scores == pytest.approx({"A": 0.2 / 0.9, "B": 0.7 / 0.9, "C": 0.0})

    def test_a_letter_glued_to_the_bracket(self, chat_server, model, ask, say):
        choice = self.tokens("<", "answer", ">B", "</", at=2, top=[(">B", 0.5), (">C", 0.5)])
        scores, _ = self.scores(chat_server, model, ask, say, choice)
        assert scores == pytest.approx({"A": 0.0, "B": 0.5, "C": 0.5})

    def test_a_bare_letter(self, chat_server, model, ask, say):
        scores, _ = self.scores(chat_server, model, ask, say, self.tokens("B", ".", at=0, top=[("B", 1.0)]))
        assert scores == {"A": 0.0, "B": 1.0, "C": 0.0}

    @pytest.mark.parametrize(
        "choice",
        [
            {},
            {"logprobs": None},
            {"logprobs": {"content": None}},
            {"logprobs": {"content": [{"token": "The", "top_logprobs": []}, {"token": "A", "top_logprobs": []}]}},
            {"logprobs": {"content": [{"token": 3}]}},
        ],
    )
    def test_none_where_it_cannot_be_told(self, chat_server, model, ask, say, choice):
        assert self.scores(chat_server, model, ask, say, choice)[0] is None

    def test_choices_that_are_no_letters_are_not_asked(self, chat_server, model, ask, say):
        scores, body = self.scores(chat_server, model, ask, say, {}, choices=("Normal", "Abuse"))
        assert scores is None and "logprobs" not in body


class TestArguments:
    def test_the_key_is_found_nowhere(self, chat_server, model, ask, say, caplog):
        caplog.set_level(logging.DEBUG)
        echo = json.dumps({"error": {"message": f"Bearer {CANARY} is tired"}}).encode()
        server = chat_server(lambda served: say(status=500, raw=echo) if served.number % 2 else say())
        secretive = model(server.url, retries=0)
        responses = list(secretive.generate(ask(id=str(i)) for i in range(6)))
        assert server.calls[0].headers["authorization"] == f"Bearer {CANARY}"
        assert any(r.outcome is Outcome.ERRORED for r in responses)
        told = [repr(r) for r in responses]
        told += [repr(secretive), repr(secretive.config), json.dumps(secretive.identity()), caplog.text]
        told += [secretive.config.model_dump_json(), repr(secretive.config.settings())]
        assert not [text for text in told if CANARY in text]

    @pytest.mark.parametrize("name", ["api_key", "key", "token"])
    def test_a_key_as_an_argument_is_refused(self, name):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            OpenAIConfig(model="vlm", **{name: "x"})

    def test_a_password_in_the_address_is_refused(self):
        with pytest.raises(ValidationError, match="must not hold a password"):
            OpenAIConfig(model="vlm", base_url="http://user:pw@host/v1")

    @pytest.mark.parametrize("body", ['{"model": "other"}', "[1]", "{", {"messages": []}])
    def test_extra_body_that_would_change_the_question(self, body):
        with pytest.raises(ValidationError):
            OpenAIConfig(model="vlm", extra_body=body)

    def test_key_file(self, chat_server, model, ask, tmp_path):
        (tmp_path / "key").write_text("from-file\n")
        server = chat_server()
        list(model(server.url, api_key_file=tmp_path / "key").generate([ask()]))
        assert server.calls[0].headers["authorization"] == "Bearer from-file"

    @pytest.mark.parametrize("content", [b"two words", b"line\nline", b"\xff\xfe"])
    def test_a_file_that_holds_no_key(self, model, ask, tmp_path, content):
        (tmp_path / "key").write_bytes(content)
        with pytest.raises(ModelError) as caught:
            list(model("http://127.0.0.1:1/v1", api_key_file=tmp_path / "key").generate([ask()]))
        assert content.decode("latin1") not in str(caught.value)

    def test_a_local_server_needs_no_key(self, chat_server, model, ask, monkeypatch):
        server = chat_server()
        local = model(server.url)
        monkeypatch.delenv("OPENAI_API_KEY")
        assert [r.outcome for r in local.generate([ask()])] == [Outcome.SCORED]
        assert "authorization" not in server.calls[0].headers

    def test_the_address_may_come_from_the_environment(self, clips, monkeypatch):
        monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1/")
        plain = OpenAI(OpenAIConfig(model="vlm"), clips)
        assert plain.identity()["base_url"] == "http://127.0.0.1:9/v1"
        monkeypatch.setenv("OPENAI_BASE_URL", "nonsense")
        with pytest.raises(UsageError, match="OPENAI_BASE_URL"):
            plain.identity()

    def test_identity_changes_with_what_changes_answers_only(self, model):
        plain = model("http://h/v1").identity()
        assert model("http://h/v1", concurrency=99, timeout=1.0, retries=0, give_up_after=2).identity() == plain
        for change in ({"jpeg_quality": 50}, {"extra_body": {"top_k": 1}}, {"frames": "video"}):
            assert model("http://h/v1", **change).identity() != plain
        assert model("http://other/v1").identity() != plain

    def test_every_argument_is_described(self):
        assert all(f.description for f in OpenAIConfig.model_fields.values())


def test_the_module_imports_nothing_heavy():
    code = (
        "import sys, vau_bench.models.openai; "
        "print([m for m in ('torch', 'transformers', 'av', 'PIL') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"
