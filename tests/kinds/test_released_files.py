"""The released VAU-Bench test files give the counts and the blind floors that were published about them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.kinds import FloorContext
from vau_bench.metrics import tiou
from vau_bench.scoring import columns_of
from vau_bench.task import Selection, Task

DATASETS = ("msad", "ucf_crime", "ecva")


def selected(shared: Path, dataset: str, kind: str) -> tuple[Task, Selection]:
    task = Catalogue().get(f"{dataset}_{kind}")
    return task, task.select(shared)


def floor(shared: Path, dataset: str, kind_name: str, name: str) -> tuple[list[object], dict[str, float]]:
    """Return the answers of a floor, and its metrics in percent."""
    task, selection = selected(shared, dataset, kind_name)
    kind = task.kind(selection.dataset)
    answers = kind.floor(name, selection.samples, FloorContext(selection.dataset.samples))
    columns = columns_of([kind.values(a, s) for a, s in zip(answers, selection.samples, strict=True)])
    return answers, {m.name: 100 * m(columns) for m in task.metrics(kind)}


@pytest.mark.parametrize(("dataset", "rows", "normal"), [("msad", 240, 120), ("ucf_crime", 290, 150), ("ecva", 438, 2)])
def test_rows(shared: Path, dataset: str, rows: int, normal: int) -> None:
    samples = selected(shared, dataset, "grounding")[1].dataset.samples
    assert len(samples) == rows
    # A masked row is called nothing, so normal is what is called normal or holds (0, 0).
    assert sum(s.target.label == "Normal" or s.target.segments == () for s in samples) == normal


@pytest.mark.parametrize(
    ("dataset", "questions", "anomalous", "classified"),
    [("msad", 240, 120, 240), ("ucf_crime", 251, 124, 251), ("ecva", 438, 402, 438)],
)
def test_usable_samples(shared: Path, dataset: str, questions: int, anomalous: int, classified: int) -> None:
    assert len(selected(shared, dataset, "mcq")[1].samples) == questions
    assert len(selected(shared, dataset, "classification")[1].samples) == classified
    grounding = selected(shared, dataset, "grounding")[1].samples
    assert sum(bool(s.target.segments) for s in grounding) == anomalous


def test_special_rows_are_counted(shared: Path) -> None:
    notes = {d: selected(shared, d, "grounding")[1].dataset.notes for d in DATASETS}
    assert [notes[d].get("masked", 0) for d in DATASETS] == [0, 39, 0]
    assert [notes[d].get("unknown_time", 0) for d in DATASETS] == [0, 16, 36]
    assert [notes[d].get("option_as_sentence", 0) for d in DATASETS] == [8, 0, 0]
    assert [notes[d].get("normal_with_interval", 0) for d in DATASETS] == [0, 0, 2]


def test_the_classes_are_the_twenty_of_the_paper(shared: Path) -> None:
    found = set()
    for dataset in DATASETS:
        task, selection = selected(shared, dataset, "classification")
        found |= {s.target.label for s in selection.samples}
        assert len(task.kind(selection.dataset).classes) == 20
        assert not selection.excluded.get("class_not_listed")
    assert found <= set(Catalogue().get("msad_classification").kind(selection.dataset).classes)


@pytest.mark.parametrize(
    ("dataset", "always_a", "longest"), [("msad", 68.33, 43.75), ("ucf_crime", 58.96, 75.70), ("ecva", 52.28, 76.94)]
)
def test_blind_floors_of_multiple_choice(shared: Path, dataset: str, always_a: float, longest: float) -> None:
    assert floor(shared, dataset, "mcq", "always_a")[1]["accuracy"] == pytest.approx(always_a, abs=0.005)
    assert floor(shared, dataset, "mcq", "longest_option")[1]["accuracy"] == pytest.approx(longest, abs=0.005)
    assert floor(shared, dataset, "mcq", "always_a")[1]["position_balanced_accuracy"] == 25.0


@pytest.mark.parametrize(
    ("dataset", "shares"),
    [("msad", (68.3, 19.2, 5.0, 7.5)), ("ucf_crime", (59.0, 32.3, 8.0, 0.8)), ("ecva", (52.3, 42.0, 5.0, 0.7))],
)
def test_shares_of_the_right_letter(shared: Path, dataset: str, shares: tuple[float, ...]) -> None:
    samples = selected(shared, dataset, "mcq")[1].samples
    counts = Counter(s.target.option for s in samples)
    assert tuple(round(100 * counts[letter] / len(samples), 1) for letter in "ABCD") == shares


@pytest.mark.parametrize(
    ("dataset", "interval", "miou", "recalls"),
    [
        ("msad", (1.0, 12.0), 41.92, (66.67, 43.33, 12.50)),
        ("ucf_crime", (4.0, 40.0), 14.19, (13.71, 7.26, 2.42)),
        ("ecva", (0.0, 50.0), 35.08, (51.99, 25.37, 13.93)),
    ],
)
def test_a_constant_interval(
    shared: Path, dataset: str, interval: tuple[float, float], miou: float, recalls: tuple[float, ...]
) -> None:
    task, selection = selected(shared, dataset, "grounding")
    kind = task.kind(selection.dataset)
    columns = columns_of([kind.values((interval,), s) for s in selection.samples])
    found = {m.name: 100 * m(columns) for m in task.metrics(kind)}
    assert found["miou"] == pytest.approx(miou, abs=0.005)
    assert [found[f"recall@{t}"] for t in (0.3, 0.5, 0.7)] == pytest.approx(recalls, abs=0.005)
    assert found["false_alarm_rate"] == 100.0 or dataset == "ecva"


@pytest.mark.parametrize(("dataset", "published"), [("msad", 41.92), ("ucf_crime", 14.19), ("ecva", 35.08)])
def test_the_fitted_interval_is_the_best_with_ends_on_whole_seconds(
    shared: Path, dataset: str, published: float
) -> None:
    answers, metrics = floor(shared, dataset, "grounding", "prior_interval")
    true = np.array(
        [s.target.segments[0] for s in selected(shared, dataset, "grounding")[1].samples if s.target.segments]
    )
    best = max(float(tiou((start, end), true).mean()) for start in range(60) for end in range(start + 1, 120))
    assert len(set(answers)) == 1
    assert metrics["miou"] == pytest.approx(100 * best, abs=1e-9)
    assert metrics["miou"] >= published


def test_floors_that_know_too_little_do_not_answer(shared: Path) -> None:
    answers, _ = floor(shared, "msad", "grounding", "whole_video")
    assert set(answers) == {None}
