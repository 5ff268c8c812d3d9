"""Kinds: what is written is read again, no answer is worth the least, floors look at nothing."""

from __future__ import annotations

import json
import math
import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.errors import UnknownNameError
from vau_bench.kinds import KINDS, FloorContext, Kind
from vau_bench.kinds.grounding import best_constant_interval
from vau_bench.metrics import set_tiou
from vau_bench.records import ANOMALY, NORMAL, Sample, Segment, Target
from vau_bench.scoring import columns_of

OPTIONS = ["A bin burns", "A much longer description of a dog that runs", "Nothing", "A car turns"]


def question(id_: str = "q", option: str = "B", options: list[str] = OPTIONS) -> Sample:
    return Sample(id_, f"{id_}.mp4", id_, Target(option=option), {"question": "What happens?", "options": options})


def video(id_: str = "v", *segments: tuple[float, float], label: str | None = None) -> Sample:
    return Sample(id_, f"{id_}.mp4", id_, Target(label, tuple(Segment(*s) for s in segments)))


MCQ = KINDS.get("mcq")()
GROUNDING = KINDS.get("grounding")()
CLASSES = ("Fire", "Traffic_accident", "Food Safety")
CLASSIFICATION = KINDS.get("classification")(CLASSES)

EXAMPLES: list[tuple[Kind[Any], Sample]] = [
    *((MCQ, question(option=letter)) for letter in "ABCD"),
    (MCQ, question(option="B", options=["yes", "no"])),
    (MCQ, question(option="F", options=[f"option number {n}" for n in range(6)])),
    (GROUNDING, video("normal")),
    (GROUNDING, video("one", (2.5, 7.25))),
    (GROUNDING, video("odd", (0.1 + 0.2, 1e2 / 3))),
    (GROUNDING, video("two", (1.0, 2.5), (8.0, 9.0))),
    *((CLASSIFICATION, video(label=label)) for label in (NORMAL, ANOMALY, *CLASSES)),
]


@pytest.mark.parametrize(("kind", "sample"), EXAMPLES)
def test_the_truth_as_it_is_written_is_read_as_the_truth(kind: Kind[Any], sample: Sample) -> None:
    assert kind.exclusion(sample) is None
    truth = kind.truth(sample)
    reading = kind.read(kind.write(truth), sample)
    assert reading is not None and reading.answer == truth
    assert reading.rule.startswith("tag")
    assert kind.write(truth)[slice(*reading.span)].strip()
    headline = kind.metrics[kind.headline](columns_of([kind.values(truth, sample)]))
    assert headline == 1.0 or (math.isnan(headline) and not sample.target.segments)


@pytest.mark.parametrize(("kind", "sample"), EXAMPLES)
def test_no_answer_is_worth_the_least(kind: Kind[Any], sample: Sample) -> None:
    columns = columns_of([kind.values(None, sample)])
    for metric in kind.metrics.values():
        value = metric(columns)
        worst = metric.bounds[0] if metric.higher_is_better else metric.bounds[1]
        assert math.isnan(value) or value == worst, metric.name
        assert math.isnan(value) or not metric.answered_only


@pytest.mark.parametrize(("kind", "sample"), EXAMPLES)
@pytest.mark.parametrize("text", ["", " \n", "I cannot tell.", "<answer></answer>", "\x00", "<glue>[]</glue>"])
def test_nothing_is_read_from_nothing(kind: Kind[Any], sample: Sample, text: str) -> None:
    assert kind.read(text, sample) is None


@pytest.mark.parametrize(("kind", "sample"), EXAMPLES)
def test_answers_are_native_json(kind: Kind[Any], sample: Sample) -> None:
    truth = kind.truth(sample)
    assert json.loads(json.dumps(kind.as_json(truth))) == kind.as_json(truth)
    assert all(type(v) is float for v in kind.values(truth, sample).values())


@pytest.mark.parametrize(("kind", "sample"), EXAMPLES)
def test_a_prompt_holds_every_placeholder_and_every_choice(kind: Kind[Any], sample: Sample) -> None:
    fields = kind.prompt_fields(sample)
    assert set(fields) == kind.placeholders
    for text in sample.fields.get("options", kind.classes):
        assert any(text in field for field in fields.values())
    if kind.choices(sample) and kind.truth(sample) != ANOMALY:
        assert kind.truth(sample) in kind.choices(sample)


@pytest.mark.parametrize("kind", [MCQ, GROUNDING, CLASSIFICATION], ids=lambda k: k.name)
def test_the_headline_is_the_first_metric(kind: Kind[Any]) -> None:
    assert next(iter(kind.metrics)) == kind.headline
    assert all(name == metric.name and metric.summary for name, metric in kind.metrics.items())


