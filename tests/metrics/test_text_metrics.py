"""Text metrics against published figures, the packages themselves, and slow, obvious implementations."""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.errors import MissingExtraError
from vau_bench.metrics import text as metrics
from vau_bench.metrics.cider import cider, cider_d
from vau_bench.metrics.text import NotAvailable, TextScores, bleu, bleu4_mean, bleu_sum, lcs_length, meteor, rouge_l
from vau_bench.metrics.words import words

# The example of the aac-metrics README (its PTB tokens are these words), with the figures that it prints.
AUDIO = (
    ["a man is speaking", "rain falls"],
    [
        ["a man speaks.", "someone speaks.", "a man is speaking while a bird is chirping in the background"],
        ["rain is falling hard on a surface"],
    ],
)
# The test texts of SummEval, with the figure that its test expects of coco-caption's CIDEr without a tokenizer.
NEWS = (
    [
        "28-year-old chef found dead in San Francisco mall",
        "A 28-year-old chef who recently moved to San Francisco was found dead in the staircase of a local shopping "
        "center.",
        "The victim's brother said he cannot imagine anyone who would want to harm him,"
        '"Finally, it went uphill again at him."',
    ],
    [
        ["28-Year-Old Chef Found Dead at San Francisco Mall"],
        [
            "A 28-year-old chef who had recently moved to San Francisco was found dead in the stairwell of a local "
            "mall this week."
        ],
        [
            "But the victim's brother says he can't think of anyone who would want to hurt him, saying, "
            '"Things were finally going well for him."'
        ],
    ],
)
ALL: list[Callable[..., Any]] = [bleu, bleu_sum, bleu4_mean, rouge_l, meteor, cider, cider_d]
tokens = st.lists(st.sampled_from(["the", "man", "runs", "falls", "a", "car", "burns"]), max_size=12)
corpora = st.lists(st.tuples(tokens, st.lists(tokens.filter(bool), min_size=1, max_size=3)), min_size=2, max_size=5)


