"""The language model's first lesson, without pictures: to conclude from a text.

A chain reads the ends of an interval off its own walk through the clip, and weighs each option against it. Learnt
beside everything else, neither is found within the steps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srvau_train.batches import IGNORED, response_tokens
from srvau_train.examples import Example
from srvau_train.muon import Muon
from srvau_train.nano.frames import Look
from srvau_train.nano.lesson import SHARES, concluded_tokens, share_of, summed_means, teach


@dataclass(frozen=True, slots=True)
class ReadingLesson:
    """How the language model is taught to look things up.

    Attributes:
        steps: of the optimizer.
        batch: rows a step.
        rate: of AdamW at its peak.
        muon_rate: of Muon at its peak.
    """

    steps: int = 400
    batch: int = 16
    rate: float = 2e-3
    muon_rate: float = 0.015


def concluded(row: Example, look: Look) -> tuple[str, str]:
    """Return a chain's question and the chain up to the end of its walk through the clip, and what follows from it."""
    response = row.response or ""
    walk = re.search(rf"\b{look.times[-1]:g} s [^.]*\. ", response)
    if walk is None:
        raise ValueError(f"a chain of {row.request.sample.id} walks through nothing")
    return row.request.messages[-1].text + response[: walk.end()], response[walk.end() :]


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
    language = model.model.language_model
    order = np.random.default_rng(seed).permutation(len(chained))
    looked_up = torch.zeros(len(tokenizer), dtype=torch.bool)
    looked_up[concluded_tokens(tokenizer)] = True

    def loss_of(step: int, share: int) -> Any:
        places = [order[(step * lesson.batch + i) % len(order)] for i in share_of(range(lesson.batch), share)]
        rows = [concluded(chained[place], look) for place in places]
        encoded = [response_tokens(tokenizer, given + said, len(given)) for given, said in rows]
        width = max(len(tokens) for tokens, _ in encoded)
        ids = torch.full((len(rows), width), tokenizer.pad_token_id)
        labels = torch.full((len(rows), width), IGNORED)
        for i, (tokens, bears) in enumerate(encoded):
            row_ids = torch.tensor(tokens)
            ids[i, : len(tokens)] = row_ids
            labels[i, : len(tokens)] = torch.where(torch.tensor(bears), row_ids, IGNORED)
        hidden = language(input_ids=ids, attention_mask=(ids != tokenizer.pad_token_id).long()).last_hidden_state
        row, place = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        target = labels[row, place + 1]
        each = torch.nn.functional.cross_entropy(model.lm_head(hidden[row, place]), target, reduction="none")
        sought = looked_up[target]
        return summed_means(each, sought, ~sought)

    optimizer = Muon(language, lr=lesson.rate, muon_lr=lesson.muon_rate, weight_decay=0.05)
    teach({"model": model}, optimizer, loss_of, lesson.steps, out, shares=SHARES, log=log, advance=advance)
