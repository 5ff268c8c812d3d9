"""The runner: asks what is not answered yet, and journals each response as it comes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vau_bench.errors import DataError, ModelError, VideoError
from vau_bench.journal import Journal
from vau_bench.keys import model_digest, request_key
from vau_bench.kinds import Kind
from vau_bench.models.base import Model
from vau_bench.records import Generation, Outcome, Request, Response, Sample
from vau_bench.task import Selection, Task
from vau_bench.video import ClipLoader

FINAL = frozenset({Outcome.SCORED, Outcome.REFUSED, Outcome.TRUNCATED})
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


class Answered:
    """What a journal holds: the key of the last response to each sample, and whether it is final."""

    def __init__(self, responses: Iterable[Response]) -> None:
        self._last: dict[tuple[str, str, str, int], tuple[str, bool]] = {}
        for response in responses:
            self.add(response)

    def add(self, response: Response) -> None:
        """Take one response into account."""
        place = (response.task, response.sample_id, response.style, response.turn)
        self._last[place] = (response.key, response.outcome in FINAL)

    def holds(self, request: Request) -> bool:
        """Whether the request needs no asking."""
        return self._last.get(self._place(request)) == (request.key, True)

    def holds_other(self, request: Request) -> bool:
        """Whether there is an answer to an earlier form of the request: another video, prompt or setting."""
        last = self._last.get(self._place(request))
        return last is not None and last[1] and last[0] != request.key

    @staticmethod
    def _place(request: Request) -> tuple[str, str, str, int]:
        return (request.task, request.sample.id, request.style, request.turn)


class Runner:
    """Asks a model the requests of some tasks.

    Args:
        model: the model.
        name: its name.
        journal: open for writing.
        clips: hashes the videos.
        answered: what the journal held when it was opened.
        report: told about every expected sample.
    """

    def __init__(
        self, model: Model[Any], name: str, journal: Journal, clips: ClipLoader, answered: Answered, report: Report
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
        asked = _Outstanding(self._pending(tasks))
        with closing(_closeable(self._model.generate(asked))) as responses:
            for response in responses:
                asked.settle(response)
                self._record(response)
        if asked.open:
            raise ModelError(f"the model left {len(asked.open)} requests without a response")

    def _pending(self, tasks: Iterable[TaskRun]) -> Iterator[Request]:
        for run in tasks:
            for sample in run.selection.samples:
                request = self._request(run, sample)
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

    def _request(self, run: TaskRun, sample: Sample) -> Request | Response:
        """Return the request, or the response that says why it cannot be asked."""
        path, digest, problem = self._video(run, sample)
        messages = run.task.messages(run.kind, sample, run.style)
        key = request_key(self._digest, run.task.name, sample.id, 0, messages, run.generation, digest, run.frames)
        request = Request(
            key=key,
            task=run.task.name,
            kind=run.kind.name,
            style=run.style,
            turn=0,
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
            self._journal.append(response)
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
