"""Any OpenAI-compatible chat endpoint: hosted, or a local vLLM, SGLang or llama.cpp server."""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from vau_bench.errors import ModelError, UsageError, VideoError, VideoMissingError
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.endpoint import CallError, Endpoint, EndpointSettings, Reply
from vau_bench.models.feed import feed, missing
from vau_bench.models.openai_wire import Conversation, read_reply
from vau_bench.records import JSON, Outcome, Request, Response

if TYPE_CHECKING:
    from vau_bench.video import Clip

HOSTED = "https://api.openai.com/v1"

_RESERVED = frozenset({"model", "messages", "stream", "n"})


class OpenAIConfig(ModelConfig):
    """Arguments of the `openai` model."""

    model: str = Field(min_length=1, description="name of the model, as the server knows it")
    base_url: str | None = Field(None, description=f"address up to /v1; default: $OPENAI_BASE_URL, else {HOSTED}")
    api_key_env: str = Field("OPENAI_API_KEY", description="environment variable that holds the key")
    api_key_file: Path | None = Field(None, description="file that holds the key; read before the variable")
    frames: Literal["jpeg", "video"] = Field(
        "jpeg",
        description="jpeg: the plan's frames as images, each after its time in text; "
        "video: the whole file as one video part, sampled by the server",
    )
    jpeg_quality: int = Field(90, ge=1, le=100, description="quality of the frames, 1 to 100")
    image_detail: Literal["auto", "low", "high"] | None = Field(
        None, description="the `detail` of each image; default: not sent"
    )
    max_frames: int = Field(250, ge=1, description="frames in one request at most; a clip with more is an error")
    max_video_mb: float = Field(50.0, gt=0, description="size of a video part at most, in megabytes")
    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens",
        description="what the server calls the token limit; reasoning models want the longer name",
    )
    send_temperature: bool = Field(True, description="send temperature and top_p; reasoning models refuse them")
    send_seed: bool = Field(True, description="send the seed")
    option_scores: bool = Field(
        False,
        description="ask for token log-probabilities, and turn them into P(option) for lettered options",
    )
    extra_body: dict[str, Any] = Field(
        default_factory=dict, description='more fields of the request, as JSON, such as {"top_k": 1}'
    )
    concurrency: int = Field(8, ge=1, le=512, description="requests in flight at most")
    timeout: float = Field(120.0, gt=0, description="seconds that one attempt may take altogether")
    retries: int = Field(6, ge=0, description="further attempts after 429, 5xx, a timeout or a broken connection")
    first_pause: float = Field(1.0, gt=0, description="seconds before the first retry at most; doubles with each")
    longest_pause: float = Field(60.0, gt=0, description="seconds between attempts at most, also by Retry-After")
    give_up_after: int = Field(20, ge=1, description="requests in a row without a connection that stop the run")

    @field_validator("extra_body", mode="before")
    @classmethod
    def _from_json(cls, value: Any) -> Any:
        return json.loads(value) if isinstance(value, str) else value

    @field_validator("extra_body")
    @classmethod
    def _keeps_the_question(cls, value: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_RESERVED & value.keys()):
            raise ValueError(f"extra_body cannot set {', '.join(taken)}")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        return None if value is None else checked_address(value)

    @model_validator(mode="after")
    def _video_tells_no_times(self) -> OpenAIConfig:
        if self.frames == "video" and self.image_detail is not None:
            raise ValueError("image_detail belongs to frames=jpeg")
        return self


_NOT_THE_ANSWER = {
    "api_key_env",
    "api_key_file",
    "concurrency",
    "timeout",
    "retries",
    "first_pause",
    "longest_pause",
    "give_up_after",
    "max_tokens_field",
    "max_video_mb",
    "max_frames",
}
"""Arguments that decide whether and when an answer comes, never what it says."""


@dataclass(frozen=True)
class _Job:
    request: Request
    clip: Clip | VideoError | None


