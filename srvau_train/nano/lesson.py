"""What the lessons before fine-tuning share: steps that go on from a saved state, and stop at a loss that is none."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from srvau_train.grading import LETTERS
from srvau_train.rocot import wording
from vau_bench.errors import ModelError

SHARES = 2
"""Of a batch of the language model's lessons, whatever the cores, so that the result does not depend on these."""


def share_of(batch: range, share: int) -> range:
    """Return one of `SHARES` parts of a batch."""
    return batch[len(batch) * share // SHARES : len(batch) * (share + 1) // SHARES]


def teach(
    modules: dict[str, Any], optimizer: Any, loss_of: Callable[[int, int], Any], steps: int, out: Path, *,
    shares: int = 1, save_every: int = 100, log: Callable[[dict[str, float]], None] = lambda line: None,
    advance: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Train modules in place for so many steps, or for those left of them.

    Args:
        modules: by name, to be saved.
        optimizer: `Muon` of their parameters; its learning rates rise at first, stay, and fall to nearly nothing.
        loss_of: the loss of a step, and of a share of its batch, both by their number from 0.
        steps: in all.
        out: where the state is kept.
        shares: of a batch, computed at once, each in a thread of its own whose kernels have one thread: those of a nano
            language model are too small to be shared out themselves. The optimizer steps weights in these threads.
        save_every: steps between two saved states.
        log: told every ten steps.
        advance: told of each step, those that were done before too.

    Raises:
        ModelError: if the loss is no number.
        RunError: if the state cannot be written.
    """
    import torch

    begin = _restore(out, modules, optimizer)
    for _ in range(begin):
        advance()
    peaks = [group.setdefault("peak", group["lr"]) for group in optimizer.param_groups]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    total = 0.0

    def learnt(step: int, share: int) -> tuple[float, Any]:
        loss = loss_of(step, share)
        return float(loss.detach()), torch.autograd.grad(loss, weights, allow_unused=True)

    with _side_by_side(shares) as run:
        for step in range(begin, steps):
            values, gradients = zip(*run(partial(learnt, step), range(shares)), strict=True)
            value = sum(values) / shares
            if not math.isfinite(value):
                raise ModelError(f"the loss of {out.name} is {value} at step {step + 1}; lower its learning rate")
            share = min(1.0, (step + 1) / 30, max(0.02, 1.25 * (1 - step / steps)))
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["lr"] = peak * share
            for weight, *parts in zip(weights, *gradients, strict=True):
                parts = [part for part in parts if part is not None]
                weight.grad = sum(parts) / shares if parts else None
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step(run=run)
            total += value
            if (step + 1) % 10 == 0:
                log({"step": step + 1, "loss": total / 10})
                total = 0.0
            if (step + 1) % save_every == 0 or step + 1 == steps:
                _save(out, step + 1, modules, optimizer)
            advance()


@contextmanager
def _side_by_side(count: int) -> Iterator[Callable[..., Iterable[Any]]]:
    """Give a `map` that computes so many things at once, each with kernels of one thread; of one thing, as usual."""
    import torch

    threads = torch.get_num_threads()
    if count == 1:
        yield map
        return
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool.map
    finally:
        torch.set_num_threads(threads)


def concluded_tokens(tokenizer: Any) -> list[int]:
    """Return the tokens that have to be looked up: numbers, and letters of options."""
    numbers = [token for text, token in tokenizer.get_vocab().items() if text.replace(".", "", 1).isdecimal()]
    return [*numbers, *tokenizer.convert_tokens_to_ids(list(LETTERS[:4]))]


def judging_tokens(tokenizer: Any) -> list[int]:
    """Return the tokens by which a chain says that it has not seen what an option says, and whether that is right."""
    held = (wording.HELD, wording.NOT_HELD, wording.BESIDE)
    texts = (wording.JUDGED, wording.JUDGED_AT)
    halves = ("first", "second")
    verdicts = [text.format(at=9, half=half, held=h, option="A") for text in texts for half in halves for h in held]
    sought = wording.SOUGHT.format(seen=wording.SEEN["Fire"], place=wording.NOWHERE)
    before = [len(tokenizer(text)["input_ids"]) for text in (sought.partition(wording.NOWHERE)[0], f"{sought} ")]
    letter, found = tokenizer.convert_tokens_to_ids("A"), set()
    for tokens in tokenizer([f"{sought} {verdict}" for verdict in verdicts])["input_ids"]:
        found |= {*(tokens[place] for place in before), tokens[tokens.index(letter) - 1]}
    return sorted(found)


def placing_tokens(tokenizer: Any) -> list[int]:
    """Return the tokens that say where in picture or clip: of some options all that tells one from another."""
    halves = r"in the (left|right|first|second) half"
    place = re.compile(rf"on the (left|right)|{halves}|{wording.PASSING}|{wording.NOWHERE}")
    return [token for token in range(len(tokenizer)) if place.match(tokenizer.decode([token]))]


def summed_means(each: Any, *groups: Any) -> Any:
    """Return the sum of the means of a loss over groups of its tokens, each a mask; one that is empty adds nothing."""
    return sum(each[group].mean() for group in groups if bool(group.any()))


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
