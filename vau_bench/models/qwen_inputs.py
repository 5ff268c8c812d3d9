"""From a request and its clip to the tensors of a Qwen-VL model, with the times proven on the way."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from vau_bench.models.prepared import Prepared, PromptSize, Tensors
from vau_bench.models.qwen_family import Family
from vau_bench.models.qwen_grid import Geometry, grid_of
from vau_bench.models.qwen_times import (
    STAMP_RATE,
    Clock,
    assert_rate,
    assert_stamps,
    fit_clock,
    stamp_ticks,
)
from vau_bench.models.told_times import assert_told, read_labels, time_labels, times_sentence
from vau_bench.records import Request, Seen

if TYPE_CHECKING:
    from vau_bench.video import Clip, Shown

_PADS = re.compile(r"<\|(?:video|image)_pad\|>")
_VIDEO = "<|video_pad|>"
_WRAPPED_VIDEO = f"<|vision_start|>{_VIDEO}<|vision_end|>"


@dataclass(frozen=True)
class FrameSize:
    """How large a frame may become, in pixels.

    Attributes:
        least: of a frame.
        most: of a frame.
        total: of all frames of a clip together, counted per patch of two; long clips get smaller frames.
    """

    least: int
    most: int
    total: int

    def limits(self, frames: int) -> tuple[int, int]:
        """Return the least and most pixels of each of so many frames, as Qwen's own preprocessing has it."""
        return self.least, max(min(self.most, self.total * 2 // frames), int(self.least * 1.05))


class InputBuilder:
    """Makes the tensors of one family.

    Args:
        processor: the checkpoint's.
        family: decides how times are told.
        tokens_per_second: of the model's clock, 0 where it has none.
        size: of the frames.
        mode: `video` for a real video input, `frames` for images between written times, `patches` for each
            temporal patch (two frames) as a video of its own behind its written times.
        tell: when times are also written into the text in `video` mode: where the model's own clock cannot
            tell them (`auto`), `always`, `never`.
    """

    def __init__(
        self,
        processor: Any,
        family: Family,
        tokens_per_second: float,
        size: FrameSize,
        mode: Literal["video", "frames", "patches"] = "video",
        tell: Literal["auto", "always", "never"] = "auto",
    ) -> None:
        self.processor = processor
        self._family = family
        self.tokens_per_second = tokens_per_second
        self._size = size
        self._mode = mode
        self._tell = tell
        self._patch = int(processor.video_processor.temporal_patch_size)

    def build(self, request: Request, clip: Clip | None) -> Prepared:
        """Return the request's tensors.

        Raises:
            UnevenTimesError: if the model's clock cannot tell the times of these frames.
            ToldTimesError: if the model would be told other times than it is shown.
            ValueError: if the text holds one of the model's placeholders.
        """
        if clip is None:
            inputs = self._process(self._text(request, []), 0)
            return Prepared(request, inputs, None, None)
        if self._mode == "frames":
            return self._with_images(request, clip)
        if self._mode == "patches":
            return self._with_patches(request, clip)
        return self._with_video(request, clip)

    def size(self, request: Request, shown: Shown | None) -> PromptSize:
        """Return how many tokens the prompt has that `build` makes of these frames; raises as it does."""
        if shown is None:
            return PromptSize(self._length(self._text(request, [])))
        clock = self._clock(shown.times) if self._mode == "video" else None
        text = self._laid_out(request, shown.times, clock)
        if self._family == "qwen3_vl" and self._mode == "video":
            text = text.replace(_VIDEO, self._stamped(shown.times), 1)
        part = self.processor.image_processor if self._mode == "frames" else self.processor.video_processor
        geometry = Geometry(part.patch_size, part.merge_size, part.temporal_patch_size)
        grid = grid_of(len(shown), shown.width, shown.height, self._family, self._mode, self._size, geometry)
        return PromptSize(self._length(text) - len(_PADS.findall(text)), grid.tokens, grid.pictures)

    def _length(self, text: str) -> int:
        return len(self.processor.tokenizer(text)["input_ids"])

    def _with_images(self, request: Request, clip: Clip) -> Prepared:
        least, most = self._size.limits(len(clip.times))
        inputs = self._process(
            self._laid_out(request, clip.times),
            len(clip.times),
            images=list(clip.frames),
            images_kwargs={
                "size": {"shortest_edge": least, "longest_edge": most},
                "input_data_format": "channels_last",
            },
        )
        self._assert_labels(inputs, clip.times)
        return Prepared(request, inputs, self._seen(clip, inputs["image_grid_thw"]), None)

    def _with_patches(self, request: Request, clip: Clip) -> Prepared:
        text = self._laid_out(request, clip.times)
        frames, times = _filled(clip, self._patch)
        patches = [frames[k : k + self._patch] for k in range(0, len(times), self._patch)]
        arguments = self._video_arguments(patches[0], times[: self._patch], clip, None, len(times))
        arguments["video_metadata"] *= len(patches)
        inputs = self._process(text, len(patches), videos=patches, videos_kwargs=arguments)
        self._assert_labels(inputs, clip.times)
        return Prepared(request, inputs, self._seen(clip, inputs["video_grid_thw"]), None)

    def _assert_labels(self, inputs: Tensors, times: Sequence[float]) -> None:
        before = re.findall(r"((?:\[[\d.]+s\])+)<\|vision_start\|>", self._decoded(inputs))
        assert_told(read_labels("".join(before)), times)

    def _with_video(self, request: Request, clip: Clip) -> Prepared:
        clock = self._clock(clip.times)
        frames, times = _filled(clip, self._patch)
        text = self._laid_out(request, clip.times, clock)
        arguments = self._video_arguments(frames, times, clip, clock)
        inputs = self._process(text, 1, videos=[frames], videos_kwargs=arguments)
        self._assert_video(inputs, clip, times, clock)
        return Prepared(request, inputs, self._seen(clip, inputs["video_grid_thw"]), clock)

    def _clock(self, times: Sequence[float]) -> Clock | None:
        if self._family != "qwen2_5_vl":
            return None
        return fit_clock(times, self.tokens_per_second, self._patch)

    def _writes_times(self, clock: Clock | None) -> bool:
        if self._tell != "auto":
            return self._tell == "always"
        if self._family == "qwen2_5_vl" and clock is not None:
            return clock.error > 1 / self.tokens_per_second + 1e-9
        return self._family == "qwen2_vl"

    def _video_arguments(
        self, frames: Any, times: Sequence[float], clip: Clip, clock: Clock | None, shown: int | None = None
    ) -> dict[str, Any]:
        """Return the processor's arguments for a video of these frames, one of `shown` in all."""
        from transformers.video_utils import VideoMetadata

        count = len(times)
        least, most = self._size.limits(shown or count)
        if self._family == "qwen3_vl":
            least, most = least * count, most * count  # its limits are for the whole clip
            fps, indices = STAMP_RATE, stamp_ticks(times)
        else:
            fps, indices = self._patch / (clock.seconds_per_patch if clock else 1.0), list(range(count))
        metadata = VideoMetadata(
            total_num_frames=count,
            fps=fps,
            width=frames.shape[2],
            height=frames.shape[1],
            duration=clip.info.duration,
            frames_indices=indices,
        )
        return {
            "video_metadata": [metadata],
            "do_sample_frames": False,
            "cap_pixels_per_frame": False,  # `FrameSize` does
            "size": {"shortest_edge": least, "longest_edge": most},
            "input_data_format": "channels_last",
            "return_metadata": True,
        }

    def _assert_video(self, inputs: Tensors, clip: Clip, times: Sequence[float], clock: Clock | None) -> None:
        patches = int(inputs["video_grid_thw"][0][0])
        if patches * self._patch != len(times):
            raise ValueError(f"{len(times)} frames became {patches} patches of {self._patch}")
        if clock is not None:
            assert_rate(float(inputs["second_per_grid_ts"][0]), clock)
        if self._family == "qwen3_vl":
            assert_stamps(self._decoded(inputs), times, self._patch)
        if self._writes_times(clock):
            sentence = self._decoded(inputs).rpartition("<|vision_end|>")[2].partition("\n")[0]
            assert_told(read_labels(sentence), clip.times)

    def _laid_out(self, request: Request, times: Sequence[float], clock: Clock | None = None) -> str:
        """Return the prompt with a place for each visual input of frames at these times."""
        labels = time_labels(times)
        visual: list[dict[str, str]] = []
        if self._mode == "frames":
            for label in labels:
                visual += [{"type": "text", "text": label}, {"type": "image"}]
        elif self._mode == "patches":
            if self._family == "qwen3_vl":
                raise ValueError("Qwen3-VL writes the time before each patch itself; use mode=video")
            for k in range(0, len(labels), self._patch):
                visual += [{"type": "text", "text": "".join(labels[k : k + self._patch])}, {"type": "video"}]
        else:
            visual.append({"type": "video"})
            if self._writes_times(clock):
                visual.append({"type": "text", "text": times_sentence(times) + "\n"})
        text = self._text(request, visual)
        if self._family == "qwen3_vl" and self._mode == "video":
            # The processor wraps each patch itself and would leave the template's pair around all of them.
            text = text.replace(_WRAPPED_VIDEO, _VIDEO, 1)
        return text

    def _stamped(self, times: Sequence[float]) -> str:
        """Return what Qwen3-VL's processor puts in the place of a video, with a single token for each patch."""
        import torch

        full = _filled_times(times, self._patch)
        merge = self.processor.video_processor.merge_size
        inputs = {
            "video_grid_thw": torch.tensor([[len(full) // self._patch, merge, merge]]),
            "video_metadata": [SimpleNamespace(fps=STAMP_RATE, frames_indices=stamp_ticks(full))],
        }
        text: str = self.processor.replace_video_token(inputs, 0)
        return text

    def _text(self, request: Request, visual: list[dict[str, str]]) -> str:
        """Return the prompt; `visual` goes before the text of the first message with video."""
        messages = []
        for message in request.messages:
            if _PADS.search(message.text):
                raise ValueError("the text holds a placeholder of the model, such as <|video_pad|>")
            content = [{"type": "text", "text": message.text}]
            if message.video and visual:
                content, visual = [*visual, *content], []
            messages.append({"role": message.role, "content": content})
        text: str = self.processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return text

    def _process(self, text: str, placeholders: int, **visual: Any) -> Tensors:
        found = len(_PADS.findall(text))
        if found != placeholders:
            raise ValueError(f"the chat template makes {found} places for {placeholders} visual inputs")
        inputs = self.processor(text=[text], return_tensors="pt", **visual)
        return {name: inputs[name] for name in inputs if name != "video_metadata"}

    def _decoded(self, inputs: Tensors) -> str:
        text: str = self.processor.tokenizer.decode(inputs["input_ids"][0], skip_special_tokens=False)
        return text

    def _seen(self, clip: Clip, grid: Any) -> Seen:
        part = self.processor.image_processor if self._mode == "frames" else self.processor.video_processor
        _, rows, columns = (int(n) for n in grid[0])
        return replace(clip.seen(), width=columns * part.patch_size, height=rows * part.patch_size)


def _filled(clip: Clip, patch: int) -> tuple[Any, tuple[float, ...]]:
    """Return frames and times with the last one repeated until the patches are full."""
    times = _filled_times(clip.times, patch)
    short = len(times) - len(clip.times)
    if not short:
        return clip.frames, times
    return np.concatenate([clip.frames, np.repeat(clip.frames[-1:], short, axis=0)]), times


def _filled_times(times: Sequence[float], patch: int) -> tuple[float, ...]:
    """Return times with the last one repeated until the patches are full."""
    return (*times, *[times[-1]] * (-len(times) % patch))
