"""How good one answer is, read by the parsers that also score evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from vau_bench.metrics.grounding import set_tiou
from vau_bench.parsing import parse_interval, parse_label, parse_option
from vau_bench.records import ANOMALY, NORMAL, Segment

LETTERS = "ABCDEFGHIJ"


@dataclass(frozen=True, slots=True)
class Truth:
    """What one completion is graded against; `None` means that the task does not ask for it.

    Attributes:
        label: the class, or `NORMAL`.
        classes: the classes to choose from, needed to read a label.
        option: the letter of the right option.
        options: the texts of the options, in the order of the letters; four are assumed when there are none.
        segments: when the anomaly happens, in seconds; `()` for a normal video.
        duration: of the video in seconds, `None` when unknown.
    """

    label: str | None = None
    classes: tuple[str, ...] = ()
    option: str | None = None
    options: tuple[str, ...] = ()
    segments: tuple[Segment, ...] | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        if self.label is None and self.option is None and self.segments is None:
            raise ValueError("nothing to grade against: give a label, an option or segments")


class Quality(NamedTuple):
    """The worth of one answer in [0, 1]; `None` where the task does not ask.

    Attributes:
        accuracy: 1 when the option, or else the label, is right.
        tiou: of the intervals; 1 when truth and answer both are normal, 0 when exactly one is.
    """

    accuracy: float | None
    tiou: float | None

    def mean(self, accuracy: float = 1.0, tiou: float = 1.0) -> float:
        """Return the weighted mean of what applies; both count alike where the weights leave nothing."""
        parts = [(v, w) for v, w in ((self.accuracy, accuracy), (self.tiou, tiou)) if v is not None]
        total = sum(w for _, w in parts)
        if not total:
            return sum(v for v, _ in parts) / len(parts)
        return sum(v * w for v, w in parts) / total


def grade(text: str | None, truth: Truth, *, above_whole: bool = False) -> Quality:
    """Grade the text of one answer (an attempt of the grammar, or a whole response).

    Args:
        text: the answer; `None` for one that is missing, which is worth 0.
        truth: what it is compared with.
        above_whole: count tIoU from that of the answer "the whole video" upwards; see `tiou_worth`.
    """
    accuracy: float | None = None
    if truth.option is not None:
        accuracy = float(text is not None and _option(text, truth) == truth.option)
    elif truth.label is not None:
        accuracy = float(text is not None and _label(text, truth) == truth.label)
    if truth.segments is None:
        return Quality(accuracy, None)
    worth = tiou_worth(_intervals(text) if text is not None else None, truth, above_whole=above_whole)
    return Quality(accuracy, worth)


def tiou_worth(answer: tuple[Segment, ...] | None, truth: Truth, *, above_whole: bool = False) -> float:
    """Return the tIoU of an answer, with VAU-R1's rule: both normal 1, exactly one normal 0.

    Args:
        answer: `()` for normal, `None` for an answer that cannot be read.
        truth: with `segments`.
        above_whole: rescale so that an interval no better than the whole video is worth 0 and the truth 1. For data
            in which nearly every video is anomalous; needs `duration`.
    """
    true = truth.segments
    if answer is None or true is None or bool(answer) != bool(true):
        return 0.0
    if not true:
        return 1.0
    value = set_tiou(answer, true)
    if not above_whole or not truth.duration:
        return value
    whole = set_tiou([(0.0, truth.duration)], true)
    return max(0.0, (value - whole) / (1 - whole)) if whole < 1 else value


def _option(text: str, truth: Truth) -> str | None:
    letters = LETTERS[: len(truth.options)] if truth.options else "ABCD"
    found = parse_option(text, letters, truth.options)
    return found.value if found else None


def _label(text: str, truth: Truth) -> str | None:
    known = truth.classes or (truth.label or NORMAL,)
    found = parse_label(text, known)
    if found is None:
        return None
    return ANOMALY if truth.label == ANOMALY and found.value != NORMAL else found.value


def _intervals(text: str) -> tuple[Segment, ...] | None:
    found = parse_interval(text)
    return found.value.valid if found else None
