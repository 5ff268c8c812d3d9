"""Which subjects get which first answer: drawn from the error model, or taken from a policy's own responses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from srvau_train.rocot.answers import LABELLED, Answer, is_right, read_answer, true_answer
from srvau_train.rocot.config import Recipe
from srvau_train.rocot.mistakes import Mistake
from srvau_train.rocot.source import Source, Subject
from srvau_train.rocot.streams import stream_of
from srvau_train.rocot.teacher import Assignment, Manner
from vau_bench.errors import UsageError, VideoError
from vau_bench.parsing import parse_grammar
from vau_bench.records import NORMAL, Outcome, Response

BLOCK = 10
"""Within so many samples of one task the share of right first answers is as declared, to the nearest whole."""

Answers: TypeAlias = Mapping[tuple[str, str], Response]
"""A policy's responses, by sample and tag of the task."""


class Planned(NamedTuple):
    """One chain to write, or the reason why there is none to write.

    Attributes:
        subject: of the chain.
        assignment: `None` where `skipped` tells why.
        origin: `errors` or `policy`.
        mistake: the error that the error model made; `none` for a right answer, `own` for a policy's.
        skipped: the reason.
        number: of the policy's answer to this subject, from 0.
    """

    subject: Subject
    assignment: Assignment | None
    origin: str
    mistake: str
    skipped: str | None = None
    number: int = 0

    @property
    def place(self) -> tuple[str | int, ...]:
        """What tells this chain from the others of a plan."""
        place = (self.subject.sample.id, self.subject.tag)
        return (*place, self.number) if self.number else place


def assign(subject: Subject, first: Answer, think: str | None, manner: Manner) -> Assignment:
    """Return what a teacher is to do about a first answer: correct it, keep it, or refine its ends.

    Args:
        subject: that was answered.
        first: the answer.
        think: the reasoning that led to it, `None` when the teacher is to write it.
        manner: how to write.
    """
    truth = true_answer(subject.sample, manner.grid)
    action = "correct"
    if is_right(first, subject.sample, subject.kind):
        timeless = first.segment is None or subject.kind in ("mcq", *LABELLED)
        action = "keep" if timeless or _near(first, truth) else "refine"
    return Assignment(subject, first, think, truth, action, manner)


def planned_errors(recipe: Recipe, source: Source) -> Iterator[Planned]:
    """Yield chains whose first answers come from the error model; right and wrong ones as declared.

    Raises:
        UsageError: if no share is declared.
    """
    if recipe.right_share is None:
        raise UsageError("the rate at which a policy is right needs its answers; pass --first, or declare a share")
    for subject in source.subjects():
        if subject.absent:
            yield Planned(subject, None, "errors", "none", subject.absent)
        elif _is_right_place(subject, recipe):
            truth = true_answer(subject.sample, recipe.manner.grid)
            yield Planned(subject, assign(subject, truth, None, recipe.manner), "errors", "none")
        else:
            yield _mistaken(subject, recipe, source)


def planned_policy(recipe: Recipe, source: Source, runs: Sequence[Answers]) -> Iterator[Planned]:
    """Yield chains on a policy's own first answers; surplus ones leave, so that the declared share holds.

    Args:
        recipe: with the share.
        source: of the subjects.
        runs: each with one answer a subject; the same answer in two of them counts once.
    """
    yield from _balanced([p for subject in source.subjects() for p in _read_all(recipe, subject, runs)], recipe)


def answers_of(responses: Iterable[Response], source: Source) -> Answers:
    """Index a policy's responses; the last one of a sample counts.

    Raises:
        DataError: if one answers a sample that is not in the training split.
    """
    tagged = ((source.tag_of(response), response) for response in responses)
    return {(response.sample_id, tag): response for tag, response in tagged if tag is not None}


def kept_counts(right: int, wrong: int, share: float) -> tuple[int, int]:
    """Return how many right and wrong answers to keep, as many as possible with this share of right ones."""
    if share in (0.0, 1.0):
        return (right, 0) if share else (0, wrong)
    total = min(right / share, wrong / (1 - share))
    return min(right, round(total * share)), min(wrong, round(total * (1 - share)))


