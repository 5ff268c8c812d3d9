"""BLEU, ROUGE-L and CIDEr-D of many texts as metrics whose sums of counts are all that they need.

The same figures as `vau_bench.metrics.text.bleu_sum`, `bleu4_mean` and `rouge_l` and `vau_bench.metrics.cider.cider_d`
give for lists of texts, of one reference each, and no package is needed for them. Columns: `matches1` to `matches4` are
the n-grams of a text that its reference holds, `ngrams1` to `ngrams4` all that it has, `length` and `reference_length`
the words of both; `bleu4`, `rouge_l` and `cider_d` scores of a single text; `level` the place in `LEVELS` of what the
text is about.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vau_bench.metrics.base import Columns, FloatArray, Metric, mean_of, ratio
from vau_bench.metrics.cider import SCALE
from vau_bench.metrics.text import ORDERS

LEVELS = ("clip", "event", "video")
COUNTS = (
    *(f"matches{order}" for order in range(1, ORDERS + 1)),
    *(f"ngrams{order}" for order in range(1, ORDERS + 1)),
    "length",
    "reference_length",
)


def bleu_counts(candidate: Sequence[str], reference: Sequence[str]) -> list[int]:
    """Return the counts of `COUNTS` of two texts, given as words."""
    matches, ngrams = [], []
    for order in range(1, ORDERS + 1):
        said, true = (Counter(zip(*(t[i:] for i in range(order)), strict=False)) for t in (candidate, reference))
        matches.append((said & true).total())
        ngrams.append(said.total())
    return [*matches, *ngrams, len(candidate), len(reference)]


def bleus(counts: FloatArray) -> FloatArray:
    """Return BLEU-1 to BLEU-4, without smoothing, of counts or of their sums (Papineni et al. 2002).

    `BLEU-N = min(1, exp(1 - r / c)) * (p_1 * ... * p_N)^(1/N)`, with c and r the words of text and reference, and p_n
    the matching part of its n-grams.

    Args:
        counts: (..., 10) as in `COUNTS`.

    Returns:
        (..., 4); NaN where there is no reference.
    """
    matches, ngrams, length, reference = np.split(counts, [ORDERS, 2 * ORDERS, 2 * ORDERS + 1], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(np.where(ngrams > 0, matches / ngrams, 0.0))
        precision = np.exp(np.cumsum(logarithms, axis=-1) / np.arange(1, ORDERS + 1))
        brevity = np.where(length > 0, np.exp(np.minimum(0.0, 1 - reference / length)), 0.0)
    found: FloatArray = np.where(reference > 0, brevity * precision, np.nan)
    return found


def _sum(sums: FloatArray) -> FloatArray:
    total: FloatArray = bleus(sums).sum(axis=-1)
    return total


def at_level(metric: Metric, level: str) -> Metric:
    """Return a metric over the samples of one level: what others contribute to the sums is left out."""

    def update(columns: Columns) -> FloatArray:
        there = columns["level"] == LEVELS.index(level)
        return np.where(there[:, None], metric.update(columns), 0.0)

    return replace(metric, name=f"{metric.name}@{level}", summary=f"{metric.summary}; {level}s alone", update=update)


BLEU_SUM = Metric(
    "bleu_sum",
    "sum of BLEU-1 to BLEU-4 of all texts together, against the references",
    lambda c: np.column_stack([c[name] for name in COUNTS]),
    _sum,
    bounds=(0.0, float(ORDERS)),
    unit="",
)
BLEU4 = Metric("bleu4", "mean BLEU-4 of each text against its reference", lambda c: mean_of(c["bleu4"]), ratio)
ROUGE_L = Metric("rouge_l", "mean ROUGE-L of each text against its reference", lambda c: mean_of(c["rouge_l"]), ratio)
CIDER_D = Metric(
    "cider_d",
    "mean CIDEr-D of each text against its reference",
    lambda c: mean_of(c["cider_d"]),
    ratio,
    bounds=(0.0, SCALE),
    unit="",
)
OVERALL = (ROUGE_L, BLEU4, BLEU_SUM, CIDER_D)
ALL = (*OVERALL, *(at_level(metric, level) for level in LEVELS for metric in OVERALL))
