"""How many tokens a prompt has: by the checkpoint's own processor where it is here, else by the rule of its family.

Visual tokens follow the rule exactly in both ways. Without the processor text is reckoned from its characters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from vau_bench.errors import MissingExtraError, ModelError, UsageError
from vau_bench.models.openai import OpenAIConfig
from vau_bench.models.prepared import PromptSize
from vau_bench.models.qwen_config import QwenVLConfig
from vau_bench.models.qwen_grid import Geometry, Grid, grid_of
from vau_bench.models.qwen_inputs import FrameSize
from vau_bench.models.told_times import time_labels, times_sentence
from vau_bench.planning.images import Published, canvas, rule_of
from vau_bench.planning.shapes import Shape
from vau_bench.records import Request

if TYPE_CHECKING:
    from vau_bench.models.base import Model
    from vau_bench.video import Shown

CHARACTERS = 4.0
"""Assumed characters of English text in a token."""
AROUND = 8
"""Assumed tokens of a chat template around a message, and around the answer to come."""
WRAPPED = 2
"""Tokens that begin and end a picture."""
SERVED_TILES = 12
"""Tiles of an image at most when InternVL is served as its authors do."""
SERVED_PIXELS = (56 * 56, 12_845_056)
"""Pixels of an image, least and most, in the published processors of Qwen2-VL and Qwen2.5-VL."""


class Counter(Protocol):
    """Counts the tokens of prompts.

    Attributes:
        text: how text is counted, in words.
        visual: how visual tokens are counted, in words.
    """

    text: str
    visual: str

    def size(self, request: Request, shown: Shown | None) -> PromptSize:
        """Return the size of a prompt.

        Raises:
            VideoError, ValueError: if this one could not be asked.
        """
        ...


class OwnProcessor:
    """Counts with the processor of the checkpoint."""

    text = "counted with the checkpoint's own tokenizer and chat template"
    visual = "exact: the rule of the checkpoint's own processor"

    def __init__(self, model: Model[Any]) -> None:
        self._model = model

    def size(self, request: Request, shown: Shown | None) -> PromptSize:
        """Return the size of a prompt."""
        size = self._model.prompt_size(request, shown)
        if size is None:
            raise ModelError(f"{type(self._model).__name__} cannot tell how large its prompts are")
        return size


class ByRule:
    """Counts pictures by a rule, and text by its characters.

    Args:
        pictures: what frames become.
        told: the rule, in words.
        labels: the text that tells the times of frames.
    """

    text = f"{CHARACTERS:g} characters a token, a digit or sign of a time one token, {AROUND} tokens around a message"

    def __init__(self, pictures: _Pictures, told: str, labels: _Labels) -> None:
        self.visual = told
        self._pictures, self._labels = pictures, labels

    def size(self, request: Request, shown: Shown | None) -> PromptSize:
        """Return the size of a prompt."""
        text = AROUND + sum(AROUND + math.ceil(len(m.text) / CHARACTERS) for m in request.messages)
        if shown is None:
            return PromptSize(text)
        grid = self._pictures(shown)
        return PromptSize(text + self._labels(shown.times) + WRAPPED * grid.pictures, grid.tokens, grid.pictures)


class _Pictures(Protocol):
    def __call__(self, shown: Shown) -> Grid: ...


class _Labels(Protocol):
    def __call__(self, times: Sequence[float]) -> int: ...


def labels_before(times: Sequence[float]) -> int:
    """Return the tokens of a label before each frame, each sign one."""
    return sum(len(label) for label in time_labels(times))


def labels_listed(times: Sequence[float]) -> int:
    """Return the tokens of one sentence that lists all times."""
    return math.ceil(len(times_sentence(())) / CHARACTERS) + sum(len(label) + 2 for label in time_labels(times))


def stamps(times: Sequence[float]) -> int:
    """Return the tokens of the stamp that Qwen3-VL puts before each patch of two frames."""
    return sum(3 + len(f"{time:.1f}") for time in times[::2])


def own_counter(model: Model[Any]) -> Counter | None:
    """Return what counts with the processor of a model, `None` where that is not on this machine."""
    from vau_bench.records import Generation, Message, Sample, Target

    sample = Sample("probe", "probe", "probe", Target())
    message = (Message("user", "?"),)
    request = Request("", "", "", "", 0, sample, message, Generation(), None, "uniform(1)")
    try:
        return None if model.prompt_size(request, None) is None else OwnProcessor(model)
    except (ModelError, MissingExtraError):
        return None


class _Limits(NamedTuple):
    """Fixed limits of an image, in the place of a `FrameSize`."""

    least: int
    most: int

    def limits(self, frames: int) -> tuple[int, int]:
        return self.least, self.most


def counter_by_rule(config: Any, shape: Shape | None) -> Counter:
    """Return what counts by the rule of a model's family.

    Args:
        config: the arguments of the model.
        shape: of the checkpoint; `None` for a hosted model.

    Raises:
        UsageError: if no rule is known.
    """
    if isinstance(config, OpenAIConfig):
        if config.frames == "video":
            raise UsageError(
                "with frames=video the server chooses the frames, so no plan can count them; use frames=jpeg"
            )
        published = rule_of(config.model)
        if published:
            return _hosted(published, config)
        if shape is None:
            raise UsageError(f"no rule is known for the images of {config.model!r}")
        return _served(shape)
    if shape is None:
        raise UsageError("no rule is known for the frames of this model")
    if isinstance(config, QwenVLConfig):
        return _qwen(config, shape)
    return _whole(shape)


def _qwen(config: QwenVLConfig, shape: Shape) -> Counter:
    size = FrameSize(config.min_pixels, config.max_pixels, config.total_pixels)
    geometry = Geometry(shape.vision.patch, math.isqrt(shape.vision.merged), shape.vision.temporal)
    family: Any = shape.family

    def pictures(shown: Shown) -> Grid:
        return grid_of(len(shown), shown.width, shown.height, family, config.mode, size, geometry)

    if config.mode != "video":
        labels: _Labels = labels_before
    elif shape.family == "qwen3_vl":
        labels = stamps
    else:
        written = config.tell_times == "always" or (config.tell_times == "auto" and shape.family == "qwen2_vl")
        labels = labels_listed if written else _none
    return ByRule(pictures, f"exact: the smart resize of {shape.family} in mode={config.mode}", labels)


def _none(times: Sequence[float]) -> int:
    return 0


def _whole(shape: Shape) -> Counter:
    """Return the counter of frames that are scaled to one size and never cut."""
    each = frame_tokens(shape)
    told = f"exact: {each} tokens a frame of {shape.family}, which is not cut into tiles"
    return ByRule(lambda shown: Grid(len(shown), each), told, labels_before)


def frame_tokens(shape: Shape) -> int:
    """Return the visual tokens of a picture of a model that scales all to one size."""
    patches = (shape.vision.image // shape.vision.patch) ** 2
    # LLaVA-OneVision ends a picture with one for a new line
    return patches // shape.vision.merged + (1 if shape.family == "llava_onevision" else 0)


def _served(shape: Shape) -> Counter:
    """Return the counter of frames as images on a server that runs a published checkpoint with its own settings."""
    each = frame_tokens(shape) if shape.vision.image else 0
    side, assumed = shape.vision.image, "assumed: the server keeps the published settings of the processor"
    if shape.family == "internvl":

        def tiled(shown: Shown) -> Grid:
            return Grid(len(shown), each * canvas(shown.width, shown.height, side=side, most=SERVED_TILES))

        return ByRule(tiled, f"tiles of {side} pixels, {SERVED_TILES} at most; {assumed}", labels_before)
    if shape.vision.image:
        return ByRule(lambda shown: Grid(len(shown), each), f"{each} tokens an image; {assumed}", labels_before)
    geometry = Geometry(shape.vision.patch, math.isqrt(shape.vision.merged), shape.vision.temporal)
    limits = _Limits(*SERVED_PIXELS)
    family: Any = shape.family

    def resized(shown: Shown) -> Grid:
        return grid_of(len(shown), shown.width, shown.height, family, "frames", limits, geometry)

    return ByRule(resized, f"the smart resize of {shape.family} for each frame as an image; {assumed}", labels_before)


def _hosted(published: Published, config: OpenAIConfig) -> Counter:
    def pictures(shown: Shown) -> Grid:
        if config.image_detail == "low" and published.low is not None:
            return Grid(len(shown), published.low)
        return Grid(len(shown), published.tokens(shown.width, shown.height))

    return ByRule(pictures, published.told, labels_before)
