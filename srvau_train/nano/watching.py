"""The language model's first lesson: which pair of frames a time means, and what is seen then.

Taught on answers alone, a model of this size never looks at the clip within the steps that two cores have time for:
to say what is seen at 7 s it has to find the stamp, the frames behind the stamp, and what they show, all at once. Here
each of these has a loss of its own, until it finds them together.

- At the end of each pair of frames, after some layers: what the pair shows, and its time.
- In a list of times out of order, at each time: what is seen then, and its words.
- Before the list: class and interval, whose numbers count as much as all words together.
- Every second batch: answers or chains, as in fine-tuning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srvau_train.batches import IGNORED, ExampleDataset, sft_batch
from srvau_train.examples import Example
from srvau_train.muon import Muon
from srvau_train.nano.frames import FrameStore, Look, number_of
from srvau_train.nano.lesson import teach
from srvau_train.nano.rows import direct, prompt
from srvau_train.nano.vision import sights, sights_head
from srvau_train.rocot import wording
from srvau_train.rocot.streams import stream_of
from srvau_train.rocot.timeline import Timeline
from vau_bench.synth import scene_at

ASKED = ("grounding", "classification", "mcq", "grounding")
"""The kinds of answers, in turn: intervals are the hardest to learn."""


@dataclass(frozen=True, slots=True)
class WatchingLesson:
    """How the language model is taught to watch.

    Attributes:
        steps: of the optimizer.
        batch: rows a step.
        rate: of AdamW at its peak.
        muon_rate: of Muon at its peak.
        depth: layers after which a pair of frames has to be known.
    """

    steps: int = 300
    batch: int = 16
    rate: float = 3e-3
    muon_rate: float = 0.02
    depth: int = 2


def walk(number: int, kind: str, look: Look) -> Example:
    """Return a row that gives class and interval of a training clip, and what is seen at each second, out of order."""
    draw = stream_of("watching", number, kind)
    timeline = Timeline.of(scene_at("train", number), 2 / look.fps, draw)
    said = "; ".join(f"{m.t:g} s {m.seen}" for m in draw.shuffled(timeline.moments()))
    row = prompt(number, kind, "reflect", look)
    answers = "".join(direct(number, one, look).response or "" for one in ("classification", "grounding"))
    return Example(row.request, row.truth, f"{answers}{draw.pick(wording.CHECKING)} {said}.")


def teach_watching(
    model: Any, tokenizer: Any, builder: Any, store: FrameStore, lesson: WatchingLesson, out: Path, *,
    chained: Sequence[Example], seed: int,
    log: Callable[[dict[str, float]], None] = lambda line: None, advance: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Train the language model of a model in place; goes on from the state that an earlier call has saved in `out`.

    Args:
        model: Qwen2.5-VL whose tower sees.
        tokenizer: its own.
        builder: of the prompts.
        store: the training clips.
        lesson: how long, how fast.
        out: where the state is kept.
        chained: reflection chains.
        seed: of the order.
        log: told of the loss.
        advance: told of each step.

    Raises:
        ModelError: if the loss is no number.
        RunError: if the state cannot be written.
    """
    look = store.look
    model.train()
    model.config.use_cache = False
    model.model.visual.requires_grad_(False)
    order = np.random.default_rng(seed).permutation(len(store))
    torch.manual_seed(seed)
    heads = torch.nn.ModuleList(sights_head(model) for _ in range(2))
    losses = _Losses(model, tokenizer, heads, len(look.times) // 2, lesson.depth)

    def loss_of(step: int) -> Any:
        numbers = [int(order[(step * lesson.batch + i) % len(order)]) for i in range(lesson.batch)]
        walks = step % 2 == 0
        if walks:
            rows = [walk(n, ASKED[i % 3], look) for i, n in enumerate(numbers)]
        elif step % 4 == 1 or not chained:
            rows = [direct(n, ASKED[i % 4], look) for i, n in enumerate(numbers)]
        else:
            rows = [chained[n % len(chained)] for n in numbers]
            numbers = [number_of(row.request.sample.id) for row in rows]
        dataset = ExampleDataset(rows, builder, tokenizer, store)
        batch = sft_batch([dataset[i] for i in range(len(rows))], tokenizer.pad_token_id)  # type: ignore[misc]
        shown = torch.from_numpy(np.stack([sights(scene_at("train", n), look) for n in numbers])).flatten(2)
        return losses(batch, shown, walks=walks)

    optimizer = Muon(model, list(heads.parameters()), lr=lesson.rate, muon_lr=lesson.muon_rate, weight_decay=0.05)
    with losses.listening():
        teach({"model": model, "heads": heads}, optimizer, loss_of, lesson.steps, out, log=log, advance=advance)


class _Losses:
    """The losses of a batch.

    Args:
        model: Qwen2.5-VL.
        tokenizer: its own.
        heads: of what is seen: at a pair of frames, and at a time.
        pairs: of a clip.
        depth: layers after which the first head listens.
    """

    def __init__(self, model: Any, tokenizer: Any, heads: Any, pairs: int, depth: int) -> None:
        self._model, self._heads = model, heads
        self._language = model.model.language_model
        self._layer = self._language.layers[depth - 1]
        self._end, self._from, self._to = tokenizer.convert_tokens_to_ids(["<|vision_end|>", "<glue>", "</glue>"])
        numbers = [i for t, i in tokenizer.get_vocab().items() if t.replace(".", "", 1).isdecimal()]
        self._number = torch.zeros(len(tokenizer), dtype=torch.bool)
        self._number[numbers] = True
        self._times = torch.tensor(tokenizer.convert_tokens_to_ids([str(k) for k in range(pairs)]))
        self._place = torch.full((len(tokenizer),), -1)
        self._place[self._times] = torch.arange(pairs)
        self._unsaid = self._place >= 0
        self._unsaid[[i for t, i in tokenizer.get_vocab().items() if t.strip("Ġ") in (";", ":", "")]] = True
        self._heard: Any = None

    def listening(self) -> Any:
        """Return a context in which the layer is listened to."""

        def hear(module: Any, inputs: Any, output: Any) -> None:
            self._heard = output[0] if isinstance(output, tuple) else output

        return self._layer.register_forward_hook(hear)

    def __call__(self, batch: dict[str, Any], shown: Any, *, walks: bool) -> Any:
        """Return the loss of a batch whose clips show `shown`, (rows, pairs, sights)."""
        functional, labels = torch.nn.functional, batch.pop("labels")
        hidden = self._model.model(**batch).last_hidden_state
        rows, pairs, _ = shown.shape
        ends = self._language.norm(self._heard[batch["input_ids"] == self._end]).view(rows, pairs, -1)
        logits = ends @ self._language.embed_tokens.weight[self._times].T
        loss = self._seen(self._heads[0](ends), shown)
        loss = loss + functional.cross_entropy(logits.flatten(0, 1), torch.arange(pairs).repeat(rows))
        bears = labels != IGNORED
        token = labels.clamp(min=0)
        inside = (labels == self._from).cumsum(1) > (labels == self._to).cumsum(1)
        if walks:
            listed = bears & ((labels == self._to).cumsum(1) > 0) & (labels != self._to)
            row, place = (listed & (self._place[token] >= 0)).nonzero(as_tuple=True)
            found = shown[row, self._place[labels[row, place]]]
            loss = loss + self._seen(self._heads[1](hidden[row, place]), found)
            # a time out of order cannot be foretold
            bears &= ~(listed & self._unsaid[token])
        target, kept = labels[:, 1:], bears[:, 1:]
        each = functional.cross_entropy(self._model.lm_head(hidden[:, :-1][kept]), target[kept], reduction="none")
        number = (inside & self._number[token])[:, 1:][kept]
        for some in (each[number], each[~number]):
            if len(some):
                loss = loss + some.mean()
        return loss

    def _seen(self, logits: Any, shown: Any) -> Any:
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, shown, reduction="none")
        return each.sum(-1).mean()
