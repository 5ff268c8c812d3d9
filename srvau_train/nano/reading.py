"""The language model's first lesson, without pictures: to conclude from a text.

A chain reads the ends of an interval off its own walk through the clip, and looks the letter of the option up that
agrees with it. Learnt beside everything else, neither is found within the steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srvau_train.batches import response_tokens
from srvau_train.examples import Example
from srvau_train.muon import Muon
from srvau_train.nano.frames import Look
from srvau_train.nano.lesson import (
    SHARES,
    concluded_tokens,
    judging_tokens,
    placing_tokens,
    share_of,
    summed_means,
    teach,
)
from srvau_train.rocot import wording


@dataclass(frozen=True, slots=True)
class ReadingLesson:
    """How the language model is taught to look things up.

    Attributes:
        steps: of the optimizer.
        batch: rows a step.
        rate: of AdamW at its peak.
        muon_rate: of Muon at its peak; a higher one undoes how the model begins before it is of use.
    """

    steps: int = 350
    batch: int = 16
    rate: float = 2e-3
    muon_rate: float = 0.005


def parts(row: Example, look: Look) -> tuple[str, str, str]:
    """Return a chain's question and the chain up to its walk through the clip, the walk, and what follows from it."""
    whole = row.request.messages[-1].text + (row.response or "")
    first, last = (f"{look.times[place]:g}" for place in (0, -1))
    walk = re.search(rf"(?<=: ){first} s .*?; {last} s .*?\. ", whole)
    if walk is None:
        raise ValueError(f"a chain of {row.request.sample.id} walks through nothing")
    return whole[: walk.start()], walk.group(), whole[walk.end() :]


def mark_tokens(tokenizer: Any) -> list[int]:
    """Return the tokens by which a walk says that something begins or is over."""
    said = [text.partition("{")[0] for text in (wording.IT_BEGINS, wording.IT_IS_OVER)]
    return [token for tokens in tokenizer(said)["input_ids"] for token in tokens]


def teach_reading(
    model: Any, tokenizer: Any, chained: Sequence[Example], look: Look, lesson: ReadingLesson, out: Path, *, seed: int,
    log: Callable[[dict[str, float]], None] = lambda line: None, advance: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Train the language model of a model in place; goes on from the state that an earlier call has saved in `out`.

    Args:
        model: Qwen2.5-VL.
        tokenizer: its own.
        chained: reflection chains.
        look: of their clips.
        lesson: how long, how fast.
        out: where the state is kept.
        seed: of the order.
        log: told of the loss.
        advance: told of each step.

    Raises:
        ModelError: if the loss is no number.
        RunError: if the state cannot be written.
    """
    model.train()
    model.config.use_cache = False
    model.model.visual.requires_grad_(False)
    order = np.random.default_rng(seed).permutation(len(chained))
    losses = ReadingLosses(model, tokenizer, look)

    def loss_of(step: int, share: int) -> Any:
        places = share_of(range(lesson.batch), share)
        return losses([chained[order[(step * lesson.batch + i) % len(order)]] for i in places])

    optimizer = Muon(model.model.language_model, lr=lesson.rate, muon_lr=lesson.muon_rate, weight_decay=0.05)
    teach({"model": model}, optimizer, loss_of, lesson.steps, out, shares=SHARES, log=log, advance=advance)


class ReadingLosses:
    """The loss of chains without their pictures, over what has to be concluded from the text before it.

    Each counts as a whole: what a walk concludes, whether an option is held to be right, the places that options name,
    numbers and letters behind the walk, all other words there.

    Args:
        model: Qwen2.5-VL.
        tokenizer: its own.
        look: of the clips.
    """

    def __init__(self, model: Any, tokenizer: Any, look: Look) -> None:
        self._model, self._tokenizer, self._look = model, tokenizer, look
        self._looked_up, self._marks, self._judging, self._placing = (
            torch.zeros(len(tokenizer), dtype=torch.bool).index_fill_(0, torch.tensor(tokens), True)
            for tokens in (f(tokenizer) for f in (concluded_tokens, mark_tokens, judging_tokens, placing_tokens))
        )

    def __call__(self, rows: Sequence[Example]) -> Any:
        """Return the loss of some chains."""
        ids, walked, follows = read_batch(self._tokenizer, [parts(row, self._look) for row in rows])
        attended = (ids != self._tokenizer.pad_token_id).long()
        hidden = self._model.model.language_model(input_ids=ids, attention_mask=attended).last_hidden_state
        walked &= self._looked_up[ids] | self._marks[ids]
        row, place = (walked | follows)[:, 1:].nonzero(as_tuple=True)
        target, within = ids[row, place + 1], walked[row, place + 1]
        each = torch.nn.functional.cross_entropy(self._model.lm_head(hidden[row, place]), target, reduction="none")
        judged = self._judging[target] & ~within
        sought = self._looked_up[target] & ~within
        placed = self._placing[target]
        return summed_means(each, within, judged, sought, placed, ~(judged | sought | placed | within))


def read_batch(tokenizer: Any, rows: Sequence[tuple[str, str, str]]) -> tuple[Any, Any, Any]:
    """Return the tokens of rows, padded on the right, and masks of those of the walks and of what follows."""
    encoded = [response_tokens(tokenizer, "".join(row)) for row in rows]
    width = max(len(tokens) for tokens, _ in encoded)
    ids = torch.full((len(rows), width), tokenizer.pad_token_id)
    walked, follows = torch.zeros_like(ids, dtype=torch.bool), torch.zeros_like(ids, dtype=torch.bool)
    for i, ((tokens, _), (given, walk, said)) in enumerate(zip(encoded, rows, strict=True)):
        count = len(tokens)
        ids[i, :count] = torch.tensor(tokens)
        whole = given + walk + said
        behind = [response_tokens(tokenizer, whole, at)[1] for at in (len(given), len(given + walk))]
        follows[i, :count] = torch.tensor(behind[1])
        walked[i, :count] = torch.tensor(behind[0]) & ~follows[i, :count]
    return ids, walked, follows
