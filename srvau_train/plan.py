"""What a training needs, reckoned before anything is loaded: parameters, memory of a GPU, tokens, hours.

The parameters are exact: the model is built on the meta device. Memory and time are estimates; every assumption is a
constant here, and none was checked against a long run.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from srvau_train.config import TrainConfig
from vau_bench.errors import UsageError

GIB = 2**30
CLIP_SECONDS = 30.0
"""Assumed length of a clip, for plans that take frames by the second."""
PROMPT_TOKENS, RESPONSE_TOKENS = 300, 400
"""Assumed tokens of text: the prompt, and a chain or completion."""
PEAK_FLOPS, UTILISATION = 989e12, 0.35
"""bfloat16 operations a second of an H100 SXM (its data sheet), and the share of them that a training reaches."""
CPU_FLOPS = 50e9
"""Single-precision operations a second that a training of this size reaches on two cores."""
BANDWIDTH, BANDWIDTH_SHARE = 3.35e12, 0.5
"""Bytes a second of its memory, and the share that decoding reaches: each new token reads all weights once."""
SPARE_GIB = 4.0
"""CUDA's context, fragments, and what nobody has thought of."""
_SHAPES = Path(__file__).parent / "configs" / "shapes.json"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Numbers of parameters.

    Attributes:
        text: of the language model's layers.
        embeddings: of its vocabulary, in and out.
        vision: of the vision tower.
        trained: what gradients exist for.
    """

    text: int
    embeddings: int
    vision: int
    trained: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.text + self.embeddings + self.vision


@dataclass(frozen=True, slots=True)
class Memory:
    """GiB on one GPU at the peak of a step."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    reference: float
    cache: float

    @property
    def total(self) -> float:
        """All of it, with what is spared."""
        return float(sum(asdict(self).values())) + SPARE_GIB


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stage needs.

    Attributes:
        stage: `sft` or `grpo`.
        parameters: of the model.
        visual_tokens: of a clip in the prompt.
        tokens: of a row: prompt, clip and response.
        memory: of a GPU.
        tokens_per_second: over all GPUs, assumed.
        hours: of the stage.
        problem: why it cannot run, `None` when it can.
    """

    stage: str
    parameters: Parameters
    visual_tokens: int
    tokens: int
    memory: Memory
    tokens_per_second: float
    hours: float
    problem: str | None


def shape_of(checkpoint: str) -> dict[str, Any]:
    """Return the `config.json` of a checkpoint: of a folder, or of one whose shape is written down here.

    Raises:
        UsageError: for one that is neither.
    """
    path = Path(checkpoint) / "config.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        return found
    known: dict[str, Any] = json.loads(_SHAPES.read_text("utf-8"))
    if checkpoint not in known:
        raise UsageError(f"the shape of {checkpoint} is not known; name its folder, or one of {', '.join(known)}")
    shape: dict[str, Any] = known[checkpoint]
    return shape


def count_parameters(config: TrainConfig, shape: dict[str, Any]) -> Parameters:
    """Build the model without memory and count."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    about = {name: value for name, value in shape.items() if name != "model_type"}
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(shape["model_type"], **about))
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    vision = sum(n for name, n in sizes.items() if ".visual." in name)
    embeddings = sum(n for name, n in sizes.items() if "embed_tokens" in name or "lm_head" in name)
    total = sum(sizes.values())
    if config.model.method == "lora":
        targets = re.compile(rf"language_model.*\.({'|'.join(config.model.lora.targets)})\.weight$")
        shapes = [p.shape for name, p in model.named_parameters() if targets.search(name)]
        trained = sum(config.model.lora.r * (rows + columns) for rows, columns in shapes)
    else:
        trained = total - (vision if config.model.freeze_vision else 0)
    return Parameters(total - vision - embeddings, embeddings, vision, trained)


