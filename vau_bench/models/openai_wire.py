"""What goes over the wire to a chat endpoint, and what comes back: messages out, answers in."""

from __future__ import annotations

import base64
import math
import mimetypes
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from vau_bench.models.endpoint import CallError, Reply, shortened
from vau_bench.models.jpeg import encode_jpeg
from vau_bench.models.told_times import assert_told, read_labels, time_labels
from vau_bench.records import Outcome, Request, Usage

if TYPE_CHECKING:
    from vau_bench.video import Clip

Parts = list[dict[str, Any]]

_AROUND_LETTER = " \t\r\n<>()[]{}*_.:,'\"\u0120\u2581"


class Conversation(NamedTuple):
    """A request on its way to becoming `messages`.

    Attributes:
        request: what is asked.
        quality: of the JPEG frames, 1 to 100.
        detail: the `detail` of each image, `None` to leave it out.
    """

    request: Request
    quality: int = 90
    detail: str | None = None

    def with_frames(self, clip: Clip | None, max_frames: int) -> list[dict[str, Any]]:
        """Return the messages with each frame as a JPEG after its time, such as `[3.2s]`.

        Raises:
            CallError: if the clip has more frames than `max_frames`.
        """
        if clip is None:
            return self._messages([])
        count = len(clip.times)
        if count > max_frames:
            raise CallError(
                f"{count} frames are more than max_frames={max_frames}; take a sparser frame plan or raise it"
            )
        parts: Parts = []
        for label, frame in zip(time_labels(clip.times), clip.frames, strict=True):
            parts += [{"type": "text", "text": label}, self._image(encode_jpeg(frame, self.quality))]
        _assert_parts(parts, clip.times)
        return self._messages(parts)

    def with_file(self, max_mb: float) -> list[dict[str, Any]]:
        """Return the messages with the video file itself as one `video_url` part.

        Raises:
            CallError: if the file is larger than `max_mb` megabytes or cannot be read.
        """
        path = self.request.video
        if path is None or not any(message.video for message in self.request.messages):
            return self._messages([])
        try:
            size = path.stat().st_size
            if size > max_mb * 1e6:
                raise CallError(f"{path.name} has {size / 1e6:.1f} MB, more than max_video_mb={max_mb:g}")
            content = path.read_bytes()
        except OSError as error:
            raise CallError(f"{path.name} cannot be read: {error.strerror}") from None
        kind = mimetypes.guess_type(path.name)[0] or "video/mp4"
        return self._messages([{"type": "video_url", "video_url": {"url": _data_url(kind, content)}}])

    def _image(self, jpeg: bytes) -> dict[str, Any]:
        image = {"url": _data_url("image/jpeg", jpeg)}
        if self.detail is not None:
            image["detail"] = self.detail
        return {"type": "image_url", "image_url": image}

    def _messages(self, visual: Parts) -> list[dict[str, Any]]:
        """Return the messages; `visual` goes before the text of the first message with video."""
        messages: list[dict[str, Any]] = []
        for message in self.request.messages:
            content: str | Parts = message.text
            if message.video and visual:
                content = [*visual, {"type": "text", "text": message.text}]
                visual = []
            messages.append({"role": message.role, "content": content})
        return messages


def _data_url(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _assert_parts(parts: Parts, times: Sequence[float]) -> None:
    """Check, on what is about to be sent, that each image stands right after its own time."""
    told = [
        number
        for before, part in pairwise(parts)
        if part["type"] == "image_url"
        for number in read_labels(before.get("text", ""))
    ]
    assert_told(told, times)


class Answer(NamedTuple):
    """What a reply says, whatever the server made of the format."""

    text: str
    outcome: Outcome
    usage: Usage
    option_scores: Mapping[str, float] | None = None
    error: str | None = None


def read_reply(reply: Reply, letters: Sequence[str] = ()) -> Answer:
    """Return what the reply says; one that says nothing is `ERRORED` with a sentence."""
    usage = _usage(reply)
    choices = reply.body.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        error = _error_in(reply.body) or "the reply holds no choices"
        return Answer("", Outcome.ERRORED, usage, error=error)
    text = _text(message.get("content"))
    reason = choice.get("finish_reason")
    if refusal := message.get("refusal"):
        return Answer(text or "", Outcome.REFUSED, usage, error=f"refused: {shortened(str(refusal))}")
    if reason == "content_filter":
        return Answer(text or "", Outcome.REFUSED, usage, error="refused: the server's content filter")
    if reason == "length":
        return Answer(text or "", Outcome.TRUNCATED, usage)
    if text is None:
        kind = type(message.get("content")).__name__
        return Answer("", Outcome.ERRORED, usage, error=f"the reply holds no text (content is {kind})")
    return Answer(text, Outcome.SCORED, usage, option_scores=letter_scores(choice.get("logprobs"), letters))


def _text(content: Any) -> str | None:
    """Return the text of a message's content: a string, or a list of nothing but text parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list) and content:
        parts = [p.get("text") if isinstance(p, dict) and p.get("type") == "text" else None for p in content]
        if all(isinstance(part, str) for part in parts):
            return "".join(str(part) for part in parts)
    return None


def _error_in(body: Mapping[str, Any]) -> str | None:
    """Return the error that some gateways put into a reply with status 200."""
    error = body.get("error")
    if isinstance(error, dict):
        error = error.get("message")
    return f"the server answered with an error: {shortened(str(error))}" if error else None


def _usage(reply: Reply) -> Usage:
    counts = reply.body.get("usage")
    counts = counts if isinstance(counts, dict) else {}
    prompt, completion = (
        value if isinstance(value := counts.get(name), int) else None for name in ("prompt_tokens", "completion_tokens")
    )
    return Usage(prompt_tokens=prompt, completion_tokens=completion, seconds=reply.seconds)


def letter_scores(logprobs: Any, letters: Sequence[str]) -> dict[str, float] | None:
    """Return P(letter) at the token that holds the answer's letter, renormalised over the letters.

    The token is the first one with a letter at or after the last `<answer>`; without that tag, the text has
    to begin with the letter. A letter that is not among the reported alternatives gets 0. `None` where there
    is no such token, or the server tells no log-probabilities.
    """
    content = logprobs.get("content") if isinstance(logprobs, dict) else None
    if not letters or not isinstance(content, list):
        return None
    tokens = [t for t in content if isinstance(t, dict) and isinstance(t.get("token"), str)]
    at = _letter_token(tokens, letters)
    if at is None:
        return None
    mass = dict.fromkeys(letters, 0.0)
    for alternative in at.get("top_logprobs") or [at]:
        letter = str(alternative.get("token", "")).strip(_AROUND_LETTER)
        logprob = alternative.get("logprob")
        if letter in mass and isinstance(logprob, int | float):
            mass[letter] += math.exp(min(0.0, logprob))
    total = sum(mass.values())
    return {letter: value / total for letter, value in mass.items()} if total > 0 else None


def _letter_token(tokens: Sequence[Mapping[str, Any]], letters: Sequence[str]) -> Mapping[str, Any] | None:
    text = "".join(token["token"] for token in tokens)
    tag = text.rfind("<answer>")
    begin = tag + len("<answer>") if tag >= 0 else 0
    end = 0
    for token in tokens:
        end += len(token["token"])
        bare = token["token"].strip(_AROUND_LETTER)
        if end <= begin or not bare:
            continue
        return token if bare in letters else None
    return None
