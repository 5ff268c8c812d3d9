"""Multiple choice: accuracy, and accuracy balanced over the position of the right option.

Released test files hold the right answer under A for up to 68 % of the questions; the balanced figure gives every
letter the same weight, so a model that favours a letter gains nothing. Columns: `truth` and `predicted` are option
indices, -1 is no answer.
"""

from __future__ import annotations

import numpy as np

from vau_bench.metrics.base import Columns, Confusion, FloatArray, Metric, confusion_of, mean_of, ratio

LETTERS = "ABCDEFGH"


def _correct(columns: Columns) -> FloatArray:
    return mean_of((columns["truth"] == columns["predicted"]).astype(np.float64))


def _by_position(columns: Columns) -> FloatArray:
    truth = columns["truth"][:, None] == np.arange(len(LETTERS))
    hit = truth & (columns["predicted"] == columns["truth"])[:, None]
    return np.concatenate([truth, hit], axis=1).astype(np.float64)


def _mean_over_positions(sums: FloatArray) -> FloatArray:
    support, hits = np.split(sums, 2, axis=-1)
    occurs = support > 0
    recall = np.divide(hits, support, out=np.zeros_like(hits), where=occurs)
    return ratio(np.stack([recall.sum(axis=-1), occurs.sum(axis=-1).astype(np.float64)], axis=-1))


def confusion(columns: Columns, options: int) -> Confusion:
    """Return the counts of chosen letters by the letter of the right option; the last column is no answer."""
    return confusion_of(columns["truth"], columns["predicted"], LETTERS[:options], {-1: "no answer"})


ACCURACY = Metric("accuracy", "share of questions answered with the right option", _correct, ratio)
POSITION_BALANCED = Metric(
    "position_balanced_accuracy",
    "mean accuracy over the letters that the right option stands under",
    _by_position,
    _mean_over_positions,
)
