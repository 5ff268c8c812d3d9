"""Muon in single precision: steps along the orthogonalised momentum, which teaches small models in half the time.

`torch.optim.Muon` computes in bfloat16, which these CPUs are slow at. Everything that is no matrix goes to AdamW.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration, by Jordan et al., https://kellerjordan.github.io/posts/muon/."""


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Muon with Nesterov momentum; the step of a matrix is scaled by sqrt(max(1, rows / columns)).

    Args:
        weights: matrices.
        lr: learning rate.
        momentum: of the gradients' mean.
        weight_decay: decoupled, times the learning rate.
    """

    def __init__(
        self, weights: Iterable[torch.Tensor], lr: float = 0.02, momentum: float = 0.95, weight_decay: float = 0.01
    ) -> None:
        super().__init__(weights, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    def step(self, closure: Any = None) -> None:
        """Do a step."""
        with torch.no_grad():
            self._step()

    def _step(self) -> None:
        for group in self.param_groups:
            for weight in (w for w in group["params"] if w.grad is not None):
                mean = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonal(weight.grad.lerp(mean, group["momentum"]))
                weight.mul_(1 - group["lr"] * group["weight_decay"])
                weight.add_(update, alpha=-group["lr"] * max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5)


def orthogonal(matrix: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Return nearly the matrix with the same singular vectors and all singular values about 1."""
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if tall else x


class Teaching:
    """Both optimizers under one schedule: a short warm-up, a plateau, and then down to nearly nothing.

    Args:
        model: whose linear layers' weights Muon steps.
        others: further parameters, for AdamW.
        rate: of AdamW at its peak.
        muon_rate: of Muon at its peak.
        steps: in all.
        weight_decay: of both.
    """

    def __init__(
        self, model: torch.nn.Module, others: Sequence[torch.nn.Parameter], *, rate: float, muon_rate: float,
        steps: int, weight_decay: float = 0.05,
    ) -> None:  # fmt: skip
        matrices = [
            module.weight
            for module in model.modules()
            if isinstance(module, torch.nn.Linear) and module.weight.requires_grad
        ]
        tied = {id(m.weight) for m in model.modules() if isinstance(m, torch.nn.Embedding)}
        matrices = [weight for weight in matrices if id(weight) not in tied]
        taken = {id(weight) for weight in matrices}
        self.rest = [p for p in model.parameters() if p.requires_grad and id(p) not in taken] + list(others)
        self._steps = steps
        self._optimizers = (
            (Muon(matrices, muon_rate, weight_decay=weight_decay), muon_rate),
            (torch.optim.AdamW(self.rest, rate, weight_decay=weight_decay, betas=(0.9, 0.98)), rate),
        )

    def step(self, number: int, loss: torch.Tensor) -> None:
        """Do step `number`, counted from 0."""
        share = min(1.0, (number + 1) / 30, max(0.02, 1.25 * (1 - number / self._steps)))
        for optimizer, rate in self._optimizers:
            optimizer.zero_grad()
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.rest, 1.0)
        for optimizer, _ in self._optimizers:
            optimizer.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Return the state of both."""
        return [optimizer.state_dict() for optimizer, _ in self._optimizers]

    def load_state_dict(self, states: Sequence[dict[str, Any]]) -> None:
        """Go on from a state."""
        for (optimizer, _), state in zip(self._optimizers, states, strict=True):
            optimizer.load_state_dict(state)
