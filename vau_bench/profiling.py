"""Where the time of an evaluation goes: how long each stage was busy, which one others wait for, what would help."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

BUSY = 0.85
"""From this share of the time on a stage is what limits a run; no stage is busy all the time, even where it does."""

ADVICE = {
    "decode": "decoding is the limit: more --decode-workers, or a frame plan with fewer or smaller frames",
    "cache": "reading kept frames is the limit: put the cache ($VAU_BENCH_CACHE) on a faster disk",
    "inputs": "the processor is the limit: fewer or smaller frames, or more processes (torchrun, --shard)",
    "generate": "the model is the limit: a larger batch_size, more processes (torchrun, --engine ray), a served one",
    "calls": "the endpoint is the limit: a higher concurrency, or more endpoints",
    "requests": "writing prompts and hashing videos is the limit: more processes (torchrun, --shard)",
    "journal": "writing the journal is the limit: put --out on a faster disk",
    "load": "loading the model takes most of the time: more samples in one run",
    "cluster": "starting Ray takes most of the time: more samples in a run, or a cluster that is there ($RAY_ADDRESS)",
    "starting": "starting takes most of the time: more samples in one run, rather than many short runs",
    "scoring": "scoring takes most of the time: --resamples 0, and `vau-bench score` once at the end",
    "report": "the report takes most of the time: --no-report, and `vau-bench report` once at the end",
}
"""What helps where a stage is the limit, or a phase takes most of the time."""

_NOBODY = "no stage is busy all the time, each waits for another: a larger batch_size, a higher concurrency"


class Spent(NamedTuple):
    """What one process spent on a stage: how often, seconds of all its lanes together, and how many lanes."""

    stage: str
    times: int
    seconds: float
    lanes: int


class Stage(NamedTuple):
    """What one stage took.

    Attributes:
        name: of the stage.
        times: how often it was done.
        seconds: in all, of all its lanes together.
        lanes: how many can be at it at once.
        busy: share of the time of asking that its lanes were busy, 0 to 1.
    """

    name: str
    times: int
    seconds: float
    lanes: int
    busy: float


class Profile:
    """A stopwatch for stages that go on at once, in several threads.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._begin = clock()
        self._lock = threading.Lock()
        self._spent: dict[str, tuple[int, float, int]] = {}
        self._phases: dict[str, float] = {}

    @property
    def wall(self) -> float:
        """Seconds since the profile began."""
        return self._clock() - self._begin

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time that the block takes to a phase of the run: asking, scoring, report. One follows another."""
        begin = self._clock()
        self._phases.setdefault("starting", begin - self._begin)
        try:
            yield
        finally:
            self._phases[name] = self._phases.get(name, 0.0) + self._clock() - begin

    def phases(self) -> dict[str, float]:
        """Return the seconds of each phase, in order."""
        return dict(self._phases)

    @contextmanager
    def at(self, stage: str, *, count: int = 1, lanes: int = 1) -> Iterator[None]:
        """Count the time that the block takes to a stage.

        Args:
            stage: its name.
            count: how many samples it is done for.
            lanes: how many blocks of the stage may be under way at once.
        """
        begin = self._clock()
        try:
            yield
        finally:
            self.add(stage, self._clock() - begin, count=count, lanes=lanes)

    def add(self, stage: str, seconds: float, *, count: int = 1, lanes: int = 1) -> None:
        """Count seconds to a stage; see `at`."""
        with self._lock:
            done, spent, most = self._spent.get(stage, (0, 0.0, 1))
            self._spent[stage] = (done + count, spent + seconds, max(most, lanes))

    def drain(self) -> list[Spent]:
        """Return what was spent since the last time."""
        with self._lock:
            spent, self._spent = self._spent, {}
        return [Spent(name, *told) for name, told in spent.items()]

    def take(self, spent: Iterable[Spent], *, processes: int) -> None:
        """Count what others spent.

        Args:
            spent: what `drain` returned there.
            processes: how many of them work at once.
        """
        for stage, times, seconds, lanes in spent:
            self.add(stage, seconds, count=times, lanes=lanes * processes)

    def stages(self) -> list[Stage]:
        """Return what each stage took until now, in the order of their first use."""
        span = max(self._phases.get("asking", self.wall), 1e-9)
        with self._lock:
            spent = dict(self._spent)
        return [Stage(name, n, s, lanes, min(1.0, s / (span * lanes))) for name, (n, s, lanes) in spent.items()]

    def advice(self) -> str:
        """Return what would make the run faster, in a sentence."""
        stages = self.stages()
        if not stages:
            return "nothing was done"
        if {stage.name for stage in stages} == {"requests"}:
            return "nothing was left to ask"
        longest = max(self._phases, key=lambda name: self._phases[name], default="asking")
        if longest != "asking":
            return ADVICE[longest]
        most = max(stages, key=lambda stage: stage.busy)
        return ADVICE.get(most.name, f"{most.name} is the limit") if most.busy >= BUSY else _NOBODY

    def as_json(self) -> dict[str, object]:
        """Return all of it."""
        return {
            "seconds": round(self.wall, 3),
            "phases": {name: round(seconds, 3) for name, seconds in self._phases.items()},
            "stages": [
                {**stage._asdict(), "seconds": round(stage.seconds, 3), "busy": round(stage.busy, 4)}
                for stage in self.stages()
            ],
            "advice": self.advice(),
        }
