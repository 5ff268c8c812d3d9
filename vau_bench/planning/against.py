"""What was reckoned beside what a run measured, over the requests that it answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from vau_bench.errors import VideoError
from vau_bench.planning.compute import Asked
from vau_bench.planning.workload import Viewed
from vau_bench.records import Outcome, Response
from vau_bench.video import ClipLoader
from vau_bench.video.cache import entry_bytes

Key = tuple[str, str, int]
_UNANSWERED = (Outcome.ERRORED, Outcome.MISSING)


class Compared(NamedTuple):
    """One sum, reckoned and measured.

    Attributes:
        name: what it is.
        task: of which task; empty for all.
        n: requests or clips of which both are known.
        reckoned: `None` where the plan says nothing.
        measured: `None` where the run does not tell.
    """

    name: str
    task: str
    n: int
    reckoned: float | None
    measured: float | None

    @property
    def ratio(self) -> float | None:
        """Reckoned over measured."""
        if self.reckoned is None or not self.measured:
            return None
        return self.reckoned / self.measured


def last_responses(responses: Iterable[Response]) -> dict[Key, Response]:
    """Return the last response to each task, sample and turn, those without an answer left out."""
    last = {(r.task, r.sample_id, r.turn): r for r in responses}
    return {key: r for key, r in last.items() if r.outcome not in _UNANSWERED}


def compared_tokens(asked: Iterable[Asked], responses: Mapping[Key, Response]) -> list[Compared]:
    """Return tokens of prompts and of answers, by task."""
    reckoned: dict[str, list[tuple[Asked, Response]]] = {}
    for one in asked:
        response = responses.get((one.task, one.sample_id, one.turn))
        if response is not None:
            reckoned.setdefault(one.task, []).append((one, response))
    rows: list[Compared] = []
    for task, pairs in reckoned.items():
        prompts = [(a.prompt, r.usage.prompt_tokens) for a, r in pairs if r.usage and r.usage.prompt_tokens is not None]
        outputs = [
            (a.output, r.usage.completion_tokens) for a, r in pairs if r.usage and r.usage.completion_tokens is not None
        ]
        rows += [_summed("prompt tokens", task, prompts), _summed("output tokens", task, outputs)]
    return [row for row in rows if row.n]


def _summed(name: str, task: str, pairs: list[tuple[float, int]]) -> Compared:
    return Compared(name, task, len(pairs), sum(a for a, _ in pairs), float(sum(b for _, b in pairs)))


def compared_seconds(responses: Mapping[Key, Response], reckoned: float | None) -> Compared:
    """Return the seconds that answers took together.

    Args:
        responses: of the run.
        reckoned: seconds of the GPUs for all of them; `None` without hardware.
    """
    told = [r.usage.seconds for r in responses.values() if r.usage and r.usage.seconds is not None]
    return Compared("seconds", "", len(told), reckoned, sum(told) if told else None)


def compared_cache(viewed: Iterable[Viewed], clips: ClipLoader) -> Compared:
    """Return the bytes of the clips that are in the cache."""
    reckoned = measured = count = 0
    for one in viewed:
        if one.path is None:
            continue
        try:
            size = clips.cached_bytes(one.path, one.plan)
        except VideoError:
            size = None
        if size is not None:
            reckoned, measured, count = reckoned + entry_bytes(one.shown), measured + size, count + 1
    return Compared("cache bytes", "", count, float(reckoned), float(measured) if count else None)


def run_name(path: Path) -> str:
    """Return the name of a run's folder, in one word."""
    return re.sub(r"\s+", "-", path.resolve().name)
