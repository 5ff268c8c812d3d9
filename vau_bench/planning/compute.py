"""Operations, memory and hours of GPUs.

    prefill   2 x parameters x tokens, for the language model and for the tower (over its patches); attention adds
              2 x layers x width x tokens^2 (causal) or 4 x layers x width x patches x patches of a picture
    decode    2 x parameters a new token, attention 4 x layers x width x context
    memory    weights, keys and values of all requests that are answered at once, and what is spared

A phase takes as long as its operations or its memory traffic do, whichever is longer. Decoding reads all weights once
a step for all requests of a batch, and the keys and values of each.
Source: Kaplan et al., arXiv 2001.08361, section 2.1, and Pope et al., arXiv 2211.05102, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from vau_bench.planning.accelerators import Hardware
from vau_bench.planning.shapes import Shape

GIB = 2**30
UTILISATION = 0.40
"""Share of the peak operations that prefill reaches, assumed."""
BANDWIDTH_SHARE = 0.60
"""Share of the peak bandwidth that decoding reaches, assumed."""
TOGETHER = 0.93
"""Share of their speed that GPUs keep with each doubling of those that compute together, assumed."""
SPARE_GIB = 4.0
"""Of each GPU: context, pixels, activations, fragments; assumed."""
WINDOW = 64
"""Patches that a layer with windows sees at once (112 pixels a side in Qwen2.5-VL)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request on paper.

    Attributes:
        task: its name.
        sample_id: of the sample.
        turn: of the conversation.
        text: tokens of text in the prompt.
        visual: tokens in the prompt that stand for pixels.
        pictures: that these are of.
        output: tokens of the answer.
        weight: how many such requests there are.
    """

    task: str
    sample_id: str
    turn: int
    text: float
    visual: int
    pictures: int
    output: float
    weight: float = 1.0

    @property
    def prompt(self) -> float:
        """Tokens of the prompt."""
        return self.text + self.visual

    @property
    def context(self) -> float:
        """Tokens when the answer is complete."""
        return self.prompt + self.output


@dataclass(frozen=True, slots=True)
class Use:
    """How GPUs share the work.

    Attributes:
        together: GPUs that hold one copy of the model.
        at_once: whether these compute at the same time (tensor parallel), or one after another, layer by layer.
        copies: of the model.
        batch: requests that a copy answers at once.
    """

    together: int
    at_once: bool
    copies: int
    batch: int


@dataclass(frozen=True, slots=True)
class Memory:
    """GiB that one copy of a model takes, over all its GPUs.

    Attributes:
        cache: keys and values of the batch, each request as long as the longest.
        spare: what is kept free.
        limit: what these GPUs have.
    """

    weights: float
    cache: float
    spare: float
    limit: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.weights + self.cache + self.spare


@dataclass(frozen=True, slots=True)
class Hours:
    """Seconds that one copy of the model works on all requests.

    Attributes:
        prefill: on prompts.
        decode: on answers.
        bound: what decoding waits for, `memory` or `compute`.
    """

    prefill: float
    decode: float
    bound: str

    @property
    def total(self) -> float:
        """Both, one after the other."""
        return self.prefill + self.decode


def prefill_flops(shape: Shape, asked: Asked) -> float:
    """Return the operations of one prompt."""
    text, vision = shape.text, shape.vision
    width = text.heads * text.head
    flops = 2.0 * text.layer_parameters * asked.prompt + 2.0 * text.layers * width * asked.prompt**2
    patches = asked.visual * vision.merged
    if patches:
        of_picture = patches / asked.pictures
        windows = vision.layers - vision.full
        seen = vision.full * of_picture + windows * min(WINDOW, of_picture)
        flops += 2.0 * vision.layer_parameters * patches + 4.0 * vision.hidden * patches * seen
        flops += 2.0 * vision.projector_parameters * asked.visual
    return flops + 2.0 * text.vocabulary_parameters


def decode_flops(shape: Shape, asked: Asked) -> float:
    """Return the operations of one answer."""
    text = shape.text
    width = text.heads * text.head
    each = 2.0 * (text.layer_parameters + text.vocabulary_parameters)
    return asked.output * each + 4.0 * text.layers * width * _contexts(asked)


def _contexts(asked: Asked) -> float:
    """Return the sum over all new tokens of the tokens before each."""
    return asked.output * asked.prompt + asked.output**2 / 2


def memory(shape: Shape, longest: float, batch: int, together: int, hardware: Hardware, *, width: int = 2) -> Memory:
    """Return the memory of one copy of the model.

    Args:
        shape: of the model.
        longest: tokens of the longest request, answer included.
        batch: requests at once.
        together: GPUs of the copy.
        hardware: of which kind.
        width: bytes of a weight; keys and values have as many.
    """
    return Memory(
        weights=shape.parameters * width / GIB,
        cache=batch * longest * shape.text.cache_values * width / GIB,
        spare=SPARE_GIB * together,
        limit=hardware.each.memory * 1e9 / GIB * together,
    )


def largest_batch(shape: Shape, longest: float, together: int, hardware: Hardware, *, width: int = 2) -> int:
    """Return how many requests fit at once, at least one."""
    one = memory(shape, longest, 1, together, hardware, width=width)
    free = one.limit - one.weights - one.spare
    return max(1, math.floor(free / one.cache)) if one.cache else 1


def hours(shape: Shape, asked: Iterable[Asked], use: Use, hardware: Hardware, *, width: int = 2) -> Hours:
    """Return how long the GPUs of one copy would take for all requests, if they were the only ones.

    Args:
        shape: of the model.
        asked: all requests.
        use: of the GPUs.
        hardware: of which kind.
        width: bytes of a weight.
    """
    fast = use.together * TOGETHER ** math.log2(use.together) if use.at_once else 1.0
    flops = hardware.each.tflops * 1e12 * UTILISATION * fast
    traffic = hardware.each.bandwidth * 1e9 * BANDWIDTH_SHARE * fast
    weights, value = shape.parameters * width, shape.text.cache_values * width
    prefill = compute = moved = 0.0
    for one in asked:
        prefill += one.weight * max(prefill_flops(shape, one) / flops, weights / traffic / use.batch)
        compute += one.weight * decode_flops(shape, one) / flops
        moved += one.weight * (one.output * weights / use.batch + value * _contexts(one)) / traffic
    return Hours(prefill, max(compute, moved), "memory" if moved >= compute else "compute")
