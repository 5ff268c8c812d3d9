"""What a training needs, reckoned before anything is loaded: parameters, memory, tokens, hours.

The parameters are exact: the model is built on the meta device. Memory and time are estimates; every assumption is a
constant here or in `plan_memory`, and none was checked against a long run.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from srvau_train.config import DataSection, TrainConfig
from srvau_train.plan_memory import Memory, Parameters, Stage, memory_of
from vau_bench.errors import UsageError
from vau_bench.journal import read_lines

CLIP_SECONDS = 30.0
"""Assumed length of a clip, for plans that take frames by the second."""
PROMPT_TOKENS, RESPONSE_TOKENS = 300, 400
"""Assumed tokens of text: the prompt, and a chain or completion."""
SFT_ROWS = 3200
"""Rows assumed for SFT where the chains are not made yet: those of 200 steps, as VAU-R1 takes (arXiv 2505.23504), of 16
rows, as the shipped configurations take."""
PEAK_FLOPS, UTILISATION = 989e12, 0.35
"""bfloat16 operations a second of an H100 SXM (its data sheet), and the share of them that a training reaches."""
CPU_FLOPS = 50e9
"""Single-precision operations a second that a training of this size reaches on two cores."""
BANDWIDTH, BANDWIDTH_SHARE = 3.35e12, 0.5
"""Bytes a second of an H100's memory (its data sheet), and the share that decoding reaches: each new token reads all
weights once."""
CPU_BANDWIDTH = 51.2e9
"""Bytes a second of a machine's memory: two channels of DDR4-3200, of 8 bytes 3.2e9 times a second (JEDEC JESD79-4)."""
_SHAPES = Path(__file__).parent / "configs" / "shapes.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one stage needs.

    Attributes:
        stage: `sft` or `grpo`.
        parameters: of the model.
        visual_tokens: of a clip in the prompt.
        tokens: of a row: prompt, clip and response.
        steps: of the optimizer.
        steps_from: where their number comes from: a field, rows that were counted, or rows that are assumed.
        memory: of a GPU; of the machine, where there is none.
        tokens_per_second: over all GPUs, assumed.
        hours: of the stage.
        problem: why it cannot run, `None` when it can.
    """

    stage: str
    parameters: Parameters
    visual_tokens: int
    tokens: int
    steps: int
    steps_from: str
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
    known: dict[str, dict[str, Any] | str] = json.loads(_SHAPES.read_text("utf-8"))
    if checkpoint not in known:
        raise UsageError(f"the shape of {checkpoint} is not known; name its folder, or one of {', '.join(known)}")
    shape = known[checkpoint]
    # a text names the folder of a checkpoint of this shape, from the folder of the shapes
    return shape_of(str(_SHAPES.parent / shape)) if isinstance(shape, str) else shape


def count_parameters(config: TrainConfig, shape: dict[str, Any]) -> Parameters:
    """Build the model without memory and count."""
    import torch
    from transformers import AutoConfig, AutoModelForImageTextToText

    about = {name: value for name, value in shape.items() if name != "model_type"}
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(shape["model_type"], **about))
    sizes = {name: p.numel() for name, p in model.named_parameters()}
    vision = sum(n for name, n in sizes.items() if ".visual." in name)
    merger = sum(n for name, n in sizes.items() if ".visual." in name and "merger" in name)
    embeddings = sum(n for name, n in sizes.items() if "embed_tokens" in name or "lm_head" in name)
    total = sum(sizes.values())
    if config.model.method == "lora":
        adapted = re.compile(rf"({config.model.adapted})\.weight")
        shapes = [p.shape for name, p in model.named_parameters() if adapted.fullmatch(name)]
        trained = sum(config.model.lora.r * (rows + columns) for rows, columns in shapes)
    else:
        trained = total - (vision if config.model.freeze_vision else 0)
    return Parameters(total - vision - embeddings, embeddings, vision, merger, trained)


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
        RunError: for chains of which a line is damaged.
    """
    shape = shape_of(config.model.checkpoint)
    parameters = count_parameters(config, shape)
    s = Stage(stage, config, shape, parameters, PROMPT_TOKENS, visual_tokens(config, shape), RESPONSE_TOKENS)
    memory = memory_of(s)
    steps, source = _steps(s)
    seconds, speed = _seconds(s)
    hours = steps * seconds / 3600
    return Plan(stage, parameters, s.visual, s.tokens, steps, source, memory, speed, hours, _problem(config, memory))


