"""The nano recipe: what each stage does, in steps that two CPU cores have time for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from srvau_train.config import TrainConfig
from srvau_train.nano.architecture import Size
from srvau_train.nano.frames import Look
from srvau_train.nano.vision import VisionLesson
from srvau_train.nano.watching import WatchingLesson


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides about the checkpoint.

    Attributes:
        seed: of weights, data order and sampling.
        clips: training clips drawn.
        look: how they are shown.
        size: of the model.
        vision: the vision tower's lesson.
        watching: the language model's lesson.
        taught: clips with chains whose first answers the error model makes.
        own: clips with chains on the model's own answers.
        base_steps: of the first fine-tuning, on answers and taught chains.
        reflect_steps: of the second, on chains that the model's own answers begin.
        grpo_steps: of the reinforcement.
        batch: rows a step of fine-tuning.
        prompts: a step of the reinforcement.
        rollouts: of each prompt.
        test: test clips that it is evaluated on.
    """

    seed: int = 0
    clips: int = 8000
    look: Look = field(default_factory=Look)
    size: Size = field(default_factory=Size)
    vision: VisionLesson = field(default_factory=VisionLesson)
    watching: WatchingLesson = field(default_factory=WatchingLesson)
    taught: int = 3000
    own: int = 500
    base_steps: int = 160
    reflect_steps: int = 120
    grpo_steps: int = 100
    batch: int = 16
    prompts: int = 8
    rollouts: int = 8
    test: int = 600

    def scaled(self, share: float) -> Recipe:
        """Return a smaller recipe, to try it out."""
        if share == 1.0:
            return self
        counts = ("clips", "taught", "own", "base_steps", "reflect_steps", "grpo_steps", "test")
        vision = replace(self.vision, steps=max(4, round(self.vision.steps * share)))
        watching = replace(self.watching, steps=max(4, round(self.watching.steps * share)))
        return replace(
            self,
            vision=vision,
            watching=watching,
            **{name: max(4, round(getattr(self, name) * share)) for name in counts},
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `qwen_vl` that show a clip as in training."""
        pixels = self.look.width * self.look.height
        return {"mode": "patches", "max_pixels": pixels, "min_pixels": (self.size.patch * self.size.merge) ** 2}

    def base(self, checkpoint: str, steps: int | None = None) -> TrainConfig:
        """Return the configuration of the first fine-tuning."""
        return self._config(checkpoint, "direct", sft=self._sft(steps or self.base_steps, 1e-3))

    def reflect(self, checkpoint: str) -> TrainConfig:
        """Return the configuration of the fine-tuning on chains."""
        return self._config(checkpoint, "reflect", sft=self._sft(self.reflect_steps, 7e-4))

    def grpo(self, checkpoint: str, **reward: Any) -> TrainConfig:
        """Return the configuration of the reinforcement; `reward` changes the reward."""
        return self._config(
            checkpoint,
            "reflect",
            grpo={
                "learning_rate": 1e-4, "steps": self.grpo_steps, "prompts": self.prompts, "rollouts": self.rollouts,
                "micro_batch": 16, "max_new_tokens": 260, "temperature": 1.0, "beta": 0.0, "loss_type": "dapo",
                "epsilon_high": 0.28, "drop_flat_groups": True, "schedule": "constant", "warmup_share": 0.05,
                "bf16": False, "save_every": 25, "log_every": 1, "seed": self.seed, "adam_beta2": 0.98,
            },
            reward=reward or self.reward,
        )  # fmt: skip

    @property
    def reward(self) -> dict[str, Any]:
        """The reward: SRPO-derived, without its length term, which pays nothing for walks through a timeline."""
        return {"length": 0.0, "form": 0.1, "format": 0.25, "accuracy": 0.5, "tiou": 0.5, "effect": 1.5, "keep": 0.25,
                "repair": 0.5, "damage": -0.25, "answer": "first"}  # fmt: skip

    @property
    def answers_alone(self) -> dict[str, Any]:
        """The reward of the ablation: format and the last answer, nothing for what the reflection did."""
        return {
            "length": 0.0,
            "form": 0.0,
            "effect": 0.0,
            "format": 0.25,
            "accuracy": 1.0,
            "tiou": 1.0,
            "answer": "last",
        }

    def _sft(self, steps: int, rate: float) -> dict[str, Any]:
        return {
            "learning_rate": rate, "max_steps": steps, "batch_size": self.batch, "accumulation": 1,
            "warmup_share": 0.05, "weight_decay": 0.05, "adam_beta2": 0.98, "bf16": False, "save_every": 100,
            "log_every": 10, "seed": self.seed,
        }  # fmt: skip

    def _config(self, checkpoint: str, style: str, **sections: Any) -> TrainConfig:
        return TrainConfig.parse(
            {
                "model": {
                    "checkpoint": checkpoint, "dtype": "float32", "device": "cpu", "gradient_checkpointing": False,
                },
                "data": {**self.arguments, "frames": self.look.plan, "style": style, "workers": 0},
                "hardware": {"gpus": 0},
                **sections,
            },
            "nano",
        )  # fmt: skip
