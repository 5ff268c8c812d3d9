"""Rows whose video cannot be shown: counted, told, and too many of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vau_bench.errors import ModelError


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that cannot be shown, and why."""

    index: int
    reason: str


class SkipCount:
    """Counts the rows that could not be shown, and says when they are too many.

    Args:
        most: share of the rows seen that may be skipped.
        grace: rows before the share counts.
    """

    def __init__(self, most: float, grace: int = 20) -> None:
        self.most = most
        self.grace = grace
        self.seen = 0
        self.reasons: dict[int, str] = {}
        self.skipped = 0

    def count(self, rows: int, skipped: Sequence[Skipped]) -> None:
        """Count so many rows, of which some were skipped.

        Raises:
            ModelError: if too many were.
        """
        self.seen += rows
        self.skipped += len(skipped)
        for item in skipped:
            self.reasons.setdefault(item.index, item.reason)
        if self.skipped > self.most * max(self.seen, self.grace):
            first = next(iter(self.reasons.values()))
            raise ModelError(
                f"{self.skipped} of {self.seen} rows could not be shown (first: {first}); "
                "mend the videos, or raise data.most_skipped"
            )


class CountsSkips:
    """Mixin in front of a `Trainer`: logs as `skipped_rows` how often a row could not be shown since the start.

    Attributes:
        skips: counts those of this process.
    """

    skips: SkipCount
    accelerator: Any
    _everywhere: int = 0

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, with the rows that all processes skipped."""
        import torch

        own = torch.tensor(self.skips.skipped, device=self.accelerator.device)
        self._everywhere = int(self.accelerator.reduce(own, "sum"))
        super().log({**logs, "skipped_rows": self._everywhere}, *args, **kwargs)  # type: ignore[misc]

    def tell_skipped(self) -> None:
        """Warn of rows that were skipped, once, when the training is over."""
        if self._everywhere and self.accelerator.is_main_process:
            first = next(iter(self.skips.reasons.values()), "in another process")
            told = f"{self._everywhere} times a row could not be shown and was skipped (first: {first})"
            warnings.warn(told, UserWarning, stacklevel=2)
