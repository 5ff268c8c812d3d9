"""Building the data: planned chains to teacher to filters to an append-only, content-addressed JSONL folder.

    config.json       what the data depends on; another configuration needs another folder
    chains.jsonl      the chains that passed, in the order of the plan
    rejected.jsonl    those that did not, with all reasons
    statistics.md     counts and lengths          README.md   the dataset card

No line holds a time or a path, so the same configuration gives the same bytes, interrupted or not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srvau_train.rocot.answers import Answer, is_right, overlap, read_answer
from srvau_train.rocot.card import write_pages
from srvau_train.rocot.filters import faults
from srvau_train.rocot.plan import Planned, RocotConfig, by_sample, planned_errors, planned_policy, scenes, stream_of
from srvau_train.rocot.splits import check_training_split
from srvau_train.rocot.teacher import Assignment, Chain, Teacher
from vau_bench.errors import RunError, UsageError
from vau_bench.journal import LineJournal, read_journal, read_lines
from vau_bench.parsing import parse_grammar
from vau_bench.records import NORMAL, Response, Sample
from vau_bench.synth import CLASSES

CHAINS, REJECTED, CONFIG = "chains.jsonl", "rejected.jsonl", "config.json"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build did.

    Attributes:
        kept: chains in the folder.
        rejected: planned chains that are not, each with its reasons.
        resumed: how many of both were there already.
    """

    kept: int
    rejected: int
    resumed: int


def chain_key(dataset: dict[str, Any], assignment: Assignment, teacher: Teacher, seed: int) -> str:
    """Return the content address: sample and data, task, first answer, teacher and version, style, seed."""
    parts = (
        json.dumps(dataset, sort_keys=True), assignment.sample.id, assignment.kind, assignment.think or "",
        assignment.first.text(assignment.kind), assignment.first.label, teacher.id, teacher.version,
        assignment.manner.name, str(seed),
    )  # fmt: skip
    return hashlib.sha256("".join(f"{len(p)}:{p}" for p in parts).encode()).hexdigest()[:32]


def build(
    folder: Path,
    config: RocotConfig,
    teacher: Teacher,
    *,
    first: Path | None = None,
    held_out: Sequence[Sample] = (),
    progress: Callable[[], None] = lambda: None,
) -> Built:
    """Write the data, or go on where it stopped.

    Args:
        folder: made if it is not there.
        config: of the data.
        teacher: writes the chains.
        first: a journal of responses (`responses.jsonl`) whose first answers are used instead of the error model's.
        held_out: samples of the splits that must stay unseen.
        progress: called after each planned chain.

    Raises:
        UsageError: for a split that is no training split.
        DataError: if a held-out video is among the samples.
        RunError: if the folder holds data of another configuration, or cannot be written.
    """
    check_training_split([], config.split)
    check_training_split((sample for _, sample in scenes(config)), config.split, held_out)
    responses = _responses(first)
    _claim(folder, config, teacher, first)
    resumed = 0
    with ExitStack() as stack:
        kept, rejected = (stack.enter_context(LineJournal(folder / name)) for name in (CHAINS, REJECTED))
        there = {r["key"] for name in (CHAINS, REJECTED) for r in read_records(folder / name)}
        for planned in _planned(config, responses):
            record, fit = _record(planned, config, teacher, there)
            if record is None:
                resumed += 1
            else:
                (kept if fit else rejected).write(_line(record))
            progress()
    try:
        write_pages(folder, config, f"{teacher.id} {teacher.version}")
    except OSError as error:
        raise RunError(f"cannot write the pages in {folder}: {error.strerror}; the chains are all there") from None
    kept_count, rejected_count = (sum(1 for _ in read_records(folder / name)) for name in (CHAINS, REJECTED))
    return Built(kept_count, rejected_count, resumed)


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one of the JSONL files."""
    return read_lines(path, json.loads)


def _responses(first: Path | None) -> list[Response] | None:
    if first is None:
        return None
    path = first / "responses.jsonl" if first.is_dir() else first
    if not path.is_file():
        raise UsageError(f"no journal of responses at {path}")
    return list(read_journal(path))


def _planned(config: RocotConfig, responses: list[Response] | None) -> Iterator[Planned]:
    return planned_errors(config) if responses is None else planned_policy(config, by_sample(responses, config))


def _claim(folder: Path, config: RocotConfig, teacher: Teacher, first: Path | None) -> None:
    """Write the configuration into a new folder, or see that it is the same."""
    source = None
    if first is not None:
        file = first / "responses.jsonl" if first.is_dir() else first
        source = hashlib.sha256(file.read_bytes()).hexdigest()
    identity = {**config.as_json(), "teacher": {"id": teacher.id, "version": teacher.version}, "first_answers": source}
    text = json.dumps(identity, indent=2, sort_keys=True) + "\n"
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


def _record(
    planned: Planned, config: RocotConfig, teacher: Teacher, there: set[str]
) -> tuple[dict[str, Any] | None, bool]:
    """Return the line of a planned chain and whether it is fit; no line when it is there already."""
    assignment = planned.assignment
    if assignment is None:
        key = f"{planned.skipped}/{planned.sample.id}/{planned.kind}"
        return (None if key in there else {"key": key, **_about(planned), "reasons": [planned.skipped]}), False
    key = chain_key(config.dataset, assignment, teacher, config.seed)
    if key in there:
        return None, False
    chain = teacher.write(assignment, stream_of("chain", key))
    grammar = parse_grammar(chain.response)
    last = chain.response[slice(*grammar.last.span)]
    read = read_answer(last, planned.sample, planned.kind, (NORMAL, *CLASSES))
    reasons = faults(chain, assignment, read)
    if reasons:
        return {"key": key, **_about(planned), "reasons": reasons, "response": chain.response}, False
    return {"key": key, **_about(planned), **_content(chain, assignment, read, config, teacher)}, True


def _about(planned: Planned) -> dict[str, Any]:
    sample = planned.sample
    return {
        "sample_id": sample.id, "video": sample.video, "group": sample.group, "kind": planned.kind,
        "origin": planned.origin, "mistake": planned.mistake, "label": sample.target.label,
    }  # fmt: skip


def _content(
    chain: Chain, assignment: Assignment, read: Answer | None, config: RocotConfig, teacher: Teacher
) -> dict[str, Any]:
    sample, kind, first = assignment.sample, assignment.kind, assignment.first
    timed = kind in ("grounding", "report")
    truth = assignment.truth.segment
    return {
        "split": config.split,
        "action": assignment.action,
        "first_right": is_right(first, sample, kind),
        "first_tiou": round(overlap(first, sample), 6) if timed else None,
        "revised_tiou": round(overlap(read, sample), 6) if timed and read else None,
        "truth": {
            "label": sample.target.label,
            "segments": [list(s) for s in sample.target.segments or ()],
            "option": sample.target.option,
            "rounded": list(truth) if truth else None,
        },
        "parts": {
            "think": chain.think, "first": chain.first, "reflect": chain.reflect, "revised": chain.revised,
            "final": chain.final,
        },
        "response": chain.response,
        "loss_from": 0 if assignment.action != "correct" else chain.response.index("<reflect>"),
        "provenance": {
            "dataset": config.dataset, "teacher": teacher.id, "teacher_version": teacher.version,
            "style": assignment.manner.name, "seed": config.seed,
        },
    }  # fmt: skip


def _line(record: dict[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"
