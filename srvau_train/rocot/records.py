"""The lines of the data: what is written about a chain, and how it is read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from srvau_train.rocot.answers import TIMED, Answer, is_right, overlap
from srvau_train.rocot.plan import Planned
from srvau_train.rocot.teacher import Assignment, Chain, Teacher
from vau_bench.journal import read_lines

CHAINS, REJECTED, CONFIG = "chains.jsonl", "rejected.jsonl", "config.json"


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of one of the JSONL files."""
    return read_lines(path, json.loads)


def line(record: dict[str, Any]) -> bytes:
    """Return the line of a record."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"


def about(planned: Planned) -> dict[str, Any]:
    """Return what is known of a chain before it is written."""
    subject = planned.subject
    sample = subject.sample
    return {
        "sample_id": sample.id, "video": sample.video, "group": sample.group, "task": subject.task,
        "kind": subject.kind, "origin": planned.origin, "mistake": planned.mistake, "label": sample.target.label,
    }  # fmt: skip


def content(
    chain: Chain, assignment: Assignment, read: Answer | None, split: str, teacher: Teacher, seed: int
) -> dict[str, Any]:
    """Return what a chain holds, how good it is, and where it comes from."""
    sample, kind, first = assignment.sample, assignment.kind, assignment.first
    timed = kind in TIMED
    truth = assignment.truth.segment
    return {
        "split": split,
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
            "dataset": dict(assignment.subject.dataset), "teacher": teacher.id, "teacher_version": teacher.version,
            "style": assignment.manner.name, "seed": seed, **teacher.provenance,
        },
    }  # fmt: skip
