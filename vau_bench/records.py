"""The frozen records that pass between all parts. Times are seconds, fractions are in [0, 1].

Records hold native Python types only, so that each can be written as JSON as it stands. This module
imports nothing of ours.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

NORMAL = "Normal"
"""The label of a video without an anomaly, in every dataset."""

ANOMALY = "Anomaly"
"""The label of an anomaly whose class is not told."""

UNKNOWN = "unknown"
"""The decoder of a video of which nobody knows what the model was shown."""


class Outcome(StrEnum):
    """What became of one expected answer. The six add up to `expected`, always.

    A model side response carries `SCORED` when it holds a complete answer; scoring turns that into
    `UNPARSED` where no answer can be found in the text.
    """

    SCORED = "scored"
    UNPARSED = "unparsed"
    REFUSED = "refused"
    TRUNCATED = "truncated"
    ERRORED = "errored"
    MISSING = "missing"


class Segment(NamedTuple):
    """A half-open interval `[start, end)` in seconds on the source video's clock.

    Use `Segment.checked` for values from outside: it refuses what is not an interval.
    """

    start: float
    end: float

    @classmethod
    def checked(cls, start: float, end: float) -> Segment:
        """Return the segment.

        Raises:
            ValueError: unless `0 <= start < end` and both are finite.
        """
        if not (math.isfinite(start) and math.isfinite(end) and 0 <= start < end):
            raise ValueError(f"not an interval in seconds: [{start}, {end}]")
        return cls(float(start), float(end))

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Target:
    """The truth about one sample; what a task does not need may be unknown.

    Attributes:
        label: the class, `NORMAL` for a normal video, `None` when unknown.
        segments: when the anomaly happens; `()` means normal, `None` means unknown.
        option: the letter of the right option of a multiple-choice question.
        texts: reference texts by name, such as `description` and `reasoning`.
    """

    label: str | None = None
    segments: tuple[Segment, ...] | None = None
    option: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """One question about one video.

    Attributes:
        id: unique within a dataset, stable between versions.
        video: the video's name within the dataset, as the annotation file has it.
        group: the source video; samples of one group are one cluster of the statistics.
        target: the truth. Only scoring, floors tuned on a named split and `gold` may look at it.
        fields: what prompts are rendered from (`question`, `options`, `duration`, ...).
    """

    id: str
    video: str
    group: str
    target: Target
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation; with `video`, the request's frames come before the text."""

    role: Literal["system", "user", "assistant"]
    text: str
    video: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """How an answer is sampled. `temperature` 0 means greedy."""

    max_new_tokens: int = 1024
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """What the model was shown, exactly.

    Attributes:
        indices: frame numbers in presentation order of the source video.
        times: presentation times of these frames, in seconds from the first frame.
        width: of the frames as they were handed to the model, in pixels.
        height: of the frames as they were handed to the model, in pixels.
        decoder: the decoder and its version.
        duration: of the source video, in seconds.
    """

    indices: tuple[int, ...]
    times: tuple[float, ...]
    width: int
    height: int
    decoder: str
    duration: float

    @classmethod
    def unknown(cls, duration: float) -> Seen:
        """Return the record of a video that was shown by something that does not tell how."""
        return cls((), (), 0, 0, UNKNOWN, duration)


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost. `seconds` is wall time spent on this request alone."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """One answer of a model, as it is journaled.

    Attributes:
        key: the request's key (see `Request`).
        text: what the model wrote, untouched; empty when there is none.
        outcome: `SCORED` for a complete answer, or why there is none.
        option_scores: P(choice) over the request's `choices`, when the model can tell.
        error: one sentence, for `ERRORED`, `MISSING` and `REFUSED`.
    """

    key: str
    task: str
    sample_id: str
    style: str
    turn: int
    text: str
    outcome: Outcome
    seen: Seen | None = None
    usage: Usage | None = None
    option_scores: Mapping[str, float] | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a model.

    Attributes:
        key: hash of everything that can change the answer.
        kind: the task's kind (`mcq`, `grounding`, `classification`, ...).
        messages: the rendered conversation; the video belongs to the first message with `video`.
        video: the file, or `None` when it is absent or the model does not look at videos.
        plan: the frame plan, in the notation of `vau_bench.video.plans`.
        choices: the answers to choose from, as the model is to write them; empty for free answers.
        sample: what is asked about. Only floors and `gold` may look at its target.
    """

    key: str
    task: str
    kind: str
    style: str
    turn: int
    sample: Sample
    messages: tuple[Message, ...]
    generation: Generation
    video: Path | None
    plan: str
    choices: tuple[str, ...] = ()

    def answer(
        self,
        text: str,
        *,
        outcome: Outcome = Outcome.SCORED,
        seen: Seen | None = None,
        usage: Usage | None = None,
        option_scores: Mapping[str, float] | None = None,
    ) -> Response:
        """Return the response that holds this text; `TRUNCATED` when the token limit cut it."""
        return Response(
            key=self.key,
            task=self.task,
            sample_id=self.sample.id,
            style=self.style,
            turn=self.turn,
            text=text,
            outcome=outcome,
            seen=seen,
            usage=usage,
            option_scores=option_scores,
        )

    def failure(self, outcome: Outcome, error: str, *, seen: Seen | None = None) -> Response:
        """Return the response that says why there is no answer."""
        return Response(
            key=self.key,
            task=self.task,
            sample_id=self.sample.id,
            style=self.style,
            turn=self.turn,
            text="",
            outcome=outcome,
            seen=seen,
            error=error,
        )
