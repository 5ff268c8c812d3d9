"""Checks of a served model: is it there, is it the one that is meant, does it do as told, does it see what is sent."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from vau_bench.errors import ModelError
from vau_bench.models import model_config
from vau_bench.models.endpoint import Endpoint, EndpointWarning, Reply, one_call, shortened
from vau_bench.models.openai import LOG_PROBABILITIES, OpenAI, OpenAIConfig
from vau_bench.models.openai_wire import letter_scores, read_reply
from vau_bench.models.told_model import agree, same_model
from vau_bench.records import Generation, Message, Outcome, Request, Response, Sample, Target
from vau_bench.served.check import Check
from vau_bench.served.directory import directory_checks
from vau_bench.served.probes import ADVICE, Probe, chosen, probes, tally
from vau_bench.video import ClipLoader

LIMIT = 16
"""Tokens of the answer that is to be cut."""

ANSWERS_AS = "answers as"
_NAMELESS = "the server does not tell which model answers"


Frames = Literal["jpeg", "video"]
FRAMES: tuple[Frames, ...] = ("jpeg", "video")
"""Ways of showing a video: as pictures, or as the file itself."""


def checked(
    arguments: Mapping[str, Any], frames: Sequence[Frames] = FRAMES, max_new_tokens: int = 256
) -> Iterator[Check]:
    """Yield what is found at each server of an endpoint, one after the other.

    Args:
        arguments: of the `openai` model; without `model`, the only one that a server has is asked.
        frames: ways of showing a video that are tried; the second one may fail without harm.
        max_new_tokens: that an answer may have.

    Raises:
        UsageError: if an argument is unknown or of the wrong form.
        ModelError: if a key is needed and none given.
    """
    model = arguments.get("model")
    config = model_config("openai", {"retries": 1, **arguments, "model": model or "?"})
    assert isinstance(config, OpenAIConfig)
    told: dict[str, str] = {}
    for address in config.addresses:
        one = config.model_copy(update={"base_url": address})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EndpointWarning)  # names have a row of their own
            found = list(_server(one, model, frames, max_new_tokens))
        where = f"{address} " if len(config.addresses) > 1 else ""
        for check in found:
            yield check._replace(what=f"{where}{check.what}")
            if check.what == ANSWERS_AS and check.found != _NAMELESS:
                told[address] = check.found
    if len(told) > 1:
        yield _same_model(config.model, told)


def _server(config: OpenAIConfig, model: str | None, frames: Sequence[Frames], tokens: int) -> Iterator[Check]:
    found, model = directory_checks(config, model)
    yield from found
    if model is None:
        return
    config = config.model_copy(update={"model": model})
    answers, reply = _answers(config, tokens)
    yield answers
    if reply is None:
        return
    yield _name(config.model, reply.body.get("model"))
    yield _token_limit(config)
    yield _log_probabilities(config)
    for number, way in enumerate(frames):
        yield from _sees(config.model_copy(update={"frames": way}), number > 0, tokens)


def _said(config: OpenAIConfig, text: str, max_tokens: int, **fields: Any) -> Reply | str:
    """Return the reply to a text, or why there is none."""
    messages = [{"role": "user", "content": text}]
    endpoint: Endpoint[str, Reply] = Endpoint(
        config.settings(), one_call(lambda _: config.payload(messages, max_tokens=max_tokens, **fields)), quick=True
    )
    try:
        with closing(endpoint.map([text])) as results:
            (_, result), *_ = results
    except ModelError as error:
        return str(error)
    return str(result) if isinstance(result, Exception) else result


def _answers(config: OpenAIConfig, tokens: int) -> tuple[Check, Reply | None]:
    reply = _said(config, "Say yes.", tokens)
    if isinstance(reply, str):
        return Check("answers", "BAD", reply, "see what the server says; `vau-bench models show openai`"), None
    answer = read_reply(reply)
    if answer.outcome is Outcome.ERRORED:
        return Check("answers", "BAD", answer.error or "", "the reply has another form than that of OpenAI"), None
    if not answer.text.strip():
        advice = "a reasoning model may need more: --max-new-tokens"
        return Check("answers", "-", f"nothing within {tokens} tokens", advice), reply
    return Check("answers", "ok", f"{shortened(answer.text, 40)!r} in {reply.seconds:.2f} s"), reply


def _name(asked: str, told: Any) -> Check:
    if not isinstance(told, str) or not told:
        return Check(ANSWERS_AS, "-", _NAMELESS)
    if same_model(asked, told):
        return Check(ANSWERS_AS, "ok", shortened(told, 80))
    return Check(ANSWERS_AS, "-", shortened(told, 80), f"make sure that this is {asked}")


def _same_model(asked: str, told: Mapping[str, str]) -> Check:
    names = list(told.values())
    if all(agree(asked, names[0], name) for name in names):
        return Check("same model", "ok", "all servers answer as one")
    found = ", ".join(f"{address}: {name}" for address, name in told.items())
    return Check("same model", "BAD", found, "leave some of them out, or give the model the same name on all")


def _token_limit(config: OpenAIConfig) -> Check:
    what = "token limit"
    reply = _said(config, "Count from 1 to 300 in digits, without leaving out any number.", LIMIT)
    if isinstance(reply, str):
        return Check(what, "BAD", reply, "try --model-args max_tokens_field=max_completion_tokens")
    answer = read_reply(reply)
    told = answer.usage.completion_tokens
    used = len(answer.text.split()) if told is None else told
    if used > LIMIT:
        advice = "try --model-args max_tokens_field=max_completion_tokens"
        return Check(what, "BAD", f"{used} tokens, {LIMIT} were allowed", advice)
    if answer.outcome is Outcome.TRUNCATED:
        return Check(what, "ok", f"cut after {LIMIT} tokens, and says so")
    if used == LIMIT:
        advice = "answers that were cut count as complete ones: allow enough tokens"
        return Check(what, "-", f"cut after {LIMIT} tokens, and does not say so", advice)
    return Check(what, "-", f"ended by itself after {used} tokens")


def _log_probabilities(config: OpenAIConfig) -> Check:
    what, advice = "log-probabilities", "leave option_scores=false"
    text = "Which letter comes first in the alphabet, A or B? Answer with the letter."
    reply = _said(config, text, LIMIT, **LOG_PROBABILITIES)
    if isinstance(reply, str):
        return Check(what, "-", reply, advice)
    choices = reply.body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    scores = letter_scores(choice.get("logprobs"), ("A", "B"))
    if scores is None:
        return Check(what, "-", "none for the letter of an answer", advice)
    return Check(what, "ok", f"P(A)={scores['A']:.2f}, P(B)={scores['B']:.2f}")


def _sees(config: OpenAIConfig, optional: bool, tokens: int) -> Iterator[Check]:
    """Ask all questions about clips; where the first is refused and this way is optional, it is not there."""
    asked = probes()
    try:
        responses = _asked(config, asked, tokens)
    except ModelError as error:
        yield Check(f"{config.frames}: frames", "BAD", str(error), "see what the server says")
        return
    errors = [r.error or r.outcome.value for r in responses if r.outcome is Outcome.ERRORED]
    if len(errors) == len(asked):
        if optional:
            yield Check(f"{config.frames}: frames", "-", errors[0], "use frames=jpeg, which is the default")
        else:
            yield Check(
                f"{config.frames}: frames", "BAD", errors[0], "does the model, and does the server, take images?"
            )
        return
    for kind in dict.fromkeys(probe.kind for probe in asked):
        these = [(p, r) for p, r in zip(asked, responses, strict=True) if p.kind == kind]
        counted = tally([p for p, _ in these], [chosen(r.text, p.choices) for p, r in these])
        failed = next((r.error for _, r in these if r.outcome is Outcome.ERRORED), None)
        found = f"{counted}{f'; {failed}' if failed else ''}"
        advice = "" if counted.state == "ok" else f"{ADVICE[kind]}, or the model is too weak for the question"
        yield Check(f"{config.frames}: {kind}", counted.state, found, advice)


def _asked(config: OpenAIConfig, asked: Sequence[Probe], tokens: int) -> list[Response]:
    """Return the responses to questions, in their order, through the adapter that evaluations use."""
    with tempfile.TemporaryDirectory(prefix="vau-bench-") as folder, ClipLoader() as clips:
        requests = [_request(probe, number, Path(folder), tokens) for number, probe in enumerate(asked)]
        responses = {r.sample_id: r for r in OpenAI(config, clips).generate(requests)}
    return [responses[request.sample.id] for request in requests]


def _request(probe: Probe, number: int, folder: Path, tokens: int) -> Request:
    path = folder / f"{number}.mp4"
    probe.clip.write(path)
    return Request(
        key=str(number),
        task="doctor",
        kind="mcq",
        style="direct",
        turn=0,
        sample=Sample(str(number), path.name, path.name, Target()),
        messages=(Message("user", probe.text, video=True),),
        generation=Generation(max_new_tokens=tokens),
        video=path,
        plan=probe.clip.plan,
        choices=probe.choices,
    )
