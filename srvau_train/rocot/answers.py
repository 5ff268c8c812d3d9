"""Answers as values: what a first or a revised answer claims, and whether it is right."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from srvau_train.grading import LETTERS
from vau_bench.metrics.grounding import set_tiou
from vau_bench.parsing import parse_interval, parse_label, parse_option, write_interval, write_label, write_option
from vau_bench.records import ANOMALY, NORMAL, Sample, Segment

Kind: TypeAlias = Literal["grounding", "classification", "mcq", "report", "reasoning"]
KINDS: tuple[Kind, ...] = ("grounding", "classification", "mcq", "report", "reasoning")
"""What a chain can answer; `report` gives class and interval at once, `reasoning` an explanation and a class."""
LABELLED: tuple[Kind, ...] = ("classification", "reasoning")
"""Those that are answered by a class alone."""
TIMED: tuple[Kind, ...] = ("grounding", "report")
"""Those that are answered by an interval."""

RIGHT_TIOU = 0.7
"""From this tIoU on an interval is right."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A claim about a video.

    Attributes:
        label: a class, `NORMAL`, or `ANOMALY` where the class is not told.
        segment: when, `None` for a normal video or where the task does not ask.
        option: the letter, for multiple choice.
    """

    label: str
    segment: Segment | None = None
    option: str | None = None

    @property
    def normal(self) -> bool:
        """Whether it says that nothing happens."""
        return self.label == NORMAL

    def text(self, kind: Kind) -> str:
        """Return the answer in the response grammar."""
        if kind == "mcq":
            return write_option(self.option or "")
        if kind in LABELLED:
            return write_label(self.label)
        written = write_interval(None if self.normal else self.segment)
        return written if kind == "grounding" or self.normal else written.replace(ANOMALY, self.label, 1)


@dataclass(frozen=True, slots=True)
class Grid:
    """The times that answers use.

    Attributes:
        step: between two of them, in seconds.
        offset: of the first one, in seconds. Half the distance of two frames lets an interval begin and end between
            the frames that show it first and no longer, which is all that can be seen of its ends.
    """

    step: float = 0.1
    offset: float = 0.0

    def rounded(self, segment: Segment) -> Segment:
        """Return the segment with its ends at the nearest times, the earlier of two; at least one step long."""
        start, end = (math.ceil((t - self.offset) / self.step - 0.5) for t in segment)
        return Segment(*(round(self.offset + k * self.step, 3) for k in (start, max(end, start + 1))))


def true_answer(sample: Sample, grid: Grid) -> Answer:
    """Return the truth as an answer, its times on a grid."""
    target = sample.target
    segment = target.segments[0] if target.segments else None
    return Answer(target.label or ANOMALY, grid.rounded(segment) if segment else None, target.option)


def overlap(answer: Answer, sample: Sample) -> float:
    """Return the tIoU with the truth; both normal 1, exactly one normal 0."""
    true = sample.target.segments or ()
    if answer.normal or not true:
        return float(answer.normal and not true)
    return set_tiou([answer.segment], true) if answer.segment else 0.0


def is_right(answer: Answer, sample: Sample, kind: Kind) -> bool:
    """Tell whether an answer is right: the option, the class, the interval from `RIGHT_TIOU` on, or both."""
    if kind == "mcq":
        return answer.option == sample.target.option
    named = answer.label == sample.target.label
    if kind in LABELLED:
        return named
    return overlap(answer, sample) >= RIGHT_TIOU and (named or kind == "grounding")


def anomalous(sample: Sample) -> bool:
    """Tell whether the truth is an anomaly, be its time known or not."""
    return bool(sample.target.segments) or sample.target.label not in (None, NORMAL)


def read_answer(text: str, sample: Sample, kind: Kind, classes: tuple[str, ...]) -> Answer | None:
    """Return what a model's text answers, `None` where that cannot be read."""
    if kind == "mcq":
        options = tuple(sample.fields["options"])
        option = parse_option(text, LETTERS[: len(options)], options)
        return Answer(ANOMALY, None, option.value) if option else None
    label = parse_label(text, classes)
    if kind in LABELLED:
        return Answer(label.value) if label else None
    interval = parse_interval(text)
    if interval is None or interval.value.valid is None:
        return None
    if not interval.value.valid:
        return Answer(NORMAL)
    found = Answer(ANOMALY, interval.value.valid[0])
    return replace(found, label=label.value) if kind == "report" and label and label.value != NORMAL else found
