"""Text metrics that benchmarks ask for: BLEU, ROUGE-L, METEOR. CIDEr stands in `vau_bench.metrics.cider`.

All take n candidates and, for each, one or more references. All are fractions in [0, 1], where the field often prints
percentages. How a text becomes words differs between metrics by tradition and is a parameter of each:

- BLEU: sacrebleu's `13a`, case-sensitive, punctuation counts;
- ROUGE-L: rouge-score's own, lower case, `a-z` and `0-9` alone, so other scripts vanish: pass `tokenize=words` there;
- METEOR, and the BLEU of caption benchmarks: `vau_bench.metrics.words`.

An empty candidate scores 0. These metrics measure wording: a right statement in other words scores low, a wrong one in
the words of the reference high. Read them beside the embedding similarity and the judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, TypeAlias

import numpy as np

from vau_bench.extras import needed
from vau_bench.metrics.base import FloatArray
from vau_bench.metrics.words import words

Tokenize: TypeAlias = Callable[[str], list[str]]
References: TypeAlias = Sequence[Sequence[str]]
Smoothing: TypeAlias = Literal["none", "exp", "floor", "add-k"]
ORDERS = 4
_EXTRA = "text"


@dataclass(frozen=True, slots=True)
class TextScores:
    """A metric over n samples.

    Attributes:
        per_sample: (n,) the score of each sample.
        corpus: of all together, which is the mean unless the metric says otherwise; NaN for no sample.
    """

    per_sample: FloatArray
    corpus: float


@dataclass(frozen=True, slots=True)
class NotAvailable:
    """Why a metric cannot be computed here, and what to do about it."""

    reason: str


def bleu(
    candidates: Sequence[str],
    references: References,
    order: int = ORDERS,
    *,
    tokenize: Tokenize | None = None,
    smoothing: Smoothing = "exp",
) -> TextScores:
    """Return BLEU-`order` as sacrebleu computes it (Papineni et al. 2002; Post 2018).

    A single sample's score uses only the orders that it is long enough for (`sentence_bleu`); the corpus score sums the
    counts of all samples first (`corpus_bleu`) and is not the mean.

    Args:
        candidates: n texts.
        references: for each the texts that it may equal.
        order: the longest n-gram, 1 to 4.
        tokenize: `None` for `13a`.
        smoothing: of precisions that are 0, as sacrebleu names it.

    Raises:
        ValueError: if the lengths differ, a sample has no reference, or the order is not 1 to 4.
        MissingExtraError: if sacrebleu is not installed.
    """
    if not 1 <= order <= ORDERS:
        raise ValueError(f"BLEU has the orders 1 to {ORDERS}, not {order}")
    counts = _bleu_counts(candidates, references, tokenize)
    return _bleu_scores(counts, order, smoothing, effective_order=True)


def bleu_sum(candidates: Sequence[str], references: References, *, tokenize: Tokenize = words) -> TextScores:
    """Return the sum of BLEU-1 to BLEU-4, in [0, 4], which Holmes-VAU calls BLEU; without smoothing.

    Raises:
        ValueError: if the lengths differ or a sample has no reference.
        MissingExtraError: if sacrebleu is not installed.
    """
    counts = _bleu_counts(candidates, references, tokenize)
    parts = [_bleu_scores(counts, order, "none", effective_order=False) for order in range(1, ORDERS + 1)]
    return TextScores(np.sum([p.per_sample for p in parts], axis=0), float(sum(p.corpus for p in parts)))


def bleu4_mean(candidates: Sequence[str], references: References, *, tokenize: Tokenize = words) -> TextScores:
    """Return BLEU-4 without smoothing, whose corpus score is the mean over samples, as CUVA is scored in lmms-eval.

    CUVA's own figure is the mean of this over its three questions (description, cause, result).

    Raises:
        ValueError: if the lengths differ or a sample has no reference.
        MissingExtraError: if sacrebleu is not installed.
    """
    counts = _bleu_counts(candidates, references, tokenize)
    return _averaged(_bleu_scores(counts, ORDERS, "none", effective_order=False).per_sample)


def rouge_l(
    candidates: Sequence[str],
    references: References,
    *,
    tokenize: Tokenize | None = None,
    beta: float = 1.0,
) -> TextScores:
    """Return the F-measure of the longest common subsequence of words (Lin 2004), of the best reference.

    `F = (1 + beta^2) P R / (R + beta^2 P)` with `P = LCS / words of the candidate`, `R = LCS / words of the reference`.

    Args:
        candidates: n texts.
        references: for each the texts that it may equal.
        tokenize: `None` for rouge-score's tokenizer, without stemming.
        beta: 1 as in rouge-score; caption benchmarks (COCO, CUVA, Holmes-VAU) use 1.2, with `tokenize=words`.

    Raises:
        ValueError: if the lengths differ or a sample has no reference.
        MissingExtraError: if rouge-score is not installed and no tokenizer is given.
    """
    check_pairs(candidates, references)
    split = tokenize or _rouge_tokenizer()

    def best(candidate: str, texts: Sequence[str]) -> float:
        tokens = split(candidate)
        return max(_f_of_lcs(tokens, split(text), beta) for text in texts)

    return _averaged(np.array([best(c, r) for c, r in zip(candidates, references, strict=True)], dtype=np.float64))


def meteor(
    candidates: Sequence[str], references: References, *, tokenize: Tokenize = words
) -> TextScores | NotAvailable:
    """Return METEOR as NLTK computes it (Lavie & Agarwal 2007), of the best reference.

    Words match when they are equal, have one stem, or are synonyms in WordNet, whose data must lie on this machine:
    nothing is downloaded. Figures of papers mostly come from the Java program METEOR 1.5, which weighs paraphrases and
    function words too, and differ from these.

    Returns:
        The scores, or `NotAvailable` where WordNet's data is not found.

    Raises:
        ValueError: if the lengths differ or a sample has no reference.
        MissingExtraError: if nltk is not installed.
    """
    check_pairs(candidates, references)
    score = needed("nltk.translate.meteor_score", "METEOR", _EXTRA).meteor_score
    wordnet = needed("nltk.corpus", "METEOR", _EXTRA).wordnet
    try:
        wordnet.ensure_loaded()
    except (LookupError, OSError):
        return NotAvailable(
            "METEOR needs WordNet, which is not on this machine: run `python -m nltk.downloader wordnet` where there "
            "is a network, or set NLTK_DATA to a folder that holds corpora/wordnet"
        )
    return _averaged(
        np.array(
            [
                score([tokenize(text) for text in texts], tokenize(candidate), wordnet=wordnet)
                for candidate, texts in zip(candidates, references, strict=True)
            ],
            dtype=np.float64,
        )
    )


def check_pairs(candidates: Sequence[str], references: References) -> None:
    """Refuse what cannot be scored.

    Raises:
        ValueError: if the lengths differ, a sample has no reference, or a string stands where a list of them should.
    """
    if len(candidates) != len(references):
        raise ValueError(f"{len(candidates)} candidates, but references for {len(references)}")
    for index, texts in enumerate(references):
        if isinstance(texts, str):
            raise ValueError(f"the references of sample {index} are a string; pass a list of strings")
        if not texts:
            raise ValueError(f"sample {index} has no reference")


def _averaged(per_sample: FloatArray) -> TextScores:
    return TextScores(per_sample, float(per_sample.mean()) if per_sample.size else float("nan"))


def _bleu_counts(candidates: Sequence[str], references: References, tokenize: Tokenize | None) -> list[Any]:
    """Return sacrebleu's score object of each sample, for its counts of n-grams and lengths."""
    check_pairs(candidates, references)
    scorer = needed("sacrebleu.metrics.bleu", "BLEU", _EXTRA).BLEU(
        tokenize="none" if tokenize else "13a", effective_order=True, max_ngram_order=ORDERS
    )
    prepare = (lambda text: " ".join(tokenize(text))) if tokenize else str
    return [
        scorer.sentence_score(prepare(candidate), [prepare(text) for text in texts])
        for candidate, texts in zip(candidates, references, strict=True)
    ]


