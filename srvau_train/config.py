"""The configuration of a training: a YAML file, checked field by field before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from srvau_train.weights import EffectCells, RewardWeights
from vau_bench.errors import UsageError, suggestion
from vau_bench.models.qwen_config import QwenVLConfig

_DEFAULTS = QwenVLConfig.model_fields


class Section(BaseModel):
    """Part of a configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LoraSection(Section):
    """Low-rank adapters, where `model.method` is `lora`."""

    r: int = Field(64, ge=1, description="rank")
    alpha: int = Field(128, ge=1, description="scale: alpha / r multiplies the update")
    dropout: float = Field(0.05, ge=0, lt=1, description="dropout before the adapter")
    targets: list[str] = Field(
        ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        description="names of the linear layers of the language model that get one",
    )
    vision_targets: list[str] = Field(
        ["qkv", "proj", "gate_proj", "up_proj", "down_proj", "linear_fc1", "linear_fc2"],
        description="names of those of the vision tower's blocks that get one, where model.freeze_vision is false",
    )


class ModelSection(Section):
    """What is trained."""

    checkpoint: str = Field(min_length=1, description="folder of the checkpoint to begin with, or its id on the hub")
    revision: str | None = Field(None, description="branch, tag or commit on the hub")
    processor: str | None = Field(None, description="folder or id with the processor, if the checkpoint has none")
    dtype: Literal["auto", "bfloat16", "float32"] = Field("bfloat16", description="precision of the weights")
    attention: str | None = Field(None, description="sdpa, flash_attention_2 or eager; default: transformers' choice")
    device: str = Field("auto", description="auto (a GPU if there is one) or cpu")
    gradient_checkpointing: bool = Field(True, description="compute activations twice to hold fewer of them")
    method: Literal["full", "lora"] = Field("full", description="train all weights, or low-rank adapters")
    freeze_vision: bool = Field(True, description="leave the vision tower as it is")
    lora: LoraSection = Field(LoraSection(), description="of the adapters")

    @property
    def adapted(self) -> str:
        """A pattern of the names of all layers that get an adapter: those of the tower too, unless it is frozen."""
        places = [rf".*language_model.*\.({'|'.join(self.lora.targets)})"]
        if not self.freeze_vision:
            places.append(rf".*visual\.blocks\..*\.({'|'.join(self.lora.vision_targets)})")
        return "|".join(places)


class DataSection(Section):
    """What it is trained on, and how a clip is shown."""

    chains: list[Path] = Field([], description="folders that `train rocot` made; for sft")
    answers: list[str] = Field([], description="tasks whose training split gives direct answers; for sft")
    tasks: list[str] = Field([], description="tasks whose training split gives prompts; for grpo")
    style: Literal["direct", "think", "reflect"] = Field("reflect", description="prompt style of grpo")
    split: str = Field("train", description="only train is accepted")
    data: Path | None = Field(None, description="folder of the annotations")
    videos: list[Path] = Field([], description="folders to look for videos in; default: beside the annotations")
    tasks_dirs: list[Path] = Field([], description="further folders of task folders")
    ucf_grounding: bool = Field(False, description="train grounding on UCF-Crime, which tests generalisation else")
    mode: Literal["video", "frames", "patches"] = Field("video", description="as the argument of qwen_vl")
    tell_times: Literal["auto", "always", "never"] = Field("auto", description="as the argument of qwen_vl")
    frames: str | None = Field(None, description="frame plan, such as fps(2, max=32); default: the task's")
    max_pixels: int = Field(_DEFAULTS["max_pixels"].default, ge=1, description="pixels of a frame at most")
    min_pixels: int = Field(_DEFAULTS["min_pixels"].default, ge=1, description="pixels of a frame at least")
    total_pixels: int = Field(_DEFAULTS["total_pixels"].default, ge=1, description="pixels of a clip at most")
    limit: int | None = Field(None, ge=1, description="rows of each source at most")
    workers: int = Field(4, ge=0, description="processes that decode ahead")
    most_skipped: float = Field(0.05, ge=0, le=1, description="share of rows whose video may fail before it stops")


class Steps(Section):
    """What both trainings have."""

    max_grad_norm: float = Field(1.0, gt=0, description="gradients are clipped to this norm")
    weight_decay: float = Field(0.0, ge=0, description="of AdamW")
    schedule: Literal["cosine", "linear", "constant"] = Field("cosine", description="of the learning rate")
    warmup_share: float = Field(0.03, ge=0, lt=1, description="share of the steps in which it rises")
    adam_beta2: float = Field(0.999, gt=0, lt=1, description="of AdamW")
    bf16: bool = Field(True, description="compute in bfloat16")
    save_every: int = Field(100, ge=1, description="steps between two checkpoints")
    keep: int = Field(2, ge=1, description="checkpoints that are kept")
    log_every: int = Field(5, ge=1, description="steps between two lines of metrics")
    seed: int = Field(0, ge=0, description="of data order, dropout and sampling")