def texts(corpus: list[tuple[list[str], list[list[str]]]]) -> tuple[list[str], list[list[str]]]:
    return [" ".join(c) for c, _ in corpus], [[" ".join(r) for r in rs] for _, rs in corpus]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The man's car, (red) isn't here.", ["the", "man", "s", "car", "red", "is", "nt", "here"]),
        ("a 28-year-old at 5.2 s; 1,000 cars...end", ["a", "28-year-old", "at", "5.2", "s", "1,000", "cars", "end"]),
        ("rock 'n' roll -- \u201cquoted\u201d \u2019s", ["rock", "n", "roll", "quoted", "s"]),
        ("Él corre\x00rápido\u200bya", ["él", "corre", "rápido", "ya"]),
        ("他跑了。Two men", ["他", "跑", "了", "two", "men"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("e\u0301tat \ud800", ["\u00e9tat"]),
        ("People_falling __", ["people_falling"]),
        (" \n.,-_'", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def slow_bleu(candidates: list[list[str]], references: list[list[list[str]]], order: int) -> float:
    """Papineni et al. 2002, section 2.3, without smoothing."""

    def grams(text: list[str], n: int) -> list[tuple[str, ...]]:
        return [tuple(text[i : i + n]) for i in range(len(text) - n + 1)]

    logs = []
    for n in range(1, order + 1):
        right = total = 0
        for candidate, some in zip(candidates, references, strict=True):
            total += len(grams(candidate, n))
            for gram in set(grams(candidate, n)):
                right += min(grams(candidate, n).count(gram), max(grams(r, n).count(gram) for r in some))
        if right == 0:
            return 0.0
        logs.append(math.log(right / total))
    length = sum(map(len, candidates))
    closest = sum(
        min((abs(len(r) - len(c)), len(r)) for r in rs)[1] for c, rs in zip(candidates, references, strict=True)
    )
    return min(1.0, math.exp(1 - closest / length)) * math.exp(sum(logs) / order)


@settings(max_examples=60, deadline=None)
@given(corpora)
def test_bleu_is_what_the_paper_says(corpus: list[tuple[list[str], list[list[str]]]]) -> None:
    candidates, references = texts(corpus)
    split = [c for c, _ in corpus], [rs for _, rs in corpus]
    expected = [slow_bleu(*split, order) for order in (1, 2, 3, 4)]
    for order, value in enumerate(expected, 1):
        assert bleu(candidates, references, order, tokenize=words, smoothing="none").corpus == pytest.approx(value)
    each = [[slow_bleu([c], [rs], order) for order in (1, 2, 3, 4)] for c, rs in corpus]
    total, mean = bleu_sum(candidates, references), bleu4_mean(candidates, references)
    assert total.corpus == pytest.approx(sum(expected))
    assert total.per_sample == pytest.approx(np.sum(each, axis=1))
    assert mean.per_sample == pytest.approx(np.array(each)[:, 3])
    assert mean.corpus == pytest.approx(np.mean(each, axis=0)[3])


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_bleu_is_that_of_sacrebleu(order: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu.metrics.bleu")
    candidates, references = NEWS
    found = bleu(candidates, references, order)
    whole = sacrebleu.BLEU(max_ngram_order=order)
    single = sacrebleu.BLEU(max_ngram_order=order, effective_order=True)
    assert found.corpus == pytest.approx(whole.corpus_score(candidates, [[r[0] for r in references]]).score / 100)
    expected = [single.sentence_score(c, r).score / 100 for c, r in zip(candidates, references, strict=True)]
    assert found.per_sample == pytest.approx(expected)


def test_bleu_1_of_the_audio_example_is_the_published_one() -> None:
    assert bleu(*AUDIO, 1, tokenize=words, smoothing="none").corpus == pytest.approx(0.4278, abs=5e-5)


def test_bleu_of_another_order_is_refused() -> None:
    with pytest.raises(ValueError, match="orders 1 to 4, not 5"):
        bleu(*AUDIO, 5)


def slow_lcs(a: Sequence[str], b: Sequence[str]) -> int:
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=40), st.text("abc", max_size=40))
def test_the_longest_common_subsequence_is_that_of_the_table(a: str, b: str) -> None:
    assert lcs_length(a, b) == slow_lcs(a, b)


@pytest.mark.parametrize("corpus", [AUDIO, NEWS])
def test_rouge_l_is_that_of_rouge_score(corpus: tuple[list[str], list[list[str]]]) -> None:
    scorer = pytest.importorskip("rouge_score.rouge_scorer").RougeScorer(["rougeL"])
    found = rouge_l(*corpus)
    expected = [scorer.score_multi(rs, c)["rougeL"].fmeasure for c, rs in zip(*corpus, strict=True)]
    assert found.per_sample == pytest.approx(expected)
    assert found.corpus == pytest.approx(np.mean(expected))


def test_rouge_l_with_the_beta_of_caption_benchmarks() -> None:
    # LCS "a man" of 3 and 4 words: P = 2/3, R = 1/2.
    found = rouge_l(["a tall man"], [["a man is here"]], tokenize=words, beta=1.2)
    assert found.corpus == pytest.approx((1 + 1.44) * (2 / 3) * 0.5 / (0.5 + 1.44 * 2 / 3))


def test_other_scripts_need_the_words_of_rouge_l() -> None:
    assert rouge_l(["他跑了"], [["他跑了"]]).corpus == 0
    assert rouge_l(["他跑了"], [["他跑了"]], tokenize=words).corpus == 1


def slow_cider(candidates: list[list[str]], references: list[list[list[str]]], defended: bool) -> list[float]:
    """Vedantam et al. 2015, equations 1 to 5, over dense vectors of all n-grams that occur."""

    def grams(text: list[str], n: int) -> Counter[tuple[str, ...]]:
        return Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1))

    scores = [0.0] * len(candidates)
    for n in range(1, 5):
        everything = sorted({g for t in [*candidates, *(r for rs in references for r in rs)] for g in grams(t, n)})
        if not everything:
            continue
        samples_with = np.array([sum(any(g in grams(r, n) for r in rs) for rs in references) for g in everything])
        idf = np.log(len(references) / np.maximum(1, samples_with))
        for index, (candidate, some) in enumerate(zip(candidates, references, strict=True)):
            c = np.array([grams(candidate, n)[g] for g in everything]) * idf
            for reference in some:
                r = np.array([grams(reference, n)[g] for g in everything]) * idf
                if not (c.any() and r.any()):
                    continue
                value = (np.minimum(c, r) if defended else c) @ r / np.linalg.norm(c) / np.linalg.norm(r)
                if defended:
                    value *= math.exp(-((len(candidate) - len(reference)) ** 2) / 72)
                scores[index] += 10 * value / 4 / len(some)
    return scores


def test_cider_d_of_the_audio_example_is_the_published_one() -> None:
    found = cider_d(*AUDIO)
    assert found.per_sample == pytest.approx([1.3641, 0.5587], abs=5e-5)
    assert found.corpus == pytest.approx(0.9614, abs=5e-5)


def test_cider_d_of_the_news_example_is_the_published_one() -> None:
    assert cider_d(*NEWS, tokenize=str.split).corpus == pytest.approx(2.5759014911864084, abs=1e-12)


@settings(max_examples=100, deadline=None)
@given(corpora)
def test_both_are_what_the_paper_says(corpus: list[tuple[list[str], list[list[str]]]]) -> None:
    split = [c for c, _ in corpus], [rs for _, rs in corpus]
    for metric, defended in ((cider, False), (cider_d, True)):
        found, expected = metric(*texts(corpus)), slow_cider(*split, defended)
        assert found.per_sample == pytest.approx(expected)
        assert found.corpus == pytest.approx(np.mean(expected))


