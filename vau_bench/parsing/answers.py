"""What parsing returns: a value, the rule that found it, and where in the text it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar

from vau_bench.records import Segment

T = TypeVar("T")

Span: TypeAlias = tuple[int, int]
"""Half-open character offsets into the original text."""

Style: TypeAlias = Literal["direct", "think", "reflect"]


@dataclass(frozen=True, slots=True)
class Parsed(Generic[T]):
    """An answer found in a text.

    Attributes:
        value: the answer.
        rule: the name of the rule that found it. A prefix tells where the rule was applied: `tag/` inside
            `<answer>` or `<glue>`, `think/` inside reasoning that nothing follows.
        span: the evidence; `text[span[0]:span[1]]` shows it.
    """

    value: T
    rule: str
    span: Span


@dataclass(frozen=True, slots=True)
class IntervalAnswer:
    """When the anomaly happens, as the answer puts it.

    Attributes:
        segments: `(start, end)` in seconds, as written and in order; may be reversed, empty or negative, which
            is flagged and never repaired.
        normal: the answer says that nothing happens.
        flags: any of `reversed` (end before start), `empty` (end equals start), `negative` (a time below 0 in
            an answer that is not the sentinel `[-1, -1]`), `contradiction` (verdict and interval disagree; the
            interval is kept), `normalised?` (every time lies in [0, 1], as fractions of the video would).
    """

    segments: tuple[tuple[float, float], ...]
    normal: bool
    flags: tuple[str, ...] = ()

    @property
    def valid(self) -> tuple[Segment, ...] | None:
        """The answer as segments: `()` when normal, `None` when any interval is reversed, empty or negative."""
        if self.normal:
            return ()
        if not self.segments or not all(0 <= start < end for start, end in self.segments):
            return None
        return tuple(Segment(start, end) for start, end in self.segments)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One pass at the question: reasoning, verdict, interval.

    Attributes:
        think: the content of `<think>`, or `None`.
        answer: the content of `<answer>`, or `None`; stripped.
        glue: the content of `<glue>`, or `None`; stripped.
        span: from where this attempt begins to where the next part begins. The parsers work on
            `text[span[0]:span[1]]` as they do on a whole response.
    """

    think: str | None
    answer: str | None
    glue: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Reflection:
    """A response read by the grammar direct / think / reflect.

    Attributes:
        first: the attempt before the reflection (or before the last of repeated attempts); `None` when there is
            only one attempt.
        reflect: the content of the last `<reflect>`, or `None`.
        last: the attempt that is the prediction.
        style: `reflect` when there is a `<reflect>`, else `think` when there is a `<think>`, else `direct`.
        well_formed: the response follows the grammar to the letter.
        problems: what does not, by name, in order of appearance and without repeats.
    """

    first: Attempt | None
    reflect: str | None
    last: Attempt
    style: Style
    well_formed: bool
    problems: tuple[str, ...]
