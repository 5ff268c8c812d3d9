"""All samples of a report as data: an index to filter and sort by, and the rest in chunks, read on demand."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vau_bench.metrics.reflection import RIGHT
from vau_bench.records import Outcome
from vau_bench.report.answers import TIMED, reflected, tiou, verdict
from vau_bench.report.cards import card
from vau_bench.report.choosing import choose, goodness, shares, worst_first
from vau_bench.report.command import repeat_command
from vau_bench.report.contents import RunContents
from vau_bench.report.excerpts import legible
from vau_bench.report.film import Strip
from vau_bench.report.joining import LETTERS, Joined, JoinedTask
from vau_bench.report.judged import mean_score
from vau_bench.results import SampleScore

CHUNK = 100
"""Samples in one chunk."""

Strips = Mapping[int, Sequence[Strip]]
"""The film strips of the looks at a sample, by its number."""


@dataclass(frozen=True)
class Page:
    """A sample that is shown, with the number of its task."""

    task: int
    sample: Joined


@dataclass(frozen=True)
class Book:
    """The samples that are shown, in the order of their numbers: task by task, the worst first.

    Attributes:
        runs: in order.
        tasks: of them, joined.
        pages: one a sample.
        left_out: per task, how many samples are not shown.
    """

    runs: Sequence[RunContents]
    tasks: Sequence[JoinedTask]
    pages: Sequence[Page]
    left_out: Sequence[int]

    @classmethod
    def of(cls, runs: Sequence[RunContents], tasks: Sequence[JoinedTask], most: int | None) -> Book:
        """Return the book of the samples of joined tasks, at most so many of them; `None`: all."""
        counts = [len(task.samples) for task in tasks]
        budgets = counts if most is None else shares(counts, most)
        pages, left_out = [], []
        for number, (task, budget) in enumerate(zip(tasks, budgets, strict=True)):
            pages += [Page(number, sample) for sample in choose(worst_first(task.samples), budget)]
            left_out.append(len(task.samples) - min(budget, len(task.samples)))
        return cls(runs, tasks, pages, left_out)

    @property
    def chunks(self) -> int:
        """How many chunks the samples fill."""
        return -(-len(self.pages) // CHUNK)

    def chunk(self, number: int, strips: Strips | None) -> list[dict[str, Any]]:
        """Return the cards of a chunk.

        Args:
            number: from 0.
            strips: those that are known; a sample without any has no frames. `None`: they are to be asked for.
        """
        begin = number * CHUNK
        return [
            card(self.tasks[page.task], page.sample, None if strips is None else strips.get(begin + place, ()))
            for place, page in enumerate(self.pages[begin : begin + CHUNK])
        ]

    def index(self) -> dict[str, Any]:
        """Return what samples are filtered and sorted by, in columns."""
        labels = sorted({_label(page.sample) for page in self.pages})
        places = {label: place for place, label in enumerate(labels)}
        return {
            "chunk": CHUNK,
            "runs": [
                {"letter": LETTERS[number], "model": run.manifest.model, "run": run.manifest.run_id}
                for number, run in enumerate(self.runs)
            ],
            "tasks": [self._task(task) for task in self.tasks],
            "labels": labels,
            "ids": [page.sample.sample_id for page in self.pages],
            "task": [page.task for page in self.pages],
            "label": [places[_label(page.sample)] for page in self.pages],
            "disagree": [int(disagree(page.sample)) for page in self.pages],
            "sides": [self._side(run) for run in range(len(self.runs))],
        }

    def _task(self, task: JoinedTask) -> dict[str, Any]:
        return {
            "name": task.name,
            "timed": task.first.entry.kind in TIMED,
            "commands": [
                repeat_command(replace(run.options, tasks=(side.entry.name,))) if side else None
                for run, side in zip(self.runs, task.sides, strict=True)
            ],
        }

    def _side(self, run: int) -> dict[str, list[Any]]:
        """Return the columns of one run; `None` everywhere for a sample that it does not hold."""
        rows = [
            _row(self.tasks[page.task], run, score) if (score := page.sample.scores[run]) else _EMPTY
            for page in self.pages
        ]
        return {name: [row[name] for row in rows] for name in _EMPTY}


_EMPTY: dict[str, Any] = dict.fromkeys(("outcome", "goodness", "told", "level", "tiou", "judge", "reflected", "flags"))


def _row(task: JoinedTask, run: int, score: SampleScore) -> dict[str, Any]:
    side = task.sides[run]
    assert side is not None
    found = verdict(score, side.entry.kind)
    return {
        "outcome": score.outcome,
        "goodness": round(goodness(score), 4),
        "told": found.told if found else score.outcome,
        "level": found.level if found else None,
        "tiou": tiou(score, side.entry.kind),
        "judge": mean_score(side.judged.get(score.sample_id, [])),
        "reflected": reflected(score),
        "flags": len(score.flags),
    }


def _label(sample: Joined) -> str:
    return sample.given[0].label or "unknown"


def disagree(sample: Joined) -> bool:
    """Tell whether one model is right about a sample where another is wrong, or has no answer."""
    right = {score.outcome == Outcome.SCORED and score.worth >= RIGHT for score in sample.given}
    return len(right) > 1


def packed(value: Any) -> str:
    """Return a value as compressed JSON in base64, fit to stand in a page; all its texts are made legible."""
    return base64.b64encode(zlib.compress(dumped(value), 9)).decode("ascii")


def dumped(value: Any) -> bytes:
    """Return a value as JSON, all its texts made legible."""
    return json.dumps(_cleaned(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return legible(value)
    if isinstance(value, list | tuple):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {legible(str(name)): _cleaned(one) for name, one in value.items()}
    return value
