"""The weights of the reward, refused where they would pay for being wrong first."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal

from vau_bench.errors import UsageError

COMPONENTS = ("format", "accuracy", "tiou", "effect", "form", "length")


@dataclass(frozen=True, slots=True)
class EffectCells:
    """What a reflection earns by what it did; the defaults are SRPO's (arXiv 2506.01713).

    Attributes:
        keep: right before and after.
        repair: wrong before, right after.
        damage: right before, wrong after.
        stay_wrong: wrong both times.
    """

    keep: float = 0.25
    repair: float = 0.5
    damage: float = -0.25
    stay_wrong: float = 0.0

    def at(self, first: float, revised: float) -> float:
        """Return the effect for two answers worth `first` and `revised`, in [0, 1].

        Right and wrong are the corners; between them the cells are interpolated in both. With SRPO's cells this is
        `0.5 (revised - first) + 0.25 first`: the change of tIoU, and a share for what was right from the start.
        """
        return (
            first * revised * self.keep
            + (1 - first) * revised * self.repair
            + first * (1 - revised) * self.damage
            + (1 - first) * (1 - revised) * self.stay_wrong
        )


@dataclass(frozen=True, slots=True)
class RewardWeights:
    """What each component counts. The defaults are the SRPO-derived reward, which is ours and not a paper's.

    SRPO's own terms are kept: 0.5 format + 0.5 [first answer right] + effect + 0.25 form + 0.1 length. Ours are the
    grading by tIoU, the interpolated effect, what makes a reflection well formed, and the guards.

    Attributes:
        format: the response follows the grammar of `style` to the letter.
        accuracy: the option or label of the graded answer is right.
        tiou: the tIoU of the graded answer.
        effect: multiplies `cells`.
        form: the reflection says something of its own, once, in bounded length.
        length: SRPO's f_len.
        answer: which answer accuracy and tIoU grade: the first, as in SRPO, or the last, as in VAU-R1.
        style: the style that the format asks for.
        cells: the reflection effect.
        above_whole: see `grading.tiou_worth`.
        length_target: the whole response's best length, in lengths of its first solution.
        length_limit: where f_len has fallen to 1/e.
        most_words: a reflection of more words is not well formed.
    """

    format: float = 0.5
    accuracy: float = 0.5
    tiou: float = 0.5
    effect: float = 1.0
    form: float = 0.25
    length: float = 0.1
    answer: Literal["first", "last"] = "first"
    style: Literal["direct", "think", "reflect"] = "reflect"
    cells: EffectCells = EffectCells()
    above_whole: bool = False
    length_target: float = 2.0
    length_limit: float = 2.5
    most_words: int = 400

    def __post_init__(self) -> None:
        for name in COMPONENTS:
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise UsageError(f"reward weight {name} must be a number of at least 0, not {value}")
        if not any(getattr(self, name) for name in COMPONENTS):
            raise UsageError("every reward weight is 0: nothing would be learnt")
        if not all(math.isfinite(getattr(self.cells, f.name)) for f in fields(self.cells)):
            raise UsageError("reward: the cells of the reflection effect must be finite numbers")
        if self.answer not in ("first", "last") or self.style not in ("direct", "think", "reflect"):
            raise UsageError(
                f"reward: answer={self.answer!r}, style={self.style!r}; known: first, last; direct, think, reflect"
            )
        if not 1 < self.length_target < self.length_limit:
            raise UsageError("reward: length_limit must exceed length_target, and that must exceed 1")
        if self.most_words < 1:
            raise UsageError("reward: most_words must be at least 1")
        if self.style != "reflect" and (self.effect or self.form or self.length):
            raise UsageError(f"reward: effect, form and length grade a reflection; the style {self.style} has none")
        if self.effect:
            self._check_effect()

    def _check_effect(self) -> None:
        """Refuse cells under which a worse first answer, or a worse last one, can pay.

        The answers' share of the reward is bilinear in their worths, so its slopes at the corners decide: both
        must be positive wherever the other answer stands (a first answer may be worth nothing to a wrong last one).
        """
        graded = min(self.accuracy, self.tiou)
        first, last = (graded, 0.0) if self.answer == "first" else (0.0, graded)
        c, e = self.cells, self.effect
        if first + e * (c.keep - c.repair) <= 0 or first + e * (c.damage - c.stay_wrong) < 0:
            raise UsageError(
                "reward: a wrong first answer would pay; raise keep or damage, lower repair, or weigh accuracy and "
                "tiou of the first answer more"
            )
        if last + e * (c.keep - c.damage) <= 0 or last + e * (c.repair - c.stay_wrong) <= 0:
            raise UsageError("reward: breaking an answer would pay as much as keeping or repairing it; lower damage")

    @classmethod
    def vau_r1(cls, style: Literal["direct", "think", "reflect"] = "think") -> RewardWeights:
        """Return VAU-R1's reward (arXiv 2505.23504): format, accuracy and tIoU of the last answer, weight 1 each."""
        return cls(1.0, 1.0, 1.0, 0.0, 0.0, 0.0, answer="last", style=style)

    def listed(self) -> list[float]:
        """Return the weights in the order of `COMPONENTS`, as `GRPOConfig.reward_weights` takes them."""
        return [float(getattr(self, name)) for name in COMPONENTS]
