"""What in a first answer the timeline contradicts, or supports."""

from __future__ import annotations

from srvau_train.grading import LETTERS
from srvau_train.rocot import wording
from srvau_train.rocot.answers import Answer, Grid
from srvau_train.rocot.teacher import Assignment
from srvau_train.rocot.timeline import Timeline
from vau_bench.records import ANOMALY, Segment
from vau_bench.synth import phrases
from vau_bench.synth.draws import Draw
from vau_bench.synth.language import main_happening
from vau_bench.synth.state import LOOKALIKE, Happening, Scene


def filled(template: str, **values: str | float) -> str:
    """Fill a template; numbers are seconds, written as short as they are exact."""
    return template.format(**{name: v if isinstance(v, str) else f"{v:g}" for name, v in values.items()})


def findings(assignment: Assignment, timeline: Timeline, draw: Draw) -> list[str]:
    """Return the sentences that end a reflection."""
    if assignment.kind == "mcq":
        return [_of_option(assignment, timeline, draw)]
    if assignment.action == "keep":
        return _support(assignment, timeline, draw)
    return _contradictions(assignment, timeline, draw)


def excuse(happening: Happening, draw: Draw) -> str:
    """Say why something harmless is harmless, as a clause."""
    return draw.pick(phrases.HARMLESS[happening.kind]).format(where=happening.where)


def harmless(scene: Scene, draw: Draw) -> str:
    """Say, as a sentence, why everything in a scene is harmless."""
    text = "; ".join(excuse(h, draw) for h in scene.distractors) or "people and vehicles go their way"
    return f"{text[0].upper()}{text[1:]}."


def half_asked(assignment: Assignment, scene: Scene) -> str | None:
    """Return the half of the clip that the asked one is in, `None` where no option names one."""
    if not any("second half" in option for option in assignment.sample.fields["options"]):
        return None
    main = main_happening(scene)
    return "first" if main.start + main.end < scene.seconds else "second"


def option_text(assignment: Assignment, answer: Answer) -> str:
    """Return the text of the option that an answer chooses."""
    text: str = assignment.sample.fields["options"][LETTERS.index(answer.option or "A")]
    return text


def _of_option(assignment: Assignment, timeline: Timeline, draw: Draw) -> str:
    option = assignment.first.option or ""
    if assignment.action == "keep":
        return draw.pick(wording.HOLDS["option"]).format(option=option)
    main, half = main_happening(timeline.scene), half_asked(assignment, timeline.scene)
    if not any(clause in option_text(assignment, assignment.first) for clause in phrases.CLAUSES[main.kind]):
        why = draw.pick(wording.WHAT_IS).format(seen=wording.SEEN[main.kind])
    elif half is not None:
        why = draw.pick(wording.WHEN_IS).format(half=half)
    else:
        why = draw.pick(wording.WHERE_IS).format(side=main.side)
    return draw.pick(wording.OPTION_WRONG).format(option=option, why=why)


def _support(assignment: Assignment, timeline: Timeline, draw: Draw) -> list[str]:
    first, event = assignment.first, timeline.scene.event
    if first.normal or event is None:
        said = [draw.pick(wording.HOLDS["normal"])]
        if timeline.scene.distractors:
            clause = excuse(draw.pick(timeline.scene.distractors), draw)
            said.insert(0, draw.pick(wording.EXCUSED).format(excuse=clause))
        return said
    segment = first.segment or assignment.truth.segment
    assert segment is not None
    if assignment.kind != "classification":
        return [_compared(segment, assignment.truth.segment or segment, timeline, assignment.manner.grid, draw)]
    seen = wording.SEEN[event.kind]
    return [
        filled(draw.pick(wording.HOLDS["label"]), start=segment.start, end=segment.end, seen=seen, label=first.label)
    ]


def _contradictions(assignment: Assignment, timeline: Timeline, draw: Draw) -> list[str]:
    first, truth = assignment.first, assignment.truth
    event = timeline.scene.event
    if event is None or truth.segment is None:
        return [_false_alarm(first, timeline.scene, draw)]
    seen = wording.SEEN[event.kind]
    shown = timeline.shown(event)
    at = shown[0] if shown else truth.segment.start
    if first.normal:
        return [filled(draw.pick(wording.MISSED), at=at, seen=seen)]
    said = []
    if first.label not in (event.kind, ANOMALY):
        said.append(filled(draw.pick(wording.OTHER_CLASS), label=first.label, at=at, seen=seen))
        said += [
            draw.pick(wording.MISTOOK).format(excuse=excuse(h, draw))
            for h in timeline.scene.distractors
            if mistaken_for(h) == first.label
        ][:1]
    if first.segment is not None and assignment.kind != "classification":
        said.append(_compared(first.segment, truth.segment, timeline, assignment.manner.grid, draw))
    return said


def mistaken_for(happening: Happening) -> str:
    """Return the class that something harmless resembles."""
    return {**{decoy: label for label, decoy in LOOKALIKE.items()}, **wording.MISTAKEN_FOR}[happening.kind]


def _false_alarm(first: Answer, scene: Scene, draw: Draw) -> str:
    """Explain what was mistaken for an anomaly: what resembles it, or what happens at that time."""
    alike = [h for h in scene.distractors if mistaken_for(h) == first.label]
    if not alike and first.segment is not None:
        alike = [h for h in scene.distractors if h.start < first.segment.end and first.segment.start < h.end]
    if not alike:
        return draw.pick(wording.NOTHING_THERE).format(label=first.label)
    return draw.pick(wording.FALSE_ALARM).format(label=first.label, excuse=excuse(alike[0], draw))


def _compared(claim: Segment, true: Segment, timeline: Timeline, grid: Grid, draw: Draw) -> str:
    """Say of each end of an interval whether it agrees with the picture, and what the picture shows where not."""
    times = [m.t for m in timeline.moments()]
    inside = [t for t in times if true.start <= t < true.end] or [true.start]
    near = grid.step / 2
    began, ended, start, end = wording.AGREES, wording.AGREES, 0.0, 0.0
    if claim.start < true.start - near:
        began, start = wording.TOO_EARLY, next((t for t in times if claim.start <= t < true.start), claim.start)
    elif claim.start > true.start + near:
        began, start = wording.TOO_LATE, inside[0]
    if claim.end > true.end + near:
        ended, end = wording.TOO_LATE, next((t for t in times if true.end <= t < claim.end), true.end)
    elif claim.end < true.end - near:
        ended, end = wording.TOO_EARLY, inside[-1]
    return filled(
        draw.pick(wording.COMPARED),
        start=claim.start,
        end=claim.end,
        began=filled(began, at=start, seen=timeline.seen(start)),
        ended=filled(ended, at=end, seen=timeline.seen(end)),
    )
