"""Building the data: planned chains to teacher to filters to an append-only, content-addressed JSONL folder.

    config.json       what the data depends on; another configuration needs another folder
    chains.jsonl      the chains that passed
    rejected.jsonl    those that did not, with all reasons
    statistics.md     counts and lengths          README.md   the dataset card

No line holds a time or a path. Chains of the scene teacher stand in the order of the plan, so the same configuration
gives the same bytes, interrupted or not; those of an endpoint stand in the order in which they came.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from srvau_train.rocot.card import write_pages
from srvau_train.rocot.config import Recipe
from srvau_train.rocot.filters import faults, revised_answer
from srvau_train.rocot.plan import Planned, answers_of, planned_errors, planned_policy
from srvau_train.rocot.records import CHAINS, CONFIG, REJECTED, about, content, line, read_records
from srvau_train.rocot.source import ABSENT, Source
from srvau_train.rocot.teacher import Assignment, Chain, Job, NoChain, Teacher
from vau_bench.errors import ModelError, RunError, UsageError
from vau_bench.journal import LineJournal, read_journal
from vau_bench.records import Sample


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        kept: chains in the folder.
        rejected: planned chains that are not, each with its reasons.
        resumed: how many of both were there already.
        skipped: chains without a video to look at, by reason; they are planned again by the next build.
    """

    kept: int
    rejected: int
    resumed: int
    skipped: Mapping[str, int] = field(default_factory=dict)


def chain_key(assignment: Assignment, teacher: Teacher, seed: int) -> str:
    """Return the content address: data and sample, task, first answer, teacher and version, style, seed."""
    parts = (
        json.dumps(dict(assignment.subject.dataset), sort_keys=True), assignment.sample.id, assignment.kind,
        assignment.think or "", assignment.first.text(assignment.kind), assignment.first.label, teacher.id,
        teacher.version, assignment.manner.name, str(seed),
    )  # fmt: skip
    return hashlib.sha256("".join(f"{len(p)}:{p}" for p in parts).encode()).hexdigest()[:32]


def build(
    folder: Path,
    config: Recipe,
    teacher: Teacher,
    *,
    first: Path | Sequence[Path] = (),
    held_out: Sequence[Sample] = (),
    begin: Callable[[int], None] = lambda total: None,
    progress: Callable[[], None] = lambda: None,
) -> Built:
    """Write the data, or go on where it stopped.

    Args:
        folder: made if it is not there.
        config: of the data.
        teacher: writes the chains.
        first: runs, or journals of responses (`responses.jsonl`), whose answers are the first answers, instead of the
            error model's; with several, each subject has several.
        held_out: samples that must stay unseen, beside those of the dataset's own held-out splits.
        begin: told how many chains are planned.
        progress: called after each planned chain.

    Raises:
        UsageError: for a split that is no training split, or a teacher that cannot write about these data.
        DataError: if a held-out video is among the samples.
        ModelError: if the teacher is gone, or gave no answer about some chains; what it wrote is kept.
        RunError: if the folder holds data of another configuration, or cannot be written.
    """
    runs = [_journals(path) for path in ([first] if isinstance(first, Path) else first)]
    with ExitStack() as stack:
        source = stack.enter_context(closing(config.source()))
        source.check(held_out)
        begin(source.count() * max(1, len(runs)))
        planned = _planned(config, source, runs)
        _claim(folder, {**config.as_json(), **source.identity()}, teacher, runs)
        kept, rejected = (stack.enter_context(LineJournal(folder / name)) for name in (CHAINS, REJECTED))
        there = {r["key"] for name in (CHAINS, REJECTED) for r in read_records(folder / name)}
        work = _Work(config, source, teacher, kept, rejected, there, progress)
        stopped = work.done(planned)
        try:
            write_pages(folder, config, source.about, teacher, work.skipped)
        except OSError as error:
            raise RunError(f"cannot write the pages in {folder}: {error.strerror}; the chains are all there") from None
    if stopped:
        raise ModelError(f"{stopped}; what was written is kept in {folder}, the same command goes on from there")
    kept_count, rejected_count = (sum(1 for _ in read_records(folder / name)) for name in (CHAINS, REJECTED))
    return Built(kept_count, rejected_count, work.resumed, dict(work.skipped))


