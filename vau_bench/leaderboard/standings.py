"""Models over several tasks: mean win rate and mean rank, with intervals over resampled source videos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from vau_bench.leaderboard.ranking import Member, Ranking, headline_metric, is_floor
from vau_bench.leaderboard.verify import SEED
from vau_bench.metrics.base import FloatArray, Metric
from vau_bench.scoring import RESAMPLES, columns_of
from vau_bench.stats import bootstrap_sums, cluster_sums

MOST_TASKS = 12
"""Tasks of one dataset and style that are looked at for a common choice: all choices of more take too long."""

_DIGITS = 9  # values that differ by less are a tie on every machine


class Standing(NamedTuple):
    """A model over several tasks: means with 95 % intervals."""

    model: str
    win_rate: float
    win_low: float
    win_high: float
    mean_rank: float
    rank_low: float
    rank_high: float


def aggregate(rankings: Sequence[Ranking], *, resamples: int = RESAMPLES, seed: int = SEED) -> list[Standing]:
    """Return how the models that answered all of several tasks stand over them, the best mean rank first.

    The win rate is the share of the other models that a model beats, a tie being half, averaged over the tasks; the
    mean rank is over the same. Both are computed in each resample of source videos. Tasks of one dataset share its
    videos and so their resamples. Of several runs of a model the latest counts.

    Args:
        rankings: of different tasks, of one style.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        Nothing where fewer than two models answered all tasks.
    """
    latest = [{m.entry.model: m for m in sorted(r.members, key=lambda m: m.entry.manifest.started)} for r in rankings]
    common = sorted(set.intersection(*map(set, latest))) if latest else []
    if len(common) < 2:
        return []
    chosen = [
        (headline_metric(r.members[0]), [members[name] for name in common])
        for r, members in zip(rankings, latest, strict=True)
    ]
    datasets: dict[tuple[str, str], list[tuple[Metric, list[Member]]]] = {}
    for ranking, task in zip(rankings, chosen, strict=True):
        datasets.setdefault((ranking.key.dataset, ranking.key.split), []).append(task)
    scores = [_resampled_scores(tasks, resamples, seed) for tasks in datasets.values()]
    points = np.concatenate([point for point, _ in scores]).mean(axis=0)[:, 0]
    low, high = np.quantile(np.concatenate([drawn for _, drawn in scores]).mean(axis=0), [0.025, 0.975], axis=1)
    found = [
        Standing(name, *(float(x) for k in (0, 1) for x in (points[k, i], low[k, i], high[k, i])))
        for i, name in enumerate(common)
    ]
    return sorted(found, key=lambda s: (s.mean_rank, s.model))


def _resampled_scores(
    tasks: Sequence[tuple[Metric, Sequence[Member]]], resamples: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Return the scores of E models in T tasks of one dataset, (T, 2, 1, E), and in its resamples, (T, 2, B, E)."""
    groups = sorted({row.group for _, members in tasks for member in members for row in member.rows})
    numbers = {group: i for i, group in enumerate(groups)}
    sums = [[_sums(metric, member, numbers) for member in members] for metric, members in tasks]
    stacked = np.concatenate([s for own in sums for s in own], axis=1)
    edges = np.cumsum([s.shape[1] for own in sums for s in own])[:-1]
    drawn = iter(np.split(bootstrap_sums(stacked, resamples, seed), edges, axis=1))
    points, replicates = [], []
    for (metric, _), own in zip(tasks, sums, strict=True):
        points.append(_scores(metric, [s.sum(axis=0)[None] for s in own]))
        replicates.append(_scores(metric, [next(drawn) for _ in own]))
    return np.stack(points), np.stack(replicates)


def _sums(metric: Metric, member: Member, numbers: Mapping[str, int]) -> FloatArray:
    """Return the contributions within all source videos of a dataset, zero for those that the task leaves out."""
    contributions = metric.update(columns_of([row.values for row in member.rows]))
    codes = np.array([numbers[row.group] for row in member.rows], dtype=np.int64)
    sums = cluster_sums(contributions, codes)
    return np.concatenate([sums, np.zeros((len(numbers) - len(sums), sums.shape[1]))])


def _scores(metric: Metric, sums: Sequence[FloatArray]) -> FloatArray:
    """Return win rate and rank, (2, B, E), of E models in each of B resamples; an undefined value loses to all."""
    values = np.stack([metric.compute(s) for s in sums], axis=-1)
    values = -values if metric.higher_is_better is False else values
    values = np.where(np.isfinite(values), np.round(values, _DIGITS), -np.inf)
    beaten = (values[:, :, None] > values[:, None, :]).sum(axis=2).astype(np.float64)
    beating = (values[:, :, None] < values[:, None, :]).sum(axis=2).astype(np.float64)
    others = values.shape[1] - 1
    ties = others - beaten - beating
    return np.stack([(beaten + ties / 2) / others, 1 + beating + ties / 2])


def most_tasks(rankings: Sequence[Ranking]) -> list[Ranking]:
    """Return the largest choice of tasks that two models answered all of, of equal ones that with most models.

    Not every model answers every kind of task; one that answers a single task cannot be averaged with those of four.
    One of the models must see: floors alone are nothing to average.
    """
    models = [{(m.entry.model, is_floor(m.entry)) for m in r.members} for r in rankings[:MOST_TASKS]]
    for size in range(len(models), 1, -1):
        common = {c: set.intersection(*(models[i] for i in c)) for c in combinations(range(len(models)), size)}
        counts = {c: len(names) for c, names in common.items() if not all(blind for _, blind in names)}
        best = max(counts, key=lambda c: counts[c], default=())
        if best and counts[best] > 1:
            return [rankings[i] for i in best]
    return []
