"""What judges said about each answer: their scores with their reasons, about the text that the run holds now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vau_bench.judge.items import PARTS, part_of
from vau_bench.judge.judgements import ANSWER, Decision, Judgement, digest, read_judgements
from vau_bench.records import Response


@dataclass(frozen=True, slots=True)
class Judged:
    """One verdict of a judge about one answer.

    Attributes:
        judge: its name; `rubric` name and version of what it judged by.
        part: which part of the answer: `final`, `whole` or `first`.
        score: mean over the dimensions, 0 to 10; `None` where there is no verdict.
        scores: by dimension.
        reason: what the judge said for itself, or why there is no verdict.
    """

    judge: str
    rubric: str
    part: str
    score: float | None
    scores: Mapping[str, float]
    reason: str


def judged_answers(run: Path, said: Mapping[str, Mapping[str, Response]]) -> dict[str, dict[str, list[Judged]]]:
    """Return the verdicts by task and sample id; empty where nothing was judged.

    Args:
        run: the run folder.
        said: the responses by task and sample id. A verdict about another text is left out.

    Raises:
        RunError: if the journal is damaged.
    """
    found: dict[str, dict[str, list[Judged]]] = {}
    for judgement in read_judgements(run):
        part = judgement.purpose.removeprefix(ANSWER)
        response = said.get(judgement.task, {}).get(judgement.sample_id)
        if part == judgement.purpose or part not in PARTS or response is None:
            continue
        if digest(part_of(response.text, part) or "") == judgement.response_digest:
            own = found.setdefault(judgement.task, {}).setdefault(judgement.sample_id, [])
            own.append(_judged(judgement, part))
    return found


def _judged(judgement: Judgement, part: str) -> Judged:
    scores = dict(judgement.scores or {})
    reason = judgement.reason or judgement.error or ""
    if judgement.decision is not Decision.JUDGED:
        reason = f"{judgement.decision}: {reason}".removesuffix(": ")
    mean = round(sum(scores.values()) / len(scores), 2) if scores else None
    return Judged(judgement.judge, judgement.rubric, part, mean, scores, reason)


def mean_score(judged: list[Judged]) -> float | None:
    """Return the mean score of an answer over its judges and repeats, 0 to 10; `None` without a verdict."""
    given = [j.score for j in judged if j.part != "first" and j.score is not None]
    return round(sum(given) / len(given), 2) if given else None