class SftSection(Steps):
    """Supervised fine-tuning."""

    learning_rate: float = Field(1e-5, gt=0, description="at its peak")
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw", description="muon: matrices by Muon, the rest by AdamW; on one device or with ddp"
    )
    muon_rate: float = Field(0.02, gt=0, description="learning rate of the matrices, where optimizer is muon")
    epochs: float = Field(1.0, gt=0, description="passes over the rows")
    max_steps: int | None = Field(None, ge=1, description="steps, instead of epochs")
    batch_size: int = Field(1, ge=1, description="rows at once on a device")
    accumulation: int = Field(8, ge=1, description="such batches in a step")
    group_by_length: bool = Field(True, description="batches of rows of like length, so that little is padding")


class GrpoSection(Steps):
    """Reinforcement fine-tuning by GRPO (arXiv 2402.03300)."""

    learning_rate: float = Field(1e-6, gt=0, description="at its peak")
    steps: int = Field(500, ge=1, description="steps of the optimizer")
    prompts: int = Field(8, ge=1, description="prompts a step, over all devices")
    rollouts: int = Field(8, ge=2, description="completions a prompt")
    micro_batch: int | None = Field(None, ge=1, description="completions at once on a device; default: all of its own")
    max_new_tokens: int = Field(768, ge=1, description="of a completion")
    temperature: float = Field(1.0, gt=0, description="of the sampling")
    top_p: float = Field(1.0, gt=0, le=1, description="of the sampling")
    beta: float = Field(0.04, ge=0, description="weight of the KL divergence from the first checkpoint")
    loss_type: Literal["grpo", "dr_grpo", "dapo"] = Field("grpo", description="how tokens are averaged")
    epsilon: float = Field(0.2, gt=0, description="clip range of the probability ratio")
    epsilon_high: float | None = Field(None, gt=0, description="its upper side, where it differs (clip-higher)")
    scale_rewards: Literal["group", "batch", "none"] = Field("group", description="divide advantages by the spread of")
    drop_flat_groups: bool = Field(False, description="leave out prompts whose completions all earn the same")
    advantage_on: Literal["all", "reflection"] = Field(
        "all", description="tokens that learn: all, or from <reflect> on"
    )
    updates_per_batch: int = Field(1, ge=1, description="steps of the optimizer on one set of completions")
    vllm: bool = Field(False, description="completions by vLLM; needs mode frames")
    vllm_server: str | None = Field(None, description="address of `trl vllm-serve`; default: vLLM within the training")
    vllm_memory: float = Field(0.3, gt=0, le=1, description="share of a GPU's memory for vLLM within the training")


class RewardSection(Section):
    """The reward; see `srvau_train.weights.RewardWeights`, whose defaults these are."""

    format: float = Field(0.5, description="weight of following the grammar to the letter")
    accuracy: float = Field(0.5, description="weight of the right option or label")
    tiou: float = Field(0.5, description="weight of the interval's tIoU")
    effect: float = Field(1.0, description="weight of what the reflection did to the first answer")
    form: float = Field(0.25, description="weight of a reflection that says something, once, and ends")
    length: float = Field(0.1, description="weight of SRPO's term for the length of the response")
    answer: Literal["first", "last"] = Field("first", description="which answer accuracy and tiou pay for")
    style: Literal["direct", "think", "reflect"] = Field("reflect", description="grammar that a response must have")
    keep: float = Field(0.25, description="effect of a right answer that stays right")
    repair: float = Field(0.5, description="effect of a wrong one made right")
    damage: float = Field(-0.25, description="effect of a right one made wrong")
    stay_wrong: float = Field(0.0, description="effect of a wrong one that stays wrong")
    above_whole: bool = Field(False, description="count tIoU from that of the whole video upwards")
    length_target: float = Field(2.0, description="words of a response over those of its first solution, at best")
    length_limit: float = Field(2.5, description="the same, where the term for length has fallen to 1/e")
    most_words: int = Field(400, description="words of a reflection at most")

    def weights(self) -> RewardWeights:
        """Return the checked weights.

        Raises:
            UsageError: where they would pay for being wrong first.
        """
        values = self.model_dump()
        cells = EffectCells(**{name: values.pop(name) for name in ("keep", "repair", "damage", "stay_wrong")})
        return RewardWeights(**values, cells=cells)


