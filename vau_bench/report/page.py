"""The report as one HTML page: no script is needed to read it, nothing outside it is loaded."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from vau_bench.evaluation import Progress
from vau_bench.records import JSON
from vau_bench.report.cards import Card, card
from vau_bench.report.charts import (
    ClassRow,
    ConfusionTable,
    FloorRow,
    MetricRow,
    OutcomePart,
    class_rows,
    confusion_table,
    floor_rows,
    judge_rows,
    metric_rows,
    outcome_parts,
    reflection_rows,
    text_rows,
)
from vau_bench.report.choosing import choose, shares, worst_first
from vau_bench.report.command import repeat_command
from vau_bench.report.contents import RunContents, TaskContents
from vau_bench.report.excerpts import clipped, legible
from vau_bench.report.film import strips as film_strips
from vau_bench.report.wording import PAPER_RULE, told_reflection

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class TaskPart:
    """One task of the page.

    Attributes:
        anchor: its id in the page.
        contents: what is known about it.
        expected: samples; `counted` of them by outcome.
        metrics: empty where nothing was scored; so `classes`, `floors` and `reflection`.
        reflected: what reflections did, as a sum.
        judge: what judges said, where there were any.
        text: text metrics, where they were asked for.
        confusion: answers by truth, where they can be listed.
        cards: the samples that are shown.
        rest: outcomes of the samples that are not.
    """

    anchor: str
    contents: TaskContents
    expected: int
    outcomes: list[OutcomePart]
    metrics: list[MetricRow]
    classes: list[ClassRow]
    floors: list[FloorRow]
    reflection: list[tuple[str, str, str]]
    reflected: str
    text: list[tuple[str, str, str]]
    confusion: ConfusionTable | None
    judge: list[tuple[str, str, str]]
    cards: list[Card]
    rest: dict[str, int]


def render(contents: RunContents, *, samples: int, strips: int, progress: Progress) -> str:
    """Return the page.

    Args:
        contents: of the run.
        samples: how many samples are shown one by one, over all tasks.
        strips: how many of them with frames.
        progress: told about the decoding of frames.
    """
    parts = _task_parts(contents, samples, strips, progress)
    shown = [c for part in parts for c in part.cards]
    script = _asset("filter.js")
    return (
        _environment()
        .get_template("report.html.j2")
        .render(
            run=contents,
            manifest=contents.manifest,
            identity=_flat(contents.manifest.model_identity),
            packages=_mapping(contents.manifest.environment.get("packages")),
            command=repeat_command(contents.options),
            tasks=parts,
            shown=len(shown),
            total=sum(part.expected for part in parts),
            with_frames=sum(bool(c.strip and c.strip.frames) for c in shown),
            choices={
                "task": [part.contents.entry.name for part in parts],
                "outcome": sorted({c.score.outcome for c in shown}),
                "class": sorted({c.score.label or "unknown" for c in shown}),
                "answer": [level for level in ("good", "fair", "bad") if any(_level(c) == level for c in shown)],
            },
            paper_rule=PAPER_RULE,
            style=_asset("style.css"),
            script=script,
            script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        )
    )


def _task_parts(contents: RunContents, samples: int, strips: int, progress: Progress) -> list[TaskPart]:
    tasks = contents.tasks
    budgets = shares([len(task.scores) for task in tasks], samples)
    chosen = [choose(worst_first(task.scores), budget) for task, budget in zip(tasks, budgets, strict=True)]
    with_seen = [[s.sample_id for s in own if _has_seen(t, s.sample_id)] for t, own in zip(tasks, chosen, strict=True)]
    wanted = [
        (task, choose(ids, budget))
        for task, ids, budget in zip(tasks, with_seen, shares([len(ids) for ids in with_seen], strips), strict=True)
    ]
    films = film_strips(wanted, contents.options, progress)
    parts = []
    for number, (task, own) in enumerate(zip(tasks, chosen, strict=True)):
        shown = {s.sample_id for s in own}
        parts.append(
            TaskPart(
                anchor=f"task-{number + 1}",
                contents=task,
                expected=task.result["expected"] if task.result else task.entry.expected,
                outcomes=outcome_parts(task.outcomes),
                metrics=metric_rows(task.result) if task.result else [],
                classes=class_rows(task.result) if task.result else [],
                floors=floor_rows(task.result) if task.result else [],
                reflection=reflection_rows(task.result) if task.result else [],
                reflected=told_reflection(task.result) if task.result else "",
                judge=judge_rows(task.result) if task.result else [],
                text=text_rows(task.result) if task.result else [],
                confusion=confusion_table(task.result) if task.result else None,
                cards=[
                    card(f"sample-{number + 1}-{place + 1}", task, score, films.get((number, score.sample_id)))
                    for place, score in enumerate(own)
                ],
                rest=dict(sorted(Counter(s.outcome for s in task.scores if s.sample_id not in shown).items())),
            )
        )
    return parts


def _has_seen(task: TaskContents, sample_id: str) -> bool:
    response = task.responses.get(sample_id)
    return response is not None and response.seen is not None and bool(response.seen.indices)


def _level(shown: Card) -> str:
    return shown.verdict.level if shown.verdict else ""


def _environment() -> Environment:
    """Return the templates: everything that is not markup of ours is escaped, and made legible before that."""
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _finalize(value: Any) -> Any:
    return legible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> Markup:
    """Return a file of ours that stands in the page as it is."""
    return Markup((TEMPLATES / name).read_text(encoding="utf-8"))


def _flat(values: Mapping[str, JSON]) -> list[tuple[str, str]]:
    return [
        (name, clipped(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), 500))
        for name, value in values.items()
        if value is not None
    ]


def _mapping(value: JSON) -> dict[str, JSON]:
    return value if isinstance(value, dict) else {}
