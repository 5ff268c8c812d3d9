"""The rules by which measured rows are ranked, as pure functions.

Rows stand in one ranking only if they were asked the same, about the same samples, and read and scored the same way.
A rank is one more than the number of rows that are better beyond noise: rows whose paired difference may be zero share
it. Blind floors are rows like any other.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from vau_bench.leaderboard.entries import Entry, SampleRow
from vau_bench.leaderboard.verify import SEED, samples_of
from vau_bench.metrics.base import Metric
from vau_bench.paired import estimate_pairs
from vau_bench.records import JSON
from vau_bench.results import FloorResult, TaskResult
from vau_bench.runs import slug
from vau_bench.saved import metrics_of
from vau_bench.scoring import RESAMPLES, columns_of
from vau_bench.stats import Estimate, cluster_codes

FLOORS = "floors/"
"""How the names of blind models begin."""

_ZERO = 1e-9  # an end of an interval that is zero is so on every machine, whatever its last digits


class GroupKey(NamedTuple):
    """All that must be equal for rows to be comparable.

    Attributes:
        mode: of scoring: `strict`, where every expected sample counts.
        data: digest of the annotation; `prompts` and `parser` of what their names say.
        options: seed of the shuffle of multiple-choice options, empty without.
        samples: digest of which samples took part.
        headline: the metric that the result is told by.
    """

    dataset: str
    kind: str
    task: str
    version: int
    split: str
    style: str
    mode: str
    data: str
    prompts: str
    parser: str
    options: str
    samples: str
    headline: str


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a ranking.

    Attributes:
        entry: where it comes from; empty for a floor that is taken from the results of other entries.
        rank: shared where noise allows no other; `None` for a floor without samples of its own.
        value: of the headline, with its interval.
        unscored: share of the expected samples without an answer that could be scored.
        floor: it is blind.
        contaminated: the model's declared training data hold this dataset; `None` where nothing is declared.
        metrics: all metrics of the task by name.
        best_alone: it is better than every other row beyond noise.
    """

    model: str
    entry: str
    run_id: str
    rank: int | None
    value: float | None
    low: float | None
    high: float | None
    unscored: float
    floor: bool
    contaminated: bool | None
    metrics: Mapping[str, float | None]
    frames: str
    best_alone: bool = False


@dataclass(frozen=True)
class Ranking:
    """Rows that may be compared, the best first.

    Attributes:
        metric: the headline; `unit` and `higher_is_better` are its.
        metrics: names of all metrics, the headline first, with their units.
        n: samples of the headline, of `clusters` source videos.
        mde: the smallest difference to an equally noisy independent run that the noisiest row would show.
        rows: those of the members, and floors that are only stated.
        members: what is ranked, the best first.
        differences: the paired difference between the members i < j, by their places.
    """

    key: GroupKey
    metric: str
    unit: str
    higher_is_better: bool | None
    metrics: Mapping[str, str]
    n: int
    clusters: int
    mde: float | None
    rows: tuple[Row, ...]
    differences: Mapping[tuple[int, int], Estimate]
    members: tuple[Member, ...]


class Member(NamedTuple):
    """One entry's result for one task."""

    entry: Entry
    task: TaskResult
    rows: tuple[SampleRow, ...]


def group_key(entry: Entry, task: TaskResult, rows: Sequence[SampleRow]) -> GroupKey:
    """Return what decides whether a result may be ranked with another."""
    digests = task["digests"]
    shuffle: JSON = entry.manifest.options.get("shuffle_options")
    return GroupKey(
        dataset=task["dataset"],
        kind=task["kind"],
        task=task["task"],
        version=task["version"],
        split=task["split"],
        style=task["style"],
        mode="strict",
        data=digests.get("data", ""),
        prompts=digests.get("prompts", ""),
        parser=digests.get("parser", ""),
        options="" if shuffle is None or task["kind"] != "mcq" else str(shuffle),
        samples=hashlib.sha256(repr(samples_of(rows)).encode()).hexdigest()[:16],
        headline=task["headline"],
    )


def rank_all(entries: Iterable[Entry], *, resamples: int = RESAMPLES) -> list[Ranking]:
    """Return the rankings of verified entries, in the order of their keys.

    Args:
        entries: see `vau_bench.leaderboard.verify.problems`.
        resamples: of the paired bootstrap.
    """
    groups: dict[GroupKey, list[Member]] = {}
    for entry in entries:
        for task in entry.tasks:
            rows = entry.by_task[task["task"]]
            groups.setdefault(group_key(entry, task, rows), []).append(Member(entry, task, rows))
    return [rank(key, groups[key], resamples=resamples) for key in sorted(groups)]


def rank(key: GroupKey, members: Sequence[Member], *, resamples: int = RESAMPLES) -> Ranking:
    """Rank the members of one group by their headline."""
    headline = key.headline
    metric = headline_metric(members[0])
    better = -1.0 if metric.higher_is_better is False else 1.0

    members = sorted(
        members,
        key=lambda m: (_order(m.task["metrics"][headline]["value"], better), m.entry.model, m.entry.manifest.run_id),
    )
    sides = [metric.update(columns_of([row.values for row in m.rows])) for m in members]
    codes = cluster_codes([row.group for row in members[0].rows])
    differences = estimate_pairs(metric, sides, codes, resamples=resamples, seed=SEED)
    ranks = shared_ranks(len(members), differences, better)
    rows = [_row(m, headline, place) for m, place in zip(members, ranks, strict=True)]
    floors = _stated_floors(members, headline)
    beaten = [_beyond_noise(differences[0, j]) for j in range(1, len(rows))]
    beaten += [_clears(rows[0], floor, better) for floor in floors]
    rows[0] = replace(rows[0], best_alone=bool(beaten) and all(beaten))
    stated = [m.task["metrics"][headline] for m in members]
    mdes = [s["mde"] for s in stated if s["mde"] is not None]
    return Ranking(
        key=key,
        metric=headline,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        metrics=_units(members),
        n=max(s["n"] for s in stated),
        clusters=max(s["clusters"] for s in stated),
        mde=max(mdes, default=None),
        rows=tuple(sorted([*rows, *floors], key=lambda row: _order(row.value, better))),
        differences=differences,
        members=tuple(members),
    )


