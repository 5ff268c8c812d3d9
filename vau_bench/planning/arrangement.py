"""How GPUs are used by a model, as the local adapters do or as a server would; and whether it fits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vau_bench.models.local_config import LocalConfig
from vau_bench.planning.accelerators import Hardware, accelerators
from vau_bench.planning.compute import GIB, SPARE_GIB, TOGETHER, Asked, Memory, Use, hours, largest_batch, memory
from vau_bench.planning.shapes import Shape

SERVED_AT_ONCE = 64
"""Requests that a server is assumed to answer at once at most, where memory and nobody says otherwise."""
AUTOMATIC = 64
"""Rows of a batch that batch_size=auto is assumed to reach at most, where memory suffices."""


@dataclass(frozen=True, slots=True)
class Arrangement:
    """How the GPUs are used.

    Attributes:
        use: of the GPUs.
        memory: of one copy of the model.
        told: the same in words.
        problem: why it does not fit, `None` if it does.
    """

    use: Use
    memory: Memory
    told: str
    problem: str | None


def bytes_of(config: Any) -> int:
    """Return the bytes of a weight: 4 in float32, else 2."""
    return 4 if isinstance(config, LocalConfig) and config.dtype == "float32" else 2


def arranged(
    shape: Shape, config: Any, hardware: Hardware, asked: Sequence[Asked], concurrency: int | None
) -> Arrangement:
    """Return how the GPUs are used for a model.

    Args:
        shape: of the model.
        config: its arguments: a local adapter's say where it runs, any other is taken for a server's.
        hardware: all GPUs.
        asked: all requests.
        concurrency: requests in flight, for a server.
    """
    if isinstance(config, LocalConfig):
        return _local(shape, config, hardware, longest_of(asked))
    return _served(shape, hardware, asked, concurrency)


def longest_of(asked: Iterable[Asked]) -> float:
    """Return the tokens of the longest request, answer included."""
    return max((one.context for one in asked), default=0.0)


def _local(shape: Shape, config: LocalConfig, hardware: Hardware, longest: float) -> Arrangement:
    split = config.device == "split"
    together = hardware.count if split else 1
    most = largest_batch(shape, longest, together, hardware, width=bytes_of(config))
    batch = min(most, AUTOMATIC) if config.batch_size == "auto" else config.batch_size
    use = Use(together, at_once=False, copies=hardware.count // together, batch=batch)
    need = memory(shape, longest, use.batch, together, hardware, width=bytes_of(config))
    if split:
        told = f"device=split: one copy, whose layers lie on {together} GPUs that work one after another"
    else:
        told = f"a copy on each of {use.copies} GPUs, one process each (torchrun)" if use.copies > 1 else "one GPU"
    problem = None
    if need.total > need.limit:
        ways = []
        whole = memory(shape, longest, use.batch, hardware.count, hardware, width=bytes_of(config))
        if not split and hardware.count > 1 and whole.total <= whole.limit:
            ways.append("--model-args device=split, which spreads its layers over the GPUs")
        elif not split:
            ways.append("more GPUs, with --model-args device=split")
        if config.dtype == "float32":
            ways.append("--model-args dtype=bfloat16")
        last = ["more GPUs"] if split else []
        problem = _problem(need, hardware, together, [*ways, *_ways(need, use.batch), *last])
    return Arrangement(use, need, f"{told}; batches of {use.batch}", problem)


def _served(shape: Shape, hardware: Hardware, asked: Sequence[Asked], concurrency: int | None) -> Arrangement:
    """Return the way to share out the GPUs among servers that is done first; of two such, that with more servers."""
    longest = longest_of(asked)
    uses = served_uses(shape, hardware, longest, concurrency)
    if not uses:
        use = Use(hardware.count, at_once=True, copies=1, batch=1)
        need = memory(shape, longest, 1, hardware.count, hardware)
        problem = _problem(need, hardware, hardware.count, [*_ways(need, 1), "more GPUs"])
        return Arrangement(use, need, f"a server over {hardware.count} GPUs", problem)
    use = min(uses, key=lambda use: hours(shape, asked, use, hardware).total / use.copies)
    servers = "one server" if use.copies == 1 else f"{use.copies} servers"
    kept = f"tensor parallel, assumed to keep {TOGETHER:.0%} of the speed with each doubling"
    each = "a GPU" if use.together == 1 else f"{use.together} GPUs ({kept})"
    told = f"assumed: {servers}, each over {each}"
    need = memory(shape, longest, use.batch, use.together, hardware)
    return Arrangement(use, need, f"{told}; {use.batch} requests at once", None)


def served_uses(shape: Shape, hardware: Hardware, longest: float, concurrency: int | None) -> list[Use]:
    """Return the ways to share out GPUs among servers that hold the model and a request: 1, 2, 4 ... GPUs each."""
    uses = []
    together = 1
    while together <= hardware.count:
        need = memory(shape, longest, 1, together, hardware)
        if need.total <= need.limit:
            copies = hardware.count // together
            at_once = math.ceil((concurrency or SERVED_AT_ONCE * copies) / copies)
            batch = min(at_once, largest_batch(shape, longest, together, hardware))
            uses.append(Use(together, at_once=True, copies=copies, batch=batch))
        together *= 2
    return uses


def _ways(need: Memory, batch: int) -> list[str]:
    """Return what helps a model that does not fit, besides another way to spread it."""
    ways = []
    if batch > 1:
        ways.append("a smaller batch_size")
    if need.cache > need.limit / 4:
        ways.append("fewer frames or smaller ones (--frames, max_pixels)")
    if need.weights > need.limit / 2:
        ways.append("a smaller model")
    return ways


def _problem(need: Memory, hardware: Hardware, together: int, ways: list[str]) -> str:
    larger = [
        name
        for name, one in accelerators().items()
        if one.memory > hardware.each.memory and one.memory * 1e9 / GIB * together >= need.total
    ]
    if larger:
        ways.append(f"larger GPUs ({', '.join(larger)})")
    each = need.limit / together
    many = f"{together} GPUs that have {each:.0f} each" if together > 1 else f"a GPU that has {each:.0f}"
    parts = f"weights {need.weights:.0f}, keys and values {need.cache:.1f}, spare {SPARE_GIB * together:.0f}"
    return f"it takes {need.total:.0f} GiB ({parts}) of {many}; what helps: {'; '.join(ways)}"
