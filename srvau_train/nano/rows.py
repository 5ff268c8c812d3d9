"""The rows of the nano model: VAU-Synth training clips under the prompts of their tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from srvau_train.examples import Example, answer_of, request_of, truth_of
from srvau_train.nano.frames import Look, number_of
from srvau_train.rocot.answers import Grid, true_answer
from vau_bench.catalogue import Catalogue
from vau_bench.journal import read_lines
from vau_bench.kinds.base import Kind
from vau_bench.records import Request, Sample
from vau_bench.synth import sample_of, scene_at
from vau_bench.task import Task

KINDS = ("grounding", "classification", "mcq", "reasoning")
GRID = Grid(1.0, 0.5)
"""The times in answers: half-way between two frames."""


def request(number: int, kind: str, style: str, look: Look, *, tokens: int | None = None) -> Request:
    """Return the request about a training clip."""
    task, of = asked_of(kind)
    sample = clip(number)
    return request_of(task, of, sample, style, video=Path(sample.video), plan=look.plan, tokens=tokens)


def prompt(number: int, kind: str, style: str, look: Look, *, tokens: int | None = None) -> Example:
    """Return a row without a response."""
    asked = request(number, kind, style, look, tokens=tokens)
    return Example(asked, truth_of(asked.sample, _answered_as(kind), asked_of(kind)[1].classes))


def direct(number: int, kind: str, look: Look) -> Example:
    """Return a row with the truth as response; of the reasoning task, the second turn's text."""
    row = prompt(number, kind, "direct", look)
    sample = row.request.sample
    if kind == "grounding":
        return _with(row, true_answer(sample, GRID).text("grounding"))
    if kind == "reasoning":
        return _with(row, sample.target.texts["description"])
    return _with(row, answer_of(sample, kind))


def chains(folder: Path, look: Look) -> list[Example]:
    """Return the chains of a RoCoT folder as rows; those about the class also answer the reasoning task."""
    rows = []
    for record in read_lines(folder / "chains.jsonl", json.loads):
        number = number_of(record["sample_id"])
        for kind in _asked_as(record):
            row = prompt(number, kind, "reflect", look)
            rows.append(Example(row.request, row.truth, record["response"], int(record["loss_from"])))
    return rows


def _asked_as(record: Mapping[str, Any]) -> Sequence[str]:
    """Return the task that a chain is shown under: every second one about the class under reasoning."""
    kind: str = record["kind"]
    if kind == "classification" and int(record["key"][:8], 16) % 2:
        return ("reasoning",)
    return (kind,)


def texts(folders: Sequence[Path], clips: int, look: Look) -> Iterator[str]:
    """Yield what the tokenizer learns from: prompts, answers and chains."""
    for number in range(clips):
        for kind in KINDS:
            for style in ("direct", "reflect"):
                for message in request(number, kind, style, look).messages:
                    yield f"{message.role}\n" if message.video else f"{message.role}\n{message.text}"
                    yield message.text
                yield "assistant\n"
        yield from clip(number).target.texts.values()
    times = "".join(f"[{t:.1f}s]{t:g} s {t + GRID.offset:.1f} s " for t in look.times)
    for _ in range(2 * clips):
        yield times
    for folder in folders:
        for record in read_lines(folder / "chains.jsonl", json.loads):
            yield record["response"]


@lru_cache(maxsize=1 << 16)
def clip(number: int) -> Sample:
    """Return a training clip as a sample."""
    return sample_of(scene_at("train", number))


@lru_cache(maxsize=8)
def asked_of(kind: str) -> tuple[Task, Kind[Any]]:
    """Return the task that asks clips so, and how its answers are written."""
    task = Catalogue().get(f"vau_synth_{kind}")
    return task, task.kind(task.read(None, "train"))


def _answered_as(kind: str) -> str:
    return "classification" if kind == "reasoning" else kind


def _with(row: Example, response: str) -> Example:
    return Example(row.request, row.truth, response)
