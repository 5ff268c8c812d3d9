"""CIDEr and CIDEr-D: consensus of n-grams, weighed by how rare they are among the references.

Vedantam, Zitnick & Parikh, "CIDEr: Consensus-based Image Description Evaluation", CVPR 2015 (arXiv 1411.5726). What
caption benchmarks and their toolkits print as "CIDEr" is CIDEr-D.

For the n-grams of each order 1 to 4 a text is the vector of `count * log(N / samples whose references hold it)`, an
n-gram of no reference counting as one of a single sample. Scores are the mean over orders and references of

- CIDEr: the cosine of candidate and reference;
- CIDEr-D: the same with candidate weights clipped to the reference's, so that repeating a word gains nothing, times
  `exp(-(difference of lengths in words)^2 / (2 sigma^2))`;

times 10. The paper stems words; the authors' program does not, and neither does this. The rarity comes from the
references of the N samples at hand: scores of different sets of samples do not compare, and one sample alone has no
score (NaN).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from vau_bench.metrics.text import ORDERS, References, TextScores, Tokenize, check_pairs
from vau_bench.metrics.words import words

SCALE = 10.0
SIGMA = 6.0
Vector: TypeAlias = Mapping[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class _Text:
    """A text's length in words, and the weights of its n-grams and their norm, per order."""

    length: int
    weights: tuple[Vector, ...]
    norms: tuple[float, ...]


def cider(candidates: Sequence[str], references: References, *, tokenize: Tokenize = words) -> TextScores:
    """Return CIDEr, in [0, 10].

    Raises:
        ValueError: if the lengths differ or a sample has no reference.
    """
    return _consensus(candidates, references, tokenize, sigma=None)


def cider_d(
    candidates: Sequence[str], references: References, *, tokenize: Tokenize = words, sigma: float = SIGMA
) -> TextScores:
    """Return CIDEr-D, in [0, 10].

    Raises:
        ValueError: if the lengths differ or a sample has no reference.
    """
    return _consensus(candidates, references, tokenize, sigma=sigma)


def _consensus(
    candidates: Sequence[str], references: References, tokenize: Tokenize, sigma: float | None
) -> TextScores:
    check_pairs(candidates, references)
    if len(candidates) < 2:
        return TextScores(np.full(len(candidates), math.nan), math.nan)
    consensus = Consensus(references, tokenize=tokenize)
    scores = [consensus.score(c, texts, sigma) for c, texts in zip(candidates, references, strict=True)]
    return TextScores(np.array(scores), float(np.mean(scores)))


class Consensus:
    """How rare n-grams are among the references of all samples, to score one candidate after the other by it."""

    def __init__(self, references: References, *, tokenize: Tokenize = words) -> None:
        self._tokenize = tokenize
        counts = [[_ngrams(tokenize(text)) for text in texts] for texts in references]
        frequency = Counter(ngram for sample in counts for ngram in set().union(*(o for text in sample for o in text)))
        self._rarity = {ngram: math.log(len(references) / samples) for ngram, samples in frequency.items()}
        self._unseen = math.log(len(references)) if references else math.nan

    def score(self, candidate: str, references: Sequence[str], sigma: float | None = SIGMA) -> float:
        """Return CIDEr-D of a candidate against its references, in [0, 10]; CIDEr where `sigma` is `None`."""
        hypothesis = self._weighed(candidate)
        each = [_similarity(hypothesis, self._weighed(text), sigma) for text in references]
        return SCALE * sum(each) / len(each)

    def _weighed(self, text: str) -> _Text:
        return _weighed(_ngrams(self._tokenize(text)), self._rarity, self._unseen)


def _ngrams(tokens: Sequence[str]) -> list[Counter[tuple[str, ...]]]:
    return [Counter(zip(*(tokens[i:] for i in range(n)), strict=False)) for n in range(1, ORDERS + 1)]


def _weighed(counts: Sequence[Counter[tuple[str, ...]]], rarity: Vector, unseen: float) -> _Text:
    weights = tuple({ngram: count * rarity.get(ngram, unseen) for ngram, count in c.items()} for c in counts)
    norms = tuple(math.sqrt(sum(w * w for w in vector.values())) for vector in weights)
    return _Text(counts[0].total(), weights, norms)


def _similarity(candidate: _Text, reference: _Text, sigma: float | None) -> float:
    total = 0.0
    for c, r, norm_c, norm_r in zip(
        candidate.weights, reference.weights, candidate.norms, reference.norms, strict=True
    ):
        if norm_c == 0 or norm_r == 0:
            continue
        shared = c.keys() & r.keys()
        product = sum((c[g] if sigma is None else min(c[g], r[g])) * r[g] for g in shared)
        total += product / (norm_c * norm_r)
    if sigma is not None:
        total *= math.exp(-((candidate.length - reference.length) ** 2) / (2 * sigma**2))
    return total / ORDERS
