"""What the judgements of a run come to: a pure function of its folder, without dataset, network or judge."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from vau_bench.catalogue import Catalogue
from vau_bench.errors import RunError
from vau_bench.judge.agreement import (
    RESAMPLES,
    as_json,
    estimated,
    krippendorff,
    length_slope,
    mean,
    repeat_spread,
    spearman,
)
from vau_bench.judge.items import PARTS, Answers, Part, answers, part_of
from vau_bench.judge.judgements import ANSWER, PROBE, Decision, Judgement, digest, read_judgements
from vau_bench.judge.reliability import check_result
from vau_bench.judge.rubric import HIGHEST
from vau_bench.metrics.base import FloatArray
from vau_bench.runs import RunFolder, dump_json, write_atomically
from vau_bench.saved import SCORES, load_results
from vau_bench.stats import cluster_codes

FACTS = ("verdict_right", "class_named", "class_contradicted", "key_objects", "claimed_tiou")
"""Judge-free scores of reasoning tasks that a judge's total is correlated with."""


class _Asked(NamedTuple):
    """One judge with one rubric about one part of the answers."""

    judge_digest: str
    rubric_digest: str
    part: str


def judge_summary(run: Path, *, resamples: int = RESAMPLES) -> dict[str, dict[str, Any]]:
    """Return the figures of all judges, by task; empty where nothing was judged.

    Each task holds `judges` (one element per judge, rubric and part of the answer), `agreement` (one per rubric and
    part that several judges judged) and `check` (one per judge and rubric that was checked). In each element of
    `judges`, `expected` is the sum of `judged`, `unparsed`, `errored`, `no_response` and `not_asked`.

    Args:
        run: the run folder.
        resamples: of the bootstrap; 0 leaves intervals out.

    Raises:
        RunError: if the folder holds no run, or a damaged journal.
    """
    by_task: dict[str, list[Judgement]] = {}
    for judgement in _current(read_judgements(run)):
        by_task.setdefault(judgement.task, []).append(judgement)
    if not by_task:
        return {}
    folder = RunFolder.existing(run)
    manifest = folder.read_manifest()
    catalogue = Catalogue(tuple(Path(p) for p in cast("list[str]", manifest.options.get("tasks_dirs", []))))
    names = [entry.name for entry in manifest.tasks if entry.name in by_task]
    answered = answers(folder, manifest, catalogue, names) if names else []
    facts = _facts(run)
    return {a.entry.name: _task(a, by_task[a.entry.name], facts.get(a.entry.name, {}), resamples) for a in answered}


