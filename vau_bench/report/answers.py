"""One answer as the report shows it: what it is worth, where in the text it was read, and what judges said of it."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from vau_bench.metrics.reflection import RIGHT
from vau_bench.parsing.tags import find_blocks
from vau_bench.records import JSON, UNKNOWN, Outcome, Response
from vau_bench.report.contents import TaskContents
from vau_bench.report.excerpts import Part, clipped, excerpt
from vau_bench.report.judged import Judged
from vau_bench.results import SampleScore

TIMED = ("grounding", "detection")
"""Kinds whose answers are drawn on a timeline."""
LONGEST_ERROR = 1_000
LONGEST_FACT = 300
LONGEST_GRAMMAR = 200_000
"""Characters beyond which a response is shown without the elements of the grammar."""


class Verdict(NamedTuple):
    """What an answer is worth, in words and as a colour."""

    told: str
    level: Literal["good", "fair", "bad"]


def verdict(score: SampleScore, kind: str) -> Verdict | None:
    """Return what a scored answer to a task of some kind is worth."""
    if score.outcome != Outcome.SCORED:
        return None
    level: Literal["good", "fair", "bad"] = "good" if score.worth >= RIGHT else "fair" if score.worth > 0 else "bad"
    if kind in TIMED:
        if score.truth == []:
            return Verdict("rightly normal" if score.worth else "false alarm", level)
        return Verdict("missed" if score.prediction == [] else f"tIoU {score.worth:.2f}", level)
    told = {1.0: "right", 0.0: "wrong"}.get(score.worth, f"{score.worth:.2f}")
    return Verdict(f"verdict {told}" if kind == "reasoning" else told, level)


def reflected(score: SampleScore) -> str | None:
    """Return what a reflection did to an answer; `None` without an answer before it."""
    if score.first_worth is None:
        return None
    before, after = score.first_worth >= RIGHT, score.worth >= RIGHT
    if before != after:
        return "repaired" if after else "broken"
    return "kept right" if after else "kept wrong"


def tiou(score: SampleScore, kind: str) -> float | None:
    """Return the tIoU of an answer about an anomalous video, 0 without an answer; `None` for all else."""
    return round(score.worth, 4) if kind in TIMED and score.truth else None


def answer(run: int, task: TaskContents, score: SampleScore) -> dict[str, Any]:
    """Return all that is shown of one answer.

    Args:
        run: its number.
        task: of the run.
        score: of the answer.
    """
    response = task.responses.get(score.sample_id)
    text = response.text if response else ""
    found = verdict(score, task.entry.kind)
    option_scores = (response.option_scores if response else None) or {}
    return {
        "run": run,
        "outcome": score.outcome,
        "verdict": list(found) if found else None,
        "reflected": reflected(score),
        "error": clipped(score.error or "", LONGEST_ERROR),
        "prediction": worded(score.prediction),
        "first": worded(score.first),
        "options": {letter: f"{100 * p:.1f}%" for letter, p in option_scores.items()},
        "rule": score.rule,
        "flags": list(score.flags),
        "length": len(text),
        "parts": [[part.kind, part.evidence, part.text] for part in parts_of(text, score.span)],
        "seen": told_look(response),
        "judged": [_told_verdict(judged) for judged in task.judged.get(score.sample_id, [])],
        "facts": [list(fact) for fact in _facts(score, response)],
    }


def parts_of(text: str, span: tuple[int, int] | None) -> list[Part]:
    """Return a response as parts; where all of a text is the answer, marking it would say nothing."""
    blocks = find_blocks(text)[0] if len(text) <= LONGEST_GRAMMAR else []
    return excerpt(text, None if span == (0, len(text)) else span, blocks)


def worded(value: JSON) -> str:
    """Return an answer that is neither an option nor an interval in words; empty for none."""
    if value is None:
        return ""
    if isinstance(value, dict):
        stated = ((name, one) for name, one in value.items() if one not in (None, [], ""))
        return clipped("; ".join(f"{name}: {_listed(one)}" for name, one in stated) or "nothing stated", LONGEST_FACT)
    return clipped(_listed(value), LONGEST_FACT)


def _listed(value: JSON) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def told_look(response: Response | None) -> str:
    """Return what a model was shown, in words."""
    if response is None:
        return "The model was not asked."
    seen = response.seen
    if seen is None:
        return "No frames were recorded: the model answered without looking, or not at all."
    if seen.decoder == UNKNOWN:
        return "Which frames the model saw is not known."
    if not seen.times:
        return "The model saw no frame."
    first, last = seen.times[0], seen.times[-1]
    frames = "1 frame" if len(seen.times) == 1 else f"{len(seen.times)} frames"
    return (
        f"The model saw {frames} of {seen.width}\u00d7{seen.height}, from {first:.2f} s to {last:.2f} s of a video of "
        f"{seen.duration:.2f} s."
    )


def _told_verdict(judged: Judged) -> dict[str, Any]:
    return {
        "judge": judged.judge,
        "rubric": judged.rubric,
        "part": judged.part,
        "score": judged.score,
        "scores": dict(judged.scores),
        "reason": clipped(judged.reason, LONGEST_ERROR),
    }


def _facts(score: SampleScore, response: Response | None) -> list[tuple[str, str]]:
    facts = [("style", score.style)]
    if response is None:
        return facts
    usage = response.usage
    if usage:
        told = [
            f"{usage.prompt_tokens} tokens in" if usage.prompt_tokens is not None else "",
            f"{usage.completion_tokens} tokens out" if usage.completion_tokens is not None else "",
            f"{usage.seconds:.2f} s" if usage.seconds is not None else "",
        ]
        facts.append(("usage", ", ".join(filter(None, told))))
    if response.seen:
        facts.append(("decoder", response.seen.decoder))
    facts.append(("key", response.key))
    return [(name, clipped(text, LONGEST_FACT)) for name, text in facts if text]
