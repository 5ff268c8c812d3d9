"""RMSNorm (arXiv 1910.07467) with a backward pass of its own: autograd's goes over the rows a dozen times."""

from __future__ import annotations

from typing import Any

import torch


def rms_norm(rows: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    """Return rows of single precision, each divided by its root mean square, times the weight.

    Args:
        rows: (..., width).
        weight: (width,).
        eps: added to the mean square.
    """
    if torch.is_grad_enabled() and (rows.requires_grad or weight.requires_grad):
        out: torch.Tensor = _RMSNorm.apply(rows, weight, eps)
        return out
    return torch.nn.functional.rms_norm(rows, weight.shape, weight, eps)


class _RMSNorm(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
        length = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
        scale = length.square_().div_(rows.shape[-1]).add_(eps).rsqrt_()
        unit = rows * scale
        ctx.save_for_backward(unit, scale, weight)
        return unit * weight

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None]:
        unit, scale, weight = ctx.saved_tensors
        (gradient,) = gradients
        along = gradient * unit
        of_weight = along.reshape(-1, along.shape[-1]).sum(0)
        # what lies along the row only stretches it, which the division undoes
        stretch = (along @ weight).div_(-unit.shape[-1]).unsqueeze(-1)
        of_rows = torch.mul(gradient, weight, out=along).addcmul_(unit, stretch).mul_(scale)
        return of_rows, of_weight, None
