"""The stages of the Ray engine, as they run in its processes: requests from the desk, decoding, answering."""

from __future__ import annotations

import os
import pickle
import socket
import sys
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray

from vau_bench._version import __version__
from vau_bench.engines.wire import (
    Found,
    Place,
    answer_table,
    pickled,
    portion_table,
    read_portion,
    read_requests,
    request_table,
)
from vau_bench.errors import ModelError, VauBenchError, VideoError
from vau_bench.kinds import Kind
from vau_bench.models import create_model
from vau_bench.models.base import Model
from vau_bench.paths import cache_dir
from vau_bench.records import Outcome, Request, Response, Sample
from vau_bench.runs import code_digest
from vau_bench.video import Clip, ClipLoader, FramePlan, parse_plan

TRIES = 3
"""Processes that may be lost over one request before it counts as errored."""
HOPELESS = 8
"""Processes that may be lost before one has answered anything."""
PORTION = 256 << 20
"""Bytes of clips that are handed over together, if there is more than one."""


@dataclass(frozen=True)
class Setup:
    """What a process starts from.

    Attributes:
        model: name of the model.
        model_args: its arguments.
        prepared: tasks, their kinds, and the samples that constants may be fitted to.
        timeout: seconds that decoding one video may take.
    """

    model: str
    model_args: dict[str, Any]
    prepared: list[tuple[str, Kind[Any], Sequence[Sample]]]
    timeout: float


def setup_of(setup: Any) -> bytes:
    """Return a setup as the desk holds it, with the program, the folder of relative paths, and where modules lie."""
    return pickled((_program(), str(Path.cwd()), sys.path, ray.cloudpickle.dumps(setup)))


def ready(desk: Any) -> Any:
    """Make this process like the one that asks: its keys, its folder, its modules; return what it is to do.

    Raises:
        ModelError: if it runs another program.
    """
    os.environ.update(ray.get(desk.environment.remote()))
    program, folder, path, setup = pickle.loads(ray.get(desk.setup.remote()))
    if program != _program():
        raise ModelError(
            f"{socket.gethostname()} runs {_program()}, the process that asks {program}; install the same on all nodes"
        )
    with suppress(OSError):
        os.chdir(folder)
    sys.path += [entry for entry in path if entry not in sys.path]
    return pickle.loads(setup)


def _program() -> str:
    return f"vau-bench {__version__} with the code {code_digest()[:12]}"


def requests_on(table: pa.Table, desk: Any) -> Iterator[pa.Table]:
    """Yield the blocks of requests on the desk, each as it comes; the same ones again where this is run again."""
    index = 0
    while (block := ray.get(desk.take.remote(index))) is not None:
        yield request_table(index, block)
        index += 1


class Decode:
    """Decodes the clips that requests ask about.

    A video that crashes the decoder costs itself, for that is a process of its own. Where this process is lost over a
    block again and again, whoever answers decodes it, request by request.

    Args:
        desk: the desk.
        width: requests of a block at most.
        processes: how many decode.
    """

    def __init__(self, desk: Any, width: int, processes: int = 1) -> None:
        self._desk, self._width, self._processes = desk, width, processes
        self._loader: ClipLoader | None = None

    def __call__(self, table: pa.Table) -> Iterator[pa.Table]:
        """Yield the block in portions; computed again, a portion begins no later than before."""
        index, requests = read_requests(table)
        mark = f"decode/{index}"
        if ray.get(self._desk.begin_alone.remote(mark)) >= TRIES:
            for request in requests:
                yield portion_table([request], {}, self._width)
        else:
            for portion, found in portions(self._decoded(requests)):
                yield portion_table(portion, found, self._width)
        ray.get(self._desk.decoded.remote(mark))
        if self._loader is not None:
            ray.get(self._desk.note.remote(self._loader.profile.drain(), self._processes))

    def _decoded(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Found | None]]:
        if self._loader is None:
            self._loader = ClipLoader(cache_dir(), timeout=ready(self._desk).timeout)
        for has_video, group in groupby(requests, lambda request: request.video is not None):
            if has_video:
                yield from self._loader.stream(group, place_of)
            else:
                for request in group:
                    yield request, None


