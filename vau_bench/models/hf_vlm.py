"""Any image-text checkpoint that transformers knows, its frames shown as images between their times."""

from __future__ import annotations

from typing import Any, ClassVar

from vau_bench.models.base import ModelConfig
from vau_bench.models.checkpoint import load_model, load_processor, set_threads
from vau_bench.models.image_inputs import ImageBuilder
from vau_bench.models.local_config import LocalConfig
from vau_bench.models.local_vlm import Loaded, LocalVlm, end_tokens


class HfVlmConfig(LocalConfig):
    """Arguments of the `hf_vlm` model."""


class HfVlm(LocalVlm[HfVlmConfig]):
    """Runs a checkpoint on this machine, in batches; responses come in the order of the requests.

    Tried with checkpoints of InternVL, LLaVA-OneVision and SmolVLM. A checkpoint whose code is its own, and not that of
    transformers, is not run; serve it and use `openai`.
    """

    Config: ClassVar[type[ModelConfig]] = HfVlmConfig
    summary: ClassVar[str] = "any image-text checkpoint of transformers (InternVL, LLaVA-OneVision, SmolVLM, ...)"

    def _fresh(self) -> Loaded:
        config = self.config
        processor = load_processor(self._processor_source)
        set_threads(config.torch_threads)
        model = load_model(self._source, device=config.device, dtype=config.dtype, attention=config.attn_implementation)
        builder = self._inputs(processor, model.config)
        return Loaded(model, builder, processor.tokenizer, end_tokens(model, processor.tokenizer))

    def _inputs(self, processor: Any, config: Any) -> ImageBuilder:
        return ImageBuilder(processor, self._architecture())

    def _placed(self, inputs: dict[str, Any], model: Any) -> dict[str, Any]:
        """Return the tensors on the model's device; pictures in its precision, which its tower does not see to."""
        moved = super()._placed(inputs, model)
        return {name: t.to(model.dtype) if t.is_floating_point() else t for name, t in moved.items()}