@pytest.mark.parametrize("kind", [MCQ, GROUNDING, CLASSIFICATION], ids=lambda k: k.name)
def test_an_unknown_floor_gets_a_hint(kind: Kind[Any]) -> None:
    with pytest.raises(UnknownNameError, match=f"floor of {kind.name} tasks 'randon'; did you mean random"):
        kind.floor("randon", (), FloorContext())


# Exclusions.


def test_a_sample_takes_part_where_its_truth_is_known() -> None:
    unknown = Sample("x", "x.mp4", "x", Target())
    assert MCQ.exclusion(unknown) == "no_question"
    assert MCQ.exclusion(replace(question(), target=Target())) == "no_right_option"
    assert MCQ.exclusion(question(options=[str(n) for n in range(9)])) == "too_many_options"
    assert GROUNDING.exclusion(unknown) == "unknown_time"
    assert CLASSIFICATION.exclusion(unknown) == "unknown_class"
    assert CLASSIFICATION.exclusion(video(label="Earthquake")) == "class_not_listed"


# Grounding.

GOOD = ((2.0, 8.0),)


@pytest.mark.parametrize(
    ("answer", "alarm", "tiou"),
    [
        (GOOD, 1, 1.0),
        ((), 0, 0.0),
        (None, 0, 0.0),
        (((8.0, 2.0),), 0, 0.0),
        (((3.0, 3.0),), 0, 0.0),
        (((20.0, 30.0),), 1, 0.0),
    ],
    ids=["right", "normal", "no answer", "reversed", "empty", "elsewhere"],
)
def test_worth_on_an_anomalous_video(answer: Any, alarm: float, tiou: float) -> None:
    values = GROUNDING.values(answer, video("v", *GOOD))
    assert (values["anomalous"], values["alarm"], values["tiou"]) == (1.0, alarm, tiou)
    assert math.isnan(values["start_error"]) == (not alarm)


@pytest.mark.parametrize(
    ("answer", "alarm"),
    [((), 0), (None, 1), (GOOD, 1), (((8.0, 2.0),), 1)],
    ids=["normal", "none", "interval", "reversed"],
)
def test_worth_on_a_normal_video(answer: Any, alarm: float) -> None:
    values = GROUNDING.values(answer, video())
    assert (values["anomalous"], values["alarm"]) == (0.0, alarm)
    assert math.isnan(values["tiou"])


def test_errors_of_start_and_end_are_seconds() -> None:
    values = GROUNDING.values(((1.0, 3.0), (4.0, 11.5)), video("v", *GOOD))
    assert (values["start_error"], values["end_error"]) == (1.0, 3.5)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=12))
@settings(max_examples=40)
def test_the_constant_interval_is_the_best_of_all(spans: list[tuple[int, int]]) -> None:
    true = [Segment(start, start + length) for start, length in spans]
    found = best_constant_interval(true)
    assert found is not None

    def mean(interval: tuple[float, float]) -> float:
        return sum(set_tiou([interval], [t]) for t in true) / len(true)

    horizon = math.ceil(np.quantile(np.unique(np.array(true), axis=0)[:, 1], 0.95))
    grid = [(float(s), float(e)) for s in range(horizon) for e in range(s + 1, horizon + 1)]
    assert mean(found) == pytest.approx(max(map(mean, grid)), abs=1e-9)


def test_the_constant_interval_of_one_truth_is_the_truth() -> None:
    assert best_constant_interval([Segment(3, 9)]) == (3.0, 9.0)
    assert best_constant_interval([]) is None
    assert best_constant_interval([Segment(0.2, 0.4)]) == (0.0, 1.0)


def test_the_search_stays_cheap_with_hour_long_videos() -> None:
    rng = random.Random(0)
    true = [Segment(s := rng.uniform(0, 3000), s + rng.uniform(5, 600)) for _ in range(2000)]
    found = best_constant_interval(true)
    assert found is not None and 0 <= found[0] < found[1]


def test_grounding_floors() -> None:
    samples = [video("a"), video("b", (1, 5)), video("c", (2, 6))]
    context = FloorContext([video("t", (10, 20))], {"a": 30.0, "b": 12.5})
    assert GROUNDING.floor("always_normal", samples, context) == [(), (), ()]
    assert GROUNDING.floor("whole_video", samples, context) == [((0.0, 30.0),), ((0.0, 12.5),), None]
    assert GROUNDING.floor("prior_interval", samples, context) == [((10.0, 20.0),)] * 3
    assert GROUNDING.floor("prior_interval", samples, FloorContext()) == [None] * 3
    many = [video(str(n)) for n in range(400)]
    drawn = GROUNDING.floor("random", many, context)
    assert 140 < sum(answer == () for answer in drawn) < 260
    assert all(0 <= s <= e <= 20 for answer in drawn for s, e in answer or ())


