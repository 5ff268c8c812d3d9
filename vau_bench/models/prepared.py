"""Requests as tensors, one by one and in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vau_bench.models.qwen_times import Clock
from vau_bench.records import Request, Seen

if TYPE_CHECKING:
    from vau_bench.video import Clip, Shown

Tensors = dict[str, Any]


@dataclass(frozen=True)
class Prepared:
    """A request, ready for the model.

    Attributes:
        request: what is asked.
        inputs: the model's tensors, with a batch of one.
        seen: what is shown, in the size that the model gets; `None` without a video.
        clock: the clock that temporal positions follow, for models that have one.
    """

    request: Request
    inputs: Tensors
    seen: Seen | None
    clock: Clock | None


class PromptSize(NamedTuple):
    """How many tokens a prompt has.

    Attributes:
        text: of text, those around pictures included.
        visual: that stand for pixels.
        pictures: that the pixels are of: images, or patches of several frames.
    """

    text: int
    visual: int = 0
    pictures: int = 0

    @property
    def tokens(self) -> int:
        """All of them."""
        return self.text + self.visual


class Sizer(Protocol):
    """Tells how large prompts become, without a pixel."""

    def size(self, request: Request, shown: Shown | None) -> PromptSize:
        """Return the size of the prompt that a `Builder` makes of these frames; raises as it does."""
        ...


class Builder(Protocol):
    """Makes the tensors of a request."""

    def build(self, request: Request, clip: Clip | None) -> Prepared:
        """Return them, with the times proven that the model is told.

        Raises:
            ToldTimesError: if the model would be told other times than it is shown.
            ValueError: for a text that the model cannot be given.
        """
        ...


def collate(prepared: Sequence[Prepared]) -> Tensors:
    """Return one batch: texts padded on the left, visual tensors one after the other.

    A row is padded with its own first token, so that a penalty on tokens that occurred finds no other ones
    than without padding.
    """
    import torch

    width = max(p.inputs["input_ids"].shape[1] for p in prepared)
    batch: Tensors = {}
    shape = prepared[0].inputs["input_ids"].shape
    for name in (name for name, tensor in prepared[0].inputs.items() if tensor.shape == shape):
        rows = [p.inputs[name] for p in prepared]
        fill = [row[:, :1] if name == "input_ids" else torch.zeros_like(row[:, :1]) for row in rows]
        batch[name] = torch.cat(
            [torch.cat([pad.expand(-1, width - row.shape[1]), row], dim=1) for pad, row in zip(fill, rows, strict=True)]
        )
    for name in sorted({key for p in prepared for key in p.inputs} - batch.keys()):
        batch[name] = torch.cat([p.inputs[name] for p in prepared if name in p.inputs])
    return batch