def _mistaken(subject: Subject, recipe: Recipe, source: Source) -> Planned:
    try:
        seconds = source.duration(subject)
    except VideoError:
        return Planned(subject, None, "errors", "none", "unreadable_video")
    made = _mistake(subject, recipe, seconds)
    if made is None:
        return Planned(subject, None, "errors", "none", "no_possible_mistake")
    return Planned(subject, assign(subject, made.answer, None, recipe.manner), "errors", made.name)


def _mistake(subject: Subject, recipe: Recipe, seconds: float) -> Mistake | None:
    sample = replace(subject.sample, fields={**subject.sample.fields, "duration": seconds})
    grid = recipe.manner.grid
    draw = stream_of("first", recipe.seed, sample.id, subject.tag)
    truth = true_answer(sample, grid)
    return recipe.errors.draw(sample, truth, subject.kind, subject.classes, subject.decoys, grid, draw)


def _is_right_place(subject: Subject, recipe: Recipe) -> bool:
    """Tell whether the first answer at this index is a right one: seeded, and as declared within each block."""
    share = recipe.right_share or 0.0
    block, place = divmod(subject.index, BLOCK)
    count = round((block + 1) * BLOCK * share) - round(block * BLOCK * share)
    order = stream_of("right", recipe.seed, subject.tag, block).shuffled(range(BLOCK))
    return place in order[:count]


def _near(first: Answer, truth: Answer, tolerance: float = 0.25) -> bool:
    """Tell whether both ends are so near that there is nothing to refine."""
    if first.segment is None or truth.segment is None:
        return False
    return max(abs(a - b) for a, b in zip(first.segment, truth.segment, strict=True)) <= tolerance


def _read_all(recipe: Recipe, subject: Subject, runs: Sequence[Answers]) -> Iterator[Planned]:
    """Yield a chain for each answer to a subject that differs from those before it."""
    if subject.absent:
        yield Planned(subject, None, "policy", "own", subject.absent)
        return
    seen = set()
    for number, answers in enumerate(runs):
        planned = _read(recipe, subject, answers.get((subject.sample.id, subject.tag)))._replace(number=number)
        if planned.assignment:
            said = planned.assignment.think, planned.assignment.first
            if said in seen:
                planned = planned._replace(assignment=None, skipped="same_first_answer")
            seen.add(said)
        yield planned


def _read(recipe: Recipe, subject: Subject, response: Response | None) -> Planned:
    if response is None or response.outcome is not Outcome.SCORED:
        return Planned(subject, None, "policy", "own", "no_first_answer")
    grammar = parse_grammar(response.text)
    attempt = grammar.first or grammar.last
    first = read_answer(response.text[slice(*attempt.span)], subject.sample, subject.kind, (NORMAL, *subject.classes))
    if first is None:
        return Planned(subject, None, "policy", "own", "unreadable_first_answer")
    if first.segment is not None:
        first = Answer(first.label, recipe.manner.grid.rounded(first.segment), first.option)
    return Planned(subject, assign(subject, first, attempt.think or None, recipe.manner), "policy", "own")


def _balanced(found: Sequence[Planned], recipe: Recipe) -> Iterator[Planned]:
    """Take out what is too much of right or wrong answers, per task, chosen by the seed."""
    if recipe.right_share is None:
        yield from found
        return
    left: Counter[tuple[str, bool]] = Counter()
    for tag in {p.subject.tag for p in found}:
        counts = Counter(_right(p) for p in found if p.subject.tag == tag and p.assignment)
        left[tag, True], left[tag, False] = kept_counts(counts[True], counts[False], recipe.right_share)
    taken: set[tuple[str | int, ...]] = set()
    for p in sorted(found, key=lambda p: stream_of("balance", recipe.seed, *p.place).word()):
        if p.assignment and left[p.subject.tag, _right(p)] > 0:
            left[p.subject.tag, _right(p)] -= 1
            taken.add(p.place)
    for p in found:
        surplus = p.assignment is not None and p.place not in taken
        yield p._replace(assignment=None, skipped="surplus") if surplus else p


def _right(planned: Planned) -> bool:
    return planned.assignment is not None and planned.assignment.action != "correct"
