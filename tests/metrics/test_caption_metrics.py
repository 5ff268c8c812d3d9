"""BLEU, ROUGE-L and CIDEr-D from sums of counts are those of the functions over whole lists of texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.metrics import captions
from vau_bench.metrics.cider import Consensus, cider, cider_d
from vau_bench.metrics.text import bleu4_mean, bleu_sum
from vau_bench.metrics.words import words

texts = st.lists(st.sampled_from(["the", "man", "runs", "falls", "a", "car", "burns"]), max_size=12).map(" ".join)
pairs = st.lists(st.tuples(texts, texts.filter(bool)), min_size=1, max_size=6)


def counted(rows: list[tuple[str, str]]) -> dict[str, np.ndarray]:
    table = np.array([captions.bleu_counts(words(said), words(true)) for said, true in rows], dtype=np.float64)
    return {**dict(zip(captions.COUNTS, table.T, strict=True)), "bleu4": captions.bleus(table)[:, -1]}


@settings(max_examples=100, deadline=None)
@given(pairs)
def test_bleu_is_that_of_sacrebleu(rows: list[tuple[str, str]]) -> None:
    pytest.importorskip("sacrebleu")
    said, true = [s for s, _ in rows], [[t] for _, t in rows]
    columns = counted(rows)
    assert captions.BLEU_SUM(columns) == pytest.approx(bleu_sum(said, true).corpus)
    assert captions.BLEU4(columns) == pytest.approx(bleu4_mean(said, true).corpus)


def test_bleu_by_hand() -> None:
    # 5 words of 6, matching 4 single words, 2 pairs ("a man", "man runs"), 1 triple and no run of four.
    counts = captions.bleu_counts(["a", "man", "runs", "off", "home"], ["home", "is", "where", "a", "man", "runs"])
    assert counts == [4, 2, 1, 0, 5, 4, 3, 2, 5, 6]
    short, p = math.exp(1 - 6 / 5), (4 / 5, 2 / 4, 1 / 3)
    expected = [short * p[0], short * (p[0] * p[1]) ** (1 / 2), short * math.prod(p) ** (1 / 3), 0.0]
    assert captions.bleus(np.array(counts, dtype=float)) == pytest.approx(expected)


def test_bleu_of_the_reference_is_1_of_each_order_and_of_nothing_is_0() -> None:
    true = "two people lift a bicycle"
    assert captions.BLEU_SUM(counted([(true, true)])) == 4.0
    assert captions.BLEU_SUM(counted([("", true)])) == 0.0
    assert math.isnan(captions.BLEU_SUM({name: np.zeros(2) for name in captions.COUNTS})), "no reference at all"


def test_a_level_is_the_metric_over_its_samples_alone() -> None:
    rows = [("a man runs off home", "a man runs home now"), ("dogs bark", "two dogs bark at a door"), ("x", "y z")]
    level = np.array([0.0, 2.0, np.nan])
    columns = {**counted(rows), "level": level, "rouge_l": np.array([0.5, 0.2, 0.9]), "cider_d": np.full(3, np.nan)}
    found = {metric.name: metric for metric in captions.ALL}
    for code, name in enumerate(captions.LEVELS):
        alone = {column: values[level == code] for column, values in columns.items()}
        for metric in captions.OVERALL:
            value = found[f"{metric.name}@{name}"](columns)
            assert value == pytest.approx(metric(alone) if len(alone["level"]) else math.nan, nan_ok=True)
    assert found["rouge_l"](columns) == pytest.approx((0.5 + 0.2 + 0.9) / 3)


@settings(max_examples=50, deadline=None)
@given(pairs.filter(lambda rows: len(rows) > 1))
def test_one_candidate_after_the_other_scores_as_all_together(rows: list[tuple[str, str]]) -> None:
    said, true = [s for s, _ in rows], [[t] for _, t in rows]
    consensus = Consensus(true)
    for metric, sigma in ((cider_d, 6.0), (cider, None)):
        expected = metric(said, true).per_sample
        assert [consensus.score(s, t, sigma) for s, t in zip(said, true, strict=True)] == pytest.approx(expected)
