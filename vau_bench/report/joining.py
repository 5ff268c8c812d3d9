"""Several runs side by side: their tasks joined by name and content, their samples by id."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from vau_bench.errors import UsageError
from vau_bench.report.contents import RunContents, TaskContents
from vau_bench.results import SampleScore

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""The names of the runs of a report, in order."""


@dataclass(frozen=True)
class Joined:
    """One sample as each run scored it; `None` where a run does not hold it."""

    sample_id: str
    scores: tuple[SampleScore | None, ...]

    @property
    def given(self) -> list[SampleScore]:
        """The scores of the runs that hold the sample; at least one."""
        return [score for score in self.scores if score is not None]


@dataclass(frozen=True)
class JoinedTask:
    """One task as the runs hold it.

    Attributes:
        name: as it is shown; with the letters of its runs where the others hold another version of it.
        sides: by run; `None` where a run does not hold it.
        samples: of all of them.
    """

    name: str
    sides: tuple[TaskContents | None, ...]
    samples: list[Joined]

    @property
    def first(self) -> TaskContents:
        """The task in the first run that holds it."""
        return next(side for side in self.sides if side is not None)


def check_number(runs: Sequence[object]) -> None:
    """Refuse to show no run, one twice, or more than there are letters.

    Raises:
        UsageError: in these cases.
    """
    if not runs:
        raise UsageError("no run named")
    if len(runs) > len(LETTERS):
        raise UsageError(f"{len(runs)} runs do not fit one report; name {len(LETTERS)} at most")
    twice = next((run for place, run in enumerate(runs) if run in runs[:place]), None)
    if twice is not None:
        raise UsageError(f"the run {twice} is named twice")


def join(runs: Sequence[RunContents]) -> list[JoinedTask]:
    """Return the tasks of all runs, each once where its samples can be held side by side.

    They can where version, data and the order of the options are the same; prompts and frames may differ.
    """
    groups: dict[Hashable, list[TaskContents | None]] = {}
    for number, run in enumerate(runs):
        for task in run.tasks:
            entry = task.entry
            seed = run.options.shuffle_options if entry.kind == "mcq" else None
            key: tuple[Hashable, ...] = (entry.name, entry.version, entry.kind, entry.digests.get("data"), seed)
            if key in groups and groups[key][number] is not None:
                key = (*key, entry.style)
            groups.setdefault(key, [None] * len(runs))[number] = task
    names = [_first(sides).entry.name for sides in groups.values()]
    return [
        JoinedTask(_name(own, names, sides), tuple(sides), _samples(sides))
        for own, sides in zip(names, groups.values(), strict=True)
    ]


def _first(sides: Sequence[TaskContents | None]) -> TaskContents:
    return next(side for side in sides if side is not None)


def _name(own: str, names: Sequence[str], sides: Sequence[TaskContents | None]) -> str:
    if names.count(own) == 1:
        return own
    holders = ", ".join(LETTERS[number] for number, side in enumerate(sides) if side is not None)
    return f"{own} ({holders})"


def _samples(sides: Sequence[TaskContents | None]) -> list[Joined]:
    by_id = [{s.sample_id: s for s in side.scores} if side else {} for side in sides]
    ids = dict.fromkeys(sample_id for scores in by_id for sample_id in scores)
    return [Joined(sample_id, tuple(scores.get(sample_id) for scores in by_id)) for sample_id in ids]