def test_the_reference_itself_scores_ten_and_repetition_gains_nothing_when_defended() -> None:
    references = [["a man runs away from the car"], ["two dogs sleep on a wide lawn"], ["smoke rises over the roof"]]
    same = [r[0] for r in references]
    assert cider(same, references).per_sample == pytest.approx(10)
    assert cider_d(same, references).per_sample == pytest.approx(10)
    gamed = [f"{text} {text.split()[-1]} {text.split()[-1]}" for text in same]
    assert (cider_d(gamed, references).per_sample < 10).all()


@pytest.mark.parametrize("metric", [cider, cider_d])
def test_one_sample_alone_has_no_cider(metric: Callable[..., TextScores]) -> None:
    found = metric(["a man"], [["a man"]])
    assert math.isnan(found.corpus)
    assert np.isnan(found.per_sample).tolist() == [True]


def test_without_wordnet_meteor_says_what_to_do(wordnet: Path) -> None:
    found = meteor(["a man"], [["a man"]])
    assert isinstance(found, NotAvailable)
    assert "nltk.downloader wordnet" in found.reason and "NLTK_DATA" in found.reason


def test_meteor_of_the_example_of_nltk_is_the_published_one(small_wordnet: Path) -> None:
    candidate = "It is a guide to action which ensures that the military always obeys the commands of the party"
    reference = "It is a guide to action that ensures that the military will forever heed Party commands"
    found = meteor([candidate], [["something else", reference]])
    assert isinstance(found, TextScores)
    assert found.corpus == pytest.approx(0.6944, abs=5e-5)


def test_meteor_matches_words_stems_and_synonyms(small_wordnet: Path) -> None:
    # the-the, burning-burns by stem, auto-car by synonym (NLTK looks up stems; "auto" is its own): 3 of 4 and 3 of 3
    # words, in one chunk.
    found = meteor(["the auto burning brightly"], [["the car burns"]])
    assert isinstance(found, TextScores)
    precision, recall = 3 / 4, 1.0
    f = precision * recall / (0.9 * precision + 0.1 * recall)
    assert found.corpus == pytest.approx(f * (1 - 0.5 * (1 / 3) ** 3))


def test_meteor_of_nothing_and_of_a_megabyte(small_wordnet: Path) -> None:
    found = meteor(["", "a man " * 100_000, "他跑了"], [["a man"], ["a man"], ["他跑了"]])
    assert isinstance(found, TextScores)
    assert found.per_sample[0] == 0
    assert found.per_sample[1] < 0.1
    assert found.per_sample[2] > 0.9


@pytest.mark.parametrize("metric", ALL)
def test_what_cannot_be_paired_is_refused(metric: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="2 candidates, but references for 1"):
        metric(["a", "b"], [["a"]])
    with pytest.raises(ValueError, match="sample 1 has no reference"):
        metric(["a", "b"], [["a"], []])
    with pytest.raises(ValueError, match="sample 0 are a string"):
        metric(["a"], ["a"])


@pytest.mark.parametrize("metric", [bleu, bleu_sum, bleu4_mean, rouge_l, cider, cider_d])
def test_no_sample_at_all(metric: Callable[..., TextScores]) -> None:
    found = metric([], [])
    assert found.per_sample.shape == (0,)
    assert math.isnan(found.corpus)


@pytest.mark.parametrize("metric", [bleu, bleu_sum, bleu4_mean, rouge_l, cider, cider_d])
def test_hostile_texts_score_within_bounds(metric: Callable[..., TextScores]) -> None:
    rng = random.Random(0)
    long = " ".join(f"w{rng.randrange(9000)}" for _ in range(170_000))
    hostile = ["", " \n", "\x00\x1b[31m", "\ud800", "他跑了", "```json\n{}\n```", "a" * 1_000_000, long, "%s {} \\"]
    found = metric(hostile, [["the man runs and falls down"]] * len(hostile))
    assert np.isfinite(found.per_sample).all()
    assert ((found.per_sample >= 0) & (found.per_sample <= 0.1)).all()
    against = metric(["a man runs", "a man falls"], [[""], [long]])
    assert np.isfinite(against.per_sample).all()


@pytest.mark.parametrize(
    ("metric", "module"),
    [(bleu, "sacrebleu.metrics.bleu"), (rouge_l, "rouge_score.tokenize"), (meteor, "nltk.translate.meteor_score")],
)
def test_an_absent_package_is_named_by_its_extra(
    metric: Callable[..., Any], module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"vau-bench\[text\]"):
        metric(["a"], [["a"]])


def test_scores_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        metrics.TextScores(np.zeros(1), 0.0).corpus = 1.0  # type: ignore[misc]
