"""From items to verdicts in the journal: what is still to be asked, what it will cost, and asking it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol, TypeAlias

from vau_bench.errors import ModelError, UsageError
from vau_bench.journal import LineJournal
from vau_bench.judge.client import Judge, Question
from vau_bench.judge.items import Part, task_items
from vau_bench.judge.judgements import FILE, Decision, Item, Judgement, to_line
from vau_bench.judge.probes import probes
from vau_bench.judge.rubric import Rubric
from vau_bench.runs import RunFolder


class Progress(Protocol):
    """What is told while judges are asked."""

    def stage(self, text: str, total: int | None = None) -> None:
        """A judge begins."""

    def judged(self, judgement: Judgement) -> None:
        """One verdict, or none, has come."""


@dataclass(frozen=True)
class Plan:
    """What one judge is to be asked.

    Attributes:
        pending: one question for each verdict that is not there yet.
        twins: by key, further questions that the same verdict answers.
        known: judgements that can be written without a call: the verdict was given to the same text before.
        done: questions that are answered already.
    """

    judge: Judge
    pending: list[Question]
    twins: dict[str, list[Question]] = field(default_factory=dict)
    known: list[Judgement] = field(default_factory=list)
    done: int = 0

    @property
    def total(self) -> int:
        """How many judgements are wanted altogether."""
        return len(self.pending) + sum(map(len, self.twins.values())) + len(self.known) + self.done

    def sample(self, count: int) -> Plan:
        """Return the plan for `count` of the pending questions, evenly spread."""
        if count >= len(self.pending):
            return self
        picked = [self.pending[i * len(self.pending) // count] for i in range(count)]
        twins = {q.key: self.twins[q.key] for q in picked if q.key in self.twins}
        return replace(self, pending=picked, twins=twins)


class Price(NamedTuple):
    """What a plan takes.

    Attributes:
        calls: without repairs.
        cost: in US dollars, `None` where the prices are not known.
    """

    calls: int
    prompt_tokens: int
    completion_tokens: int
    cost: float | None


def wanted(
    folder: RunFolder,
    rubric: Rubric,
    *,
    data: Path | None = None,
    tasks: Sequence[str] = (),
    part: Part = "final",
    limit: int | None = None,
    check: int | None = None,
) -> list[Item]:
    """Return the items to judge in a run.

    Args:
        folder: of the run.
        rubric: names the dimensions that probes lie about.
        data: root of the datasets; default: where the run found them.
        tasks: default: those of the reasoning kind.
        part: of each answer.
        limit: answers per task, evenly spread.
        check: make the probes of this many references per task instead.
    """
    items: list[Item] = []
    for task in task_items(folder, data=data, tasks=tasks, part=part):
        if check is not None:
            items += probes(task.references, check, rubric)
        elif limit is not None and limit < len(task.items):
            items += [task.items[i * len(task.items) // limit] for i in range(limit)]
        else:
            items += task.items
    return items


def plan(judge: Judge, items: Iterable[Item], repeats: int, judgements: Iterable[Judgement]) -> Plan:
    """Return what a judge is still to be asked, given all judgements that are there."""
    decided = [j for j in judgements if j.decision is not Decision.ERRORED]
    places = {j.place for j in decided}
    verdicts = {j.key: j for j in decided}
    made = Plan(judge, [])
    asked: set[str] = set()
    done = 0
    for item in items:
        for repeat in range(repeats):
            question = judge.question(item, repeat)
            if question.blank.place in places:
                done += 1
            elif question.key in verdicts:
                made.known.append(_same(question, verdicts[question.key]))
            elif question.key in asked:
                made.twins.setdefault(question.key, []).append(question)
            else:
                asked.add(question.key)
                made.pending.append(question)
    return replace(made, done=done)


def price(made: Plan) -> Price:
    """Return what a plan takes, tokens estimated from characters."""
    tokens = [made.judge.tokens(question) for question in made.pending]
    prompt, completion = sum(t[0] for t in tokens), sum(t[1] for t in tokens)
    return Price(len(tokens), prompt, completion, made.judge.config.cost(prompt, completion))


def projected(made: Plan, measured: Sequence[Judgement]) -> Price:
    """Return what a plan takes, from what some of its verdicts took."""
    answered = [j for j in measured if j.calls]
    if not answered:
        return price(made)
    calls = len(made.pending)
    share = calls / len(answered)
    prompt = round(share * sum(j.prompt_tokens for j in answered))
    completion = round(share * sum(j.completion_tokens for j in answered))
    return Price(
        round(share * sum(j.calls for j in answered)), prompt, completion, made.judge.config.cost(prompt, completion)
    )


Asker: TypeAlias = Callable[[Judge, Iterable[Question]], Generator[tuple[Question, Judgement]]]
"""Asks a judge questions, and yields each with its judgement, as they come."""


def ask(folder: RunFolder, plans: Sequence[Plan], progress: Progress, asker: Asker = Judge.ask) -> list[Judgement]:
    """Ask the judges, one after the other, and journal each verdict as it comes.

    Args:
        folder: of the run.
        plans: what each judge is to be asked.
        progress: told of each verdict.
        asker: asks a judge; default: in this process.

    Returns:
        The judgements that were written.

    Raises:
        ModelError: after all judges were asked, if one of them could not be; what came is in the journal.
        RunError: if the journal cannot be written, or another process writes to it.
    """
    written: list[Judgement] = []
    failures: list[str] = []
    with LineJournal(folder.path / FILE) as journal:

        def write(judgement: Judgement) -> None:
            journal.write(to_line(judgement))
            written.append(judgement)

        for made in plans:
            for judgement in made.known:
                write(judgement)
            progress.stage(made.judge.config.label, len(made.pending))
            try:
                with closing(asker(made.judge, made.pending)) as answers:
                    for question, judgement in answers:
                        write(judgement)
                        for twin in made.twins.get(question.key, ()):
                            write(_same(twin, judgement))
                        progress.judged(judgement)
            except ModelError as error:
                failures.append(f"{made.judge.config.label}: {error}")
    if failures:
        raise ModelError("; ".join(failures))
    return written


def _same(question: Question, judgement: Judgement) -> Judgement:
    """Return a judgement as the answer to another question with the same key; it was paid for already."""
    of = question.blank
    return replace(
        judgement,
        task=of.task,
        sample_id=of.sample_id,
        group=of.group,
        purpose=of.purpose,
        response_digest=of.response_digest,
        characters=of.characters,
        left_out=of.left_out,
        calls=0,
        prompt_tokens=0,
        completion_tokens=0,
        seconds=0.0,
        cost=None if judgement.cost is None else 0.0,
    )


def check_names(judges: Sequence[Judge]) -> None:
    """Refuse judges that could not be told apart in tables.

    Raises:
        UsageError: naming the first.
    """
    seen: set[str] = set()
    for judge in judges:
        label = judge.config.label
        if label in seen:
            raise UsageError(f"two judges are called {label!r}; give one of them another name=")
        seen.add(label)
