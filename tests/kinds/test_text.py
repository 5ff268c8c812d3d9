"""Text tasks: an answer in prose beside the words of a reference."""

from __future__ import annotations

import math

import pytest

from vau_bench.errors import UnknownNameError
from vau_bench.kinds import FloorContext
from vau_bench.kinds.text import QUERY, Text
from vau_bench.metrics.cider import cider_d
from vau_bench.metrics.text import rouge_l
from vau_bench.metrics.words import words
from vau_bench.records import Sample, Target
from vau_bench.scoring import columns_of

KIND = Text()
TEXTS = ("A man in red runs to the gate.", "Two dogs sleep beside an old car.", "Smoke rises over the wooden roof.")


def sample(number: int = 0, **fields: object) -> Sample:
    name = f"v{number}"
    return Sample(name, name, name, Target(texts={"description": TEXTS[number]}), {"corpus": TEXTS, **fields})


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<answer>A man runs.</answer>", "A man runs."),
        ("A man runs.", "A man runs."),
        ("<think>who?</think> A man runs.", "A man runs."),
        ("<think>who?</think><answer>A man\nruns.</answer>", "A man\nruns."),
        ("<answer>A dog.</answer><reflect>no</reflect><think>so</think><answer>A man.</answer>", "A man."),
        ("", None),
        (" \n", None),
        ("<answer> </answer>", None),
        ("<think>who?</think>", None),
    ],
)
def test_the_answer_is_what_was_said_at_the_end(text: str, answer: str | None) -> None:
    for found in (KIND.read(text, sample()), KIND.read_as_paper(text, sample())):
        assert (found.answer if found else None) == answer
        assert found is None or found.span == (0, len(text))


def test_the_question_is_the_samples_own() -> None:
    assert KIND.prompt_fields(sample(query="Why?")) == {"query": "Why?"}
    assert KIND.prompt_fields(sample()) == {"query": QUERY}


def test_values_are_those_of_the_functions_over_lists() -> None:
    answers = ["A man runs to a gate.", "An old car burns.", ""]
    columns = columns_of([KIND.values(a, sample(i)) for i, a in enumerate(answers)])
    references = [[text] for text in TEXTS]
    assert KIND.metrics["cider_d"](columns) == pytest.approx(cider_d(answers, references).corpus)
    expected = rouge_l(answers, references, tokenize=words, beta=1.2).corpus
    assert KIND.metrics["rouge_l"](columns) == pytest.approx(expected)


def test_the_truth_reaches_everything_and_no_answer_nothing() -> None:
    best = columns_of([KIND.values(KIND.truth(sample(i)), sample(i)) for i in range(3)])
    none = columns_of([KIND.values(None, sample(i)) for i in range(3)])
    for name, most in {"rouge_l": 1.0, "bleu4": 1.0, "bleu_sum": 4.0, "cider_d": 10.0}.items():
        assert (KIND.metrics[name](best), KIND.metrics[name](none)) == (most, 0.0)
        assert KIND.metrics[name].bounds == (0.0, most)
    assert (KIND.worth(None, sample()), KIND.worth(TEXTS[0], sample())) == (0.0, 1.0)


def test_without_other_references_nothing_is_rare() -> None:
    assert math.isnan(KIND.values("A man.", sample(corpus=()))["cider_d"])


def test_levels_are_scored_apart() -> None:
    said = columns_of([KIND.values(TEXTS[0], sample(level="clip")), KIND.values("No.", sample(1, level="video"))])
    assert KIND.metrics["rouge_l@clip"](said) == 1.0 and KIND.metrics["rouge_l@video"](said) == 0.0
    assert math.isnan(KIND.metrics["rouge_l@event"](said))


def test_scores_hold_no_text_of_the_dataset() -> None:
    assert KIND.as_json(TEXTS[0]) == {"words": 8}


def test_a_sample_without_a_word_to_compare_with_takes_no_part() -> None:
    for texts in ({}, {"description": " ... "}):
        assert KIND.exclusion(Sample("v", "v", "v", Target(texts=texts))) == "no_reference"
    assert KIND.exclusion(sample()) is None


def test_the_floor_is_the_reference_of_another_video_at_the_same_level() -> None:
    one, two, other = sample(level="clip"), sample(1, level="clip"), sample(2, level="event")
    assert KIND.floor("other_reference", [one, two, other], FloorContext([one, two, other])) == [
        TEXTS[1],
        TEXTS[0],
        None,
    ]
    with pytest.raises(UnknownNameError, match="floor of text tasks 'random'"):
        KIND.floor("random", [], FloorContext())
