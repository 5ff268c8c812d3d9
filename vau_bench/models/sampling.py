"""Sampling that does not depend on what else is in the batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from vau_bench.records import Request


def row_seed(request: Request) -> int:
    """Return the seed of one request's draws: from the generation seed and from what is asked."""
    text = f"{request.generation.seed}:{request.key}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


class SeededSampling:
    """A logits processor after which the greedy choice is a draw at a temperature, cut at top-p.

    Each row draws from a generator of its own (the Gumbel-max trick: the largest of `log p + Gumbel noise` is
    distributed as p), so that an answer depends on its request alone.

    Args:
        requests: of the rows, in order, all with the same temperature and top_p.
        device: of the logits.
    """

    def __init__(self, requests: Sequence[Request], device: Any) -> None:
        import torch

        self._temperature = requests[0].generation.temperature
        self._top_p = requests[0].generation.top_p
        self._generators = [torch.Generator(device).manual_seed(row_seed(r)) for r in requests]

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Return the perturbed log-probabilities, of the shape of `scores` (rows, vocabulary)."""
        import torch

        scores = torch.log_softmax(scores.float() / self._temperature, dim=-1)
        if self._top_p < 1.0:
            scores = _nucleus(scores, self._top_p)
        noise = [
            torch.empty_like(row).exponential_(generator=g) for row, g in zip(scores, self._generators, strict=True)
        ]
        return scores - torch.log(torch.stack(noise))


def _nucleus(scores: Any, top_p: float) -> Any:
    """Return the log-probabilities without what lies beyond the smallest set of mass `top_p`."""
    ordered, order = scores.sort(dim=-1, descending=True)
    before = ordered.exp().cumsum(dim=-1) - ordered.exp()
    cut = (before >= top_p).scatter(-1, order, before >= top_p)
    return scores.masked_fill(cut, float("-inf"))
