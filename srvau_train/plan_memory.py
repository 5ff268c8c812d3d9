"""The memory of a GPU, or of a machine without one, at the peak of a step.

Left out is what passes by before the activations are there: a frozen tower's way forward, and the prompts of all
completions that generation reads at once. Checked once, on a CPU: a batch of 16 rows of 748 tokens through the nano
model, forwards and back, took 1.06 GiB where activations and logits are reckoned at 1.04.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from srvau_train.config import TrainConfig

GIB = 2**30
SPARE_GIB = 4.0
"""Of a GPU: CUDA's context, fragments, and what nobody has thought of."""
CPU_SPARE_GIB = 1.5
"""Of a machine: Python with torch, transformers, TRL and PEFT (0.9 GiB, measured), and what nobody has thought of."""
TILE_TOKENS, TILE_COLUMNS = 4096, 32768
"""Tokens and tokens of the vocabulary in a tile of logits (TRL 1.16: `kernels/chunked_logprob.py`,
`trainer/utils.py`)."""
CPU_TILE_BYTES = 33
"""Bytes of each value of a tile on a CPU: at its peak `_backward_tile` holds eight float32 tensors and one of truth
values of the tile's size (TRL 1.16: `kernels/chunked_logprob.py`). On a GPU one kernel does it within the tile."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Numbers of parameters.

    Attributes:
        text: of the language model's layers.
        embeddings: of its vocabulary, in and out.
        vision: of the vision tower.
        merger: those of the tower that see tokens, not patches.
        trained: what gradients exist for.
    """

    text: int
    embeddings: int
    vision: int
    merger: int
    trained: int

    @property
    def total(self) -> int:
        """All of the model; adapters come beside it."""
        return self.text + self.embeddings + self.vision