# Multiple choice.


def test_mcq_floors() -> None:
    samples = [question(), question(options=["x", "yy", "zz", "w"])]
    assert MCQ.floor("always_a", samples, FloorContext()) == ["A", "A"]
    assert MCQ.floor("longest_option", samples, FloorContext()) == ["B", "B"]  # the first of equals
    drawn = MCQ.floor("random", [question(str(n)) for n in range(400)], FloorContext())
    assert all(60 < drawn.count(letter) < 140 for letter in "ABCD")
    assert set(MCQ.floor("random", [question(str(n), options=["x", "y"]) for n in range(50)], FloorContext())) == {
        "A",
        "B",
    }


def test_a_letter_beyond_the_options_is_no_answer() -> None:
    assert MCQ.read("<answer>D</answer>", question(options=["yes", "no"])) is None


# Classification.


def test_normal_is_always_a_class_and_the_first() -> None:
    assert CLASSIFICATION.classes == (NORMAL, *CLASSES)
    assert KINDS.get("classification")(["Fire", NORMAL]).classes == (NORMAL, "Fire")


def test_an_anomaly_of_an_untold_class_is_half_an_answer() -> None:
    fire = video(label="Fire")
    columns = columns_of([CLASSIFICATION.values(ANOMALY, fire)])
    assert CLASSIFICATION.metrics["accuracy"](columns) == 0.0
    assert CLASSIFICATION.metrics["binary_accuracy"](columns) == 1.0


def test_classification_floors() -> None:
    samples = [video(str(n)) for n in range(400)]
    tuning = [video(label=label) for label in ("Fire", "Fire", NORMAL, "Earthquake", "Earthquake", "Earthquake", None)]
    assert set(CLASSIFICATION.floor("always_normal", samples, FloorContext())) == {NORMAL}
    assert set(CLASSIFICATION.floor("majority_class", samples, FloorContext(tuning))) == {"Fire"}
    assert set(CLASSIFICATION.floor("majority_class", samples, FloorContext())) == {None}
    ties = [video(label="Traffic_accident"), video(label="Fire")]
    assert CLASSIFICATION.floor("majority_class", samples[:1], FloorContext(ties)) == ["Fire"]
    drawn = CLASSIFICATION.floor("random", samples, FloorContext())
    assert all(60 < drawn.count(name) < 140 for name in CLASSIFICATION.classes)


@pytest.mark.parametrize(("kind", "sample"), [(MCQ, question()), (GROUNDING, video()), (CLASSIFICATION, video())])
def test_random_floors_depend_on_the_seed_and_the_sample_alone(kind: Kind[Any], sample: Sample) -> None:
    samples = [replace(sample, id=str(n)) for n in range(50)]
    drawn = kind.floor("random", samples, FloorContext(seed=1))
    assert drawn == kind.floor("random", samples, FloorContext(seed=1))
    assert drawn[7:8] == kind.floor("random", samples[7:8], FloorContext(seed=1))
    assert drawn != kind.floor("random", samples, FloorContext(seed=2))


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (MCQ, "random"),
        (MCQ, "longest_option"),
        (GROUNDING, "random"),
        (GROUNDING, "always_normal"),
        (CLASSIFICATION, "random"),
    ],
)
def test_a_blind_floor_does_not_see_the_truth(kind: Kind[Any], name: str) -> None:
    samples = [question(str(n)) if kind is MCQ else video(str(n), (1, 5), label="Fire") for n in range(20)]
    blinded = [replace(s, target=Target()) for s in samples]
    assert kind.floor(name, samples, FloorContext()) == kind.floor(name, blinded, FloorContext())


# The paper's reading.


def test_the_paper_reads_with_rules_of_its_own() -> None:
    assert MCQ.read("A man is seen; who knows", question()) is None
    loose = MCQ.read_as_paper("A man is seen; who knows", question())
    assert loose is not None and loose.answer == "A"
    normal = GROUNDING.read_as_paper("<glue>[-1.0, -1.0]</glue>", video())
    assert normal is not None and normal.answer == ()
    assert not GROUNDING.in_paper_score(video(), ()) and GROUNDING.in_paper_score(video("v", (1, 2)), ())