def _bleu_scores(counts: Sequence[Any], order: int, smoothing: Smoothing, *, effective_order: bool) -> TextScores:
    # Correct n-grams, all n-grams, and the two lengths of each sample; sums of them belong to the corpus.
    table = np.array(
        [list(chain(c.counts[:order], c.totals[:order], (c.sys_len, c.ref_len))) for c in counts], dtype=np.int64
    ).reshape(len(counts), 2 * order + 2)
    compute = needed("sacrebleu.metrics.bleu", "BLEU", _EXTRA).BLEU.compute_bleu

    def score(row: Sequence[int], effective: bool) -> float:
        *ngrams, candidate_length, reference_length = row
        value = compute(
            correct=ngrams[:order],
            total=ngrams[order:],
            sys_len=candidate_length,
            ref_len=reference_length,
            smooth_method=smoothing,
            effective_order=effective,
            max_ngram_order=order,
        ).score
        return min(1.0, max(0.0, float(value) / 100))  # exp(log(100)) is a little above 100

    per_sample = np.array([score(row, effective_order) for row in table.tolist()], dtype=np.float64)
    return TextScores(per_sample, score(table.sum(axis=0).tolist(), False) if len(counts) else float("nan"))


def _rouge_tokenizer() -> Tokenize:
    tokenize = needed("rouge_score.tokenize", "ROUGE-L", _EXTRA).tokenize
    return lambda text: list(tokenize(text, None))


def _f_of_lcs(candidate: Sequence[str], reference: Sequence[str], beta: float) -> float:
    common = lcs_length(candidate, reference)
    if not common:
        return 0.0
    precision, recall = common / len(candidate), common / len(reference)
    return (1 + beta**2) * precision * recall / (recall + beta**2 * precision)


def lcs_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the length of the longest common subsequence, row by row in the bits of one integer (Hyyro 2004).

    rouge-score's table of lists takes minutes and gigabytes for a text of 1 MB; this takes seconds.
    """
    if len(a) > len(b):
        a, b = b, a
    places: dict[str, int] = {}
    for index, word in enumerate(a):
        places[word] = places.get(word, 0) | 1 << index
    everything = (1 << len(a)) - 1
    row = everything  # a 0 marks a place of `a` where the subsequence grows
    for word in b:
        if here := row & places.get(word, 0):
            row = (row + here | row - here) & everything
    return len(a) - row.bit_count()
