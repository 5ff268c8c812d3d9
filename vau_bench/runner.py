"""The runner: asks what is not answered yet, and journals each response as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from vau_bench.errors import DataError, ModelError, VideoError
from vau_bench.keys import model_digest, request_key
from vau_bench.kinds import Kind
from vau_bench.models.base import Model
from vau_bench.records import Generation, Outcome, Request, Response, Sample
from vau_bench.task import Selection, Task
from vau_bench.video import ClipLoader

FINAL = frozenset({Outcome.SCORED, Outcome.REFUSED, Outcome.TRUNCATED})
"""Outcomes that are the model's own answer. Errors and missing videos are asked again when a run goes on."""

_NOTHING = ("", None, "")

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


class Answered:
    """What a journal holds: of the last response to each sample and turn the key and the outcome.

    Texts are kept of the turns that a later one quotes, and of no other.

    Args:
        responses: of the journal.
        quoted: `(task, style)` -> how many turns at the beginning of a conversation are quoted later.
    """

    def __init__(self, responses: Iterable[Response], quoted: Mapping[tuple[str, str], int]) -> None:
        self._quoted = quoted
        self._last: dict[tuple[str, str, str, int], tuple[str, Outcome, str]] = {}
        for response in responses:
            self.add(response)

    def add(self, response: Response) -> None:
        """Take one response into account."""
        place = (response.task, response.sample_id, response.style, response.turn)
        quoted = response.turn < self._quoted.get((response.task, response.style), 0)
        self._last[place] = (response.key, response.outcome, response.text if quoted else "")

    def holds(self, request: Request) -> bool:
        """Whether the request needs no asking."""
        key, outcome, _ = self._last.get(self._place(request), _NOTHING)
        return key == request.key and outcome in FINAL

    def holds_other(self, request: Request) -> bool:
        """Whether there is an answer to an earlier form of the request: another video, prompt or setting."""
        key, outcome, _ = self._last.get(self._place(request), _NOTHING)
        return key != request.key and outcome in FINAL

    def repeats(self, response: Response) -> bool:
        """Whether the response says nothing new: that a video is still missing."""
        key, outcome, _ = self._last.get((response.task, response.sample_id, response.style, response.turn), _NOTHING)
        return outcome is response.outcome is Outcome.MISSING and key == response.key

    def said(self, run: TaskRun, sample: Sample, turns: int) -> tuple[str, ...] | None:
        """Return the texts of the first turns, `None` unless all of them were answered."""
        last = [self._last.get((run.task.name, sample.id, run.style, turn)) for turn in range(turns)]
        if any(answer is None or answer[1] is not Outcome.SCORED for answer in last):
            return None
        return tuple(answer[2] for answer in last if answer is not None)

    @staticmethod
    def _place(request: Request) -> tuple[str, str, str, int]:
        return (request.task, request.sample.id, request.style, request.turn)


class Keeps(Protocol):
    """Keeps responses, as a journal does."""

    def append(self, response: Response) -> None: ...  # noqa: D102


class Runner:
    """Asks a model the requests of some tasks.

    Args:
        model: the model.
        name: its name.
        journal: open for writing, or anything else that keeps responses.
        clips: hashes the videos.
        answered: what the journal held when it was opened.
        report: told about every expected sample.
    """

    def __init__(
        self, model: Model[Any], name: str, journal: Keeps, clips: ClipLoader, answered: Answered, report: Report
    ) -> None:
        self._model = model
        self._digest = model_digest(name, model.identity())
        self._journal = journal
        self._clips = clips
        self._answered = answered
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
        for run in tasks:
            for sample in run.selection.samples:
                said = self._answered.said(run, sample, turn)
                if said is None:  # without an answer to the turn before there is nothing to go on with
                    self._report(None)
                    continue
                request = self._request(run, sample, said)
                if isinstance(request, Response):
                    self._record(request)
                elif self._answered.holds(request):
                    self._report(None)
                else:
                    if self._answered.holds_other(request):
                        self._record(
                            request.failure(Outcome.MISSING, "asked anew: what is asked has changed"), silent=True
                        )
                    yield request

    def _request(self, run: TaskRun, sample: Sample, said: Sequence[str]) -> Request | Response:
        """Return the request, or the response that says why it cannot be asked."""
        path, digest, problem = self._video(run, sample)
        messages = run.task.messages(run.kind, sample, run.style, said)
        turn = len(said)
        key = request_key(self._digest, run.task.name, sample.id, turn, messages, run.generation, digest, run.frames)
        request = Request(
            key=key,
            task=run.task.name,
            kind=run.kind.name,
            style=run.style,
            turn=turn,
            sample=sample,
            messages=messages,
            generation=run.generation,
            video=path,
            plan=run.frames,
            choices=run.kind.choices(sample),
        )
        return request.failure(*problem) if problem else request

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
            if not self._answered.repeats(response):
                self._journal.append(response)
            self._answered.add(response)
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


def _closeable(responses: Iterator[Response]) -> Any:
    """Return the iterator, with a `close` where it lacks one."""
    return responses if hasattr(responses, "close") else (r for r in responses)