class OpenAI(Model[OpenAIConfig]):
    """Asks a chat endpoint, with many requests in flight; responses come in the order of completion."""

    Config: ClassVar[type[ModelConfig]] = OpenAIConfig
    summary: ClassVar[str] = "any OpenAI-compatible chat endpoint: hosted, vLLM, SGLang, llama.cpp"

    @property
    def base_url(self) -> str:
        """The address in force: the argument, the environment, the hosted default."""
        if self.config.base_url is not None:
            return self.config.base_url
        try:
            return checked_address(os.environ.get("OPENAI_BASE_URL") or HOSTED)
        except ValueError as error:
            raise UsageError(f"$OPENAI_BASE_URL: {error}") from None

    def identity(self) -> dict[str, JSON]:
        """Return the arguments that can change an answer, and the address in force."""
        dumped = cast("dict[str, JSON]", self.config.model_dump(mode="json", exclude=_NOT_THE_ANSWER))
        return {**dumped, "base_url": self.base_url}

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        """Yield one response per request as they complete.

        Raises:
            ModelError: if the endpoint is down or accepts neither key nor model, or if no key is given.
        """
        endpoint: Endpoint[_Job] = Endpoint(self._settings(), self._payload)
        with closing(self._jobs(requests)) as jobs, closing(endpoint.map(jobs)) as replies:
            for job, result in replies:
                yield self._response(job, result)

    def _jobs(self, requests: Iterable[Request]) -> Generator[_Job]:
        if self.config.frames == "jpeg":
            with closing(feed(self.clips, requests)) as fed:
                for request, clip in fed:
                    yield _Job(request, clip)
            return
        for request in requests:
            yield _Job(request, missing(request))

    def _payload(self, job: _Job) -> dict[str, Any]:
        if isinstance(job.clip, VideoError):
            raise job.clip
        config, generation = self.config, job.request.generation
        conversation = Conversation(job.request, config.jpeg_quality, config.image_detail)
        if config.frames == "video":
            messages = conversation.with_file(config.max_video_mb)
        else:
            messages = conversation.with_frames(job.clip, config.max_frames)
        payload: dict[str, Any] = {
            "model": config.model,
            "messages": messages,
            config.max_tokens_field: generation.max_new_tokens,
        }
        if config.send_temperature:
            payload |= {"temperature": generation.temperature}
            if generation.top_p != 1.0:
                payload["top_p"] = generation.top_p
        if config.send_seed:
            payload["seed"] = generation.seed
        if config.option_scores and lettered(job.request.choices):
            payload |= {"logprobs": True, "top_logprobs": 20}
        return payload | config.extra_body

    def _response(self, job: _Job, result: Reply | CallError | VideoError) -> Response:
        request, clip = job.request, job.clip
        seen = None if clip is None or isinstance(clip, VideoError) else clip.seen()
        if isinstance(result, VideoMissingError):
            return request.failure(Outcome.MISSING, str(result))
        if isinstance(result, Exception):
            return request.failure(Outcome.ERRORED, str(result), seen=seen)
        answer = read_reply(result, request.choices if lettered(request.choices) else ())
        if answer.outcome in {Outcome.ERRORED, Outcome.REFUSED}:
            failure = request.failure(answer.outcome, answer.error or "", seen=seen)
            return replace(failure, usage=answer.usage, text=answer.text)
        return request.answer(
            answer.text,
            outcome=answer.outcome,
            seen=seen,
            usage=answer.usage,
            option_scores=answer.option_scores if self.config.option_scores else None,
        )

    def _settings(self) -> EndpointSettings:
        config = self.config
        return EndpointSettings(
            url=f"{self.base_url}/chat/completions",
            key=self._key(),
            concurrency=config.concurrency,
            timeout=config.timeout,
            retries=config.retries,
            first_pause=config.first_pause,
            longest_pause=config.longest_pause,
            give_up_after=config.give_up_after,
        )

    def _key(self) -> str | None:
        source = self.config.api_key_file
        if source is not None:
            try:
                key = source.expanduser().read_text(encoding="utf-8").strip()
            except (OSError, UnicodeError) as error:
                raise ModelError(f"the key file {source} cannot be read: {type(error).__name__}") from None
        else:
            key = os.environ.get(self.config.api_key_env, "").strip()
        if key and not (key.isascii() and key.isprintable() and " " not in key):
            raise ModelError(f"{source or f'${self.config.api_key_env}'} holds something that is no key")
        if not key and self.base_url == HOSTED:
            raise ModelError(
                f"no key: set ${self.config.api_key_env}, or pass api_key_file=PATH; "
                "for a local server pass base_url=http://HOST:PORT/v1"
            )
        return key or None


def lettered(choices: Iterable[str]) -> bool:
    """Whether all choices are single letters, and there is one."""
    choices = tuple(choices)
    return bool(choices) and all(len(c) == 1 and c.isalpha() for c in choices)


def checked_address(value: str) -> str:
    """Return the address without a slash at its end.

    Raises:
        ValueError: if it is none, or holds a password, which would end up in manifests.
    """
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("base_url must look like http://HOST:PORT/v1")
    if parts.username or parts.password:
        raise ValueError("base_url must not hold a password; use api_key_env or api_key_file")
    return value.rstrip("/").removesuffix("/chat/completions")
