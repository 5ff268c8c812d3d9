"""What a reflection did: which answers it repaired and broke, and whether it said anything of its own.

Only samples with a readable first answer and a reflection form a pair; how many do not is told. A revised answer that
cannot be read counts as wrong, as everywhere in strict scoring.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import mean, median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vau_bench.metrics.base import FloatArray
from vau_bench.metrics.reflection import REFLECTION, reflection_cells
from vau_bench.parsing import Reflection, parse_grammar
from vau_bench.results import ReflectionResult, metric_result
from vau_bench.stats import estimate_all

FEWEST_WORDS = 5
"""A reflection of fewer words questions nothing."""

COPIED = 0.9
"""From this share of word triples found in the first reasoning on, a reflection is a copy of it."""

_WORD = re.compile(r"\w+")


class Manner(NamedTuple):
    """How a reflection is written.

    Attributes:
        words: its length in words.
        empty: it questions nothing, for it says nothing.
        copy: it repeats the first reasoning.
    """

    words: int
    empty: bool
    copy: bool


def manner(text: str) -> Manner:
    """Return how the reflection of a response is written; a response without one has an empty one."""
    return manner_of(parse_grammar(text))


def manner_of(grammar: Reflection) -> Manner:
    """Return the same of a response that has been read."""
    words = _WORD.findall((grammar.reflect or "").lower())
    before = _WORD.findall((grammar.first.think or "").lower()) if grammar.first else []
    triples = _triples(words)
    copied = len(triples & _triples(before)) / len(triples) if triples else 0.0
    return Manner(len(words), len(words) < FEWEST_WORDS, copied >= COPIED)


def _triples(words: Sequence[str]) -> set[tuple[str, ...]]:
    return set(zip(words, words[1:], words[2:], strict=False))


def reflection_result(
    first: FloatArray,
    revised: FloatArray,
    manners: Sequence[Manner | None],
    codes: NDArray[np.int64],
    *,
    resamples: int,
    seed: int,
) -> ReflectionResult | None:
    """Return what the reflections of one task did, `None` when no response holds a first answer.

    Args:
        first: (n,) worth of the first answer to each expected sample, NaN where there is none.
        revised: (n,) worth of the last answer.
        manners: how the reflections of the same samples are written; looked at where there is a first answer.
        codes: (n,) cluster of each sample.
        resamples: of the bootstrap of the paired differences.
        seed: of the bootstrap.
    """
    paired = ~np.isnan(first)
    pairs = int(paired.sum())
    if not pairs:
        return None
    revised = np.where(paired, revised, np.nan)
    columns = {"first": first, "revised": revised}
    contributions = [m.update(columns) for m in REFLECTION]
    estimates = estimate_all(REFLECTION, contributions, codes, resamples=resamples, seed=seed)
    written = [m for m, pair in zip(manners, paired.tolist(), strict=True) if pair and m is not None]
    return ReflectionResult(
        pairs=pairs,
        without_pair=len(paired) - pairs,
        cells=reflection_cells(first, revised)._asdict(),
        metrics={m.name: metric_result(m, e, None) for m, e in zip(REFLECTION, estimates, strict=True)},
        words_mean=mean(m.words for m in written),
        words_median=float(median(m.words for m in written)),
        empty=mean(m.empty for m in written),
        copies=mean(m.copy for m in written),
    )
