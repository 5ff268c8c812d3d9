"""Where the time of a training step goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Profiled:
    """Mixin in front of TRL's trainers: logs the mean seconds of a step, and of waiting for its batch."""

    _metrics: dict[str, Any]

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Do a step."""
        return self._timed("step", super().training_step, *args, **kwargs)  # type: ignore[misc]

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for the batches of a step."""
        return self._timed("batch", super().get_batch_samples, *args, **kwargs)  # type: ignore[misc]

    def _timed(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        begin = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            self._metrics["train"][f"seconds/{name}"].append(time.perf_counter() - begin)