def record_summary(run: Path, summary: Mapping[str, Any]) -> bool:
    """Write the figures into `results.json`, beside the scores; tell whether the run has such a file.

    Raises:
        RunError: if the file is damaged.
    """
    path = run / "results.json"
    if not path.is_file():
        return False
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        for task in record["tasks"]:
            if task["task"] in summary:
                task["judge"] = summary[task["task"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"cannot read {path}: {error!r}; run `vau-bench score {run}`") from None
    write_atomically(path, dump_json(record))
    return True


def _facts(run: Path) -> dict[str, dict[str, Mapping[str, float | None]]]:
    """Return the judge-free scores by task and sample; empty for a run that is not scored."""
    if not (run / SCORES).is_file():
        return {}
    found: dict[str, dict[str, Mapping[str, float | None]]] = {}
    for score in load_results(run).scores:
        found.setdefault(score.task, {})[score.sample_id] = score.values
    return found


def _current(judgements: Iterable[Judgement]) -> list[Judgement]:
    """Return the last judgement per judge, rubric, judged text and repeat; of a probe, of the text as it was last."""
    last: dict[tuple[str | int, ...], Judgement] = {}
    for j in judgements:
        text = "" if j.purpose.startswith(PROBE) else j.response_digest
        last[j.judge_digest, j.rubric_digest, j.task, j.sample_id, j.purpose, text, j.repeat] = j
    return list(last.values())


def _task(
    answered: Answers,
    judgements: Sequence[Judgement],
    facts: Mapping[str, Mapping[str, float | None]],
    resamples: int,
) -> dict[str, Any]:
    labels = _labels(judgements)
    groups: dict[_Asked, list[Judgement]] = {}
    probed: dict[tuple[str, str], list[Judgement]] = {}
    for j in judgements:
        if j.purpose.startswith(PROBE):
            probed.setdefault((j.judge_digest, j.rubric_digest), []).append(j)
        else:
            part = j.purpose.removeprefix(ANSWER)
            groups.setdefault(_Asked(j.judge_digest, j.rubric_digest, part), []).append(j)
    tables = {asked: _Table.of(answered, asked, mine) for asked, mine in sorted(groups.items()) if asked.part in PARTS}
    return {
        "judges": [
            {
                "judge": labels[asked.judge_digest],
                **_judge(answered, asked, table, resamples),
                "correlation": _correlations(table, facts, resamples),
            }
            for asked, table in tables.items()
        ],
        "agreement": _agreements(tables, labels, resamples),
        "check": [
            {"judge": labels[judge], "rubric": mine[0].rubric, "rubric_digest": rubric, **check_result(mine, resamples)}
            for (judge, rubric), mine in sorted(probed.items())
        ],
    }


def _labels(judgements: Sequence[Judgement]) -> dict[str, str]:
    """Return the names of the judges by digest; where one name stands for two, with a piece of the digest."""
    named = {j.judge_digest: j.judge for j in judgements}
    several = {name for name in named.values() if list(named.values()).count(name) > 1}
    return {key: f"{name} ({key[:6]})" if name in several else name for key, name in named.items()}


class _Table(NamedTuple):
    """The verdicts about the answers of one task.

    Attributes:
        judgements: those about the answers that the run holds now.
        samples: ids with an answer, in order.
        scores: by dimension and for the total, (n, r) over samples and repeats; NaN where there is no verdict.
        codes: (n,) cluster of each sample.
        characters: (n,) lengths of the answers.
    """

    judgements: list[Judgement]
    samples: list[str]
    scores: dict[str, FloatArray]
    codes: NDArray[np.int64]
    characters: FloatArray

    @classmethod
    def of(cls, answered: Answers, asked: _Asked, judgements: Sequence[Judgement]) -> _Table:
        part = cast("Part", asked.part)
        texts = {i: said for i, text in answered.texts.items() if (said := part_of(text, part)) and said.strip()}
        digests = {sample_id: digest(text) for sample_id, text in texts.items()}
        mine = [j for j in judgements if digests.get(j.sample_id) == j.response_digest]
        samples = sorted(texts)
        place = {sample_id: row for row, sample_id in enumerate(samples)}
        repeats = 1 + max((j.repeat for j in mine), default=0)
        dimensions = next((list(j.scores) for j in mine if j.scores is not None), [])
        scores = {name: np.full((len(samples), repeats), np.nan) for name in [*dimensions, TOTAL]}
        groups = dict(zip(samples, samples, strict=True))
        for j in mine:
            groups[j.sample_id] = j.group
            if j.scores is not None:
                row = place[j.sample_id], j.repeat
                scores[TOTAL][row] = sum(j.scores.values())
                for name in dimensions:
                    scores[name][row] = j.scores[name]
        return cls(
            mine,
            samples,
            scores,
            cluster_codes([groups[s] for s in samples]),
            np.array([len(texts[s]) for s in samples], dtype=np.float64),
        )

    def means(self, name: str) -> FloatArray:
        """Return the means over repeats, (n,)."""
        return row_means(self.scores[name])


TOTAL = "total"


def row_means(ratings: FloatArray) -> FloatArray:
    """Return the mean of each row over what is not NaN; NaN for a row without any."""
    given = np.isfinite(ratings)
    with np.errstate(invalid="ignore"):
        means: FloatArray = np.where(given, ratings, 0.0).sum(axis=1) / given.sum(axis=1)
    return means


def _judge(answered: Answers, asked: _Asked, table: _Table, resamples: int) -> dict[str, Any]:
    first = table.judgements[0] if table.judgements else None
    dimensions = [name for name in table.scores if name != TOTAL]
    highest = HIGHEST * len(dimensions)
    totals = table.means(TOTAL)
    return {
        "rubric": first.rubric if first else None,
        "judge_digest": asked.judge_digest,
        "rubric_digest": asked.rubric_digest,
        "part": asked.part,
        **_counts(answered, table),
        "highest": highest,
        "total": _mean(totals, highest, table.codes, resamples),
        "total_missing_as_zero": _mean_with_missing(answered, table, totals, highest, resamples),
        "dimensions": {name: _mean(table.means(name), HIGHEST, table.codes, resamples) for name in dimensions},
        "length_slope": as_json(length_slope(totals, table.characters, table.codes, resamples=resamples)),
        "repeat_spread": as_json(repeat_spread(table.scores[TOTAL], table.codes, resamples=resamples)),
        "repeat_alpha": as_json(krippendorff(table.scores[TOTAL], table.codes, resamples=resamples)),
        "spent": spent(table.judgements),
    }


def _correlations(
    table: _Table, facts: Mapping[str, Mapping[str, float | None]], resamples: int
) -> dict[str, dict[str, Any]]:
    """Return Spearman's correlation of the total with each judge-free score that varies over these samples."""
    totals = table.means(TOTAL)
    found = {}
    for name in FACTS:
        given = [facts.get(sample_id, {}).get(name) for sample_id in table.samples]
        values = np.array([np.nan if value is None else value for value in given], dtype=np.float64)
        both = np.isfinite(values) & np.isfinite(totals)
        if np.unique(values[both]).size > 1:
            found[name] = as_json(spearman(totals, values, table.codes, resamples=resamples))
    return found


def _counts(answered: Answers, table: _Table) -> dict[str, Any]:
    """Return what became of each expected sample, and of each verdict that was wanted."""
    decisions: dict[str, set[Decision]] = {sample_id: set() for sample_id in table.samples}
    for j in table.judgements:
        decisions[j.sample_id].add(j.decision)
    order = (Decision.JUDGED, Decision.UNPARSED, Decision.ERRORED)
    best = [next((d for d in order if d in found), None) for found in decisions.values()]
    verdicts = [j.decision for j in table.judgements]
    expected = answered.entry.expected
    return {
        "expected": expected,
        **{str(d): best.count(d) for d in order},
        "no_response": expected - len(table.samples),
        "not_asked": best.count(None),
        "repeats": table.scores[TOTAL].shape[1],
        "verdicts": {str(d): verdicts.count(d) for d in order},
        "shortened": len({j.sample_id for j in table.judgements if j.left_out}),
    }


def _mean(values: FloatArray, highest: float, codes: NDArray[np.int64], resamples: int) -> dict[str, Any]:
    return as_json(estimated(mean((0.0, highest)), {"value": values}, codes, resamples=resamples))


def _mean_with_missing(
    answered: Answers, table: _Table, totals: FloatArray, highest: float, resamples: int
) -> dict[str, Any]:
    """Return the mean with 0 for each sample without a response, every one of them a cluster of its own."""
    missing = max(0, answered.entry.expected - len(table.samples))
    offset = int(table.codes.max()) + 1 if table.codes.size else 0
    codes = np.concatenate([table.codes, offset + np.arange(missing, dtype=np.int64)])
    return _mean(np.concatenate([totals, np.zeros(missing)]), highest, codes, resamples)


def spent(judgements: Sequence[Judgement]) -> dict[str, Any]:
    """Return calls, tokens, seconds of waiting and US dollars; the latter `None` where a price is not known."""
    costs = [j.cost for j in judgements if j.calls]
    return {
        "calls": sum(j.calls for j in judgements),
        "prompt_tokens": sum(j.prompt_tokens for j in judgements),
        "completion_tokens": sum(j.completion_tokens for j in judgements),
        "seconds": round(sum(j.seconds for j in judgements), 2),
        "cost": None if None in costs else round(sum(c for c in costs if c is not None), 6),
    }


def _agreements(tables: Mapping[_Asked, _Table], labels: Mapping[str, str], resamples: int) -> list[dict[str, Any]]:
    """Return how far judges agree who judged the same part by the same rubric."""
    together: dict[tuple[str, str], list[_Asked]] = {}
    for asked in tables:
        together.setdefault((asked.rubric_digest, asked.part), []).append(asked)
    found = []
    for (rubric, part), members in together.items():
        if len(members) < 2:
            continue
        mine = [tables[member] for member in members]
        codes = max(mine, key=lambda t: len(t.judgements)).codes
        names = [n for n in mine[0].scores if all(n in t.scores for t in mine)]
        ratings = {name: np.column_stack([t.means(name) for t in mine]) for name in names}
        found.append(
            {
                "rubric_digest": rubric,
                "part": part,
                "judges": [labels[m.judge_digest] for m in members],
                "alpha": {n: as_json(krippendorff(r, codes, resamples=resamples)) for n, r in ratings.items()},
                "spearman": [
                    {
                        "judges": [labels[members[a].judge_digest], labels[members[b].judge_digest]],
                        **as_json(spearman(ratings[TOTAL][:, a], ratings[TOTAL][:, b], codes, resamples=resamples)),
                    }
                    for a, b in combinations(range(len(members)), 2)
                ],
            }
        )
    return found
