"""The nano recipe: what each stage does, in steps that two CPU cores have time for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from srvau_train.config import TrainConfig
from srvau_train.nano.architecture import Size
from srvau_train.nano.frames import Look
from srvau_train.nano.reading import ReadingLesson
from srvau_train.nano.vision import VisionLesson
from srvau_train.nano.watching import WatchingLesson

CONFIG = Path(__file__).parents[1] / "configs" / "nano.yaml"
"""What the fine-tunings do; the recipe adds how long, and on what."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides about the checkpoint.

    Attributes:
        seed: of weights, data order and sampling.
        clips: training clips that the lessons and fine-tunings show.
        fresh: further ones, for the model's own answers and the reinforcement. What it has been shown it sees better
            than it will see any other clip: there it is hardly ever wrong, and has nothing to repair.
        look: how they are shown.
        size: of the model.
        vision: the vision tower's lesson.
        reading: the language model's lesson in looking things up.
        watching: its lesson in looking at clips.
        taught: clips with chains whose first answers the error model makes.
        right_share: of these first answers, those that are right. With nearly half fewer right options are broken than
            with three in ten; as many intervals.
        own: of the fresh clips, those with chains on the model's own answers.
        base_steps: of the first fine-tuning, on answers and taught chains.
        reflect_steps: of the second, on chains that the model's own answers begin.
        grpo_steps: of the reinforcement.
        batch: rows a step of fine-tuning.
        prompts: a step of the reinforcement.
        rollouts: of each prompt.
        test: test clips that it is evaluated on.
    """

    seed: int = 0
    clips: int = 16000
    fresh: int = 5300
    look: Look = field(default_factory=Look)
    size: Size = field(default_factory=Size)
    vision: VisionLesson = field(default_factory=VisionLesson)
    reading: ReadingLesson = field(default_factory=ReadingLesson)
    watching: WatchingLesson = field(default_factory=WatchingLesson)
    taught: int = 3000
    right_share: float = 0.45
    own: int = 500
    base_steps: int = 60
    reflect_steps: int = 120
    grpo_steps: int = 400
    batch: int = 16
    prompts: int = 12
    rollouts: int = 8
    test: int = 600

    @property
    def answered(self) -> range:
        """The numbers of the clips that the model answers by itself, to be taught to reflect on that."""
        return range(self.clips, self.clips + self.own)

    @property
    def reinforced(self) -> range:
        """The numbers of the clips of the reinforcement."""
        return range(self.clips + self.own, self.clips + self.fresh)

    def scaled(self, share: float) -> Recipe:
        """Return a smaller recipe, to try it out."""
        if share == 1.0:
            return self

        def less(steps: int) -> int:
            return max(4, round(steps * share))

        watching = self.watching
        names = ("clips", "fresh", "taught", "own", "base_steps", "reflect_steps", "grpo_steps", "test")
        counts: dict[str, Any] = {name: less(getattr(self, name)) for name in names}
        counts["fresh"] = max(counts["fresh"], counts["own"] + self.prompts)
        return replace(
            self,
            vision=replace(self.vision, steps=less(self.vision.steps)),
            reading=replace(self.reading, steps=less(self.reading.steps)),
            watching=replace(watching, steps=less(watching.steps), answers=less(watching.answers)),
            **counts,
        )

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments of `qwen_vl` that show a clip as in training."""
        return {"mode": "patches", "max_pixels": self.look.area, "min_pixels": (self.size.patch * self.size.merge) ** 2}

    def base(self, checkpoint: str, steps: int | None = None) -> TrainConfig:
        """Return the configuration of the first fine-tuning."""
        return self._config(checkpoint, {"sft": {"max_steps": steps or self.base_steps}})

    def reflect(self, checkpoint: str) -> TrainConfig:
        """Return the configuration of the fine-tuning on chains that the model's own answers begin."""
        whole = self.base(checkpoint).sft
        rates = {"learning_rate": whole.learning_rate / 2, "muon_rate": whole.muon_rate / 2}
        return self._config(checkpoint, {"sft": {"max_steps": self.reflect_steps, **rates}})

    def grpo(self, checkpoint: str, **reward: Any) -> TrainConfig:
        """Return the configuration of the reinforcement; `reward` replaces the reward."""
        grpo = {"steps": self.grpo_steps, "prompts": self.prompts, "rollouts": self.rollouts}
        return self._config(checkpoint, {"grpo": grpo}, reward)

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

    def _config(
        self, checkpoint: str, changes: dict[str, dict[str, Any]], reward: dict[str, Any] | None = None
    ) -> TrainConfig:
        values = yaml.safe_load(CONFIG.read_text("utf-8"))
        values["model"]["checkpoint"] = checkpoint
        values["data"] |= {**self.arguments, "frames": self.look.plan, "chains": []}
        values["sft"] |= {"batch_size": self.batch, "seed": self.seed}
        values["grpo"]["seed"] = self.seed
        for section, fields in changes.items():
            values[section] |= fields
        if reward:
            values["reward"] = reward
        return TrainConfig.parse(values, "nano")
