"""Ray: a model in many processes, on one machine or on many, whatever of them is lost on the way.

The process that asks draws requests and writes the journal, as ever. Between the two lies a pipeline of Ray Data:
requests, clips, answers, each passed on as it comes. What is lost with a process or a node is computed again, and a
request is answered once, however often it was computed.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from vau_bench.engines.cluster import Cluster, ray_module
from vau_bench.engines.feeder import Feeder
from vau_bench.errors import UsageError
from vau_bench.kinds import Kind
from vau_bench.models.base import Model, ModelConfig
from vau_bench.options import Options
from vau_bench.records import JSON, Outcome, Request, Response, Sample

if TYPE_CHECKING:
    from vau_bench.engines.flow import Flow

AT_ONCE = ("batch_size", "concurrency", "chunk")
"""Arguments by which models say how many requests they work at together."""
ROWS = 8
"""Requests that a process gets at a time, at least."""
MOST_ROWS = 64
"""Requests that a process gets at a time, at most: with them their clips."""
_KEYS = re.compile(r"^(?!RAY_)(VAU_BENCH_|HF_|OPENAI_|.*_?(KEY|TOKEN|SECRET|PASSWORD)$)", re.IGNORECASE)
"""Environment variables that the processes of a model are given."""


@dataclass(frozen=True)
class RayEngine:
    """Answers requests in the processes of a Ray cluster: that of `$RAY_ADDRESS`, else one on this machine.

    Attributes:
        least: processes of the model at least.
        most: at most; `None`: as many as there is room for.
        gpus: of each such process; a part of one where several share it.
    """

    least: int = 1
    most: int | None = None
    gpus: float = 0.0

    def __post_init__(self) -> None:
        if self.least < 1 or (self.most is not None and self.most < self.least) or self.gpus < 0:
            raise UsageError(f"{self.least} to {self.most} actors with {self.gpus:g} GPUs each cannot be")

    @classmethod
    def parse(cls, actors: str | None = None, gpus: float = 0.0) -> RayEngine:
        """Return the engine with as many actors as a text such as `4` or `1:8` says.

        Raises:
            UsageError: if it says no number of actors.
        """
        if actors is None:
            return cls(gpus=gpus)
        found = re.fullmatch(r"(\d+)(?::(\d+))?", actors)
        if found is None:
            raise UsageError(f"--actors {actors!r} is neither a number nor MIN:MAX, such as 1:8")
        return cls(int(found[1]), int(found[2] or found[1]), gpus)

    def over(self, model: Model[Any], options: Options) -> Model[Any]:
        """Return the model, answering through Ray; see `Engine.over`."""
        ray_module()

        class Over(Distributed):
            summary = type(model).summary
            reads_video = model.reads_video
            own_frames = model.own_frames
            by_video = model.by_video

        return Over(model, options, self)


class Distributed(Model[Any]):
    """A model whose answers come from processes of Ray.

    Args:
        inner: the model, which is asked nothing here.
        options: what processes make it from.
        engine: how many there are.
    """

    def __init__(self, inner: Model[Any], options: Options, engine: RayEngine) -> None:
        super().__init__(inner.config, inner.clips)
        self._inner, self._options, self._engine = inner, options, engine
        self.frames, self.style = inner.frames, inner.style
        self._prepared: list[tuple[str, Kind[Any], Sequence[Sample]]] = []
        self._cluster: Cluster | None = None

    def planned(self, asked: str | None, otherwise: str) -> str:  # noqa: D102
        return self._inner.planned(asked, otherwise)

    def prepare(self, task: str, kind: Kind[Any], tuning: Sequence[Sample]) -> None:  # noqa: D102
        self._inner.prepare(task, kind, tuning)
        self._prepared.append((task, kind, tuning))

    def identity(self) -> dict[str, JSON]:
        """Return what tells the model from others: where it is computed is no part of it."""
        return self._inner.identity()

    def described(self) -> dict[str, JSON]:  # noqa: D102
        return self._inner.described()

    def close(self) -> None:
        """Close the model, and end what was started for it."""
        self._inner.close()
        if self._cluster is not None:
            self._cluster.close()
            self._cluster = None

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        """Yield one response per request, in any order.

        Raises:
            ModelError: if the model, or the cluster, stops for all requests.
            UsageError: if there is no cluster, or it can never have what is asked for.
        """
        requests = iter(requests)
        first = next(requests, None)
        if first is None:  # nothing to ask needs no cluster
            return
        flow = self._flow()
        feeder = Feeder(chain((first,), requests), rows=flow.rows, slots=flow.slots, put=flow.put, end=flow.end)
        try:
            feeder.start()
            with closing(flow.responses()) as responses:
                for response in responses:
                    is_first, answered = feeder.settle(response)
                    if answered is not None:
                        flow.forget(answered)
                    if is_first:
                        yield response
            self.clips.profile.take(flow.spent(), processes=1)
        finally:
            feeder.stop()
            flow.close()
            feeder.join()
        if feeder.error is not None:
            raise feeder.error
        for request in feeder.unanswered():
            yield request.failure(Outcome.ERRORED, "the cluster lost it without a word")

    def _flow(self) -> Flow:
        """Return a pipeline, with the cluster that it runs on."""
        from vau_bench.engines.flow import Flow, Pools
        from vau_bench.engines.stages import Setup

        engine, decode = self._engine, self._options.decode_workers if self._decodes else 0
        if self._cluster is None:
            with self.clips.profile.at("cluster"):
                self._cluster = Cluster(max(os.cpu_count() or 1, decode + (engine.most or engine.least)))
        cpus, gpus = self._cluster.resources()
        wanted = decode + engine.least, engine.least * engine.gpus
        if cpus < wanted[0] or gpus < wanted[1]:
            told = (
                f"the Ray cluster has {cpus:g} processors and {gpus:g} GPUs; {engine.least} actors and {decode} decode "
                f"workers need {wanted[0]} and {wanted[1]:g}"
            )
            if self._cluster.own:
                raise UsageError(told)
            warnings.warn(f"{told}: waiting for nodes", stacklevel=2)
        room = gpus // engine.gpus if engine.gpus else cpus - decode
        most = engine.most or max(engine.least, int(room))
        options = self._options
        setup = Setup(options.model, options.model_args, self._prepared, options.decode_timeout)
        return Flow(setup, keys_for(self.config), Pools(engine.least, most, engine.gpus, decode), _rows(self.config))

    @property
    def _decodes(self) -> bool:
        return self.reads_video and self.own_frames is None


def keys_for(config: ModelConfig) -> dict[str, str]:
    """Return the environment variables that a model may need: those with keys, and those that it names."""
    named = {str(value) for name, value in config if name.endswith("_env")}
    return {name: value for name, value in os.environ.items() if name in named or _KEYS.search(name)}


def _rows(config: ModelConfig) -> int:
    """Return how many requests a process gets at a time: several rounds of what the model works at together."""
    at_once = [getattr(config, name, None) for name in AT_ONCE]
    return min(MOST_ROWS, max([ROWS, *(4 * number for number in at_once if isinstance(number, int))]))
