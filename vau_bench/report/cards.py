"""One sample as the report shows it: what was asked, what was true, and what each model answered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vau_bench.records import JSON, Sample
from vau_bench.report.answers import TIMED, answer, told_look, worded
from vau_bench.report.excerpts import clipped
from vau_bench.report.film import Look, Strip, looks
from vau_bench.report.joining import Joined, JoinedTask
from vau_bench.report.timeline import intervals, timeline
from vau_bench.results import SampleScore

LETTERS = "ABCDEFGH"


def card(task: JoinedTask, sample: Joined, strips: Sequence[Strip] | None) -> dict[str, Any]:
    """Return all that is shown of a sample, as JSON.

    Args:
        task: of the sample.
        sample: with its scores by run.
        strips: the film strips of its looks; `None` where they are to be asked for.
    """
    kind = task.first.entry.kind
    asked = next((found for side in task.sides if side and (found := side.samples.get(sample.sample_id))), None)
    score = sample.given[0]
    timed = kind in TIMED
    options = _options(asked, score) if kind == "mcq" else []
    seen = looks(task, sample)
    return {
        "id": sample.sample_id,
        "task": task.name,
        "label": score.label,
        "video": score.video,
        "group": score.group,
        "question": clipped(str(asked.fields.get("question", ""))) if asked and kind == "mcq" else "",
        "options": options,
        "truth": "" if timed or options else worded(score.truth),
        "worded": not timed and not options,
        "timeline": _timeline(sample, asked, seen) if timed else None,
        "films": [
            _film(look, sample, strips[place] if strips else None, score.truth if timed else None)
            for place, look in enumerate(seen)
        ],
        "lazy": strips is None,
        "answers": [
            answer(run, side, own)
            for run, (side, own) in enumerate(zip(task.sides, sample.scores, strict=True))
            if side is not None and own is not None
        ],
    }


def _options(sample: Sample | None, score: SampleScore) -> list[dict[str, Any]]:
    texts = sample.fields.get("options", ()) if sample else ()
    return [
        {"letter": letter, "text": clipped(str(text)), "right": letter == score.truth}
        for letter, text in zip(LETTERS, texts, strict=False)
    ]


def _film(look: Look, sample: Joined, strip: Strip | None, truth: JSON) -> dict[str, Any]:
    told: dict[str, Any] = {
        "runs": list(look.runs),
        "told": told_look(look.task.responses.get(sample.sample_id)),
    }
    return told if strip is None else told | film(strip, truth)


def film(strip: Strip, truth: JSON) -> dict[str, Any]:
    """Return a strip as JSON; a frame is its place in the reel, index, time, and whether it lies in the truth."""
    frames = zip(strip.places, strip.indices, strip.times, strict=True)
    return {
        "reel": strip.reel,
        "size": list(strip.size),
        "total": strip.total,
        "problem": strip.problem,
        "frames": [[place, index, round(time, 3), inside(time, truth)] for place, index, time in frames],
    }


def inside(time: float, truth: JSON) -> bool:
    """Tell whether a time lies in a true interval."""
    return any(start <= time < end for start, end, _ in intervals(truth))


def _timeline(sample: Joined, asked: Sample | None, seen: Sequence[Look]) -> dict[str, Any] | None:
    """Return the truth and every model's first and revised answer on one clock."""
    lanes: list[tuple[str, int, JSON]] = [("truth", -1, sample.given[0].truth)]
    for run, score in enumerate(sample.scores):
        if score is not None and score.first is not None:
            lanes.append(("first", run, score.first))
        if score is not None:
            lanes.append(("answer", run, score.prediction))
    known = asked.fields.get("duration") if asked else None
    duration = seen[0].seen.duration if seen else float(known) if known else None
    times = sorted({time for look in seen for time in look.seen.times})
    drawn = timeline([(role, value) for role, _, value in lanes], duration, times)
    if drawn is None:
        return None
    rows = zip(lanes, drawn.rows, strict=True)
    return {
        "lanes": [
            {"role": role, "run": run, "told": row.told, "bars": [[b.x, b.width, b.valid, b.score] for b in row.bars]}
            for (role, run, _), row in rows
        ],
        "horizon": drawn.horizon,
        "end": drawn.end,
        "ticks": list(drawn.ticks),
    }
