"""Qwen2-VL, Qwen2.5-VL and Qwen3-VL checkpoints through transformers, on a GPU or the CPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from vau_bench.models.as_trained import TrainedConfig, as_trained
from vau_bench.models.base import ModelConfig
from vau_bench.models.checkpoint import load_model, load_processor, set_threads
from vau_bench.models.local_vlm import Loaded, LocalVlm, end_tokens
from vau_bench.models.prepared import Prepared
from vau_bench.models.qwen_config import QwenVLConfig
from vau_bench.models.qwen_family import Family, family_of
from vau_bench.models.qwen_inputs import FrameSize, InputBuilder
from vau_bench.models.qwen_options import option_scores
from vau_bench.models.qwen_times import assert_positions

if TYPE_CHECKING:
    from vau_bench.video import ClipLoader


class QwenVLArguments(TrainedConfig, QwenVLConfig):
    """Arguments of the `qwen_vl` model; the checkpoint's own where it brings some."""


class QwenVL(LocalVlm[QwenVLConfig]):
    """Runs a checkpoint on this machine, in batches; responses come in the order of the requests."""

    Config: ClassVar[type[ModelConfig]] = QwenVLArguments
    summary: ClassVar[str] = "a Qwen2-VL, Qwen2.5-VL or Qwen3-VL checkpoint through transformers"

    def __init__(self, config: QwenVLConfig, clips: ClipLoader) -> None:
        super().__init__(config, clips)
        trained = as_trained(config.checkpoint)
        self.frames, self.style = trained.frames or self.frames, trained.style or self.style

    def _architecture(self) -> Family:
        return family_of(self._source)

    def _fresh(self) -> Loaded:
        config = self.config
        self._architecture()  # another one is refused before anything is loaded
        processor = load_processor(self._processor_source)
        set_threads(config.torch_threads)
        model = load_model(self._source, device=config.device, dtype=config.dtype, attention=config.attn_implementation)
        builder = self._inputs(processor, model.config)
        return Loaded(model, builder, processor.tokenizer, end_tokens(model, processor.tokenizer))

    def _inputs(self, processor: Any, config: Any) -> InputBuilder:
        family, given = self._architecture(), self.config
        rate = float(getattr(config.vision_config, "tokens_per_second", 0)) if family == "qwen2_5_vl" else 0.0
        size = FrameSize(given.min_pixels, given.max_pixels, given.total_pixels)
        return InputBuilder(processor, family, rate, size, given.mode, given.tell_times)

    def _check(self, loaded: Loaded, batch: Sequence[Prepared], inputs: dict[str, Any]) -> None:
        """Check the temporal positions that the model itself makes of what it is about to get."""
        if not any(prepared.clock for prepared in batch):
            return
        names = ("input_ids", "mm_token_type_ids", "attention_mask", "video_grid_thw", "second_per_grid_ts")
        positions, _ = loaded.model.model.get_rope_index(**{name: inputs[name] for name in names})
        for row, prepared in enumerate(batch):
            if prepared.clock is None:
                continue
            patches = int(prepared.inputs["video_grid_thw"][0][0])
            at = positions[0, row][inputs["mm_token_type_ids"][row] == 2].reshape(patches, -1)[:, 0]
            assert_positions((at - at[0]).tolist(), prepared.clock, loaded.builder.tokens_per_second)

    def _option_scores(self, loaded: Loaded, prepared: Prepared, text: str) -> dict[str, float] | None:
        choices = prepared.request.choices
        if not self.config.option_scores or not choices:
            return None
        inputs = self._placed(prepared.inputs, loaded.model)
        return option_scores(loaded.model, loaded.tokenizer, inputs, text, choices)
