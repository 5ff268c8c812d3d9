"""Any OpenAI-compatible chat endpoint: hosted, or a local vLLM, SGLang or llama.cpp server."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field, model_validator

from vau_bench.errors import VideoError, VideoMissingError
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.endpoint import CallError, Endpoint, Reply, one_call
from vau_bench.models.endpoint_config import NOT_THE_ANSWER, EndpointConfig
from vau_bench.models.feed import feed, missing
from vau_bench.models.openai_wire import Conversation, read_reply
from vau_bench.records import JSON, Outcome, Request, Response

if TYPE_CHECKING:
    from vau_bench.video import Clip


class OpenAIConfig(EndpointConfig):
    """Arguments of the `openai` model."""

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
    option_scores: bool = Field(
        False,
        description="ask for token log-probabilities, and turn them into P(option) for lettered options",
    )

    @model_validator(mode="after")
    def _video_tells_no_times(self) -> OpenAIConfig:
        if self.frames == "video" and self.image_detail is not None:
            raise ValueError("image_detail belongs to frames=jpeg")
        return self


LOG_PROBABILITIES = {"logprobs": True, "top_logprobs": 20}
"""Fields of a call that ask for the log-probabilities of tokens."""

_NOT_THE_ANSWER = NOT_THE_ANSWER | {"max_video_mb", "max_frames"}


@dataclass(frozen=True)
class _Job:
    request: Request
    clip: Clip | VideoError | None


class OpenAI(Model[OpenAIConfig]):
    """Asks a chat endpoint, with many requests in flight; responses come in the order of completion."""

    Config: ClassVar[type[ModelConfig]] = OpenAIConfig
    summary: ClassVar[str] = "any OpenAI-compatible chat endpoint: hosted, vLLM, SGLang, llama.cpp"
    by_video: ClassVar[bool] = True

    def identity(self) -> dict[str, JSON]:
        """Return the arguments that can change an answer, and under which name the endpoint is known."""
        dumped = cast("dict[str, JSON]", self.config.model_dump(mode="json", exclude=set(_NOT_THE_ANSWER)))
        return {**dumped, "base_url": self.config.known_as}

    def described(self) -> dict[str, JSON]:
        """Return which model is asked where, and whether with a key; see `Model.described`."""
        settings = self.config.settings()
        address = ", ".join(self.config.addresses)
        return {"asked for": self.config.model, "address": address, "key": "given" if settings.key else "none"}

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        """Yield one response per request as they complete.

        Raises:
            ModelError: if all servers are down, one accepts neither key nor model, they do not serve the same model, or
                no key is given.
        """
        settings = self.config.settings()
        endpoint: Endpoint[_Job, Reply] = Endpoint(settings, one_call(self._payload))
        with closing(self._jobs(requests)) as jobs, closing(endpoint.map(jobs)) as replies:
            for job, result in replies:
                if isinstance(result, Reply):
                    self.clips.profile.add("calls", result.seconds, lanes=settings.lanes)
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
        scored = config.option_scores and lettered(job.request.choices)
        return config.payload(
            messages,
            max_tokens=generation.max_new_tokens,
            temperature=generation.temperature,
            top_p=generation.top_p,
            seed=generation.seed,
            **(LOG_PROBABILITIES if scored else {}),
        )

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


def lettered(choices: Iterable[str]) -> bool:
    """Whether all choices are single letters, and there is one."""
    choices = tuple(choices)
    return bool(choices) and all(len(c) == 1 and c.isalpha() for c in choices)
