"""The offline teacher of vau_synth: it knows the scene, and says only what a viewer could see."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping
from types import MappingProxyType

from srvau_train.grading import LETTERS
from srvau_train.rocot import wording
from srvau_train.rocot.answers import Answer
from srvau_train.rocot.findings import filled, findings, harmless, option_text
from srvau_train.rocot.streams import stream_of
from srvau_train.rocot.teacher import Assignment, Chain, Job, NoChain, Told
from srvau_train.rocot.timeline import Timeline, placed, put
from vau_bench.errors import DataError
from vau_bench.records import ANOMALY, JSON
from vau_bench.synth import phrases
from vau_bench.synth.draws import Draw
from vau_bench.synth.language import main_happening
from vau_bench.synth.state import Scene


class SceneTeacher:
    """Writes a chain from the scene's own state: claim, walk through the timeline, findings, conclusion."""

    id = "scene"
    version = "7"
    provenance: Mapping[str, JSON] = MappingProxyType({})
    told = Told(" second by second", "the teacher knows their state exactly, and its wordings are few")

    def chains(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Chain | NoChain]]:
        """Yield each job with its chain; the same job always gets the same."""
        for job in jobs:
            yield job, self.write(job.assignment, stream_of("chain", job.key))

    def write(self, assignment: Assignment, draw: Draw) -> Chain:
        """Return the chain.

        Raises:
            DataError: for a sample that is no vau_synth clip.
        """
        scene = assignment.scene
        if scene is None:
            raise DataError(f"the scene teacher writes about vau_synth clips only, not about {assignment.sample.id}")
        timeline = Timeline.of(scene, assignment.manner.step, draw)
        final = assignment.final
        return Chain(
            think=assignment.think or _claim(assignment, draw),
            first=assignment.first.text(assignment.kind),
            reflect=_reflection(assignment, timeline, draw),
            revised=_conclusion(assignment, scene, final, draw),
            final=final.text(assignment.kind),
        )


def _claim(assignment: Assignment, draw: Draw) -> str:
    """Write reasoning that believes the first answer, right or wrong."""
    first = assignment.first
    if first.option is not None and assignment.kind == "mcq":
        return draw.pick(wording.CLAIMED_OPTION).format(option=first.option, text=option_text(assignment, first))
    if first.normal:
        return draw.pick(wording.CLAIMED_CALM)
    clause = draw.pick(wording.UNNAMED if first.label == ANOMALY else phrases.CLAUSES[first.label])
    if assignment.kind == "classification" or first.segment is None:
        return draw.pick(wording.CLAIMED_LABEL).format(clause=clause, label=first.label)
    return filled(draw.pick(wording.CLAIMED), start=first.segment.start, end=first.segment.end, clause=clause)


def _reflection(assignment: Assignment, timeline: Timeline, draw: Draw) -> str:
    walk = f"{draw.pick(wording.CHECKING)} {timeline.text(assignment.manner.walk, assignment.truth.segment)}"
    found = _judged if assignment.kind == "mcq" else _found
    said = found(assignment, timeline, draw)
    return " ".join([_recall(assignment, draw), walk, *said, *findings(assignment, timeline, draw)])


def _found(assignment: Assignment, timeline: Timeline, draw: Draw) -> list[str]:
    """Say what the walk came to: what begins and is over, and when."""
    event, held = timeline.scene.event, assignment.truth.segment
    if event is None:
        return [draw.pick(wording.FOUND_NOTHING)]
    if held is None or timeline.shown(event) is None:
        return []
    return [filled(draw.pick(wording.FOUND), seen=put(event), start=held.start, end=held.end)]


def _judged(assignment: Assignment, timeline: Timeline, draw: Draw) -> list[str]:
    """Go through the options: what each says, how that looks, where the walk has seen it, and so whether it holds."""
    scene, main = timeline.scene, main_happening(timeline.scene)
    told = {happening.kind: happening for happening in [*scene.distractors, main]}
    middle = (main.start + main.end) / 2
    at = min((m.t for m in timeline.moments()), key=lambda t: abs(t - middle))
    said = []
    for option, text in zip(LETTERS, assignment.sample.fields["options"], strict=False):
        kind = next(kind for kind, clauses in phrases.CLAUSES.items() if any(clause in text for clause in clauses))
        place = placed(told[kind]) if kind in told else wording.NOWHERE
        sought = wording.SOUGHT.format(seen=wording.SEEN[kind], place=place)
        half = re.search(r"(first|second) half", text)
        if kind == main.kind:
            held = wording.HELD if option == assignment.final.option else wording.NOT_HELD
        else:
            half, held = None, wording.BESIDE if kind in told else wording.NOT_HELD
        judged = wording.JUDGED_AT if half else wording.JUDGED
        verdict = judged.format(half=half and half[1], at=f"{at:g}", held=held, option=option)
        said += [wording.OPTION_SAYS.format(option=option, text=text), sought, verdict]
    return said


def _recall(assignment: Assignment, draw: Draw) -> str:
    first, kind = assignment.first, assignment.kind
    if kind == "mcq":
        return draw.pick(wording.RECALL["option"]).format(option=first.option)
    if first.normal:
        return draw.pick(wording.RECALL["normal"])
    if kind == "classification" or first.segment is None:
        return draw.pick(wording.RECALL["label"]).format(label=first.label)
    start, end = first.segment
    return filled(draw.pick(wording.RECALL["anomaly"]), label=first.label, start=start, end=end)


def _conclusion(assignment: Assignment, scene: Scene, final: Answer, draw: Draw) -> str:
    if assignment.kind == "mcq":
        option = option_text(assignment, final)
        clause = next(c for c in phrases.CLAUSES[main_happening(scene).kind] if c not in option)
        return f"{_shows(clause, draw)} {draw.pick(wording.SO_OPTION).format(option=final.option)}"
    event = scene.event
    said: list[str] = []
    if event:
        start, end = assignment.truth.segment or (event.start, event.end)
        said.append(_shows(draw.pick(phrases.CLAUSES[event.kind]), draw))
        if assignment.kind != "classification":
            if assignment.action == "keep" and final.segment is not None:
                start, end = final.segment
            said.append(filled(draw.pick(wording.TIMES), start=start, end=end))
        said.append(draw.pick(phrases.BECAUSE[event.kind]))
        said.append(draw.pick(wording.SO_LABEL).format(label=event.kind))
    else:
        said += [harmless(scene, draw), draw.pick(wording.SO_NORMAL)]
    return " ".join(said)


def _shows(clause: str, draw: Draw) -> str:
    return draw.pick(wording.SHOWN).format(clause=clause)
