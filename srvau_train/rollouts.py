"""What GRPO needs to know of its completions: their clips, where they reflect, what the reflection did."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from srvau_train.batches import ExampleDataset, Features, Skipped
from srvau_train.grading import Truth
from srvau_train.rewards import total
from srvau_train.rocot.answers import RIGHT_TIOU
from srvau_train.weights import RewardWeights
from vau_bench.errors import ModelError

SHOWN, SKIPPED = "shown", "skipped"
CELLS = ("keep", "repair", "damage", "stay_wrong")
_TRIES = 20


class Prompts:
    """Turns row numbers into prompts with their truth, within the workers of the data loader.

    A row that cannot be shown is replaced by the next one that can, and counted.
    """

    def __init__(self, rows: ExampleDataset) -> None:
        self._rows = rows

    def __call__(self, numbers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return one record a completion; those of one prompt share its tensors."""
        shown: dict[int, Features] = {}
        skipped: list[Skipped] = []
        records = []
        for number in numbers:
            row = number["row"]
            if row not in shown:
                shown[row] = self._next(row, skipped)
            features = shown[row]
            truth = self._rows.rows[features.index].truth
            records.append({"prompt": str(features.index), **truth_columns(truth), SHOWN: features})
        records[0][SKIPPED] = skipped
        return records

    def _next(self, row: int, skipped: list[Skipped]) -> Features:
        for number in range(row, row + _TRIES):
            item = self._rows[number % len(self._rows)]
            if isinstance(item, Features):
                return item
            skipped.append(item)
        raise ModelError(f"{_TRIES} rows in a row could not be shown (first: {skipped[0].reason}); mend the videos")


def truth_columns(truth: Truth) -> dict[str, Any]:
    """Return a truth as the columns that the reward functions read."""
    return {
        "label": truth.label,
        "classes": list(truth.classes),
        "option": truth.option,
        "options": list(truth.options),
        "segments": None if truth.segments is None else [list(s) for s in truth.segments],
        "duration": truth.duration,
    }


def reflection_start(tokenizer: Any, tokens: Sequence[int]) -> int:
    """Return the number of tokens before the reflection begins; 0 where there is none.

    A token that holds the beginning of `<reflect>` belongs to the reflection.
    """
    at = tokenizer.decode(tokens, skip_special_tokens=True).find("<reflect>")
    if at <= 0:
        return 0
    lengths = range(len(tokens) + 1)
    return bisect_right(lengths, at, key=lambda n: len(tokenizer.decode(tokens[:n], skip_special_tokens=True))) - 1


def effect_shares(texts: Sequence[str], truths: Sequence[Truth], weights: RewardWeights) -> dict[str, float]:
    """Return which share of the responses with a reflection kept, repaired, broke or left their answer wrong.

    An answer is right from a worth of `RIGHT_TIOU` on, which for options and labels means right.
    """
    counts = dict.fromkeys(CELLS, 0)
    for text, truth in zip(texts, truths, strict=True):
        reward = total(text, truth, weights)
        if reward.first is None:
            continue
        before, after = reward.first >= RIGHT_TIOU, reward.revised >= RIGHT_TIOU
        counts[("keep" if after else "damage") if before else ("repair" if after else "stay_wrong")] += 1
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.items()} if whole else {}