def place_of(request: Request) -> Place:
    """Return the video and the plan of a request with a video."""
    assert request.video is not None
    return request.video, str(parse_plan(request.plan))


def portions(decoded: Iterable[tuple[Request, Found | None]]) -> Iterator[tuple[list[Request], dict[Place, Found]]]:
    """Yield requests with their clips, as many together as are not too large; at least one portion."""
    requests: list[Request] = []
    found: dict[Place, Found] = {}
    size = 0
    for request, clip in decoded:
        new = isinstance(clip, Clip) and place_of(request) not in found
        more = clip.frames.nbytes if isinstance(clip, Clip) and new else 0
        if more and size and size + more > PORTION:
            yield requests, found
            requests, found, size = [], {}, 0
        requests.append(request)
        if clip is not None:
            found[place_of(request)] = clip
        size += more
    yield requests, found


class Served(ClipLoader):
    """Serves the clips that were decoded before, and decodes itself what was not."""

    served: dict[Place, Found]

    def load(self, path: Path, plan: FramePlan | str) -> Clip:
        """Return the frames of the plan; see `ClipLoader.load`."""
        found = self.served.get((path, str(parse_plan(plan))))
        if isinstance(found, VideoError):
            raise found
        return found if found is not None else super().load(path, plan)


class Answer:
    """Answers requests with the model, one portion after the other.

    Over a portion whose process was lost, requests are asked one by one, and the one that it was lost over too often is
    asked no more. The answers to a portion are one row: they arrive together or not at all.

    Args:
        desk: the desk.
        processes: how many answer, at most.
    """

    def __init__(self, desk: Any, processes: int = 1) -> None:
        self._desk, self._processes = desk, processes
        self._made: tuple[Model[Any], Served] | None = None

    def __call__(self, table: pa.Table) -> pa.Table:
        """Return the answers, or what makes answers impossible."""
        requests, found = read_portion(table)
        try:
            answers = list(self._answers(requests, found))
            if self._made is not None:
                ray.get(self._desk.note.remote(self._made[1].profile.drain(), self._processes))
            return answer_table(answers)
        except VauBenchError as error:
            return answer_table(ModelError(str(error)))
        except (Exception, SystemExit):  # a defect is shown where somebody sees it
            return answer_table(RuntimeError(f"the model failed in a process of the engine:\n{traceback.format_exc()}"))

    def _answers(self, requests: list[Request], found: dict[Place, Found]) -> Iterator[Response]:
        if not requests:
            return
        keys = [request.key for request in requests]
        tries, kept, losses = ray.get(self._desk.begin.remote(keys))
        if losses >= HOPELESS:
            raise ModelError(
                f"{losses} processes of the model were lost before one of them answered anything; "
                "see what ends it by running it without --engine, with --limit 1"
            )
        model = self._model(found)
        if not any(tries) and not kept:
            yield from model.generate(requests)
            ray.get(self._desk.done.remote(keys))
            return
        for request, lost in zip(requests, tries, strict=True):
            if request.key in kept:
                yield pickle.loads(kept[request.key])
            elif lost >= TRIES:
                yield request.failure(Outcome.ERRORED, f"{lost} processes of the model were lost over it")
            else:
                yield from self._alone(model, request)

    def _alone(self, model: Model[Any], request: Request) -> Iterator[Response]:
        ray.get(self._desk.begin_alone.remote(request.key))
        for response in model.generate([request]):
            ray.get(self._desk.done.remote([request.key], pickled(response)))
            yield response

    def _model(self, found: dict[Place, Found]) -> Model[Any]:
        """Return the model, with these clips at hand."""
        if self._made is None:
            setup = ready(self._desk)
            clips = Served(cache_dir(), timeout=setup.timeout)
            model = create_model(setup.model, setup.model_args, clips)
            for task, kind, tuning in setup.prepared:
                model.prepare(task, kind, tuning)
            self._made = model, clips
        model, clips = self._made
        clips.served = found
        return model
