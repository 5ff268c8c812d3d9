"""Which frames of a video are shown, and how large: a small notation with one canonical spelling.

    uniform(16)                     the frame at the middle of each of 16 equal parts
    fps(1, max=64)                  at 0, 1, 2 ... s; when that is over 64 frames, 64 equally spaced ones
    window(3.5, 8, 16)              16 uniform frames between 3.5 s and 8 s
    uniform(16) short_side=336      scaled so that the shorter side is 336, never enlarged
    fps(2, max=64) max_pixels=602112     scaled so that a frame has at most so many pixels
    uniform(8) 84x84                scaled to exactly 84x84

The frame shown at time `t` is the last one whose presentation time is not after `t`. No plan shows a frame
twice: a video with fewer frames than asked for gives each of them once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau_bench.errors import UsageError, suggestion

Times: TypeAlias = NDArray[np.float64]

CLOCK_NOISE = 1e-6
"""Seconds by which a frame may start after `t` and still be the one shown at `t`: rounding, not time."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """The frame at the middle of each of `n` equal parts of the duration."""

    n: int

    def __str__(self) -> str:
        return f"uniform({self.n})"

    def pick(self, times: Times, duration: float) -> NDArray[np.intp]:
        """Return the frame numbers, ascending."""
        return _uniform(times, 0.0, duration, self.n)


@dataclass(frozen=True, slots=True)
class Rate:
    """Frames at multiples of `1 / fps` seconds; over `max` of them, `max` equally spaced ones."""

    fps: float
    max: int | None = None

    def __str__(self) -> str:
        cap = "" if self.max is None else f", max={self.max}"
        return f"fps({_number(self.fps)}{cap})"

    def pick(self, times: Times, duration: float) -> NDArray[np.intp]:
        """Return the frame numbers, ascending."""
        count = max(1, math.ceil((duration - CLOCK_NOISE) * self.fps))
        at = np.arange(count) / self.fps
        if self.max is not None and count > self.max:
            at = np.linspace(0.0, at[-1], self.max)
        return np.unique(_shown(times, at))


@dataclass(frozen=True, slots=True)
class Window:
    """`n` uniform frames of the interval `[start, end)` in seconds."""

    start: float
    end: float
    n: int

    def __str__(self) -> str:
        return f"window({_number(self.start)}, {_number(self.end)}, {self.n})"

    def pick(self, times: Times, duration: float) -> NDArray[np.intp]:
        """Return the frame numbers, ascending; none when the video ends before the window starts."""
        end = min(self.end, duration)
        if self.start >= end:
            return np.empty(0, np.intp)
        return _uniform(times, self.start, end, self.n)


@dataclass(frozen=True, slots=True)
class NativeSize:
    """Frames as large as the video shows them."""

    def __str__(self) -> str:
        return ""

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height to scale to."""
        return width, height


@dataclass(frozen=True, slots=True)
class ShortSide:
    """The shorter side becomes `pixels`, the aspect ratio stays, nothing is enlarged."""

    pixels: int

    def __str__(self) -> str:
        return f"short_side={self.pixels}"

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height to scale to."""
        scale = self.pixels / min(width, height)
        if scale >= 1:
            return width, height
        return _even(width * scale), _even(height * scale)


@dataclass(frozen=True, slots=True)
class MaxPixels:
    """At most `pixels` pixels a frame, the aspect ratio stays, nothing is enlarged."""

    pixels: int

    def __str__(self) -> str:
        return f"max_pixels={self.pixels}"

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height to scale to."""
        if width * height <= self.pixels:
            return width, height
        scale = math.sqrt(self.pixels / (width * height))
        short = _even(min(width, height) * scale)
        long = _even(min(max(width, height) * scale, self.pixels / short), math.floor)
        return (long, short) if width >= height else (short, long)


@dataclass(frozen=True, slots=True)
class ExactSize:
    """Every frame becomes `width` x `height`, whatever its shape."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height to scale to."""
        return self.width, self.height


