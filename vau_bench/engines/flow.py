"""The pipeline of Ray Data: requests from the desk, decoded, answered; each passed on as it comes."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vau_bench.engines.cluster import quiet_data
from vau_bench.engines.desk import Desk
from vau_bench.engines.stages import Answer, Decode, Setup, requests_on, setup_of
from vau_bench.engines.wire import pickled, read_answers
from vau_bench.errors import ModelError
from vau_bench.profiling import Spent
from vau_bench.records import Request, Response

WHOLE = {"batch_size": None, "batch_format": "pyarrow", "zero_copy_batch": True}
"""Each block is one call of a stage, and is not copied for it."""


class Pools(NamedTuple):
    """Processes of the stages.

    Attributes:
        least: of the model at least.
        most: of the model at most.
        gpus: of each process of the model.
        decode: that decode; 0 leaves decoding to the model.
    """

    least: int
    most: int
    gpus: float
    decode: int


class Flow:
    """A pipeline. Close it; that ends what runs for it.

    Args:
        setup: what its processes start from.
        keys: variables that they are told.
        pools: how many processes there are.
        rows: requests of a block.

    Attributes:
        slots: blocks that may be open at once: enough for every process to work on one with the next at hand, and for
            the pool of models to see that there is more to do.
    """

    def __init__(self, setup: Setup, keys: dict[str, str], pools: Pools, rows: int) -> None:
        self._pools, self.rows = pools, rows
        self.slots = 4 * pools.most + 3 * pools.decode + 2
        self._desk = desk_here(setup, keys)

    def put(self, block: list[Request]) -> None:
        """Lay requests on the desk."""
        ray.get(self._desk.put.remote(pickled(block)))

    def end(self) -> None:
        """No requests follow."""
        ray.get(self._desk.end.remote())

    def forget(self, index: int) -> None:
        """A block is answered."""
        self._desk.forget.remote(index)

    def responses(self) -> Generator[Response]:
        """Yield responses as they come; one may come twice.

        Raises:
            ModelError: if the model can answer nothing, or Ray gives up.
        """
        with sentences(), quiet_data(ray):
            tables = self._dataset().iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
            for table in tables:
                yield from read_answers(table)

    def spent(self) -> list[Spent]:
        """Return what its processes spent on which stage."""
        with sentences():
            found: list[Spent] = ray.get(self._desk.spent.remote())
        return found

    def close(self) -> None:
        """End the pipeline."""
        ray.kill(self._desk)

    def _dataset(self) -> Any:
        pools, pool = self._pools, ray.data.ActorPoolStrategy
        flow = ray.data.from_items([{"start": 0}], override_num_blocks=1).map_batches(
            requests_on, fn_kwargs={"desk": self._desk}, num_cpus=0, **WHOLE
        )
        if pools.decode:
            decoders = {"compute": pool(size=pools.decode), "num_cpus": 1}
            flow = flow.map_batches(
                Decode, fn_constructor_args=(self._desk, self.rows, pools.decode), **decoders, **WHOLE
            )
        models = {"compute": pool(min_size=pools.least, max_size=pools.most), "num_cpus": 1, "num_gpus": pools.gpus}
        return flow.map_batches(Answer, fn_constructor_args=(self._desk, pools.most), **models, **WHOLE)


def desk_here(setup: Any, keys: dict[str, str]) -> Any:
    """Return a desk on this node.

    Args:
        setup: what processes start from.
        keys: variables that they are told.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    desk = ray.remote(num_cpus=0, max_restarts=0, scheduling_strategy=here)(Desk).remote(setup_of(setup))
    with sentences():
        ray.get(desk.lend.remote(keys))
    return desk


@contextmanager
def sentences() -> Iterator[None]:
    """Turn what Ray raises into a sentence."""
    try:
        yield
    except ray.exceptions.RayError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        told = lines[-1] if lines else type(error).__name__
        raise ModelError(f"Ray stopped: {told[:300]}; run the same command again to go on") from error
