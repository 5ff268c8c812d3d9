"""The declared error model: plausible wrong first answers where there is no policy to sample them from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import NamedTuple

from srvau_train.rocot.answers import RIGHT_TIOU, TIMED, Answer, Grid, Kind, anomalous, is_right, overlap
from vau_bench.errors import UsageError
from vau_bench.records import Sample, Segment
from vau_bench.synth.draws import Draw

_TRIES = 20


class Decoy(NamedTuple):
    """Something harmless in the video that a careless eye takes for an anomaly of this class."""

    label: str
    segment: Segment


class Mistake(NamedTuple):
    """A wrong answer and the error that made it."""

    name: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """How often each error is made, relative to the others that are possible for a sample.

    Attributes:
        wrong_class: another class, at the right time.
        shifted: the interval too early or too late.
        too_long: the interval reaches too far.
        too_short: only part of the interval.
        false_alarm: something harmless is called an anomaly.
        miss: the anomaly is called normal.

    Which are possible: intervals only where the task asks for them, a class likewise; on a normal video only the
    false alarm. In multiple choice the error is another option, whichever.
    """

    wrong_class: float = 0.2
    shifted: float = 0.2
    too_long: float = 0.15
    too_short: float = 0.15
    false_alarm: float = 0.15
    miss: float = 0.15

    def __post_init__(self) -> None:
        values = asdict(self)
        for name, value in values.items():
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"error model: {name} must be a number of at least 0, not {value}")
        if not math.isclose(sum(values.values()), 1, abs_tol=1e-6):
            raise UsageError(f"error model: the probabilities add up to {sum(values.values()):g}, not to 1")

    def possible(self, sample: Sample, kind: Kind) -> dict[str, float]:
        """Return the weights of the errors that can be made on this sample."""
        names = {"false_alarm"}
        if anomalous(sample):
            names |= {"miss"}
            names |= {"shifted", "too_long", "too_short"} if kind in TIMED else set()
            names |= {"wrong_class"} if kind != "grounding" else set()
        return {name: weight for name, weight in asdict(self).items() if name in names and weight}

    def draw(
        self, sample: Sample, truth: Answer, kind: Kind, classes: Sequence[str], decoys: Sequence[Decoy],
        grid: Grid, draw: Draw,
    ) -> Mistake | None:  # fmt: skip
        """Return a wrong answer, `None` when no possible error gives one.

        Args:
            sample: with its truth, and `duration` in its fields.
            truth: the right answer.
            kind: of the task.
            classes: to choose a wrong class from, without `NORMAL`.
            decoys: what a false alarm can point at; a random time and class without any.
            grid: the times that answers use.
            draw: the random stream.
        """
        if kind == "mcq":
            letters = [x for x in "ABCD"[: len(sample.fields["options"])] if x != truth.option]
            return Mistake("wrong_option", replace(truth, option=draw.pick(letters)))
        possible = self.possible(sample, kind)
        for _ in range(_TRIES if possible else 0):
            name = _weighted(possible, draw)
            answer = self._made(name, sample, truth, classes, decoys, grid, draw)
            if answer is not None and not is_right(answer, sample, kind):
                return Mistake(name, answer)
        return None

    def _made(
        self, name: str, sample: Sample, truth: Answer, classes: Sequence[str], decoys: Sequence[Decoy],
        grid: Grid, draw: Draw,
    ) -> Answer | None:  # fmt: skip
        seconds = float(sample.fields["duration"])
        if name == "miss":
            return Answer("Normal")
        if name == "false_alarm":
            made = _false_alarm(classes, decoys, seconds, draw)
        elif name == "wrong_class":
            made = replace(truth, label=draw.pick([c for c in classes if c != truth.label]))
        else:
            assert truth.segment is not None
            made = replace(truth, segment=_MOVES[name](truth.segment, draw))
        if made.segment is None:
            return replace(made, option=None)
        inside = Segment(max(0.0, made.segment.start), min(seconds, made.segment.end))
        if inside.duration < grid.step:
            return None
        made = replace(made, segment=grid.rounded(inside), option=None)
        # A false alarm that happens to sit on the anomaly is none.
        return None if name == "false_alarm" and overlap(made, sample) >= RIGHT_TIOU else made


def _weighted(weights: dict[str, float], draw: Draw) -> str:
    at = draw.unit() * sum(weights.values())
    for name, weight in weights.items():
        at -= weight
        if at < 0:
            return name
    return name


def _false_alarm(classes: Sequence[str], decoys: Sequence[Decoy], seconds: float, draw: Draw) -> Answer:
    if decoys:
        decoy = draw.pick(decoys)
        return Answer(decoy.label, decoy.segment)
    length = draw.between(0.1, 0.4) * seconds
    start = draw.between(0, seconds - length)
    return Answer(draw.pick(classes), Segment(start, start + length))


def _shifted(true: Segment, draw: Draw) -> Segment:
    by = true.duration * draw.between(0.3, 1.3) * draw.pick((-1, 1))
    return Segment(true.start + by, true.end + by)


def _too_long(true: Segment, draw: Draw) -> Segment:
    extra = true.duration * draw.between(0.6, 1.8)
    before = draw.unit()
    return Segment(true.start - extra * before, true.end + extra * (1 - before))


def _too_short(true: Segment, draw: Draw) -> Segment:
    kept = true.duration * draw.between(0.25, 0.65)
    start = true.start + (true.duration - kept) * draw.unit()
    return Segment(start, start + kept)


_MOVES = {"shifted": _shifted, "too_long": _too_long, "too_short": _too_short}
