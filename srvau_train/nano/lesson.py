"""What the lessons before fine-tuning share: steps that go on from a saved state, and stop at a loss that is none."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vau_bench.errors import ModelError


def teach(
    modules: dict[str, Any], optimizer: Any, loss_of: Callable[[int], Any], steps: int, out: Path, *,
    save_every: int = 100, log: Callable[[dict[str, float]], None] = lambda line: None,
    advance: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Train modules in place for so many steps, or for those left of them.

    Args:
        modules: by name, to be saved.
        optimizer: of their parameters; its learning rates rise at first, stay, and fall to nearly nothing.
        loss_of: the loss of a step, by its number from 0.
        steps: in all.
        out: where the state is kept.
        save_every: steps between two saved states.
        log: told every ten steps.
        advance: told of each step.

    Raises:
        ModelError: if the loss is no number.
        RunError: if the state cannot be written.
    """
    import torch

    begin = _restore(out, modules, optimizer)
    peaks = [group.setdefault("peak", group["lr"]) for group in optimizer.param_groups]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    total = 0.0
    for step in range(begin, steps):
        loss = loss_of(step)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise ModelError(f"the loss of {out.name} is {value} at step {step + 1}; lower its learning rate")
        share = min(1.0, (step + 1) / 30, max(0.02, 1.25 * (1 - step / steps)))
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * share
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        total += value
        if (step + 1) % 10 == 0:
            log({"step": step + 1, "loss": total / 10})
            total = 0.0
        if (step + 1) % save_every == 0 or step + 1 == steps:
            _save(out, step + 1, modules, optimizer)
        advance()


def number_tokens(tokenizer: Any) -> list[int]:
    """Return the tokens that are numbers, whole or with a fraction."""
    return [token for text, token in tokenizer.get_vocab().items() if text.replace(".", "", 1).isdecimal()]


def _save(out: Path, step: int, modules: dict[str, Any], optimizer: Any) -> None:
    import torch

    from srvau_train.checkpoints import disk

    state = {name: module.state_dict() for name, module in modules.items()}
    partial = out / "state.partial"
    with disk(out / "state.pt"):
        out.mkdir(parents=True, exist_ok=True)
        torch.save({"step": step, "modules": state, "optimizer": optimizer.state_dict()}, partial)
        partial.replace(out / "state.pt")


def _restore(out: Path, modules: dict[str, Any], optimizer: Any) -> int:
    import torch

    path = out / "state.pt"
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, module in modules.items():
        module.load_state_dict(state["modules"][name])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