@dataclass(frozen=True, slots=True)
class FramePlan:
    """Which frames, and how large. `str(plan)` is the canonical notation that `parse_plan` reads."""

    sampling: Uniform | Rate | Window
    size: NativeSize | ShortSide | MaxPixels | ExactSize = NativeSize()

    def __str__(self) -> str:
        return f"{self.sampling} {self.size}".rstrip()

    def pick(self, times: Times, duration: float) -> tuple[int, ...]:
        """Return the numbers of the frames to show, strictly ascending.

        Args:
            times: `(n,)` presentation times of all frames in seconds, ascending, the first is 0.
            duration: of the video, in seconds.
        """
        return tuple(self.sampling.pick(times, duration).tolist())

    def fit(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of the frames to show of a video of this size, in pixels."""
        return self.size.fit(width, height)


def parse_plan(text: str | FramePlan) -> FramePlan:
    """Return the plan that a text such as `fps(1, max=64) short_side=336` describes.

    Raises:
        UsageError: if it is not one; says what is wrong with it.
    """
    if isinstance(text, FramePlan):
        return text
    match = re.fullmatch(r"\s*(\w+)\s*\(([^()]*)\)\s*(\S.*)?", text)
    if not match:
        raise UsageError(f"not a frame plan: {text!r}; write for example 'uniform(16)' or 'fps(1, max=64)'")
    name, arguments, size = match.groups()
    try:
        make = _SAMPLINGS[name]
    except KeyError:
        raise UsageError(f"unknown sampling {name!r} in {text!r}{suggestion(name, _SAMPLINGS)}") from None
    try:
        return FramePlan(make(_arguments(arguments)), _size(size.strip()) if size else NativeSize())
    except ValueError as error:
        raise UsageError(f"frame plan {text!r}: {error}") from None


def _uniform(times: Times, start: float, end: float, n: int) -> NDArray[np.intp]:
    """Return the frames at the middles of `n` equal parts of `[start, end)`; all if they are no more."""
    first = int(_shown(times, np.array([start]))[0])
    last = max(first, int(np.searchsorted(times, end - CLOCK_NOISE)) - 1)
    if last - first + 1 <= n:
        return np.arange(first, last + 1)
    middles: Times = start + (np.arange(n, dtype=np.float64) + 0.5) * ((end - start) / n)
    return np.unique(_shown(times, middles))


def _shown(times: Times, at: Times) -> NDArray[np.intp]:
    """Return the number of the frame shown at each of `at`."""
    return np.maximum(np.searchsorted(times, at + CLOCK_NOISE, side="right") - 1, 0)


def _even(side: float, rounding: Callable[[float], int] = round) -> int:
    return max(2, 2 * rounding(side / 2))


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _arguments(text: str) -> dict[str, str]:
    """Return `{"0": "1", "max": "64"}` for `1, max=64`: positional ones by their place."""
    found: dict[str, str] = {}
    for place, part in enumerate(text.split(",") if text.strip() else ()):
        key, _, value = part.rpartition("=")
        key = key.strip() or str(place)
        if key in found:
            raise ValueError(f"{key!r} is given twice")
        found[key] = value.strip()
    return found


def _named(given: dict[str, str], names: tuple[str, ...], optional: int = 0) -> list[str | None]:
    """Return the arguments in the order of `names`, the last `optional` of which may be absent."""
    found: dict[str, str] = {}
    for key, value in given.items():
        if key.isdigit() and int(key) >= len(names):
            raise ValueError(f"takes {len(names)} numbers ({', '.join(names)}), not more")
        name = names[int(key)] if key.isdigit() else key
        if name not in names:
            raise ValueError(f"unknown argument {name!r}{suggestion(name, names)}")
        if name in found:
            raise ValueError(f"{name!r} is given twice")
        found[name] = value
    for name in names[: len(names) - optional]:
        if name not in found:
            raise ValueError(f"{name!r} is missing")
    return [found.get(name) for name in names]


def _count(text: str | None, what: str) -> int:
    if text is None or not re.fullmatch(r"\d+", text) or int(text) < 1:
        raise ValueError(f"{what} must be a whole number of at least 1, not {text!r}")
    return int(text)


def _seconds(text: str | None, what: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{what} must be a number of at least 0, not {text!r}")
    return value


def _make_uniform(given: dict[str, str]) -> Uniform:
    (n,) = _named(given, ("n",))
    return Uniform(_count(n, "the number of frames"))


def _make_rate(given: dict[str, str]) -> Rate:
    fps, cap = _named(given, ("fps", "max"), optional=1)
    rate = _seconds(fps, "fps")
    if rate == 0:
        raise ValueError("fps must be above 0")
    return Rate(rate, None if cap is None else _count(cap, "max"))


def _make_window(given: dict[str, str]) -> Window:
    start, end, n = _named(given, ("start", "end", "n"))
    window = Window(_seconds(start, "start"), _seconds(end, "end"), _count(n, "the number of frames"))
    if window.start >= window.end:
        raise ValueError(f"the window must end after it starts, not {window}")
    return window


_SAMPLINGS: dict[str, Callable[[dict[str, str]], Uniform | Rate | Window]] = {
    "uniform": _make_uniform,
    "fps": _make_rate,
    "window": _make_window,
}


def _size(text: str) -> ShortSide | MaxPixels | ExactSize:
    if match := re.fullmatch(r"(\d+)x(\d+)", text):
        return ExactSize(_count(match[1], "the width"), _count(match[2], "the height"))
    name, equals, value = (part.strip() for part in text.partition("="))
    if name == "short_side" and equals:
        return ShortSide(max(2, _count(value, name) // 2 * 2))
    if name == "max_pixels" and equals:
        return MaxPixels(max(4, _count(value, name)))
    raise ValueError(f"unknown frame size {text!r}{suggestion(name, ('short_side', 'max_pixels', '84x84'))}")
