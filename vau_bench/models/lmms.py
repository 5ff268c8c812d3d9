"""Any model of lmms-eval, asked in chunks, so that each is journaled before the next one begins."""

from __future__ import annotations

import re
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from functools import cache, cached_property
from importlib.metadata import version
from itertools import count, groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

from pydantic import ConfigDict, Field, model_validator

from vau_bench.errors import ModelError, VideoError
from vau_bench.models.base import Model, ModelConfig
from vau_bench.models.checkpoint import find, fingerprint
from vau_bench.models.feed import missing
from vau_bench.models.lmms_registry import ToldTimesWarning, registry, resolve, times_problem
from vau_bench.models.lmms_watch import watching
from vau_bench.models.lmms_wire import chat_of, settings_of, text_of
from vau_bench.models.sampling import row_seed
from vau_bench.records import JSON, Outcome, Request, Response, Seen, Usage

if TYPE_CHECKING:
    from vau_bench.video import ClipLoader

SPLIT = "asked"
SIMPLE_VIDEOS = (".mp4", ".avi", ".mov")
"""Endings that simple adapters know; most drop any other video without a word."""
FAILED = "[LMMS_EVAL_REQUEST_FAILED"
_SECRET = re.compile(r"(?:api_?key|secret|password|(?:^|_)token)$", re.IGNORECASE)
_NOT_THE_ANSWER = {"chunk", "device", "device_map"}


class LmmsConfig(ModelConfig):
    """Arguments of ours; every other one goes to the adapter as it is."""

    model_config = ConfigDict(extra="allow", frozen=True)

    chunk: int = Field(8, ge=1, description="requests handed over at once; a crash costs one chunk")
    force_simple: bool = Field(False, description="the adapter's simple form, where it has two")

    @model_validator(mode="before")
    @classmethod
    def _as_typed(cls, values: Any) -> Any:
        """Refuse secrets; write numbers and truths as they are typed, so that a key is the same from either side."""
        if not isinstance(values, dict):
            return values
        for name in values:
            if _SECRET.search(name):
                raise ValueError(f"{name} would stand in the manifest; put it in the variable that the adapter reads")
        return {name: value if name in cls.model_fields else _typed(value) for name, value in values.items()}


