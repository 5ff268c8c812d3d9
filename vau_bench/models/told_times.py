"""Times written into a prompt, and the proof that they are the times of the frames shown.

Every adapter that tells times in words writes them here and reads them back from what it is about to send.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vau_bench.errors import ModelError

_LABEL = re.compile(r"\[(\d+\.\d+)s\]")


class ToldTimesError(ModelError):
    """The model would be told other times than it is shown: a defect of the software that stops the run."""


def time_labels(times: Sequence[float]) -> tuple[str, ...]:
    """Return one label a frame, such as `[3.2s]`, with as few decimals (1 to 3) as tell the frames apart."""
    for decimals in (1, 2, 3):
        labels = tuple(f"[{time:.{decimals}f}s]" for time in times)
        if len(set(labels)) == len(labels):
            break
    return labels


def times_sentence(times: Sequence[float]) -> str:
    """Return one sentence that lists all times, for models that cannot be told frame by frame."""
    labels = ", ".join(time_labels(times))
    return f"The video is shown as {len(times)} frames, taken at these times: {labels}."


def read_labels(text: str) -> list[str]:
    """Return the numbers of all labels in `text`, as written."""
    return _LABEL.findall(text)


def assert_told(told: Sequence[str], shown: Sequence[float], *, slack: float = 0.0) -> None:
    """Check that each written time is the time shown, rounded as written.

    Args:
        told: numbers as they stand in the prompt, in order.
        shown: times of the frames, in seconds.
        slack: what the clock that `told` was computed on may be off, in seconds.

    Raises:
        ToldTimesError: if one is not, or if there are more or fewer of them.
    """
    if len(told) != len(shown):
        raise ToldTimesError(f"the prompt tells {len(told)} times for {len(shown)} frames")
    for number, time in zip(told, shown, strict=True):
        decimals = len(number.partition(".")[2])
        if abs(float(number) - time) > 0.5 * 10.0**-decimals + slack + 1e-9:
            raise ToldTimesError(f"the prompt tells {number} s for a frame at {time:.6f} s")
