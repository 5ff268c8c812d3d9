"""One sample as the report shows it: what was asked, what was true, what was answered, and on which frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vau_bench.records import JSON, Outcome, Response, Sample
from vau_bench.report.contents import TaskContents
from vau_bench.report.excerpts import Part, clipped, excerpt
from vau_bench.report.film import Strip
from vau_bench.report.timeline import Timeline, intervals, timeline
from vau_bench.results import SampleScore

LETTERS = "ABCDEFGH"
Level = Literal["good", "fair", "bad"]


@dataclass(frozen=True)
class Verdict:
    """What an answer is worth, in words and as a colour."""

    told: str
    level: Level


@dataclass(frozen=True)
class Option:
    """An option of a multiple-choice question; `probability` as told, empty when unknown."""

    letter: str
    text: str
    right: bool
    chosen: bool
    first: bool
    probability: str


@dataclass(frozen=True)
class Card:
    """All that is shown of one sample.

    Attributes:
        anchor: its id in the page.
        verdict: `None` where nothing was scored.
        truth: in words, where neither options nor a timeline show it; so `prediction` and `first`.
        seen: what the model was shown, in words.
        strip: `None` where no frames are shown.
        inside: per frame of the strip, whether it lies in a true interval.
        parts: of the response text, `length` its characters.
        facts: further particulars, names with texts.
    """

    anchor: str
    score: SampleScore
    verdict: Verdict | None
    question: str
    options: tuple[Option, ...]
    timeline: Timeline | None
    truth: str
    prediction: str
    first: str
    seen: str
    strip: Strip | None
    inside: tuple[bool, ...]
    parts: tuple[Part, ...]
    length: int
    error: str
    facts: tuple[tuple[str, str], ...]


TIMED = ("grounding", "detection")
"""Kinds whose answers are drawn on a timeline."""


def card(anchor: str, task: TaskContents, score: SampleScore, strip: Strip | None) -> Card:
    """Return the card of a sample."""
    response = task.responses.get(score.sample_id)
    sample = task.samples.get(score.sample_id)
    timed = task.entry.kind in TIMED
    options = _options(sample, score, response) if task.entry.kind == "mcq" else ()
    worded = not timed and not options
    text = response.text if response else ""
    return Card(
        anchor=anchor,
        score=score,
        verdict=verdict(score, task.entry.kind),
        question=clipped(str(sample.fields.get("question", ""))) if sample and task.entry.kind == "mcq" else "",
        options=options,
        timeline=_timeline(score, response, sample) if timed else None,
        truth=_worded(score.truth) if worded else "",
        prediction=_worded(score.prediction) if worded else "",
        first=_worded(score.first) if worded else "",
        seen=_seen(response),
        strip=strip,
        inside=tuple(_inside(f.time, score.truth) for f in strip.frames) if strip and timed else (),
        # Where all of a text is the answer, marking it would say nothing.
        parts=tuple(excerpt(text, None if score.span == (0, len(text)) else score.span)),
        length=len(text),
        error=clipped(score.error or "", 1_000),
        facts=tuple(_facts(score, response)),
    )


def verdict(score: SampleScore, kind: str) -> Verdict | None:
    """Return what a scored answer to a task of some kind is worth."""
    if score.outcome != Outcome.SCORED:
        return None
    level: Level = "good" if score.worth >= 0.5 else "fair" if score.worth > 0 else "bad"
    if kind in TIMED:
        if score.truth == []:
            return Verdict("rightly normal" if score.worth else "false alarm", level)
        return Verdict("missed" if score.prediction == [] else f"tIoU {score.worth:.2f}", level)
    told = {1.0: "right", 0.0: "wrong"}.get(score.worth, f"{score.worth:.2f}")
    return Verdict(f"verdict {told}" if kind == "reasoning" else told, level)


def _options(sample: Sample | None, score: SampleScore, response: Response | None) -> tuple[Option, ...]:
    texts = sample.fields.get("options", ()) if sample else ()
    scores = (response.option_scores if response else None) or {}
    return tuple(
        Option(
            letter=letter,
            text=clipped(str(text)),
            right=letter == score.truth,
            chosen=letter == score.prediction,
            first=letter == score.first and score.first != score.prediction,
            probability=f"{100 * scores[letter]:.1f}%" if letter in scores else "",
        )
        for letter, text in zip(LETTERS, texts, strict=False)
    )


def _timeline(score: SampleScore, response: Response | None, sample: Sample | None) -> Timeline | None:
    named: list[tuple[str, JSON]] = [("truth", score.truth), ("prediction", score.prediction)]
    if score.first is not None:
        named.append(("before reflection", score.first))
    seen = response.seen if response else None
    known = sample.fields.get("duration") if sample else None
    duration = seen.duration if seen else float(known) if known else None
    return timeline(named, duration, seen.times if seen else ())


def _inside(time: float, truth: JSON) -> bool:
    return any(start <= time < end for start, end, _ in intervals(truth))


def _worded(answer: JSON) -> str:
    if answer is None:
        return ""
    if isinstance(answer, dict):
        stated = ((name, value) for name, value in answer.items() if value not in (None, [], ""))
        return clipped("; ".join(f"{name}: {_listed(value)}" for name, value in stated) or "nothing stated", 300)
    return clipped(_listed(answer), 300)


def _listed(value: JSON) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _seen(response: Response | None) -> str:
    if response is None:
        return "The model was not asked."
    seen = response.seen
    if seen is None:
        return "No frames were recorded: the model answered without looking, or not at all."
    if not seen.times:
        return "The model saw no frame."
    first, last = seen.times[0], seen.times[-1]
    frames = "1 frame" if len(seen.times) == 1 else f"{len(seen.times)} frames"
    return (
        f"The model saw {frames} of {seen.width}\u00d7{seen.height}, from {first:.2f} s to {last:.2f} s of a video of "
        f"{seen.duration:.2f} s."
    )


def _facts(score: SampleScore, response: Response | None) -> list[tuple[str, str]]:
    facts = [("video", score.video), ("source video", score.group), ("style", score.style)]
    if score.rule:
        facts.append(("read by rule", score.rule))
    if score.flags:
        facts.append(("flags", ", ".join(score.flags)))
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
    return [(name, clipped(text, 300)) for name, text in facts if text]