def visual_tokens(config: TrainConfig, shape: dict[str, Any]) -> int:
    """Return the tokens of a clip of `CLIP_SECONDS` in the prompt, at the most pixels."""
    frames = _frames(config.data.frames or "fps(1, max=64)")
    vision = shape["vision_config"]
    side = vision.get("patch_size", 14) * vision.get("spatial_merge_size", 2)
    if config.data.mode == "frames":
        return int(frames * (config.data.max_pixels // side**2 + 8))
    return int(-(-frames // 2) * (config.data.max_pixels // side**2))


def _frames(plan: str) -> int:
    numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", plan)]
    if plan.startswith("uniform"):
        return int(numbers[0])
    most = re.search(r"max=(\d+)", plan)
    count = int(numbers[0] * CLIP_SECONDS)
    return min(count, int(most[1])) if most else count


def plan(config: TrainConfig, stage: str) -> Plan:
    """Reckon what a stage needs.

    Raises:
        UsageError: for a checkpoint of unknown shape.
    """
    shape = shape_of(config.model.checkpoint)
    parameters = count_parameters(config, shape)
    seen = visual_tokens(config, shape)
    tokens = PROMPT_TOKENS + seen + RESPONSE_TOKENS
    memory = _memory(config, shape, parameters, stage, tokens)
    hours, speed = _hours(config, parameters, stage, tokens)
    return Plan(stage, parameters, seen, tokens, memory, speed, hours, _problem(config, memory))


def _memory(config: TrainConfig, shape: dict[str, Any], n: Parameters, stage: str, tokens: int) -> Memory:
    strategy, world = config.hardware.strategy, max(1, config.hardware.gpus * config.hardware.nodes)
    wide = config.model.dtype == "float32" and not strategy.startswith("zero")
    each = 4 if wide else 2
    # DeepSpeed holds a float32 copy of what it trains beside AdamW's two moments
    state = 12 if strategy.startswith("zero") else 8 if wide else 4
    split = world if strategy in ("zero3", "fsdp2") else 1
    spread = world if strategy in ("zero2", "zero3", "fsdp2") else 1
    text = shape["text_config"]
    hidden, layers, feed = text["hidden_size"], text["num_hidden_layers"], text["intermediate_size"]
    rows = config.sft.batch_size if stage == "sft" else _rollouts(config)[1]
    # what a layer leaves for the way back, bytes a token, in bfloat16 with fused attention
    whole = 2 * (14 * hidden + 4 * feed)
    stored = layers * 2 * hidden + whole if config.model.gradient_checkpointing else layers * whole
    heads = text["num_key_value_heads"] * text.get("head_dim", hidden // text["num_attention_heads"])
    cache = 2 * layers * heads * 2 * tokens * _rollouts(config)[0] if stage == "grpo" else 0
    separate = stage == "grpo" and config.grpo.beta > 0 and config.model.method == "full"
    return Memory(
        weights=n.total * each / split / GIB,
        gradients=n.trained * each / spread / GIB,
        optimizer=n.trained * state / spread / GIB,
        activations=rows * tokens * stored / GIB,
        reference=n.total * 2 / split / GIB if separate else 0.0,
        cache=cache / GIB,
    )


def _rollouts(config: TrainConfig) -> tuple[int, int]:
    """Return the completions of a step on one GPU, and how many of them are computed at once."""
    world = max(1, config.hardware.gpus * config.hardware.nodes)
    own = max(1, config.grpo.prompts * config.grpo.rollouts // world)
    return own, min(own, config.grpo.micro_batch or own)


def _hours(config: TrainConfig, n: Parameters, stage: str, tokens: int) -> tuple[float, float]:
    """Return the hours of a stage and the tokens a second that a step of the optimizer takes in."""
    world = max(1, config.hardware.gpus * config.hardware.nodes)
    forward = 2 * (n.text + n.embeddings)
    # backwards costs twice the way forward, checkpointing once more
    learn = forward * (4 if config.model.gradient_checkpointing else 3)
    reached = PEAK_FLOPS * UTILISATION * world if config.hardware.gpus else CPU_FLOPS
    speed = reached / learn
    if stage == "sft":
        rows = config.sft.batch_size * config.sft.accumulation * world
        steps = config.sft.max_steps or 1000
        return steps * rows * tokens / speed / 3600, speed
    rows = config.grpo.prompts * config.grpo.rollouts
    decode = RESPONSE_TOKENS * n.total * 2 / (BANDWIDTH * BANDWIDTH_SHARE)
    reference = 1.25 if config.grpo.beta else 1.0
    seconds = decode + rows * tokens / speed * reference + rows * tokens * forward / reached
    return config.grpo.steps * seconds / 3600, speed


def _problem(config: TrainConfig, memory: Memory) -> str | None:
    limit = config.hardware.gpu_memory_gib
    if config.hardware.gpus == 0 or memory.total <= limit:
        return None
    ways = []
    if config.model.method == "full":
        ways.append("model.method: lora")
    if config.hardware.strategy in ("single", "ddp", "zero2"):
        ways.append("hardware.strategy: zero3 or fsdp2 on several GPUs")
    if not config.model.gradient_checkpointing:
        ways.append("model.gradient_checkpointing: true")
    if memory.activations > limit / 4:
        ways.append("fewer rows at once, fewer frames or a smaller data.max_pixels")
    return (
        f"it takes {memory.total:.0f} GiB of a GPU that has {limit:.0f}; what helps: {'; '.join(ways) or 'more GPUs'}"
    )
