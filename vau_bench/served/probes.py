"""Questions about clips of known colours, whose answers depend on every frame, on their order and on their times.

Each kind of question finds one way out that a server may take: frames left out at the end or in between, another
order, pictures made small, times left out or made up. Where a question is about order or about times there is a
second one with the same pictures and another answer, so that whoever does not look at these is right once at most.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb

from vau_bench.served.cards import PALETTE, Card, Cards, plain
from vau_bench.served.check import State

COLOURS = tuple(PALETTE)
CHANCE = 0.05
"""So many right answers have to be less likely than this by guessing."""

ORDER, LAST, MOMENT, DETAIL, WHEN, AT = (
    "order of the frames",
    "last frames",
    "frames in between",
    "detail of the frames",
    "times: when is it shown",
    "times: what is shown then",
)
ADVICE = {
    ORDER: "the server, or the chat template, shows frames in another order",
    LAST: "frames at the end are left out: look for a limit of images, of frames or of the context",
    MOMENT: "frames in between are left out: look for a limit of frames, or a rate at which the server samples",
    DETAIL: "frames are made small: look for a limit of pixels",
    WHEN: "times do not arrive, or are not those of the video",
    AT: "times do not arrive, or are not those of the video",
}
"""What it means where a kind of question is not answered, if the model itself could answer it."""

_NTH = {2: "second", 3: "third", 4: "fourth", 5: "fifth"}
_SEQUENCE = "This video shows plain colours, one after the other. "
_PACES = (1.0, 2.5)
_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Probe:
    """One question.

    Attributes:
        kind: what it finds out.
        clip: what is shown.
        text: of the question, with the choices.
        choices: answers to choose from.
        right: the one that is right.
    """

    kind: str
    clip: Cards
    text: str
    choices: tuple[str, ...]
    right: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How the questions of one kind were answered.

    Attributes:
        chance: how many a guess gets right on average.
        luck: how likely a guess gets as many right, or more.
    """

    right: int
    asked: int
    chance: float
    luck: float

    @property
    def state(self) -> State:
        """`ok` where all are right, `-` where more are than by guessing, else `BAD`."""
        if self.right == self.asked:
            return "ok"
        return "-" if self.luck <= CHANCE else "BAD"

    def __str__(self) -> str:
        return f"{self.right} of {self.asked} right, {self.chance:.1f} by guessing"


def probes() -> list[Probe]:
    """Return all questions, the same ones every time."""
    draw = random.Random(0)
    return [*_order(draw), *_last(draw), *_moment(draw), *_detail(draw), *_times(draw)]


def tally(asked: Sequence[Probe], answers: Sequence[str | None]) -> Tally:
    """Return how questions with equally many choices were answered; `None` is no answer."""
    right = sum(answer == probe.right for probe, answer in zip(asked, answers, strict=True))
    odds = 1 / len(asked[0].choices)
    count = len(asked)
    luck = sum(comb(count, k) * odds**k * (1 - odds) ** (count - k) for k in range(right, count + 1))
    return Tally(right, count, count * odds, luck)


def chosen(text: str, choices: Sequence[str]) -> str | None:
    """Return the only choice that a text names, `None` where it names none or several."""
    text = _THOUGHT.sub(" ", text).casefold()
    if choices[0][0].isdigit():
        numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}
        named = [choice for choice in choices if float(choice) in numbers]
    else:
        named = [choice for choice in choices if re.search(rf"\b{choice}\b", text)]
    return named[0] if len(named) == 1 else None


def _order(draw: random.Random) -> Iterator[Probe]:
    """Ask about places in a sequence of all colours, and in the same one the other way round."""
    for place in (2, 4):
        colours = draw.sample(COLOURS, len(COLOURS))
        clip = plain(colours, [2.0] * len(colours))
        text = f"{_SEQUENCE}Which colour comes {_NTH[place]}?"
        yield _colour(ORDER, clip, text, colours[place - 1])
        yield _colour(ORDER, clip.reversed(), text, colours[-place])


def _last(draw: random.Random) -> Iterator[Probe]:
    """Ask what comes last, after many frames of something else."""
    for last in draw.sample(COLOURS, 4):
        others = draw.sample([colour for colour in COLOURS if colour != last], 4)
        clip = plain([*others, last], [4.0, 4.0, 3.0, 3.0, 2.0])
        yield _colour(LAST, clip, f"{_SEQUENCE}Which colour comes last?", last)


def _moment(draw: random.Random) -> Iterator[Probe]:
    """Ask about a single frame among grey ones: at even places and at odd ones, early and late."""
    for place, colour in zip((3, 6, 8, 9, 11, 14), draw.sample(COLOURS, 6), strict=True):
        cards = (Card(None, float(place)), Card(colour, 1.0), Card(None, float(15 - place)))
        text = "This video is grey, but for a short moment. Which colour has it in that moment?"
        yield _colour(MOMENT, Cards(cards), text, colour)


def _detail(draw: random.Random) -> Iterator[Probe]:
    """Ask about a small square."""
    for colour in draw.sample(COLOURS, 4):
        clip = Cards((Card(None, 4.0, mark=colour),))
        yield _colour(
            DETAIL, clip, "This video is grey with one small square in it. Which colour has the square?", colour
        )


def _times(draw: random.Random) -> Iterator[Probe]:
    """Ask when a colour is shown, and which one at a time; the same pictures at two paces have other answers."""
    lengths = (3.0, 1.0, 4.0, 2.0, 5.0)
    for place in (2, 3):
        colours = draw.sample(COLOURS, len(lengths))
        clips = [Cards(plain(colours, lengths).cards, pace) for pace in _PACES]
        starts = sorted({start for clip in clips for start in clip.starts()[1:]})
        choices = tuple(f"{start:g}" for start in starts)
        text = (
            f"{_SEQUENCE}At which second does it become {colours[place]}? Answer with one number: {', '.join(choices)}."
        )
        for clip in clips:
            yield Probe(WHEN, clip, text, choices, f"{clip.starts()[place]:g}")
    for now in (5.5, 8.5):
        colours = draw.sample(COLOURS, len(lengths))
        for clip in (Cards(plain(colours, lengths).cards, pace) for pace in _PACES):
            shown = max(place for place, start in enumerate(clip.starts()) if start <= now)
            yield _colour(AT, clip, f"{_SEQUENCE}Which colour has it {now:g} seconds after its start?", colours[shown])


def _colour(kind: str, clip: Cards, text: str, right: str) -> Probe:
    return Probe(kind, clip, f"{text} Answer with one word: {', '.join(COLOURS)}.", COLOURS, right)
