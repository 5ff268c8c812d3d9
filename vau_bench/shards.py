"""Static shards: the processes of one launch share the videos out among themselves, and none waits for another.

Which process asks about a video follows from the requests and the number of processes alone, so nothing has to be
agreed upon, and nothing can hang. Each writes a journal of its own; the one that finds all requests answered scores.
"""

from __future__ import annotations

import hashlib
import heapq
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from vau_bench.errors import UsageError
from vau_bench.records import Sample
from vau_bench.runner import TaskRun

LAUNCHERS = (
    ("RANK", "WORLD_SIZE"),  # torchrun and accelerate launch
    ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),  # srun; a batch script without it has no step
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),  # mpirun
)
"""Environment variables by which a launcher tells a process which one it is, and of how many."""


@dataclass(frozen=True)
class Shard:
    """One process of a launch.

    Attributes:
        rank: from 0.
        count: of all processes.
    """

    rank: int
    count: int

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.count:
            raise UsageError(f"rank {self.rank} of {self.count} processes cannot be; ranks begin at 0")

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.count}"

    @classmethod
    def of(cls, text: str, environment: Mapping[str, str]) -> Shard | None:
        """Return the shard that a text such as `1/4` names, or the launcher's for `auto`; `None` for the whole.

        Raises:
            UsageError: if it names none, or the launcher's variables contradict each other.
        """
        if text == "none":
            return None
        if text == "auto":
            return cls._launched(environment)
        found = re.fullmatch(r"(\d+)/(\d+)", text)
        if found is None:
            raise UsageError(f"the shard {text!r} is none of auto, none, and RANK/COUNT such as 0/4")
        return cls(int(found[1]), int(found[2]))

    @classmethod
    def _launched(cls, environment: Mapping[str, str]) -> Shard | None:
        for names in LAUNCHERS:
            told = [environment.get(name) for name in names]
            if None in told:
                continue
            try:
                rank, count = (int(number or "") for number in told)
            except ValueError:
                held = " and ".join(f"${name}={number}" for name, number in zip(names, told, strict=True))
                raise UsageError(f"{held} are no rank and number of processes; pass --shard none") from None
            return cls(rank, count) if count > 1 else None
        return None

    def own(self, runs: Iterable[TaskRun]) -> list[TaskRun]:
        """Return the runs with the samples of this shard alone: all about the source videos dealt to it."""
        runs = list(runs)
        weights: Counter[str] = Counter()
        for run in runs:
            for sample in run.selection.samples:
                weights[sample.group] += run.turns
        dealt = deal(weights, self.count)
        return [_with_samples(run, (s for s in run.selection.samples if dealt[s.group] == self.rank)) for run in runs]


def deal(weights: Mapping[str, int], count: int) -> dict[str, int]:
    """Deal groups to ranks, the heaviest first, each to the rank with the least (Graham 1969); 4/3 of the best at most.

    Groups of one weight are dealt in a fixed but mixed order, for neighbours in a dataset are often alike.

    Args:
        weights: of each group: how many requests are about it.
        count: of ranks.
    """
    loads = [(0, rank) for rank in range(count)]
    dealt = {}
    for group in sorted(weights, key=lambda name: (-weights[name], _mixed(name))):
        load, rank = loads[0]
        heapq.heapreplace(loads, (load + weights[group], rank))
        dealt[group] = rank
    return dealt


def _mixed(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def _with_samples(run: TaskRun, samples: Iterable[Sample]) -> TaskRun:
    return replace(run, selection=replace(run.selection, samples=tuple(samples)))
