"""The language model's second lesson: which pair of frames a time means, and what is seen then.

Taught on answers alone, a model of this size never looks at the clip within the steps that two cores have time for:
to say what is seen at 7 s it has to find the stamp, the frames behind the stamp, and what they show, all at once. Here
each of these has a loss of its own, until it finds them together.

- At the end of each pair of frames, after some layers: what the pair shows, and its time.
- In a list of times out of order, at each time: what is seen then, and its words.
- Before the list: the answers. What stands in them counts as much as all other words, and so does what is concluded,
  numbers and letters of options, whether an option is held to be right, and what is said behind a time.
- Every third batch: answers or chains, as in fine-tuning; in the end these alone, and more chains.
- Beside batches without chains: a few about options, without pictures, as in the lesson before.

Where the first two layers look, by which they look things up, stays as that lesson left it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from srvau_train.batches import IGNORED, ExampleDataset, PromptBuilder, sft_batch
from srvau_train.examples import Example
from srvau_train.muon import Muon
from srvau_train.nano.frames import FrameStore, Look, number_of
from srvau_train.nano.lesson import SHARES, concluded_tokens, judging_tokens, share_of, summed_means, teach
from srvau_train.nano.reading import ReadingLosses
from srvau_train.nano.rows import direct, prompt
from srvau_train.nano.vision import sights, sights_head
from srvau_train.rocot import wording
from srvau_train.rocot.streams import stream_of
from srvau_train.rocot.timeline import Timeline
from vau_bench.synth import CLASSES, scene_at

ASKED = ("grounding", "classification", "grounding")
"""The kinds of answers, in turn: intervals take longest to learn; options are chosen at the end of chains."""

_WALKED = 3.0
"""How much what a chain concludes counts: most of its numbers are the times of its walk, which are foretold."""
_ALARMING = 0.3
"""How much the moments of anomalies count once more: one in eight, so that in doubt a walk would pass them over."""


@dataclass(frozen=True, slots=True)
class WatchingLesson:
    """How the language model is taught to watch.

    Attributes:
        steps: of the optimizer.
        answers: the last steps, which have no walks.
        batch: rows a step; of answers in the last steps half as many again.
        rate: of AdamW at its peak.
        muon_rate: of Muon at its peak.
        depth: layers after which a pair of frames has to be known.
        read: chains about options a step that are read without pictures, so that looking letters up is not lost.
    """

    steps: int = 1200
    answers: int = 550
    batch: int = 16
    rate: float = 2e-3
    muon_rate: float = 0.012
    depth: int = 2
    read: int = 4


def walk(number: int, look: Look) -> Example:
    """Return a row that answers about a training clip, and then tells what is seen at each second, out of order."""
    draw = stream_of("watching", number)
    timeline = Timeline.of(scene_at("train", number), 1 / look.fps, draw)
    said = "; ".join(f"{m.t:g} s {m.seen}" for m in draw.shuffled(timeline.moments()))
    row = prompt(number, "grounding", "reflect", look)
    answers = "".join(direct(number, kind, look).response or "" for kind in ("classification", "grounding"))
    return Example(row.request, row.truth, f"{answers}{draw.pick(wording.CHECKING)} {said}.")


def teach_watching(
    model: Any, tokenizer: Any, builder: PromptBuilder, store: FrameStore, lesson: WatchingLesson, out: Path, *,
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
    first, second = (layer.self_attn for layer in model.model.language_model.layers[:2])
    for kept in (first, second.q_proj, second.k_proj):
        kept.requires_grad_(False)
    order = np.random.default_rng(seed).permutation(len(store))
    torch.manual_seed(seed)
    heads = torch.nn.ModuleList(sights_head(model, frames) for frames in (2, 1))
    losses = _Losses(model, tokenizer, heads, look.times, lesson.depth)
    reading, optional = ReadingLosses(model, tokenizer, look), [row for row in chained if row.truth.option]

    def loss_of(step: int, share: int) -> Any:
        answering = step >= lesson.steps - lesson.answers
        direct_ones = step % 4 == 0 if answering else step % 6 == 2
        chains = bool(chained) and (not direct_ones if answering else step % 6 == 5)
        walks = not (answering or direct_ones or step % 6 == 5)
        count = lesson.batch * 3 // 2 if answering and direct_ones else lesson.batch
        places = share_of(range(count), share)
        numbers = [int(order[(step * count + i) % len(order)]) for i in places]
        if walks:
            rows = [walk(n, look) for n in numbers]
        elif chains:
            rows = [chained[n % len(chained)] for n in numbers]
            numbers = [number_of(row.request.sample.id) for row in rows]
        else:
            rows = [direct(n, ASKED[i % len(ASKED)], look) for i, n in zip(places, numbers, strict=True)]
        dataset = ExampleDataset(rows, builder, tokenizer, store)
        read = [] if chains or not optional else share_of(range(step * lesson.read, (step + 1) * lesson.read), share)
        batch = sft_batch([dataset[i] for i in range(len(rows))], tokenizer.pad_token_id)  # type: ignore[misc]
        shown = torch.from_numpy(np.stack([sights(scene_at("train", n), look) for n in numbers])).flatten(3)
        loss = losses(batch, shown, walks=walks, chains=chains)
        return loss + reading([optional[n % len(optional)] for n in read]) if read else loss

    optimizer = Muon(model, list(heads.parameters()), lr=lesson.rate, muon_lr=lesson.muon_rate, weight_decay=0.05)
    with losses.listening():
        teach(
            {"model": model, "heads": heads}, optimizer, loss_of, lesson.steps, out, shares=SHARES, log=log,
            advance=advance,
        )  # fmt: skip


class _Losses:
    """The losses of a batch.

    Args:
        model: Qwen2.5-VL.
        tokenizer: its own.
        heads: of what is seen: at a pair of frames, and at a time.
        times: of a clip's frames, in seconds.
        depth: layers after which the first head listens.
    """

    def __init__(self, model: Any, tokenizer: Any, heads: Any, times: Sequence[float], depth: int) -> None:
        self._model, self._heads = model, heads
        self._language = model.model.language_model
        self._layer = self._language.layers[depth - 1]
        self._end = tokenizer.convert_tokens_to_ids("<|vision_end|>")
        self._answer = tokenizer.convert_tokens_to_ids(["<answer>", "</answer>"])
        self._closing = torch.tensor(tokenizer.convert_tokens_to_ids(["</glue>", "</answer>"]))
        self._concluded = torch.zeros(len(tokenizer), dtype=torch.bool)
        self._concluded[concluded_tokens(tokenizer)] = True
        self._judging = torch.zeros(len(tokenizer), dtype=torch.bool)
        self._judging[judging_tokens(tokenizer)] = True
        self._alarming = torch.zeros(len(tokenizer), dtype=torch.bool)
        self._alarming[list(_alarming_tokens(tokenizer))] = True
        said = torch.tensor(tokenizer.convert_tokens_to_ids([f"{t:g}" for t in times]))
        self._times = said[::2]
        self._place = torch.full((len(tokenizer),), -1)
        self._place[said] = torch.arange(len(said))
        self._unsaid = self._place >= 0
        self._unsaid[[i for t, i in tokenizer.get_vocab().items() if t.strip("Ġ") in (";", ":", "")]] = True
        self._heard = threading.local()

    def listening(self) -> Any:
        """Return a context in which the layer is listened to."""

        def hear(module: Any, inputs: Any, output: Any) -> None:
            self._heard.states = output[0] if isinstance(output, tuple) else output

        return self._layer.register_forward_hook(hear)

    def __call__(self, batch: dict[str, Any], shown: Any, *, walks: bool, chains: bool) -> Any:
        """Return the loss of a batch.

        Args:
            batch: as `sft_batch` makes it.
            shown: by its clips, (rows, pairs, 2, sights).
            walks: whether its rows end in a list of times.
            chains: whether its rows are chains.
        """
        functional, labels = torch.nn.functional, batch.pop("labels")
        hidden = self._model.model(**batch).last_hidden_state
        rows, pairs = shown.shape[:2]
        ends = self._language.norm(self._heard.states[batch["input_ids"] == self._end]).view(rows, pairs, -1)
        logits = ends @ self._language.embed_tokens.weight[self._times].T
        loss = self._seen(self._heads[0](ends), shown.flatten(2))
        loss = loss + functional.cross_entropy(logits.flatten(0, 1), torch.arange(pairs).repeat(rows))
        bears = labels != IGNORED
        token = labels.clamp(min=0)
        if walks:
            ends_answer = torch.isin(labels, self._closing)
            listed = bears & ~ends_answer & (ends_answer.cumsum(1) == ends_answer.sum(1, keepdim=True))
            row, place = (listed & (self._place[token] >= 0)).nonzero(as_tuple=True)
            found = shown.flatten(1, 2)[row, self._place[labels[row, place]]]
            loss = loss + self._seen(self._heads[1](hidden[row, place]), found)
            # a time out of order cannot be foretold
            bears &= ~(listed & self._unsaid[token])
        target, kept = labels[:, 1:], bears[:, 1:]
        each = functional.cross_entropy(self._model.lm_head(hidden[:, :-1][kept]), target[kept], reduction="none")
        judged, said = self._judging[target[kept]], self._concluded[target[kept]]
        answer = _inside(labels, *self._answer)[:, 1:][kept] & ~said
        seen = (self._place[token[:, :-1]] >= 0)[kept] & ~(said | answer)
        loss = loss + (_WALKED if chains else 1.0) * summed_means(each, said, judged)
        loss = loss + _ALARMING * summed_means(each, seen & self._alarming[target[kept]])
        return loss + summed_means(each, answer, seen, ~(said | judged | answer | seen))

    def _seen(self, logits: Any, shown: Any) -> Any:
        each = torch.nn.functional.binary_cross_entropy_with_logits(logits, shown, reduction="none")
        return each.sum(-1).mean()


def _inside(labels: Any, begin: int, end: int) -> Any:
    """Tell for each label whether it stands between two tags."""
    return ((labels == begin).cumsum(1) > (labels == end).cumsum(1)) & (labels != begin)


def _alarming_tokens(tokenizer: Any) -> set[int]:
    """Return the tokens by which a walk begins to say, behind a time, that it sees an anomaly."""
    said = [f"7 s {wording.SEEN[label]} {wording.PASSING}; " for label in CLASSES]
    return {tokens[1] for tokens in tokenizer(said)["input_ids"]}