def headline_metric(member: Member) -> Metric:
    """Return the metric that a group is ranked by."""
    metrics = metrics_of(member.task, columns_of([row.values for row in member.rows]))
    return next(m for m in metrics if m.name == member.task["headline"])


def _beyond_noise(difference: Estimate) -> bool:
    low, high = difference.low, difference.high
    return low is not None and high is not None and (low > _ZERO or high < -_ZERO)


def shared_ranks(count: int, differences: Mapping[tuple[int, int], Estimate], better: float = 1.0) -> list[int]:
    """Return for each of `count` rows one more than the number of rows that are better beyond noise.

    Args:
        count: how many rows.
        differences: of the rows i < j, i less j.
        better: 1 where a higher value is better, -1 where a lower one is.
    """
    ranks = [1] * count
    for (i, j), difference in differences.items():
        if _beyond_noise(difference) and difference.value is not None:
            ranks[j if difference.value * better > 0 else i] += 1
    return ranks


def _row(member: Member, headline: str, place: int) -> Row:
    entry, task = member.entry, member.task
    own = task["metrics"][headline]
    return Row(
        model=entry.model,
        entry=entry.where,
        run_id=entry.manifest.run_id,
        rank=None if own["value"] is None else place,
        value=own["value"],
        low=own["low"],
        high=own["high"],
        unscored=1 - task["outcomes"].get("scored", 0) / task["expected"] if task["expected"] else 0.0,
        floor=is_floor(entry),
        contaminated=entry.manifest.trained_on(task["dataset"]),
        metrics={name: m["value"] for name, m in task["metrics"].items()},
        frames=task["frames"],
    )


def is_floor(entry: Entry) -> bool:
    """Tell whether an entry is of a blind model."""
    return entry.manifest.model.startswith(FLOORS)


def _units(members: Sequence[Member]) -> dict[str, str]:
    """Return the units of all metrics by name, in the order of their kind, the headline first."""
    found = {members[0].task["headline"]: ""}
    for member in members:
        known = metrics_of(member.task, columns_of([row.values for row in member.rows]))
        found |= {metric.name: metric.unit for metric in known}
    return found


def _stated_floors(members: Sequence[Member], headline: str) -> list[Row]:
    """Return the floors that stand in the members' results and have no entry of their own.

    They have a value but no samples, so they have a place and no rank.
    """
    stated: dict[str, FloorResult] = {}
    for member in members:
        for name, floor in member.task["floors"].items():
            if floor["metrics"].get(headline) is not None:
                stated.setdefault(name, floor)
    entered = {m.entry.model for m in members} | {m.entry.manifest.model for m in members}
    expected = members[0].task["expected"]
    return [
        Row(
            model=FLOORS + name,
            entry="",
            run_id="",
            rank=None,
            value=stated[name]["metrics"][headline],
            low=None,
            high=None,
            unscored=1 - stated[name]["answered"] / expected if expected else 0.0,
            floor=True,
            contaminated=None,
            metrics=stated[name]["metrics"],
            frames="",
        )
        for name in sorted(stated)
        if FLOORS + name not in entered
    ]


def datasets_of(rankings: Iterable[Ranking]) -> list[str]:
    """Return the datasets by name, those first on which a model that sees was measured."""
    sees: dict[str, bool] = {}
    for ranking in rankings:
        seen = any(not is_floor(m.entry) for m in ranking.members)
        sees[ranking.key.dataset] = sees.get(ranking.key.dataset, False) or seen
    return sorted(sees, key=lambda name: (not sees[name], name))


def labels_of(ranking: Ranking) -> list[str]:
    """Return names of the members, each once: of several runs of a model with the run, and with its time if need be."""
    names = [m.entry.model for m in ranking.members]
    manifests = [m.entry.manifest for m in ranking.members]
    for more in ([m.run_id for m in manifests], [m.started for m in manifests]):
        count = Counter(names)
        names = [name if count[name] == 1 else f"{name} {added}" for name, added in zip(names, more, strict=True)]
    return names


def stems(rankings: Sequence[Ranking]) -> list[str]:
    """Return a name for each ranking that is fit for files and labels, and no other ranking's."""
    names = [slug(f"{r.key.task}-{r.key.style}") for r in rankings]
    several = Counter(names)
    found: list[str] = []
    for number, (ranking, name) in enumerate(zip(rankings, names, strict=True), 1):
        own = name if several[name] == 1 else f"{name}-v{ranking.key.version}-{number}"
        while own in found:
            own += f"-{number}"
        found.append(own)
    return found


def _order(value: float | None, better: float) -> float:
    return float("inf") if value is None else -better * value


def _clears(row: Row, floor: Row, better: float) -> bool:
    """Tell whether the interval of a row lies wholly on the better side of a floor's value."""
    if row.low is None or row.high is None or floor.value is None:
        return False
    return row.low > floor.value if better > 0 else row.high < floor.value
