"""Similarity of texts as sets of sentence embeddings: soft precision, recall and F, and their floors.

For a candidate with sentences c and a reference with sentences r, unit vectors all:

    precision = mean over c of max over r of max(0, c . r)      what was said: is it in the reference?
    recall    = mean over r of max over c of max(0, c . r)      what is in the reference: was it said?
    F         = 2 precision recall / (precision + recall)

This is the greedy matching of BERTScore (Zhang et al., ICLR 2020) with sentences in the place of tokens. Raw values
flatter: two texts about any two surveillance videos share much. So they are read against floors, the same figures
between references of different videos, and rescaled, as BERTScore does with its baseline:

    rescaled = (raw - floor) / (1 - floor)

which is 1 for the reference itself and 0, on average, for the reference of another video of another class.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vau_bench.metrics.base import FloatArray

Vectors = NDArray[np.float32]
"""The sentences of one text: (s, d) unit vectors."""

_CELLS = 1 << 24  # similarities held at once; 64 MB


class SoftScores(NamedTuple):
    """Precision, recall and F, arrays of one shape; NaN where the reference holds no sentence."""

    precision: FloatArray
    recall: FloatArray
    f: FloatArray


class Floors(NamedTuple):
    """Mean scores of the references of other videos, taken as candidates, against each reference.

    Attributes:
        same_class: (n,) over other videos of the same class; NaN where there is none.
        other_class: (n,) over other videos of other classes; NaN where there is none.
    """

    same_class: SoftScores
    other_class: SoftScores


def soft_scores(candidates: Sequence[Vectors], references: Sequence[Vectors]) -> SoftScores:
    """Return the scores (n,) of n candidates, each against its reference.

    A candidate without a sentence scores 0.

    Raises:
        ValueError: if the numbers of candidates and references differ.
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates, but {len(references)} references")
    precision, recall = np.zeros(len(candidates)), np.zeros(len(candidates))
    for index, (c, r) in enumerate(zip(candidates, references, strict=True)):
        if len(r) == 0:
            precision[index] = recall[index] = np.nan
        elif len(c):
            similar = np.clip(c @ r.T, 0, 1)
            precision[index], recall[index] = similar.max(axis=1).mean(), similar.max(axis=0).mean()
    return SoftScores(precision, recall, _f(precision, recall))


def all_pairs(texts: Sequence[Vectors]) -> SoftScores:
    """Return the scores (n, n) of every text as candidate (row) against every text as reference (column).

    The product of all sentences with all sentences is made in blocks of rows of 64 MB.
    """
    sizes = np.array([len(text) for text in texts], dtype=np.int64)
    filled = np.flatnonzero(sizes)
    precision = np.where(sizes[None, :] == 0, np.nan, np.zeros((len(texts), 1)))
    if filled.size:
        precision[np.ix_(filled, filled)] = _best_match([texts[i] for i in filled.tolist()], sizes[filled])
    recall = np.where(sizes[None, :] == 0, np.nan, precision.T)
    recall[sizes == 0] = np.where(sizes == 0, np.nan, 0.0)
    return SoftScores(precision, recall, _f(precision, recall))


def _best_match(texts: Sequence[Vectors], sizes: NDArray[np.int64]) -> FloatArray:
    """Return (n, n): over the sentences of the row's text, the mean of the best match in the column's text."""
    sentences = np.concatenate(texts)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    best = np.empty((len(sentences), len(texts)), dtype=np.float64)
    rows = max(1, _CELLS // len(sentences))
    for begin in range(0, len(sentences), rows):
        block = sentences[begin : begin + rows] @ sentences.T
        best[begin : begin + rows] = np.maximum.reduceat(block, starts, axis=1)
    mean: FloatArray = np.add.reduceat(np.clip(best, 0, 1), starts, axis=0) / sizes[:, None]
    return mean


def class_floors(pairs: SoftScores, labels: Sequence[Hashable | None], groups: Sequence[Hashable]) -> Floors:
    """Average the scores of pairs of references over other videos of the same and of other classes.

    Args:
        pairs: from `all_pairs`, of the references.
        labels: the class of each; one whose class is unknown (`None`) takes no part.
        groups: the source video of each; texts about one video are never compared.

    Raises:
        ValueError: if the lengths differ.
    """
    n = len(pairs.f)
    if not len(labels) == len(groups) == n:
        raise ValueError(f"{n} references, but {len(labels)} labels and {len(groups)} groups")
    codes = _codes(labels)
    known = np.array([label is not None for label in labels], dtype=bool)
    videos = _codes(groups)
    comparable = (videos[:, None] != videos) & known[:, None] & known
    same = codes[:, None] == codes
    return Floors(_column_means(pairs, comparable & same), _column_means(pairs, comparable & ~same))


def rescaled(raw: FloatArray, floor: float) -> FloatArray:
    """Return `(raw - floor) / (1 - floor)`; below 0 where a text is worse than the floor, NaN for a floor of 1.

    Args:
        raw: scores of any shape.
        floor: one number for all samples, such as the mean of `Floors.other_class.f`; with one number the order of
            systems and the meaning of differences stay as they are.
    """
    if not floor < 1:
        return np.full_like(raw, np.nan, dtype=np.float64)
    return (np.asarray(raw, dtype=np.float64) - floor) / (1 - floor)


def _f(precision: FloatArray, recall: FloatArray) -> FloatArray:
    total = precision + recall
    f = np.where(np.isnan(total), np.nan, 0.0)
    np.divide(2 * precision * recall, total, out=f, where=total > 0)
    return f


def _codes(values: Sequence[Hashable | None]) -> NDArray[np.int64]:
    numbers: dict[Hashable | None, int] = {}
    return np.array([numbers.setdefault(value, len(numbers)) for value in values], dtype=np.int64)


def _column_means(pairs: SoftScores, taken: NDArray[np.bool_]) -> SoftScores:
    def mean(scores: FloatArray) -> FloatArray:
        counted = taken & np.isfinite(scores)
        number = counted.sum(axis=0)
        sums = np.where(counted, scores, 0.0).sum(axis=0)
        means: FloatArray = np.full(len(number), np.nan)
        np.divide(sums, number, out=means, where=number > 0)
        return means

    return SoftScores(*(mean(scores) for scores in pairs))
