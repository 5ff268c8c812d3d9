"""A teacher at an OpenAI-compatible endpoint: it is shown the frames, the truth and the first answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import Field, ValidationError

from srvau_train.rocot.filters import faults, revised_answer
from srvau_train.rocot.lesson import Lesson, lesson, read_chain, schema, wanted_keys
from srvau_train.rocot.teacher import Assignment, Chain, Job, NoChain, Told
from vau_bench.declarations import first_problem
from vau_bench.errors import UsageError, VideoError, VideoMissingError
from vau_bench.models.endpoint import CallError, Endpoint, Post, shortened
from vau_bench.models.endpoint_config import NOT_THE_ANSWER, EndpointConfig
from vau_bench.models.feed import feed
from vau_bench.models.openai_wire import Answer, Conversation, read_reply
from vau_bench.models.structured import NoObjectError, StrictestForm, Wanted
from vau_bench.records import JSON, Generation, Outcome, Request
from vau_bench.video import parse_plan

if TYPE_CHECKING:
    from vau_bench.video import Clip, ClipLoader

_QUOTED = 4_000


class OpenAITeacherConfig(EndpointConfig):
    """Arguments of the teacher `openai`."""

    reserved: ClassVar[Collection[str]] = (*EndpointConfig.reserved, "response_format")

    temperature: float = Field(0.7, ge=0, le=2, description="of what it writes")
    seed: int = Field(0, description="of the first attempt; each further one gets the next")
    max_tokens: int = Field(1500, ge=64, description="of a reply at most; reasoning models need more")
    attempts: int = Field(3, ge=1, le=10, description="replies that are asked for until one can be used")
    response_format: Wanted = Field(
        "auto", description="how JSON is asked for; auto: by schema, else as an object, else in words alone"
    )
    jpeg_quality: int = Field(90, ge=1, le=100, description="quality of the frames, 1 to 100")
    image_detail: Literal["auto", "low", "high"] | None = Field(
        None, description="the `detail` of each image; default: not sent"
    )
    max_frames: int = Field(250, ge=1, description="frames in one request at most; a clip with more is an error")

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> OpenAITeacherConfig:
        """Return the validated arguments.

        Raises:
            UsageError: if one is unknown, missing or of the wrong form.
        """
        try:
            return cls.model_validate(dict(arguments))
        except ValidationError as error:
            raise UsageError(f"teacher openai: {first_problem(error, cls)}") from None


_NOT_THE_CHAIN = NOT_THE_ANSWER | {"base_url", "model", "attempts", "max_frames"}
"""A server that moves is the same teacher; how often it is asked is not what it says."""


@dataclass(frozen=True)
class _Shown:
    """A job, with the frames of its video, or why there are none."""

    job: Job
    request: Request
    clip: Clip | VideoError


class OpenAITeacher:
    """Has many chains in the making; they come in the order in which they are done.

    Args:
        config: where to ask, and how.
        clips: the loader through which every frame comes.
        frames: a frame plan for all videos; default: the one of each task.

    Raises:
        ModelError: if a key is needed and none given.
        UsageError: if the frame plan is none.
    """

    told = Told(
        "",
        "the teacher is a model\nthat was shown some frames beside the truth: what it says that it saw may be made up, "
        "and its words are its own",
    )

    def __init__(self, config: OpenAITeacherConfig, clips: ClipLoader, frames: str | None = None) -> None:
        self.config = config
        self.lesson: Lesson = lesson()
        self._clips = clips
        self._frames = str(parse_plan(frames)) if frames else None
        self._form = StrictestForm(config.response_format, "lesson")
        self._settings = config.settings()
        self._key = self._settings.key
        self.id = f"openai/{config.model}"
        self.provenance: Mapping[str, JSON] = self._provenance()
        digest = hashlib.sha256(json.dumps(self.provenance, sort_keys=True).encode()).hexdigest()
        self.version = f"{self.lesson.version}/{digest[:12]}"

    def _provenance(self) -> dict[str, JSON]:
        arguments = cast("dict[str, JSON]", self.config.model_dump(mode="json", exclude=set(_NOT_THE_CHAIN)))
        return {
            "lesson": {"version": self.lesson.version, "digest": self.lesson.digest},
            "arguments": arguments,
            "frames": self._frames or "the task's",
        }

    def chains(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Chain | NoChain]]:
        """Yield each job with its chain or why there is none, as they come.

        Raises:
            ModelError: if the endpoint is down or accepts neither key nor model.
        """
        endpoint: Endpoint[_Shown, Chain | NoChain] = Endpoint(self._settings, self._talk)
        with closing(self._shown(jobs)) as shown, closing(endpoint.map(shown)) as results:
            for item, result in results:
                if isinstance(result, VideoError):
                    absent = "missing_video" if isinstance(result, VideoMissingError) else "unreadable_video"
                    yield item.job, NoChain(absent, str(result))
                elif isinstance(result, CallError):
                    yield item.job, NoChain(None, self._clean(str(result)))
                else:
                    yield item.job, result

    def _shown(self, jobs: Iterable[Job]) -> Generator[_Shown]:
        """Yield the jobs with their frames, decoded ahead."""
        waiting: dict[str, Job] = {}

        def requests() -> Iterator[Request]:
            for job in jobs:
                waiting[job.key] = job
                yield self._request(job)

        with closing(feed(self._clips, requests())) as fed:
            for request, clip in fed:
                assert clip is not None
                yield _Shown(waiting.pop(request.key), request, clip)

    def _request(self, job: Job) -> Request:
        subject, config = job.assignment.subject, self.config
        return Request(
            key=job.key,
            task=subject.task,
            kind=subject.kind,
            style="lesson",
            turn=0,
            sample=subject.sample,
            messages=self.lesson.messages(job.assignment),
            generation=Generation(config.max_tokens, config.temperature, seed=config.seed),
            video=subject.footage(),
            plan=self._frames or subject.plan,
        )

    async def _talk(self, post: Post, shown: _Shown) -> Chain | NoChain:
        """Ask until a reply can be used, telling each time what was wrong, as often as is allowed."""
        if isinstance(shown.clip, VideoError):
            raise shown.clip
        assignment = shown.job.assignment
        keys = wanted_keys(assignment)
        said: list[dict[str, Any]] = []
        result: Chain | NoChain = NoChain("unreadable_reply", "")
        for attempt in range(self.config.attempts):
            payload = partial(self._payload, shown, tuple(said), attempt)
            answer = read_reply(await self._form.post(post, payload, schema(keys)))
            text = self._clean(answer.text)
            if answer.outcome is Outcome.ERRORED:
                raise CallError(answer.error or "the reply holds nothing")
            if answer.outcome is Outcome.REFUSED:
                return NoChain("teacher_refused", self._clean(answer.error or "refused"))
            result, problem = self._read(answer, text, assignment)
            if problem is None:
                return result
            said += [
                {"role": "assistant", "content": text[:_QUOTED] or "(nothing)"},
                {"role": "user", "content": self.lesson.complaint(problem, keys)},
            ]
        return result

    def _read(self, answer: Answer, text: str, assignment: Assignment) -> tuple[Chain | NoChain, str | None]:
        """Return what a reply comes to, and what is wrong with it."""
        try:
            chain = read_chain(text, assignment)
        except NoObjectError as error:
            cut = answer.outcome is Outcome.TRUNCATED
            problem = f"it was cut after {self.config.max_tokens} tokens" if cut else str(error)
            return NoChain("unreadable_reply", f"{problem}; it begins: {shortened(text, 200)}"), problem
        found = faults(chain, assignment, revised_answer(chain, assignment))
        return chain, self.lesson.fault(found[0], chain, assignment) if found else None

    def _payload(self, shown: _Shown, said: tuple[dict[str, Any], ...], attempt: int) -> dict[str, Any]:
        config = self.config
        assert not isinstance(shown.clip, VideoError)
        conversation = Conversation(shown.request, config.jpeg_quality, config.image_detail)
        payload: dict[str, Any] = {
            "model": config.model,
            "messages": [*conversation.with_frames(shown.clip, config.max_frames), *said],
            config.max_tokens_field: config.max_tokens,
        }
        if config.send_temperature:
            payload["temperature"] = config.temperature
        if config.send_seed:
            payload["seed"] = config.seed + attempt
        return payload | config.extra_body

    def _clean(self, text: str) -> str:
        """Return a text without the key, which a proxy may echo."""
        return text.replace(self._key, "[key]") if self._key else text
