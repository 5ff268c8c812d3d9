"""Whether a server is well: drained after failures in a row, probed after growing pauses, well again after an answer.

A circuit breaker (Nygard, Release It!, 2007) whose probes are ordinary calls: whatever else answers at a server, it is
an answer to a call that proves that it can answer calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable

IN_A_ROW = 3
"""Failures without an answer between them after which a server is drained."""


class Health:
    """What is known of one server.

    Args:
        first_pause: seconds before the first probe, doubled for each further one.
        longest_pause: seconds before a probe at most.
        clock: in seconds.

    Attributes:
        era: changes whenever the server is drained, and when it is well again; failures of calls that began in an
            earlier era say nothing new.
    """

    def __init__(self, first_pause: float, longest_pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.era = 0
        self._first, self._longest, self._clock = first_pause, longest_pause, clock
        self._failures = 0
        self._probes = 0
        self._next_probe: float | None = None

    @property
    def well(self) -> bool:
        """Whether it is given calls as they come."""
        return self._next_probe is None

    @property
    def pause(self) -> float:
        """Seconds until it may be probed; 0 where it may be now, or is well."""
        return 0.0 if self._next_probe is None else max(0.0, self._next_probe - self._clock())

    def worked(self) -> None:
        """Take note that a call was answered."""
        self._failures = self._probes = 0
        if not self.well:
            self._next_probe = None
            self.era += 1

    def failed(self, era: int) -> None:
        """Take note that a call which began in this era was not answered."""
        if era != self.era:
            return
        self._failures += 1
        if self.well and self._failures < IN_A_ROW:
            return
        self._next_probe = self._clock() + min(self._longest, self._first * 2.0 ** min(self._probes, 60))
        self._probes += 1
        self.era += 1
