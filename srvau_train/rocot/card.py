"""The statistics page and the dataset card, computed from what the folder holds."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, median
from typing import Any

from srvau_train.rocot.config import Recipe
from srvau_train.rocot.filters import REASONS
from srvau_train.rocot.records import read_records
from srvau_train.rocot.source import About
from srvau_train.rocot.teacher import Teacher

_WORD = re.compile(r"\w+")
PARTS = ("think", "reflect", "revised")


def statistics(kept: Sequence[Mapping[str, Any]], rejected: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return all figures of the page.

    Every rejected chain counts once under its first reason in `rejected`, so that kept and rejected add up to
    `planned`; `any_reason` counts each reason of each chain.
    """
    timed = [r for r in kept if r["first_tiou"] is not None]
    return {
        "planned": len(kept) + len(rejected),
        "kept": len(kept),
        "rejected": _counted(r["reasons"][0] for r in rejected),
        "any_reason": _counted(reason for r in rejected for reason in r["reasons"]),
        "right_share": mean(r["first_right"] for r in kept) if kept else None,
        "task": _counted(r.get("task", r["kind"]) for r in kept),
        **{name: _counted(r[name] for r in kept) for name in ("kind", "action", "mistake", "label", "origin")},
        "first_tiou": mean(r["first_tiou"] for r in timed) if timed else None,
        "revised_tiou": mean(r["revised_tiou"] for r in timed) if timed else None,
        "words": {part: _lengths([len(_WORD.findall(r["parts"][part])) for r in kept]) for part in PARTS},
        "distinct_share": {p: len({r["parts"][p] for r in kept}) / len(kept) if kept else None for p in PARTS},
        "vocabulary": len({w for r in kept for w in _WORD.findall(r["response"].lower())}),
        "videos": len({r["group"] for r in kept}),
    }


def write_pages(
    folder: Path, recipe: Recipe, about: About, teacher: Teacher, skipped: Mapping[str, int] | None = None
) -> None:
    """Write `statistics.json`, `statistics.md` and `README.md`.

    Args:
        folder: of the data.
        recipe: how its chains were made.
        about: what they are about.
        teacher: that wrote them.
        skipped: chains without a video to look at, by reason.
    """
    kept, rejected = (list(read_records(folder / f"{n}.jsonl")) for n in ("chains", "rejected"))
    figures = statistics(kept, rejected)
    if skipped:
        figures["skipped"] = dict(skipped)
    text = json.dumps(figures, indent=2) + "\n"
    (folder / "statistics.json").write_text(text, "utf-8")
    (folder / "statistics.md").write_text(statistics_page(figures), "utf-8")
    (folder / "README.md").write_text(card(figures, recipe, about, teacher), "utf-8")


def statistics_page(figures: Mapping[str, Any]) -> str:
    """Return the statistics as markdown."""
    reasons = dict.fromkeys(REASONS, 0) | figures["rejected"]
    skipped = figures.get("skipped")
    tables = [
        _table("Planned chains", "outcome", {"kept": figures["kept"], **reasons, "planned": figures["planned"]}),
        *([_table("Skipped, until their videos are there", "reason", skipped)] if skipped else []),
        *(
            _table(title, name, figures[name])
            for title, name in (
                ("Tasks", "task"), ("What the reflection does", "action"), ("Errors of first answers", "mistake"),
                ("Classes", "label"), ("Where first answers come from", "origin"),
            )
        ),
    ]  # fmt: skip
    rows = [
        f"| {part} | {w['mean']} | {w['median']} | {w['max']} | {_number(figures['distinct_share'][part])} |"
        for part, w in figures["words"].items()
    ]
    words = "\n".join(["| part | mean words | median | most | distinct |", "|---|---|---|---|---|", *rows])
    summary = [
        f"- videos: {figures['videos']}",
        f"- right first answers: {_number(figures['right_share'])} of the chains kept",
        f"- mean tIoU, first answer: {_number(figures['first_tiou'])}; revised: {_number(figures['revised_tiou'])}",
        f"- vocabulary: {figures['vocabulary']} words",
    ]
    return "\n\n".join(["# RoCoT statistics", "\n".join(summary), *tables, f"## Lengths\n\n{words}"]) + "\n"


def card(figures: Mapping[str, Any], recipe: Recipe, about: About, teacher: Teacher) -> str:
    """Return the dataset card."""
    declared = "the policy's own rate" if recipe.right_share is None else f"{recipe.right_share:.0%} right"
    errors = ", ".join(f"{name} {value:g}" for name, value in asdict(recipe.errors).items())
    policy = figures["origin"].get("policy", 0) > 0
    source = "a policy's own responses" if policy else f"a declared error model ({errors})"
    style = f"style `{recipe.manner.name}` (walk / step in seconds / grid of times in seconds)"
    checks = teacher.told.checks
    tags = ", ".join(("video-anomaly-understanding", "self-reflection", *about.tags))
    return f"""---
license: {about.licence}
task_categories: [video-text-to-text]
language: [en]
tags: [{tags}]
---

# RoCoT on {about.name}

{figures["kept"]} reflection-oriented chains of thought on {figures["videos"]} {about.clips}: initial reasoning and
answer, a reflection that checks them against the video{checks}, revised reasoning and answer.
It is made in the manner of SRVAU-R1's RoCoT (arXiv 2602.01004), whose prompts, size and teacher are not published:
every choice here is ours.

- **Videos**: {about.videos}
- **First answers**: from {source}; declared share: {declared};
  right among the chains kept: {_number(figures["right_share"])}. A right one is kept (or
  its ends refined), a wrong one corrected, so that the model learns to do both.
- **Teacher**: {teacher.id} {teacher.version}, {style}.
- **Filters**: grammar; the revised answer is right (tIoU of at least 0.7); no phrase tells of having seen it;
  the reflection names this answer's class, option or times; it is no copy. Counts are in `statistics.md`.

## Fields

`response` is the whole chain in the response grammar, `parts` its parts. `loss_from` is the character from which on
a loss should count: wrong first answers lie before it, so that errors are corrected and not learnt. `action` is `keep`,
`refine` or `correct`; `mistake` the error that was planted. `key` is the hash of clip, task, first answer, teacher and
style; `provenance` holds what went into it.

## Limits

{about.limits}, {teacher.told.limits}
({figures["vocabulary"]} words in all). Planted errors are not distributed as those of a model.
"""


def _counted(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))


def _lengths(counts: Sequence[int]) -> dict[str, float]:
    if not counts:
        return {"mean": 0, "median": 0, "max": 0}
    return {"mean": round(mean(counts), 1), "median": float(median(counts)), "max": max(counts)}


def _table(title: str, head: str, counts: Mapping[str, int]) -> str:
    rows = "\n".join(f"| {name} | {count} |" for name, count in counts.items())
    return f"## {title}\n\n| {head} | chains |\n|---|---|\n{rows}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.3f}"
