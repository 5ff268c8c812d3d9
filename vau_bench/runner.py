"""The runner: asks what is not answered yet, and journals each response as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from vau_bench.errors import DataError, ModelError, VideoError
from vau_bench.history import Told
from vau_bench.keys import RequestKeys, model_digest
from vau_bench.kinds import Kind
from vau_bench.models.base import Model
from vau_bench.records import Generation, Message, Outcome, Request, Response, Sample
from vau_bench.task import Selection, Task
from vau_bench.video import ClipLoader

FINAL = (Outcome.SCORED, Outcome.REFUSED, Outcome.TRUNCATED)
"""Outcomes that are the model's own answer. Errors and missing videos are asked again when a run goes on."""

Report = Callable[[Response | None], None]
"""Called once per expected sample: with a new response, or `None` for one that was answered before."""


@dataclass(frozen=True)
class TaskRun:
    """A task as it is asked in one run."""

    task: Task
    kind: Kind[Any]
    selection: Selection
    style: str
    frames: str
    generation: Generation

    @property
    def turns(self) -> int:
        """How many turns a conversation has."""
        return len(self.task.prompts.turns(self.style))


_Asked: TypeAlias = tuple[TaskRun, RequestKeys, Sample]


class Records(Protocol):
    """Keeps responses, and tells of the last one to each turn about each sample; see `vau_bench.history`."""

    def add(self, response: Response) -> None: ...  # noqa: D102

    def told(self, task: str, style: str, turn: int, sample_id: str) -> Told | None: ...  # noqa: D102

    def response(self, task: str, style: str, turn: int, sample_id: str) -> Response | None: ...  # noqa: D102


class Runner:
    """Asks a model the requests of some tasks.

    Args:
        model: the model.
        name: its name.
        records: where responses are kept, and found again.
        clips: hashes the videos.
        report: told about every expected sample.
    """

    def __init__(self, model: Model[Any], name: str, records: Records, clips: ClipLoader, report: Report) -> None:
        self._model = model
        self._digest = model_digest(name, model.identity())
        self._records = records
        self._clips = clips
        self._report = report
        # A model may draw its requests from a thread of its own.
        self._lock = threading.Lock()

    def run(self, tasks: Iterable[TaskRun]) -> None:
        """Ask all requests that the journal does not answer.

        Raises:
            ModelError: if the model stops for all requests, or breaks its contract.
            RunError: if the journal cannot be written.
        """
        tasks = list(tasks)
        for turn in range(max((run.turns for run in tasks), default=0)):
            self._run_turn([run for run in tasks if turn < run.turns], turn)

    def _run_turn(self, tasks: Sequence[TaskRun], turn: int) -> None:
        asked = _Outstanding(self._pending(tasks, turn))
        with closing(_closeable(self._model.generate(asked))) as responses:
            for response in responses:
                asked.settle(response)
                self._record(response)
        if asked.open:
            raise ModelError(f"the model left {len(asked.open)} requests without a response")

    def _pending(self, tasks: Iterable[TaskRun], turn: int) -> Iterator[Request]:
        keyed = ((run, RequestKeys(self._digest, run.task.name, run.generation, run.frames)) for run in tasks)
        asked = ((run, keys, sample) for run, keys in keyed for sample in run.selection.samples)
        profile = self._clips.profile
        skipped, begin = 0, profile.wall
        for run, keys, sample in _by_video(asked) if self._model.by_video else asked:
            request = self._open(run, keys, sample, turn)
            if request is None:
                skipped += 1
                continue
            profile.add("requests", profile.wall - begin, count=skipped + 1)
            yield request
            skipped, begin = 0, profile.wall
        if skipped:
            profile.add("requests", profile.wall - begin, count=skipped)

    def _open(self, run: TaskRun, keys: RequestKeys, sample: Sample, turn: int) -> Request | None:
        """Return the request about a sample, `None` where it needs no asking or cannot be asked."""
        said = self._said(run, sample, turn)
        if said is None:  # without an answer to the turn before there is nothing to go on with
            self._report(None)
            return None
        video, digest, problem = self._video(run, sample)
        messages = run.task.messages(run.kind, sample, run.style, said)
        key = keys.key(sample.id, turn, messages, digest)
        told = self._records.told(run.task.name, run.style, turn, sample.id)
        answered = told if problem is None and told is not None and told.outcome in FINAL else None
        if answered is not None and answered.answers(key):
            self._report(None)
            return None
        request = self._request(run, sample, turn, key, messages, video)
        if problem is not None:
            self._record(request.failure(*problem))
            return None
        if answered is not None:  # to an earlier form of the request: another video, prompt or setting
            self._record(request.failure(Outcome.MISSING, "asked anew: what is asked has changed"), silent=True)
        return request

    def _said(self, run: TaskRun, sample: Sample, turns: int) -> tuple[str, ...] | None:
        """Return the texts of the first turns, `None` unless all of them were answered."""
        said = []
        for turn in range(turns):
            response = self._records.response(run.task.name, run.style, turn, sample.id)
            if response is None or response.outcome is not Outcome.SCORED:
                return None
            said.append(response.text)
        return tuple(said)

    def _request(
        self, run: TaskRun, sample: Sample, turn: int, key: str, messages: tuple[Message, ...], video: Path | None
    ) -> Request:
        return Request(
            key=key,
            task=run.task.name,
            kind=run.kind.name,
            style=run.style,
            turn=turn,
            sample=sample,
            messages=messages,
            generation=run.generation,
            video=video,
            plan=run.frames,
            choices=run.kind.choices(sample),
        )

    def _video(self, run: TaskRun, sample: Sample) -> tuple[Path | None, str | None, tuple[Outcome, str] | None]:
        if not self._model.reads_video:
            return None, None, None
        try:
            path = run.selection.dataset.find_video(sample)
            if path is None:
                return None, None, (Outcome.MISSING, f"no video {sample.video}")
            return path, self._clips.hash(path), None
        except (VideoError, DataError) as error:
            return None, None, (Outcome.ERRORED, str(error))

    def _record(self, response: Response, *, silent: bool = False) -> None:
        with self._lock:
            told = self._records.told(response.task, response.style, response.turn, response.sample_id)
            # that a video is still missing is nothing new
            if response.outcome is not Outcome.MISSING or told != Told.of(response):
                with self._clips.profile.at("journal"):
                    self._records.add(response)
            if not silent:
                self._report(response)


class _Outstanding:
    """The requests that a model has taken and not answered yet."""

    def __init__(self, requests: Iterator[Request]) -> None:
        self._requests = requests
        self.open: set[str] = set()

    def __iter__(self) -> Iterator[Request]:
        return self

    def __next__(self) -> Request:
        request = next(self._requests)
        self.open.add(request.key)
        return request

    def settle(self, response: Response) -> None:
        try:
            self.open.remove(response.key)
        except KeyError:
            raise ModelError(f"the model answered {response.sample_id!r} twice, or was never asked") from None


def _by_video(asked: Iterable[_Asked]) -> Iterator[_Asked]:
    """Yield what is about one video one after the other, the videos in the order of their first sample."""
    together: dict[tuple[str, str], list[_Asked]] = {}
    for each in asked:
        run, _, sample = each
        together.setdefault((run.task.spec.dataset.name, sample.video), []).append(each)
    return (each for about in together.values() for each in about)


def _closeable(responses: Iterator[Response]) -> Any:
    """Return the iterator, with a `close` where it lacks one."""
    return responses if hasattr(responses, "close") else (r for r in responses)
