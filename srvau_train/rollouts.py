"""What GRPO needs to know of its completions: their clips, where they reflect, what the reflection did."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from srvau_train.batches import ExampleDataset, Features
from srvau_train.grading import Truth
from srvau_train.rewards import total
from srvau_train.rocot.answers import RIGHT_TIOU
from srvau_train.skips import Skipped
from srvau_train.weights import RewardWeights
from vau_bench.errors import ModelError

SHOWN, TRUTH, SKIPPED = "shown", "truth", "skipped"
CELLS = ("keep", "repair", "damage", "stay_wrong")


class Prompts:
    """Turns row numbers into prompts with their truth, within the workers of the data loader.

    A row that cannot be shown is replaced by the next one that can, and counted. The rows of the last batch are kept:
    TRL hands a batch out once for each part of a step, and looks at the first alone.
    """

    def __init__(self, rows: ExampleDataset) -> None:
        self._rows = rows
        self._last: dict[int, tuple[Features, list[Skipped]]] = {}

    def __call__(self, numbers: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Return one record a completion; those of one prompt share its tensors."""
        rows = dict.fromkeys(number["row"] for number in numbers)
        self._last = {row: self._last.get(row) or self._next(row) for row in rows}
        records = [self._record(self._last[number["row"]][0]) for number in numbers]
        records[0][SKIPPED] = [item for _, skipped in self._last.values() for item in skipped]
        return records

    def _record(self, features: Features) -> dict[str, Any]:
        truth = timed_truth(self._rows.rows[features.index].truth, features)
        return {"prompt": str(features.index), TRUTH: truth, SHOWN: features}

    def _next(self, row: int) -> tuple[Features, list[Skipped]]:
        """Return the first row from this one on that can be shown, and those before it."""
        skipped: list[Skipped] = []
        for number in range(row, row + len(self._rows)):
            item = self._rows[number % len(self._rows)]
            if isinstance(item, Features):
                return item, skipped
            skipped.append(item)
        raise ModelError(f"none of {len(skipped)} rows could be shown (first: {skipped[0].reason}); mend the videos")


def timed_truth(truth: Truth, features: Features) -> Truth:
    """Return a truth that knows how long its video is: annotations seldom say it, the decoded video does."""
    seen = features.prompt.seen
    if truth.segments is None or truth.duration is not None or seen is None:
        return truth
    return replace(truth, duration=seen.duration)


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
