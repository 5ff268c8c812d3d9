"""Texts about a scene, made from its state: the question with its options, a description, the reasoning."""

from __future__ import annotations

from dataclasses import dataclass

from vau_bench.records import Segment
from vau_bench.synth import phrases
from vau_bench.synth.draws import SPLITS, Draw
from vau_bench.synth.state import LOOKALIKE, Happening, Scene

LETTERS = "ABCD"
_TEXT_STREAM = 6
_CLEAR_OF_MIDDLE = 0.7


@dataclass(frozen=True, slots=True)
class Annotation:
    """The truth about a scene, in words and numbers.

    Attributes:
        label: a class, or `NORMAL`.
        segment: when the anomaly holds, or `None`.
        question: a multiple-choice question.
        options: four answers, without letters.
        letter: the letter of the right one.
        key_object: what to look at.
        description: what is seen, with times.
        reasoning: why that is an anomaly, or why it is none.
    """

    label: str
    segment: Segment | None
    question: str
    options: tuple[str, str, str, str]
    letter: str
    key_object: str
    description: str
    reasoning: str


def annotate(scene: Scene) -> Annotation:
    """Return the truth about a scene; the same scene always gets the same words."""
    draw = Draw(SPLITS[scene.split], scene.seed, scene.index, _TEXT_STREAM)
    question, options = _question(scene, draw)
    main = main_happening(scene)
    return Annotation(
        label=scene.label,
        segment=scene.segment,
        question=question,
        options=options,
        letter=LETTERS[scene.letter],
        key_object=main.key_object,
        description=_description(scene, draw),
        reasoning=_reasoning(scene, draw),
    )


def main_happening(scene: Scene) -> Happening:
    """Return what the question is about: the anomaly, or in a normal clip the lookalike of its class."""
    return scene.event or scene.distractors[0]


def _question(scene: Scene, draw: Draw) -> tuple[str, tuple[str, str, str, str]]:
    """Ask about one of four things that are equally likely, whatever is known of the options.

    They are two classes and their two lookalikes, or one class and its lookalike at the two sides or in the
    two halves. Two of the four say that nothing is wrong.
    """
    main = main_happening(scene)
    asks = _askable(scene, main)
    ends: tuple[str, str]
    if asks == "what":
        classes, ends = scene.pair, ("", "")
    else:
        classes = (scene.pair[0], scene.pair[0])
        ends = _two_ends(asks, main, scene.seconds, draw)
    style = draw.below(len(phrases.WRONG))
    wording = draw.below(2)
    wrong, nothing = phrases.WRONG[style], phrases.NOTHING[style]
    anomalies = [f"{wrong}: {phrases.CLAUSES[c][wording]}{end}." for c, end in zip(classes, ends, strict=True)]
    harmless = [
        f"{nothing}: {phrases.CLAUSES[LOOKALIKE[c]][wording]}{end}." for c, end in zip(classes, ends, strict=True)
    ]
    (right, *rest), others = (anomalies, harmless) if main.anomalous else (harmless, anomalies)
    options = draw.shuffled([*rest, *others])
    options.insert(scene.letter, right)
    first, second, third, fourth = options
    return draw.pick(phrases.ASKED[asks]), (first, second, third, fourth)


def _askable(scene: Scene, main: Happening) -> str:
    """Return what the design wants to ask, or `what` if this has no clear answer here."""
    middle = (main.start + main.end) / 2
    clear = abs(middle - scene.seconds / 2) >= _CLEAR_OF_MIDDLE
    if (scene.asks == "where" and main.side is None) or (scene.asks == "when" and not clear):
        return "what"
    return scene.asks


def _two_ends(asks: str, main: Happening, seconds: float, draw: Draw) -> tuple[str, str]:
    """Return how the right option ends, and how the wrong one of its kind does."""
    if asks == "where":
        form = draw.pick((", on the {} side", ", on the {}", ", in the {} half of the picture"))
        names, first = ("left", "right"), main.side == "left"
    else:
        form = draw.pick((", in the {} half of the clip", ", in the {} half"))
        names, first = ("first", "second"), main.start + main.end < seconds
    right, wrong = names if first else names[::-1]
    return form.format(right), form.format(wrong)


def _filled(template: str, happening: Happening) -> str:
    return template.format(
        start=happening.start,
        end=happening.end,
        who=happening.who,
        Who=happening.who[0].upper() + happening.who[1:],
        where=happening.where,
        label=happening.kind,
    )


def _description(scene: Scene, draw: Draw) -> str:
    place, hour = draw.pick(phrases.PLACES[scene.place]), draw.pick(phrases.HOURS[scene.look.hour])
    told = sorted([*scene.distractors, *([scene.event] if scene.event else [])], key=lambda h: (h.start, h.kind))
    sentences = [draw.pick(("A fixed camera shows {} {}.", "The camera looks at {} {}.")).format(place, hour)]
    for happening in told:
        bank = phrases.EVENTS if happening.anomalous else phrases.DISTRACTORS
        sentences.append(_filled(draw.pick(bank[happening.kind]), happening))
    sentences.append(draw.pick(phrases.CALM))
    return " ".join(sentences)


def _reasoning(scene: Scene, draw: Draw) -> str:
    event = scene.event
    sentences = []
    if event:
        for bank in (phrases.BEFORE, phrases.EVENTS[event.kind], phrases.BECAUSE[event.kind], phrases.AFTER):
            sentences.append(_filled(draw.pick(bank), event))
    excuses = [_filled(draw.pick(phrases.HARMLESS[h.kind]), h) for h in scene.distractors]
    if excuses:
        text = "; ".join(excuses)
        opening = draw.pick(("What else may catch the eye is harmless: ", "The rest has a plain explanation: "))
        sentences.append(opening + text + "." if event else text[0].upper() + text[1:] + ".")
    sentences.append(_filled(draw.pick(phrases.VERDICT), event) if event else draw.pick(phrases.NO_VERDICT))
    return " ".join(sentences)
