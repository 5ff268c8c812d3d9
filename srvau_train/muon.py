"""Muon beside AdamW in one optimizer: matrices step along their orthogonalised momentum, everything else as in AdamW.

`torch.optim.Muon` takes matrices alone and computes in bfloat16, which CPUs without it are slow at; this one
computes in the weights' precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of the quintic iteration, by Jordan et al., https://kellerjordan.github.io/posts/muon/."""


class Muon(torch.optim.Optimizer):  # type: ignore[misc]
    """Muon with Nesterov momentum for the matrices within linear layers, AdamW for the rest.

    The step of a matrix is scaled by sqrt(max(1, rows / columns)). Weights that an embedding shares are no matrices
    in this sense: each row is a thing of its own. Nor are those with both sides above `largest`: making them orthogonal
    takes longer than the rest of a step.

    Args:
        model: what is trained; parameters that need no gradient are left out.
        others: further parameters, for AdamW.
        lr: learning rate of AdamW.
        muon_lr: learning rate of Muon.
        weight_decay: decoupled, times the learning rate.
        momentum: of Muon.
        largest: shorter side that a matrix of Muon may have.
        betas: of AdamW.
    """

    def __init__(
        self, model: torch.nn.Module, others: Sequence[torch.nn.Parameter] = (), *, lr: float, muon_lr: float,
        weight_decay: float = 0.0, momentum: float = 0.95, largest: int = 512,
        betas: tuple[float, float] = (0.9, 0.98),
    ) -> None:  # fmt: skip
        shared = {id(module.weight) for module in model.modules() if isinstance(module, torch.nn.Embedding)}
        matrices = [
            module.weight
            for module in model.modules()
            if isinstance(module, torch.nn.Linear) and module.weight.requires_grad
            if id(module.weight) not in shared and min(module.weight.shape) <= largest
        ]
        taken = {id(weight) for weight in matrices}
        rest = [p for p in model.parameters() if p.requires_grad and id(p) not in taken]
        groups = [
            {"params": matrices, "lr": muon_lr, "muon": True},
            {"params": [*rest, *others], "lr": lr, "muon": False},
        ]
        defaults = {"weight_decay": weight_decay, "momentum": momentum, "betas": betas, "eps": 1e-8}
        super().__init__([group for group in groups if group["params"]], defaults)

    def step(self, closure: Any = None, *, run: Callable[..., Iterable[Any]] = map) -> Any:
        """Do a step.

        Args:
            closure: called first; what it returns is returned.
            run: maps a function over the weights: the `map` of a pool of threads steps several at once.
        """
        loss = closure() if closure is not None else None
        moved = [(w, group) for group in self.param_groups for w in group["params"] if w.grad is not None]
        list(run(self._move, [w for w, _ in moved], [group for _, group in moved]))
        return loss

    def _move(self, weight: torch.Tensor, group: dict[str, Any]) -> None:
        with torch.no_grad():  # a thread's own setting
            weight.mul_(1 - group["lr"] * group["weight_decay"])
            (_muon if group["muon"] else _adam)(weight, self.state[weight], group)


def _muon(weight: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
    if not state:
        state["mean"] = torch.zeros_like(weight)
    state["mean"].lerp_(weight.grad, 1 - group["momentum"])
    update = orthogonal(weight.grad.lerp(state["mean"], group["momentum"]))
    weight.add_(update, alpha=-group["lr"] * max(1.0, weight.shape[0] / weight.shape[1]) ** 0.5)


def _adam(weight: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
    if not state:
        state |= {"step": 0, "mean": torch.zeros_like(weight), "square": torch.zeros_like(weight)}
    state["step"] += 1
    first, second = group["betas"]
    state["mean"].lerp_(weight.grad, 1 - first)
    state["square"].lerp_(weight.grad.square(), 1 - second)
    spread = (state["square"] / (1 - second ** state["step"])).sqrt_().add_(group["eps"])
    weight.addcdiv_(state["mean"], spread, value=-group["lr"] / (1 - first ** state["step"]))


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
