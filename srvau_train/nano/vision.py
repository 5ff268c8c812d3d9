"""The vision tower's first lesson: what is to be seen in a pair of frames, and on which side.

A language model of this size does not find out by itself, from a few thousand answers, what a fire looks like. The
scene says for each pair of frames which of its happenings hold, so the tower is taught that first; afterwards it stays
as it is. The head that reads its tokens is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srvau_train.muon import Muon
from srvau_train.nano.frames import FrameStore, Look
from srvau_train.nano.lesson import SHARES, share_of, teach
from srvau_train.nano.pictures import patches
from vau_bench.synth import CLASSES, LOOKALIKE, Scene, scene_at

KINDS = (*CLASSES, *LOOKALIKE.values(), "pause", "lights", "shadow", "jogger")
SIDES = ("", "left", "right")
_ONE_WAY = np.array([kind == "Wrong-way" for kind in KINDS])
"""Not judged in a mirror, where all traffic drives on the other side."""
_DIRECTION = 4.0
"""How much these count where they are judged: twice for their share of pairs, and they are seen by motion alone."""
_CHANGING = 2.0
"""How much more often pairs are drawn of which only one frame shows something: by these an event begins or is over."""
_PATCHED = 1500
"""Pairs of frames that tell what differs between patches."""
_LOUD = 0.2
"""Standard deviation of what the tower says; that of an embedding is about half of it."""


@dataclass(frozen=True, slots=True)
class VisionLesson:
    """How the tower is taught.

    Attributes:
        steps: of the optimizer.
        batch: pairs of frames a step.
        rate: of AdamW at its peak.
        muon_rate: of Muon at its peak.
    """

    steps: int = 3000
    batch: int = 128
    rate: float = 2e-3
    muon_rate: float = 0.02


def sights(scene: Scene, look: Look) -> NDArray[np.float32]:
    """Return what frames show, (pairs, 2, kinds, sides) of 0 and 1: at all, on the left, on the right."""
    times = look.times
    out = np.zeros((len(times), len(KINDS), len(SIDES)), np.float32)
    for happening in [*([scene.event] if scene.event else []), *scene.distractors]:
        kind = KINDS.index(happening.kind)
        for frame, t in enumerate(times):
            if happening.start <= t < happening.end:
                out[frame, kind, 0] = 1
                if happening.side:
                    out[frame, kind, SIDES.index(happening.side)] = 1
    return out.reshape(-1, 2, *out.shape[1:])


def teach_vision(
    model: Any, processor: Any, store: FrameStore, lesson: VisionLesson, out: Path, *, seed: int,
    log: Callable[[dict[str, float]], None] = lambda line: None, advance: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Train the vision tower of a model in place; goes on from the state that an earlier call has saved in `out`.

    Raises:
        ModelError: if the loss is no number.
        RunError: if the state cannot be written.
    """
    truth = np.stack([sights(scene_at("train", i, seed=0), store.look) for i in range(len(store))])
    truth = truth.reshape(len(store), -1, *truth.shape[3:])
    draw = _BalancedPairs(truth[:, :-1, :, 0], truth[:, 1:, :, 0])
    tower = model.model.visual.train()
    torch.manual_seed(seed)
    head = sights_head(model, 2)
    _whiten(model, processor, store, np.random.default_rng(seed))

    def loss_of(step: int, share: int) -> Any:
        places = draw(np.random.default_rng([seed, step]), lesson.batch)
        places = [places[i] for i in share_of(range(lesson.batch), share)]
        frames = np.stack([store.frames[clip, frame : frame + 2] for clip, frame in places])
        shown = np.stack([truth[clip, frame : frame + 2] for clip, frame in places])
        mirrored = np.random.default_rng([seed, step, share]).random(len(places)) < 0.5
        frames[mirrored], shown[mirrored] = mirror(frames[mirrored], shown[mirrored])
        logits = torch.logsumexp(head(see(model, processor, frames)), dim=1).view(shown.shape)
        return sights_loss(logits, shown, mirrored)

    optimizer = Muon(tower, list(head.parameters()), lr=lesson.rate, muon_lr=lesson.muon_rate, weight_decay=0.05)
    teach(
        {"tower": tower, "head": head}, optimizer, loss_of, lesson.steps, out, shares=SHARES, log=log, advance=advance
    )
    some = np.stack([store.frames[n, : 2 * (len(store.look.times) // 2)] for n in range(min(16, len(store)))])
    with torch.no_grad():
        _soften(model, see(model, processor, some.reshape(-1, 2, *some.shape[2:])))


def _soften(model: Any, seen: Any) -> None:
    """Scale what the tower says down to where layers of the language model can still add to it, such as the time."""
    last = model.model.visual.merger.mlp[-1]
    with torch.no_grad():
        share = _LOUD / float(seen.std())
        last.weight.mul_(share)
        last.bias.mul_(share)


def see(model: Any, processor: Any, frames: NDArray[np.uint8]) -> Any:
    """Return the tokens of pairs of frames, (pairs, tokens, width), from (pairs, 2, height, width, 3) pixels."""
    visual = processor.video_processor
    pixels, grid = patches(frames, visual.patch_size, visual.merge_size, visual.image_mean, visual.image_std)
    out = model.model.visual(torch.from_numpy(pixels), grid_thw=torch.tensor(grid)).pooler_output
    return out.view(len(frames), -1, out.shape[-1])


def mirror(frames: NDArray[np.uint8], shown: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return pairs of frames with left and right exchanged, and what they then show.

    Args:
        frames: (pairs, 2, height, width, 3).
        shown: (pairs, 2, kinds, sides).
    """
    return frames[:, :, :, ::-1], shown[..., [SIDES.index(side) for side in ("", "right", "left")]]


def sights_loss(logits: Any, shown: NDArray[np.float32], mirrored: NDArray[np.bool_]) -> Any:
    """Return the mean over pairs of the summed cross-entropies.

    Which way traffic goes is not judged in mirrored ones, and counts more in the others.

    Args:
        logits: (pairs, 2, kinds, sides).
        shown: the same, of 0 and 1.
        mirrored: (pairs,).
    """
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.from_numpy(shown), reduction="none")
    weight = np.where(_ONE_WAY, np.where(mirrored[:, None], 0.0, _DIRECTION), 1.0).astype(np.float32)
    return (each * torch.from_numpy(weight)[:, None, :, None]).flatten(1).sum(1).mean()


def _whiten(model: Any, processor: Any, store: FrameStore, rng: np.random.Generator) -> None:
    """Let the patch embedding be what differs most between patches, and keep it so.

    Half of it are principal components of the sum of a pair of frames, half of their difference, each of unit variance:
    otherwise the tower spends its first steps on finding out that pictures are smooth and mostly at rest.
    """
    visual, weight = processor.video_processor, model.model.visual.patch_embed.proj.weight
    clips, begins = (rng.integers(0, most, _PATCHED) for most in (len(store), len(store.look.times) - 1))
    frames = np.stack([store.frames[clip, k : k + 2] for clip, k in zip(np.sort(clips), begins, strict=True)])
    pixels, _ = patches(frames, visual.patch_size, visual.merge_size, visual.image_mean, visual.image_std)
    early, late = torch.from_numpy(pixels).view(len(pixels), 3, 2, -1).unbind(2)
    count, found = len(weight) // 2, []
    for sign in (1, -1):
        one = (early + sign * late).flatten(1) / 2**0.5
        variance, component = torch.linalg.eigh(one.T @ one / len(one))
        variance = variance.clamp(min=1e-3 * float(variance[-1]))
        filters = (component * variance**-0.5).T[-count:].view(count, 3, 1, -1) / 2**0.5
        found.append(torch.cat([filters, sign * filters], 2))
    with torch.no_grad():
        weight.copy_(torch.cat(found).view_as(weight))
    weight.requires_grad_(False)


class _BalancedPairs:
    """Draws two frames one after another, those with something rare, or with a change, more often.

    Args:
        early: what the first frame of each pair shows, (clips, pairs, kinds) of 0 and 1.
        late: the second one.
    """

    def __init__(self, early: NDArray[np.float32], late: NDArray[np.float32]) -> None:
        shown = np.maximum(early, late)
        rarity = 1 / np.maximum(shown.mean((0, 1)), 1e-3)
        weight = np.maximum((shown * rarity).max(-1), 2.0)
        weight = np.where((early != late).any(-1), _CHANGING * weight, weight).reshape(-1)
        self._edges = np.cumsum(weight / weight.sum())
        self._pairs = shown.shape[1]

    def __call__(self, rng: np.random.Generator, count: int) -> list[tuple[int, int]]:
        places = np.minimum(np.searchsorted(self._edges, rng.random(count)), len(self._edges) - 1)
        return [divmod(int(place), self._pairs) for place in places]


def sights_head(model: Any, frames: int) -> Any:
    """Return a fresh linear layer that reads frames' `sights` off the language model's width, at first nearly none."""
    head = torch.nn.Linear(model.config.text_config.hidden_size, frames * len(KINDS) * len(SIDES))
    torch.nn.init.constant_(head.bias, -4.0)
    return head
