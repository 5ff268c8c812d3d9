"""What there is to judge in a run: the answers of its reasoning tasks beside their references."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from vau_bench.catalogue import Catalogue
from vau_bench.conversations import turns_of, whole_conversations
from vau_bench.errors import RunError, UnknownNameError, UsageError
from vau_bench.judge.judgements import ANSWER, Item
from vau_bench.kinds.reasoning import reference
from vau_bench.parsing import parse_grammar
from vau_bench.records import Outcome, Sample
from vau_bench.runs import Manifest, RunFolder, TaskEntry

Part = Literal["final", "whole", "first"]
PARTS: tuple[Part, ...] = ("final", "whole", "first")
KIND = "reasoning"


@dataclass(frozen=True)
class Answers:
    """The answers to one task of a run.

    Attributes:
        entry: the task as the manifest has it.
        texts: what the model said, by sample; only answers that are complete and not blank.
    """

    entry: TaskEntry
    texts: dict[str, str]


@dataclass(frozen=True)
class TaskItems:
    """What is to be judged of one task.

    Attributes:
        name: of the task.
        references: one item per sample that has a reference, without a text.
        items: those with a text of the model.
    """

    name: str
    references: list[Item]
    items: list[Item]


def part_of(text: str, part: Part) -> str | None:
    """Return the part of an answer that is judged; `None` where there is no such part.

    `final` is what holds in the end: of a reflective answer everything behind the reflection, of any other all of it.
    `first` is what a reflective answer said before its reflection. `whole` is all of it.
    """
    if part == "whole":
        return text
    grammar = parse_grammar(text)
    if grammar.style != "reflect":
        return text if part == "final" else None
    attempt = grammar.last if part == "final" else grammar.first
    return text[slice(*attempt.span)].strip() or None if attempt else None


def answers(folder: RunFolder, manifest: Manifest, catalogue: Catalogue, tasks: Sequence[str] = ()) -> list[Answers]:
    """Return the answers of the reasoning tasks of a run, or of the tasks that are named; needs no dataset."""
    responses = list(folder.responses())
    found = []
    for entry in chosen(manifest, tasks):
        turns = turns_of(responses, entry.name, entry.style)
        whole = whole_conversations(turns, len(catalogue.get(entry.name).prompts.turns(entry.style)))
        texts = {i: r.text for i, r in whole.items() if r.outcome is Outcome.SCORED and r.text.strip()}
        found.append(Answers(entry, texts))
    return found


def chosen(manifest: Manifest, tasks: Sequence[str]) -> list[TaskEntry]:
    """Return the tasks of a run that are judged: those named, else those of the reasoning kind.

    Raises:
        UsageError: if the run has none.
    """
    by_name = {entry.name: entry for entry in manifest.tasks}
    for name in tasks:
        if name not in by_name:
            raise UnknownNameError("task of this run", name, by_name)
    entries = [by_name[name] for name in tasks] or [e for e in manifest.tasks if e.kind == KIND]
    if not entries:
        raise UsageError(f"this run has no {KIND} task to judge; name others with --tasks: {', '.join(by_name)}")
    return entries


def task_items(
    folder: RunFolder, *, data: Path | None = None, tasks: Sequence[str] = (), part: Part = "final"
) -> list[TaskItems]:
    """Return what is to be judged in a run, one element per task.

    Raises:
        RunError: if the data have changed since the run.
        UsageError: if there is nothing to judge against.
    """
    from vau_bench.evaluation import Options

    manifest = folder.read_manifest()
    options = Options.from_json(manifest.options)
    catalogue = Catalogue(options.tasks_dirs)
    found = []
    for answered in answers(folder, manifest, catalogue, tasks):
        entry = answered.entry
        selection = catalogue.get(entry.name).select(
            data or options.data, split=entry.split, limit=options.limit, shuffle_options=options.shuffle_options
        )
        if selection.dataset.digest != entry.digests["data"]:
            raise RunError(f"the data of {entry.name} changed since the run; evaluate again")
        references = [item for sample in selection.samples if (item := _reference(entry.name, sample)) is not None]
        if not references:
            raise UsageError(f"{entry.name} has no reference texts to judge against")
        items = []
        for item in references:
            text = part_of(answered.texts.get(item.sample_id, ""), part)
            if text and text.strip():
                items.append(replace(item, text=text, purpose=f"{ANSWER}{part}"))
        found.append(TaskItems(entry.name, references, items))
    return found


def _reference(task: str, sample: Sample) -> Item | None:
    """Return an item without a text: description, then reasoning, as prose; `None` for a sample that has neither."""
    text = reference(sample)
    if not text.strip():
        return None
    return Item(task, sample.id, sample.group, sample.target.label or "unknown", text, "", "")
