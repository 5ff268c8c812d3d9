"""The language model's first lesson, without pictures: to look things up in a text.

A chain names the letter of an option by its text, and reads the ends of an interval off its own walk through the clip.
Learnt beside everything else, neither is found within the steps; by itself, with several look-ups a row, both are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srvau_train.batches import IGNORED, response_tokens
from srvau_train.grading import LETTERS
from srvau_train.muon import Muon
from srvau_train.nano.frames import Look
from srvau_train.nano.lesson import number_tokens, teach
from srvau_train.nano.rows import clip, direct, request
from srvau_train.rocot import wording
from srvau_train.rocot.streams import stream_of
from srvau_train.rocot.timeline import Timeline
from vau_bench.synth import scene_at


@dataclass(frozen=True, slots=True)
class ReadingLesson:
    """How the language model is taught to look things up.

    Attributes:
        steps: of the optimizer.
        batch: rows a step.
        choices: options that a row names.
        rate: of AdamW at its peak.
        muon_rate: of Muon at its peak.
    """

    steps: int = 400
    batch: int = 16
    choices: int = 8
    rate: float = 2e-3
    muon_rate: float = 0.015


def naming(number: int, look: Look, choices: int) -> tuple[str, str]:
    """Return the question about a clip, and sentences that choose options of it in turn, right or not."""
    draw = stream_of("naming", number)
    options = clip(number).fields["options"]
    asked = request(number, "mcq", "reflect", look).messages[-1].text
    said = []
    for _ in range(choices):
        option, text = draw.pick(list(zip(LETTERS, options, strict=False)))
        said.append(draw.pick((*wording.CLAIMED_OPTION, *wording.SO_OPTION)).format(option=option, text=text))
    return asked, " ".join(said)


def timing(number: int, look: Look) -> tuple[str, str]:
    """Return a walk through a clip with an anomaly, and what follows from it: when it is seen, and the answer."""
    draw = stream_of("timing", number)
    scene = scene_at("train", number)
    timeline = Timeline.of(scene, 1 / look.fps, draw)
    walk = f"{draw.pick(wording.CHECKING)} {timeline.text('seconds')} "
    shown = timeline.shown()
    if scene.event is None or shown is None:
        return walk, ""
    found = draw.pick(wording.FOUND).format(
        seen=timeline.wordings[scene.event.kind], first=f"{shown[0]:g}", last=f"{shown[1]:g}"
    )
    return walk, f"{found} {direct(number, 'grounding', look).response}"


def teach_reading(
    model: Any, tokenizer: Any, clips: int, look: Look, lesson: ReadingLesson, out: Path, *, seed: int,
    log: Callable[[dict[str, float]], None] = lambda line: None, advance: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Train the language model of a model in place; goes on from the state that an earlier call has saved in `out`.

    Args:
        model: Qwen2.5-VL.
        tokenizer: its own.
        clips: training clips that the texts are about.
        look: of the clips.
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
    order = np.random.default_rng(seed).permutation(clips)
    looked_up = torch.zeros(len(tokenizer), dtype=torch.bool)
    looked_up[number_tokens(tokenizer) + tokenizer.convert_tokens_to_ids(list(LETTERS[:4]))] = True

    def loss_of(step: int) -> Any:
        numbers = (int(n) for n in cycle(np.roll(order, -step * lesson.batch)))
        rows: list[tuple[str, str]] = []
        while len(rows) < lesson.batch:
            number = next(numbers)
            row = naming(number, look, lesson.choices) if len(rows) % 2 else timing(number, look)
            if row[1]:
                rows.append(row)
        encoded = [response_tokens(tokenizer, given + said, len(given)) for given, said in rows]
        width = max(len(tokens) for tokens, _ in encoded)
        ids = torch.full((len(rows), width), tokenizer.pad_token_id)
        labels = torch.full((len(rows), width), IGNORED)
        for i, (tokens, bears) in enumerate(encoded):
            row_ids = torch.tensor(tokens)
            ids[i, : len(tokens)] = row_ids
            asked = torch.tensor(bears) & looked_up[row_ids]
            labels[i, : len(tokens)] = torch.where(asked, row_ids, IGNORED)
        hidden = language(input_ids=ids, attention_mask=(ids != tokenizer.pad_token_id).long()).last_hidden_state
        row, place = (labels[:, 1:] != IGNORED).nonzero(as_tuple=True)
        each = torch.nn.functional.cross_entropy(
            model.lm_head(hidden[row, place]), labels[row, place + 1], reduction="none"
        )
        return each[row % 2 == 0].mean() + each[row % 2 == 1].mean()

    optimizer = Muon(language, lr=lesson.rate, muon_lr=lesson.muon_rate, weight_decay=0.05)
    teach({"model": model}, optimizer, loss_of, lesson.steps, out, log=log, advance=advance)
