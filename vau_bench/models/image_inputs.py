"""From a request and its clip to the tensors of any image-text model, with the times proven on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from vau_bench.models.prepared import Prepared, PromptSize, Tensors
from vau_bench.models.told_times import assert_told, read_labels, time_labels, times_sentence
from vau_bench.records import Request

if TYPE_CHECKING:
    from vau_bench.video import Clip, Shown

WHOLE: dict[str, dict[str, Any]] = {
    "internvl": {"crop_to_patches": False},
    "smolvlm": {"do_image_splitting": False},
    "idefics3": {"do_image_splitting": False},
    "gemma3": {"do_pan_and_scan": False},
}
"""By `model_type`: how its processor is kept from cutting a frame into tiles, as it does with a photograph."""

_LABEL = r"\[\d+\.\d+s\]"


class ImageBuilder:
    """Shows each frame as an image behind its time.

    Some chat templates put all images before the text; there one sentence behind them lists the times.

    Args:
        processor: the checkpoint's.
        family: its `model_type`.
    """

    def __init__(self, processor: Any, family: str) -> None:
        self._processor = processor
        self._image = str(processor.image_token)
        pads = [self._image, getattr(processor, "video_token", None)]
        self._pads = tuple(str(pad) for pad in pads if pad)
        self._whole = WHOLE.get(family, {})
        self._known: dict[tuple[int, int, int], int] = {}

    def build(self, request: Request, clip: Clip | None) -> Prepared:
        """Return the request's tensors.

        Raises:
            ToldTimesError: if the model would be told other times than it is shown.
            ValueError: if the text holds one of the model's placeholders, or its chat template loses a frame.
        """
        if clip is None:
            return Prepared(request, self._process(self._text(request, []), 0), None, None)
        text = self._laid_out(request, clip.times)
        inputs = self._process(text, len(clip.times), images=[list(clip.frames)], images_kwargs=self._whole)
        height, width = (int(side) for side in inputs["pixel_values"].shape[-2:])
        return Prepared(request, inputs, replace(clip.seen(), width=width, height=height), None)

    def size(self, request: Request, shown: Shown | None) -> PromptSize:
        """Return how many tokens the prompt has that `build` makes of these frames; raises as it does."""
        if shown is None:
            return PromptSize(self._length(self._text(request, [])))
        count = len(shown)
        text = self._length(self._laid_out(request, shown.times))
        each = self._expanded(count, shown.width, shown.height)
        return PromptSize(text - count, each * count, count)

    def _expanded(self, frames: int, width: int, height: int) -> int:
        """Return the tokens of a frame, with those that the processor puts around it.

        Two blank frames tell it of any number: one alone may be treated differently.
        """
        some = min(frames, 2)
        if (some, width, height) not in self._known:
            blank = [np.zeros((height, width, 3), np.uint8)] * some
            text = self._image * some
            whole = self._process(text, some, images=[blank], images_kwargs=self._whole)["input_ids"].shape[1]
            self._known[some, width, height] = 1 + (whole - self._length(text)) // some
        return self._known[some, width, height]

    def _length(self, text: str) -> int:
        return len(self._processor.tokenizer(text)["input_ids"])

    def _laid_out(self, request: Request, times: Sequence[float]) -> str:
        """Return the prompt with a place for each frame, and the times proven that it tells."""
        labels = time_labels(times)
        between = [part for label in labels for part in ({"type": "text", "text": label}, {"type": "image"})]
        text = self._text(request, between)
        told = re.findall(rf"({_LABEL})[^\[]{{0,40}}?{re.escape(self._image)}", text)
        if told == list(labels):
            assert_told(read_labels("".join(told)), times)
            return text
        images = [{"type": "image"}] * len(labels)
        text = self._text(request, [*images, {"type": "text", "text": times_sentence(times) + "\n"}])
        behind = text.rpartition(self._image)[2].lstrip().partition("\n")[0]
        assert_told(read_labels(behind), times)
        return text

    def _text(self, request: Request, visual: list[dict[str, str]]) -> str:
        """Return the prompt; `visual` goes before the text of the first message with video."""
        messages = []
        for message in request.messages:
            if any(pad in message.text for pad in self._pads):
                raise ValueError(f"the text holds a placeholder of the model, such as {self._image}")
            content = [{"type": "text", "text": message.text}]
            if message.video and visual:
                content, visual = [*visual, *content], []
            messages.append({"role": message.role, "content": content})
        text: str = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def _process(self, text: str, frames: int, **visual: Any) -> Tensors:
        found = text.count(self._image)
        if found != frames:
            raise ValueError(f"the chat template makes {found} places for {frames} frames")
        return dict(self._processor(text=[text], return_tensors="pt", **visual))
