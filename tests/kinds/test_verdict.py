"""Verdict tasks: Normal or Abnormal, in words or as JSON; the vague ones are told apart."""

from __future__ import annotations

import pytest

from vau_bench.kinds import FloorContext
from vau_bench.kinds.verdict import Verdict
from vau_bench.records import Sample, Target
from vau_bench.scoring import columns_of

KIND = Verdict()


def sample(label: str = "Normal", *, vague: bool = False, name: str = "v") -> Sample:
    return Sample(name, name, name, Target(label=label), {"vague": vague})


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("<answer>Abnormal</answer>", True),
        ("<answer>Normal</answer>", False),
        ("<answer>Anomaly</answer>", True),
        ('{"anomaly": 1, "reasoning": "a dog opens the door"}', True),
        ('{"result": 0}', False),
        ('{"anomaly": 0, "reasoning": "no anomaly, nothing abnormal"}', False),
        ('It is quiet. ```json\n{"result": true}\n```', True),
    ],
)
def test_a_verdict_in_words_or_as_json(text: str, verdict: bool) -> None:
    found = KIND.read(text, sample())
    assert found is not None and found.answer is verdict


@pytest.mark.parametrize(
    "text",
    ["", "I cannot tell.", '{"result": 2}', '{"result": "yes"}', '{"result": 1, "anomaly": 0}', '{"result": null}',
     '{"result": 1} or {"result": 0}', "{", '{"other": 1}', "[1]"],
)  # fmt: skip
def test_what_says_neither_is_no_answer(text: str) -> None:
    assert KIND.read(text, sample()) is None


def test_the_authors_script_takes_everything_between_the_outer_braces() -> None:
    commented = 'Sure: {\n"result": 1  // 1 for anomaly\n}'
    found = KIND.read_as_paper(commented, sample())
    assert found is not None and found.answer is True
    assert KIND.read_as_paper('{"result": 1} and {"result": 1}', sample()) is None
    worded = KIND.read_as_paper("<answer>Abnormal</answer>", sample())
    assert worded is not None and worded.answer is True, "without a brace the words count"


def test_metrics_are_those_of_a_plain_count() -> None:
    truths = ["Normal", "Normal", "Abnormal", "Abnormal", "Abnormal"]
    answers = [False, True, True, None, True]
    samples = [sample(t, vague=i == 4) for i, t in enumerate(truths)]
    columns = columns_of([KIND.values(a, s) for a, s in zip(answers, samples, strict=True)])
    found = {name: metric(columns) for name, metric in KIND.metrics.items()}
    assert found == pytest.approx(
        {"accuracy": 3 / 5, "precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "normal_accuracy": 1 / 2,
         "clear_accuracy": 2 / 4, "vague_accuracy": 1.0}
    )  # fmt: skip


def test_without_an_answer_the_verdict_is_the_wrong_one() -> None:
    assert KIND.values(None, sample("Normal"))["predicted"] == 1
    assert KIND.values(None, sample("Abnormal"))["predicted"] == 0
    assert KIND.worth(None, sample("Abnormal")) == 0 == KIND.worth(None, sample("Normal"))


def test_what_is_written_is_read_again() -> None:
    for label in ("Normal", "Abnormal"):
        one = sample(label)
        found = KIND.read(KIND.write(KIND.truth(one)), one)
        assert found is not None and found.answer is KIND.truth(one)


def test_floors() -> None:
    tuning = [sample("Abnormal"), sample("Abnormal"), sample("Normal")]
    assert KIND.floor("majority_class", [sample()], FloorContext(tuning)) == [True]
    assert KIND.floor("majority_class", [sample()], FloorContext()) == [None]
    assert KIND.floor("always_normal", [sample()], FloorContext()) == [False]
    videos = [sample(name=f"v{i}") for i in range(400)]
    assert 150 < sum(map(bool, KIND.floor("random", videos, FloorContext()))) < 250