def _steps(s: Stage) -> tuple[int, str]:
    """Return the steps of a stage, and where their number comes from."""
    sft = s.config.sft
    if s.name == "grpo":
        return s.config.grpo.steps, "grpo.steps"
    if sft.max_steps:
        return sft.max_steps, "sft.max_steps"
    rows, source = _sft_rows(s.config.data)
    return max(1, math.ceil(sft.epochs * rows / (sft.batch_size * sft.accumulation * s.world))), source


def _sft_rows(data: DataSection) -> tuple[int, str]:
    """Return the rows of SFT, and whether they were counted: in the chains, where all of these are there."""
    files = [folder / "chains.jsonl" for folder in data.chains]
    if not files or not all(path.is_file() for path in files):
        return SFT_ROWS, f"rows assumed: {SFT_ROWS}"
    counts = [sum(record.get("kind") != "report" for record in read_lines(path, json.loads)) for path in files]
    rows = sum(min(count, data.limit or count) for count in counts)
    return rows, f"rows counted in data.chains: {rows}" + (", data.answers left out" if data.answers else "")


def _seconds(s: Stage) -> tuple[float, float]:
    """Return the seconds of a step of the optimizer, and the tokens a second that it takes in.

    Forwards, a token costs two operations a parameter of the language model, and a patch as many a parameter of the
    tower, whose merger sees tokens. Backwards costs twice the way forward, checkpointing once more; a frozen tower is
    never walked back. In GRPO each completion goes forward once for its prompt, and once through the reference.
    """
    config, n = s.config, s.parameters
    on_gpu = config.hardware.gpus > 0
    reached = PEAK_FLOPS * UTILISATION * s.world if on_gpu else CPU_FLOPS
    back = 4 if config.model.gradient_checkpointing else 3
    text = 2 * (n.text + n.embeddings) * s.tokens
    vision = 2 * ((n.vision - n.merger) * s.patches + n.merger * s.visual)
    learn = back * text + (1 if config.model.freeze_vision else back) * vision
    speed = reached * s.tokens / learn
    if s.name == "sft":
        return config.sft.batch_size * config.sft.accumulation * s.world * learn / reached, speed
    forwards = 2 if config.grpo.beta else 1
    rows = config.grpo.prompts * config.grpo.rollouts
    read = (BANDWIDTH if on_gpu else CPU_BANDWIDTH) * BANDWIDTH_SHARE
    decode = s.response * n.total * s.weight_bytes / read
    return decode + rows * (learn + forwards * (text + vision)) / reached, speed


def _problem(config: TrainConfig, memory: Memory) -> str | None:
    limit, on_gpu = config.hardware.gpu_memory_gib, config.hardware.gpus > 0
    if memory.total <= limit:
        return None
    ways = []
    if config.model.method == "full":
        ways.append("model.method: lora")
    if on_gpu and config.hardware.strategy in ("single", "ddp", "zero2"):
        ways.append("hardware.strategy: zero3 or fsdp2 on several GPUs")
    if not config.model.gradient_checkpointing:
        ways.append("model.gradient_checkpointing: true")
    if memory.activations + memory.logits > limit / 4:
        ways.append("fewer rows at once, fewer frames or a smaller data.max_pixels")
    if memory.vllm:
        ways.append("a smaller grpo.vllm_memory, or grpo.vllm_server")
    if not on_gpu:
        ways.append("a machine with more memory")
    place = "GPU" if on_gpu else "machine"
    helps = "; ".join(ways) or "more GPUs"
    return f"it takes {memory.total:.1f} GiB of a {place} that has {limit:g}; what helps: {helps}"