class _Work:
    """Takes planned chains to the teacher, and what comes back to the journals."""

    def __init__(
        self,
        recipe: Recipe,
        source: Source,
        teacher: Teacher,
        kept: LineJournal,
        rejected: LineJournal,
        there: set[str],
        progress: Callable[[], None],
    ) -> None:
        self.recipe, self.source, self.teacher = recipe, source, teacher
        self.kept, self.rejected = kept, rejected
        self.there, self.progress = there, progress
        self.resumed = 0
        self.skipped: Counter[str] = Counter()
        self._waiting: dict[str, Planned] = {}
        self._unanswered: list[str] = []

    def done(self, planned: Iterable[Planned]) -> str | None:
        """Do all of it; return why it is not complete, `None` when it is."""
        try:
            with closing(self.teacher.chains(self._jobs(planned))) as chains:
                for job, result in chains:
                    self._settle(job, result)
                    self.progress()
        except ModelError as error:
            return str(error)
        if self._unanswered:
            return f"the teacher gave no answer about {len(self._unanswered)} chains (first: {self._unanswered[0]})"
        return None

    def _jobs(self, planned: Iterable[Planned]) -> Iterator[Job]:
        """Yield what the teacher is to write; the rest is counted at once."""
        for p in planned:
            if p.skipped in ABSENT:
                self.skipped[p.skipped] += 1
            else:
                key = self._key(p)
                if key not in self.there:
                    self.there.add(key)
                    if p.assignment is not None:
                        self._waiting[key] = p
                        yield Job(key, p.assignment)
                        continue
                    self.rejected.write(line({"key": key, **about(p), "reasons": [p.skipped]}))
                else:
                    self.resumed += 1
            self.progress()

    def _key(self, planned: Planned) -> str:
        if planned.assignment is None:
            return "/".join(map(str, (planned.skipped, *planned.place)))
        return chain_key(planned.assignment, self.teacher, self.recipe.seed)

    def _settle(self, job: Job, result: Chain | NoChain) -> None:
        planned = self._waiting.pop(job.key)
        head = {"key": job.key, **about(planned)}
        if isinstance(result, NoChain):
            if result.reason is None:
                self._unanswered.append(f"{planned.subject.sample.id}: {result.told}")
            elif result.reason in ABSENT:
                self.skipped[result.reason] += 1
            else:
                self.rejected.write(line({**head, "reasons": [result.reason], "told": result.told}))
            return
        read = revised_answer(result, job.assignment)
        reasons = faults(result, job.assignment, read)
        if reasons:
            self.rejected.write(line({**head, "reasons": reasons, "response": result.response}))
        else:
            body = content(result, job.assignment, read, self.source.split, self.teacher, self.recipe.seed)
            self.kept.write(line({**head, **body}))


def _journals(first: Path) -> list[Path]:
    """Return the journals of a run, of which there are several when it was shared among processes."""
    found = sorted(first.glob("responses*.jsonl")) if first.is_dir() else [first]
    if not found or not all(path.is_file() for path in found):
        raise UsageError(f"no journal of responses at {first}")
    return found


def _planned(recipe: Recipe, source: Source, runs: Sequence[Sequence[Path]]) -> Iterator[Planned]:
    if not runs:
        return planned_errors(recipe, source)
    read = [chain.from_iterable(map(read_journal, journals)) for journals in runs]
    return planned_policy(recipe, source, [answers_of(responses, source) for responses in read])


def _claim(folder: Path, data: Mapping[str, Any], teacher: Teacher, runs: Sequence[Sequence[Path]]) -> None:
    """Write the configuration into a new folder, or see that it is the same."""
    digests = [hashlib.sha256(b"".join(path.read_bytes() for path in journals)).hexdigest() for journals in runs]
    written_by = {"id": teacher.id, "version": teacher.version, **teacher.provenance}
    answers = digests if len(digests) > 1 else next(iter(digests), None)
    text = json.dumps({**data, "teacher": written_by, "first_answers": answers}, indent=2, sort_keys=True) + "\n"
    path = folder / CONFIG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.read_text("utf-8") != text:
            raise RunError(f"{folder} holds RoCoT data of another configuration; choose another --out")
        partial = path.with_suffix(".partial")
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {folder}: {error.strerror}") from None
