"""A long video in windows: any model answers each of them, and what it says of them becomes one answer.

Each window is a request of its own whose frames carry the times of the whole video. A moment's score is the share of
the windows around it in which the model called it anomalous; a grounding task is answered by where that is at least a
half. A window without a readable answer has no say; where it was the only one around a moment, there is no answer.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from vau_bench.errors import UsageError, VideoError, VideoMissingError
from vau_bench.kinds import Kind
from vau_bench.models.base import Model
from vau_bench.parsing import write_interval, write_think
from vau_bench.records import JSON, Outcome, Request, Response, Sample, Seen, Segment, Usage
from vau_bench.video import FramePlan, parse_plan
from vau_bench.video.plans import Rate, Uniform, Window

if TYPE_CHECKING:
    from vau_bench.kinds.detection import Scores
    from vau_bench.video import ClipLoader

ANSWERED = ("grounding", "detection")
"""Kinds of task whose answers windows can be put together from; others are asked as they are."""
HALF = 0.5
_TICK = 1e-3
"""Seconds that windows are cut to; what a video is longer by needs no window of its own."""
_NOTATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*s?\s*/\s*(\d+(?:\.\d+)?)\s*s?\s*")


class Windows(NamedTuple):
    """Windows of `length` seconds, one every `stride` seconds. `str` is what `parse_windows` reads."""

    length: float
    stride: float

    def __str__(self) -> str:
        return f"{self.length:g}s/{self.stride:g}s"

    def of(self, duration: float) -> list[Segment]:
        """Return the windows of a video; the last one ends with it and is as long as the others where it can be."""
        beyond = duration - self.length
        if beyond <= _TICK:
            return [Segment(0.0, duration)]
        count = math.ceil((beyond - _TICK) / self.stride)
        starts = [k * self.stride for k in range(count)] + [beyond]
        return [Segment(round(s, 3), round(min(s + self.length, duration), 3)) for s in starts]


def parse_windows(text: str) -> Windows:
    """Return the windows that a text such as `32s/16s` describes.

    Raises:
        UsageError: if it is none, or leaves gaps.
    """
    match = _NOTATION.fullmatch(text)
    if not match:
        raise UsageError(f"not windows: {text!r}; write length/stride, such as 32s/16s")
    windows = Windows(float(match[1]), float(match[2]))
    if windows.length <= 0 or not 0 < windows.stride <= windows.length:
        raise UsageError(f"windows {text!r}: the stride must be above 0 and at most the length, or parts go unseen")
    return windows


def frames_within(plan: str, window: Segment) -> str:
    """Return the plan of one window: as many frames as the plan has for a video of its length.

    Raises:
        UsageError: if the plan is a window already.
    """
    parsed = parse_plan(plan)
    sampling = parsed.sampling
    if isinstance(sampling, Uniform):
        count = sampling.n
    elif isinstance(sampling, Rate):
        count = max(1, math.ceil(window.duration * sampling.fps - 1e-6))
        count = count if sampling.max is None else min(count, sampling.max)
    else:
        raise UsageError(f"the frame plan {plan} is a window already")
    return str(FramePlan(Window(window.start, window.end, count), parsed.size))


def votes(windows: Sequence[Segment], answers: Sequence[Sequence[tuple[float, float]]]) -> Scores:
    """Return for each piece of a video the share of the windows around it that called it anomalous.

    Args:
        windows: of the video.
        answers: the intervals found in each, in seconds of the whole video; what lies outside its window is cut.
    """
    cut = [
        [(max(s, w.start), min(e, w.end)) for s, e in found if min(e, w.end) > max(s, w.start)]
        for w, found in zip(windows, answers, strict=True)
    ]
    marks = sorted({0.0, *(at for w in windows for at in w), *(at for found in cut for pair in found for at in pair)})
    pieces: list[tuple[float, float, float]] = []
    for start, end in pairwise(marks):
        middle = (start + end) / 2
        around = [found for w, found in zip(windows, cut, strict=True) if w.start <= middle < w.end]
        score = sum(any(s <= middle < e for s, e in found) for found in around) / len(around) if around else 0.0
        if pieces and pieces[-1][1:] == (start, score):
            pieces[-1] = (pieces[-1][0], end, score)
        else:
            pieces.append((start, end, score))
    return tuple(piece for piece in pieces if piece[2] > 0)


def joined(scores: Scores, least: float = HALF) -> tuple[tuple[float, float], ...]:
    """Return the intervals whose pieces score at least so much."""
    found: list[tuple[float, float]] = []
    for start, end, score in scores:
        if score < least:
            continue
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return tuple(found)


@dataclass
class _Open:
    """A request whose windows are being asked."""

    request: Request
    windows: list[Segment]
    answers: dict[int, Response]


class Windowed(Model[Any]):
    """Asks a model about windows of a video where the kind of task has answers that can be put together.

    Args:
        inner: the model.
        windows: how the videos are cut.
        clips: measures the videos.
    """

    def __init__(self, inner: Model[Any], windows: Windows, clips: ClipLoader) -> None:
        super().__init__(inner.config, clips)
        self._inner, self._windows = inner, windows
        self.frames, self.style = inner.frames, inner.style
        self._kinds: dict[str, Kind[Any]] = {}
        if inner.own_frames is not None:
            raise UsageError(f"its frames are {inner.own_frames}, so it cannot be asked about windows")
        if not inner.reads_video:
            raise UsageError(f"{type(inner).__name__} looks at no video, so there is nothing to cut into windows")

    def prepare(self, task: str, kind: Kind[Any], tuning: Sequence[Sample]) -> None:  # noqa: D102
        self._kinds[task] = kind
        self._inner.prepare(task, kind, tuning)

    def identity(self) -> dict[str, JSON]:
        """Return what tells the model from others, and the windows."""
        return {**self._inner.identity(), "windows": str(self._windows)}

    def described(self) -> dict[str, JSON]:  # noqa: D102
        return {**self._inner.described(), "windows": str(self._windows)}

    def close(self) -> None:  # noqa: D102
        self._inner.close()

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        """Yield one response per request, each as soon as all its windows are answered."""
        opened: dict[str, _Open] = {}
        place: dict[str, tuple[str, int]] = {}
        failed: list[Response] = []

        def parts() -> Iterator[Request]:
            for request in requests:
                if request.kind not in ANSWERED or request.video is None:
                    yield request
                    continue
                try:
                    windows = self._windows.of(self.clips.probe(request.video).duration)
                except VideoError as error:
                    outcome = Outcome.MISSING if isinstance(error, VideoMissingError) else Outcome.ERRORED
                    failed.append(request.failure(outcome, str(error)))
                    continue
                opened[request.key] = _Open(request, windows, {})
                for number, window in enumerate(windows):
                    key = f"{request.key}/{number}"
                    place[key] = (request.key, number)
                    yield replace(request, key=key, plan=frames_within(request.plan, window))

        for response in self._inner.generate(parts()):
            while failed:
                yield failed.pop()
            if response.key not in place:
                yield response
                continue
            whole, number = place.pop(response.key)
            opened[whole].answers[number] = response
            if len(opened[whole].answers) == len(opened[whole].windows):
                yield self._together(opened.pop(whole))
        yield from failed

    def _together(self, asked: _Open) -> Response:
        """Return the one answer that the answers of all windows make."""
        request, kind = asked.request, self._kinds[asked.request.task]
        responses = [asked.answers[number] for number in range(len(asked.windows))]
        seen, usage = _seen(responses), _usage(responses)
        broken = [(w, r) for w, r in zip(asked.windows, responses, strict=True) if r.outcome is not Outcome.SCORED]
        if broken:
            window, first = broken[0]
            told = f"{len(broken)} of {len(responses)} windows: {_named(window)} {first.error or first.outcome}"
            return replace(request.failure(first.outcome, told, seen=seen), usage=usage)
        readings = [kind.read(response.text, request.sample) for response in responses]
        read = [w for w, reading in zip(asked.windows, readings, strict=True) if reading is not None]
        if not _covered(read, asked.windows[-1].end):
            unread = f"{len(readings) - len(read)} of {len(readings)}"
            told = f"{unread} windows hold no answer, and parts of the video no other"
            return replace(request.failure(Outcome.UNPARSED, told, seen=seen), usage=usage)
        scores = votes(read, [_intervals(reading.answer) for reading in readings if reading is not None])
        texts = zip(asked.windows, responses, strict=True)
        said = "\n".join(f"{_named(w)}: {html.escape(r.text, quote=False)}" for w, r in texts)
        return request.answer(write_think(said, _written(request.kind, scores)), seen=seen, usage=usage)


def _covered(windows: Sequence[Segment], end: float) -> bool:
    """Tell whether every moment before the end lies in a window; these are in the order of their starts."""
    reached = 0.0
    for window in windows:
        if window.start > reached:
            return False
        reached = max(reached, window.end)
    return reached >= end


def _intervals(answer: Sequence[Sequence[float]]) -> list[tuple[float, float]]:
    """Return the intervals of an answer; scores of a detection count from a half on."""
    return [(piece[0], piece[1]) for piece in answer if len(piece) < 3 or piece[2] >= HALF]


def _written(kind: str, scores: Scores) -> str:
    from vau_bench.kinds.detection import write_scores

    if kind == "detection":
        return write_scores(scores)
    found = joined(scores)
    return write_interval(*(Segment(*pair) for pair in found)) if found else write_interval(None)


def _named(window: Segment) -> str:
    return f"{window.start:g}-{window.end:g} s"


def _seen(responses: Sequence[Response]) -> Seen | None:
    """Return all frames that any window was shown, once each."""
    shown = [response.seen for response in responses if response.seen is not None]
    if not shown:
        return None
    frames: Mapping[int, float] = {i: t for seen in shown for i, t in zip(seen.indices, seen.times, strict=True)}
    indices = tuple(sorted(frames))
    return replace(shown[0], indices=indices, times=tuple(frames[i] for i in indices))


def _usage(responses: Sequence[Response]) -> Usage:
    """Return what all windows cost together."""
    parts = [response.usage or Usage() for response in responses]

    def total(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if any(value is None for value in values) else sum(values)

    return Usage(total("prompt_tokens"), total("completion_tokens"), total("seconds"))
