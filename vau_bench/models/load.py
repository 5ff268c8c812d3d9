"""How many calls a server is given at once: as many as it bears.

Additive increase, multiplicative decrease (Chiu & Jain 1989), the decrease in proportion to the share of calls that
the server turned away, as in DCTCP (Alizadeh et al. 2010): a server that refuses everything soon gets one call at a
time, one that refuses a call now and then is hardly spared. Answers that have become much slower count as refusals.
"""

from __future__ import annotations

from statistics import median

OVERLOADED = frozenset({429, 503, 529})
"""Statuses by which a server says that it has too much to do."""

SLOWER = 3.0
"""A round whose answers take this many times as long as those of the fastest round is a sign of queueing."""

_ROUND = 8  # calls that a round has at least


class Load:
    """The slots of one server, whose number follows what it bears. Who waits for one is the pool's business.

    Args:
        most: slots at the beginning, and at most.

    Attributes:
        taken: slots that calls hold.
        number: of the round; a call tells it, as it was when the call began, with what came of it.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.limit = float(most)
        self.taken = 0
        self.number = 0
        self._seconds: list[float] = []
        self._refused = 0
        self._fastest: float | None = None

    @property
    def slots(self) -> int:
        """How many calls may be under way now."""
        return max(1, int(self.limit))

    @property
    def free(self) -> bool:
        """Whether one more call may begin."""
        return self.taken < self.slots

    @property
    def with_one_more(self) -> float:
        """What share of its slots would be taken if one more call began."""
        return (self.taken + 1) / self.slots

    def answered(self, number: int, seconds: float) -> None:
        """Take note that a call which began in this round took so long, be its answer good or bad."""
        if number == self.number:
            self._seconds.append(seconds)
            self._end_round()

    def refused(self, number: int) -> None:
        """Take note that the server had too much to do for a call which began in this round."""
        if number == self.number:
            self._refused += 1
            self._end_round()

    def _end_round(self) -> None:
        calls = len(self._seconds) + self._refused
        if calls < max(_ROUND, self.slots):
            return
        share = self._refused / calls
        if self._seconds:
            typical = median(self._seconds)
            self._fastest = min(typical, self._fastest or typical)
            if typical > SLOWER * self._fastest:
                share = max(share, 0.5)
                self._fastest *= 1.25  # a server that stays slow is what there is
        self.limit = min(float(self.most), max(1.0, self.limit * (1 - share / 2) + 1 - share))
        self.number += 1
        self._seconds, self._refused = [], 0