@dataclass(frozen=True, slots=True)
class Memory:
    """GiB on one GPU, or of the machine where there is none, at the peak of a step.

    Attributes:
        weights: of the model and of adapters.
        gradients: of what is trained.
        optimizer: its state.
        activations: what layers leave for the way back.
        logits: what the head of the vocabulary holds.
        reference: the first checkpoint, where it is held beside the trained one.
        cache: keys and values of completions that transformers writes.
        vllm: what vLLM takes within the training.
        spare: what is kept free.
    """

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    reference: float
    cache: float
    vllm: float
    spare: float

    @property
    def total(self) -> float:
        """All of it."""
        return float(sum(asdict(self).values()))


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a training, as far as the estimates depend on it.

    Attributes:
        name: `sft` or `grpo`.
        config: of the training.
        shape: the model's `config.json`.
        parameters: of the model.
        prompt: tokens of text in a row's prompt.
        visual: tokens of its clip.
        response: tokens of what is learnt or written.
    """

    name: str
    config: TrainConfig
    shape: dict[str, Any]
    parameters: Parameters
    prompt: int
    visual: int
    response: int

    @property
    def tokens(self) -> int:
        """Tokens of a row."""
        return self.prompt + self.visual + self.response

    @property
    def text(self) -> dict[str, Any]:
        """The language model's part of the shape; a `config.json` of the hub has it at its top."""
        part: dict[str, Any] = self.shape.get("text_config", self.shape)
        return part

    @property
    def tower(self) -> tuple[int, int, int]:
        """Layers of the vision tower, their width, and their MLP's; Qwen2-VL has other names for these."""
        vision = self.shape["vision_config"]
        hidden = vision.get("embed_dim") or vision["hidden_size"]
        return vision["depth"], hidden, vision.get("intermediate_size") or int(hidden * vision["mlp_ratio"])

    @property
    def patches(self) -> int:
        """Patches of a clip, of which the tower merges a square into a token."""
        side: int = self.shape["vision_config"].get("spatial_merge_size", 2)
        return self.visual * side**2

    @property
    def world(self) -> int:
        """GPUs; 1 where there is none."""
        return max(1, self.config.hardware.gpus * self.config.hardware.nodes)

    @property
    def completions(self) -> int:
        """Completions that a GPU writes for a step."""
        return max(1, self.config.grpo.prompts * self.config.grpo.rollouts // self.world)

    @property
    def rows(self) -> int:
        """Rows that a GPU learns from at once."""
        if self.name == "sft":
            return self.config.sft.batch_size
        return min(self.completions, self.config.grpo.micro_batch or self.completions)

    @property
    def zero(self) -> bool:
        """Whether DeepSpeed spreads it: it holds what it computes with in bfloat16."""
        return self.config.hardware.strategy.startswith("zero")

    @property
    def weight_bytes(self) -> int:
        """Bytes of a weight."""
        return 4 if self.config.model.dtype == "float32" and not self.zero else 2

    @property
    def value_bytes(self) -> int:
        """Bytes of a value that is computed; on a CPU as many as a weight has."""
        steps = self.config.sft if self.name == "sft" else self.config.grpo
        return 2 if self.config.hardware.gpus and steps.bf16 else self.weight_bytes


def memory_of(s: Stage) -> Memory:
    """Reckon the memory of a stage."""
    config, n, strategy = s.config, s.parameters, s.config.hardware.strategy
    adapters = n.trained if config.model.method == "lora" else 0
    # PEFT makes adapters float32; DeepSpeed holds such a copy of what it trains beside AdamW's two moments
    each = 4 if adapters and not s.zero else s.weight_bytes
    state = 12 if s.zero else 2 * each
    split = s.world if strategy in ("zero3", "fsdp2") else 1
    spread = s.world if strategy in ("zero2", "zero3", "fsdp2") else 1
    copies = 2 if strategy == "ddp" and s.world > 1 else 1  # DDP gathers gradients in buckets beside them
    grpo = config.grpo if s.name == "grpo" else None
    separate = grpo is not None and grpo.beta > 0 and not adapters
    within = grpo is not None and grpo.vllm and not grpo.vllm_server
    return Memory(
        weights=(n.total * s.weight_bytes + adapters * each) / split / GIB,
        gradients=copies * n.trained * each / spread / GIB,
        optimizer=n.trained * state / spread / GIB,
        activations=_activations(s) / GIB,
        logits=_logits(s, gathered=split > 1) / GIB,
        reference=n.total * s.weight_bytes / split / GIB if separate else 0.0,
        cache=_cache(s) / GIB if grpo is not None and not grpo.vllm else 0.0,
        vllm=config.grpo.vllm_memory * config.hardware.gpu_memory_gib if within else 0.0,
        spare=SPARE_GIB if config.hardware.gpus else CPU_SPARE_GIB,
    )


def _activations(s: Stage) -> float:
    """Return the bytes that the layers of the language model, and of a tower that is trained, leave for the way back.

    With fused attention a layer leaves 14 values of its width and 4 of its MLP's for each token, or patch. With
    checkpointing it leaves what goes into it, and the rest is there for one layer at a time. A frozen tower leaves
    nothing.
    """
    text = s.text
    parts = [(s.tokens, text["num_hidden_layers"], text["hidden_size"], text["intermediate_size"])]
    if not s.config.model.freeze_vision:
        parts.append((s.patches, *s.tower))
    whole = [seen * (14 * hidden + 4 * feed) for seen, _, hidden, feed in parts]
    if s.config.model.gradient_checkpointing:
        values = max(whole) + sum(seen * layers * hidden for seen, layers, hidden, _ in parts)
    else:
        values = sum(one * layers for one, (_, layers, _, _) in zip(whole, parts, strict=True))
    return float(s.rows * values * s.value_bytes)


def _logits(s: Stage, *, gathered: bool) -> float:
    """Return the bytes that the head of the vocabulary holds while it is walked back, beside all activations.

    Logits of a whole row are never there: in both stages the loss comes from TRL's fused head (`fused_lm_head=True`),
    which multiplies a tile of tokens with a tile of the vocabulary, and does so again on the way back. On a GPU it
    takes the tokens that bear loss, those of the response; on a CPU all. It holds one tile, the hidden states of its
    tokens with their gradients in float32, and, where the vocabulary is trained, the gradient of all its weights in
    float32, then in their own precision. Weights that are spread (`gathered`) it collects as a whole.
    """
    text, on_gpu = s.text, s.config.hardware.gpus > 0
    seen = s.rows * (s.response if on_gpu else s.tokens)
    columns = TILE_COLUMNS if on_gpu else min(TILE_COLUMNS, text["vocab_size"])
    tile = min(seen, TILE_TOKENS) * columns * (s.value_bytes if on_gpu else CPU_TILE_BYTES)
    states = seen * text["hidden_size"] * (s.value_bytes + 4)
    trained = (4 if s.weight_bytes == 4 else 6) if s.config.model.method == "full" else 0
    head = text["vocab_size"] * text["hidden_size"] * (trained + (s.weight_bytes if gathered else 0))
    return float(tile + states + head)


def _cache(s: Stage) -> float:
    """Return the bytes of keys and values of all completions of a step on one GPU, prompts included."""
    text = s.text
    head = text.get("head_dim") or text["hidden_size"] // text["num_attention_heads"]
    values = 2 * text["num_hidden_layers"] * text["num_key_value_heads"] * head
    return float(values * s.value_bytes * s.tokens * s.completions)