class HardwareSection(Section):
    """What it runs on; for `train plan` and the launchers."""

    gpus: int = Field(1, ge=0, description="GPUs of a node; 0: the CPU")
    nodes: int = Field(1, ge=1, description="nodes")
    gpu_memory_gib: float = Field(80, gt=0, description="memory of a GPU; where gpus is 0, of the machine")
    strategy: Literal["single", "ddp", "zero2", "zero3", "fsdp2"] = Field("single", description="how it is spread")


class TrainConfig(Section):
    """A whole configuration."""

    model: ModelSection
    data: DataSection = DataSection()
    sft: SftSection = SftSection()
    grpo: GrpoSection = GrpoSection()
    reward: RewardSection = RewardSection()
    hardware: HardwareSection = HardwareSection()
    report_to: list[Literal["tensorboard", "wandb"]] = Field([], description="where metrics go besides metrics.jsonl")

    @model_validator(mode="after")
    def _agree(self) -> TrainConfig:
        if self.data.min_pixels > self.data.max_pixels:
            raise ValueError("data.min_pixels is more than data.max_pixels")
        if self.grpo.vllm and self.data.mode != "frames":
            raise ValueError("grpo.vllm needs data.mode: frames")
        if self.grpo.vllm_server and not self.grpo.vllm:
            raise ValueError("grpo.vllm_server needs grpo.vllm: true")
        if (self.grpo.epsilon_high or self.grpo.epsilon) < self.grpo.epsilon:
            raise ValueError("grpo.epsilon_high is less than grpo.epsilon: clip-higher widens the upper side")
        if self.grpo.advantage_on == "reflection" and self.reward.style != "reflect":
            raise ValueError("grpo.advantage_on: reflection needs reward.style: reflect")
        if self.reward.style != self.data.style:
            raise ValueError(f"data.style asks for {self.data.style}, reward.style pays for {self.reward.style}")
        if self.data.split != "train":
            raise ValueError(f"data.split must be train, not {self.data.split}: nothing else may be trained on")
        if self.hardware.strategy == "single" and self.hardware.gpus * self.hardware.nodes > 1:
            raise ValueError("hardware.strategy single uses one GPU; choose ddp, zero2, zero3 or fsdp2")
        if self.model.method == "lora" and self.hardware.strategy in ("zero3", "fsdp2"):
            raise ValueError("model.method: lora needs hardware.strategy single, ddp or zero2: adapters are merged")
        whole = self.hardware.strategy in ("single", "ddp") and self.model.method == "full"
        if self.sft.optimizer == "muon" and not whole:
            raise ValueError("sft.optimizer: muon needs hardware.strategy single or ddp, and model.method full")
        self.reward.weights()
        return self

    @classmethod
    def load(cls, path: Path, overrides: Mapping[str, str] | None = None) -> TrainConfig:
        """Read a file; `overrides` replace fields by dotted name, their values read as YAML.

        Raises:
            UsageError: naming file and field.
        """
        try:
            values = yaml.safe_load(path.read_text("utf-8")) or {}
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}") from None
        if not isinstance(values, dict):
            raise UsageError(f"{path} holds no configuration")
        for name, text in (overrides or {}).items():
            _set(values, name, text)
        return cls.parse(values, str(path))

    @classmethod
    def parse(cls, values: Mapping[str, Any], source: str = "configuration") -> TrainConfig:
        """Check values.

        Raises:
            UsageError: with a line for each field that is wrong.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            lines = "; ".join(_complaint(cls, e) for e in error.errors())
            raise UsageError(f"{source}: {lines}") from None

    def dump(self) -> str:
        """Return the effective configuration as YAML."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _set(values: dict[str, Any], name: str, text: str) -> None:
    *sections, field = name.split(".")
    place = values
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise UsageError(f"--set {name}: {section} is no section")
    try:
        place[field] = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UsageError(f"--set {name}: {text!r} is not a value") from None


def _complaint(model: type[BaseModel], error: Any) -> str:
    place = [str(part) for part in error["loc"]]
    name = ".".join(place)
    if error["type"] != "extra_forbidden":
        text = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return f"{name}: {text}" if name else text
    owner: Any = model
    for part in place[:-1]:
        owner = owner.model_fields[part].annotation
    return f"unknown field {name}{suggestion(place[-1], owner.model_fields)}"