class Lmms(Model[LmmsConfig]):
    """Runs an adapter of lmms-eval. It chooses the frames and tells the times; arguments that are not ours go to it."""

    Config: ClassVar[type[ModelConfig]] = LmmsConfig
    summary: ClassVar[str] = "any lmms-eval model"
    own_frames: ClassVar[str | None] = "chosen by lmms-eval"
    adapter: ClassVar[str]

    def __init__(self, config: LmmsConfig, clips: ClipLoader) -> None:
        super().__init__(config, clips)
        self._loaded: Any = None
        self._numbers = count()
        self._durations: dict[Path, float] = {}

    @cached_property
    def _found(self) -> Any:
        return resolve(self.adapter, simple=self.config.force_simple)

    @property
    def _simple(self) -> bool:
        return bool(self._found.model_type == "simple")

    @property
    def _times(self) -> str | None:
        return times_problem(self._found.model_id, self._found.model_type)

    def identity(self) -> dict[str, JSON]:
        """Return the adapter, its version and its arguments; of a local checkpoint what it holds."""
        dumped = cast("dict[str, JSON]", self.config.model_dump(mode="json", exclude=_NOT_THE_ANSWER))
        checkpoint = dumped.get("pretrained")
        if isinstance(checkpoint, str) and (Path(checkpoint) / "config.json").is_file():
            dumped["pretrained"] = fingerprint(find(checkpoint))
        told = {
            "adapter": self._found.class_path,
            "lmms_eval": version("lmms_eval"),
            "times": self._times or "unverified",
        }
        return {**dumped, **told}

    def described(self) -> dict[str, JSON]:
        """Return which adapter it is, and what is known of the times that it tells."""
        told = {"adapter": self._found.class_path, "form": self._found.model_type}
        return {**told, "lmms_eval": version("lmms_eval"), "times": self._times or "unverified"}

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        """Yield one response per request, chunk by chunk.

        Raises:
            ModelError: if the adapter cannot be loaded, answers too few requests, or loses its device.
        """
        for _, group in groupby(requests, lambda request: (request.task, request.generation)):
            while chunk := list(islice(group, self.config.chunk)):
                askable = []
                for request in chunk:
                    failure = self._refused(request)
                    if failure is None:
                        askable.append(request)
                    else:
                        yield failure
                yield from self._answers(askable)

    def close(self) -> None:
        """Free the memory of the weights."""
        if self._loaded is not None:
            self._loaded.clean()
            self._loaded = None

    def _refused(self, request: Request) -> Response | None:
        """Return why a request cannot be handed over, if so."""
        absent = missing(request)
        if absent is not None:
            return request.failure(Outcome.MISSING, str(absent))
        if not self._simple:
            return None
        if any(message.role == "assistant" for message in request.messages):
            return request.failure(Outcome.REFUSED, "a simple adapter of lmms-eval holds no conversation")
        if request.video is not None and request.video.suffix.lower() not in SIMPLE_VIDEOS:
            known = ", ".join(SIMPLE_VIDEOS)
            return request.failure(Outcome.ERRORED, f"simple adapters of lmms-eval read {known} alone")
        return None

    def _answers(self, chunk: Sequence[Request]) -> list[Response]:
        """Return the answers; a chunk that fails is repeated one by one: a failure costs itself alone."""
        if not chunk:
            return []
        adapter = self._load()
        try:
            with self.clips.profile.at("generate", count=len(chunk)):
                return self._ask(adapter, chunk)
        except ModelError:
            raise
        except Exception as error:  # a foreign adapter may fail in any way
            if "CUDA error" in str(error):
                raise ModelError(f"the device stopped working: {_sentence(error)}; resume the run") from error
            if len(chunk) == 1:
                return [chunk[0].failure(Outcome.ERRORED, _sentence(error))]
        return [response for request in chunk for response in self._answers([request])]

    def _load(self) -> Any:
        if self._loaded is not None:
            return self._loaded
        name = f"lmms/{self.adapter}"
        try:
            with redirect_stdout(sys.stderr):
                made = registry().get_model_class(self.adapter, force_simple=self.config.force_simple)
                self._loaded = made.create_from_arg_string("", {"batch_size": 1, **self._arguments()})
        except (Exception, SystemExit) as error:  # a foreign adapter may fail in any way
            raise ModelError(f"{name} cannot be loaded: {_sentence(error)}") from error
        if self._times:
            warnings.warn(f"{name}: {self._times}; do not trust its times", ToldTimesWarning, stacklevel=2)
        return self._loaded

    def _arguments(self) -> dict[str, Any]:
        """Return the arguments of the adapter, texts turned into numbers and truths as its own command line does."""
        from lmms_eval.utils import handle_arg_string

        given = self.config.model_extra or {}
        return {name: handle_arg_string(value) if isinstance(value, str) else value for name, value in given.items()}

    def _ask(self, adapter: Any, chunk: Sequence[Request]) -> list[Response]:
        begin = time.perf_counter()
        numbered = {next(self._numbers): request for request in chunk}
        documents = {n: {"chat": chat_of(r.messages, r.video), "video": r.video} for n, r in numbered.items()}
        adapter.task_dict = {chunk[0].task: {SPLIT: documents}}
        if chunk[0].generation.temperature > 0:
            import torch

            torch.manual_seed(row_seed(chunk[0]))
        with redirect_stdout(sys.stderr), watching(adapter) as seen:
            outputs = adapter.generate_until([self._instance(n, r) for n, r in numbered.items()])
        if len(outputs) != len(chunk):
            raise ModelError(f"lmms/{self.adapter} gave {len(outputs)} answers to {len(chunk)} requests")
        seconds = (time.perf_counter() - begin) / len(chunk)
        return [self._response(r, o, seen.get(str(r.video)), seconds) for r, o in zip(chunk, outputs, strict=True)]

    def _instance(self, number: int, request: Request) -> Any:
        from lmms_eval.api.instance import Instance

        text, settings, where = (
            text_of(request.messages),
            settings_of(request.generation),
            (number, request.task, SPLIT),
        )
        asked = (text, settings, _visuals, *where) if self._simple else (text, _chat, settings, *where)
        about = {"task": request.task, "doc_id": number, "repeats": 1, "split": SPLIT}
        return Instance(request_type="generate_until", arguments=asked, idx=0, metadata=about)

    def _response(self, request: Request, output: Any, seen: Seen | None, seconds: float) -> Response:
        from lmms_eval.api.instance import unwrap_generation_output

        text, counts = unwrap_generation_output(output)
        seen = seen or self._unknown(request)
        if text.startswith(FAILED):
            return request.failure(Outcome.ERRORED, text[:300], seen=seen)
        # What an adapter counts in a batch is the longest answer's length.
        alone = str((self.config.model_extra or {}).get("batch_size", 1)) == "1"
        told = counts if alone else None
        written = told.output_tokens if told else None
        cut = written is not None and written >= request.generation.max_new_tokens
        usage = Usage(told.input_tokens if told else None, written, seconds)
        return request.answer(text, outcome=Outcome.TRUNCATED if cut else Outcome.SCORED, seen=seen, usage=usage)

    def _unknown(self, request: Request) -> Seen | None:
        """Return the record of a video of which nobody knows what was shown."""
        if request.video is None:
            return None
        if request.video not in self._durations:
            try:
                self._durations[request.video] = self.clips.probe(request.video).duration
            except VideoError:
                return None
        return Seen.unknown(self._durations[request.video])


@cache
def adapter_named(name: str) -> type[Lmms]:
    """Return the model that runs an adapter of lmms-eval.

    Raises:
        UnknownNameError: if there is no such adapter; says what was probably meant.
        MissingExtraError: if lmms-eval is not installed.
    """
    form = resolve(name).model_type
    told = {"adapter": name, "summary": f"the {form} adapter {name} of lmms-eval", "__doc__": Lmms.__doc__}
    return type("Lmms", (Lmms,), told)


def _typed(value: Any) -> Any:
    if not isinstance(value, bool | int | float | str):
        return value
    text = str(value)
    return text.lower() if text.lower() in ("true", "false") else text


def _chat(document: dict[str, Any]) -> Any:
    return document["chat"]


def _visuals(document: dict[str, Any]) -> list[str]:
    return [] if document["video"] is None else [str(document["video"])]


def _sentence(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300] if lines else ''}".rstrip(": ")
