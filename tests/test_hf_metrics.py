"""The `evaluate` modules: loaded from their folder without a network, equal to the functions that they wrap."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vau_bench import hf_metrics
from vau_bench.errors import UnknownNameError
from vau_bench.metrics import tiou


@pytest.fixture(scope="module")
def evaluate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The library, offline, with its caches in a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HF_MODULES_CACHE", "HF_EVALUATE_CACHE"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name)))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_EVALUATE_OFFLINE", "1")
        yield pytest.importorskip("evaluate")


@pytest.fixture
def load(evaluate: Any, tmp_path: Path) -> Any:
    return lambda name: evaluate.load(hf_metrics.path(name), cache_dir=str(tmp_path))


def test_tiou_is_that_of_the_harness(load: Any) -> None:
    predictions = [[1, 4], [], [8, 5], [0, 10], [3, 4], [1, 2]]
    references = [[2, 4], [1, 2], [5, 8], [0, 7], [], [1, 2]]
    found = load("tiou").compute(predictions=predictions, references=references)
    values = [float(tiou(p or [np.nan] * 2, r)) for p, r in zip(predictions, references, strict=True) if r]
    assert values == pytest.approx([2 / 3, 0, 0, 0.7, 1])
    assert found == {
        "miou": pytest.approx(np.mean(values)),
        "recall@0.3": pytest.approx(3 / 5),
        "recall@0.5": pytest.approx(3 / 5),
        "recall@0.7": pytest.approx(2 / 5),
        "n": 5,
        "no_interval": 2,
        "normal": 1,
    }


def test_tiou_adds_up_over_batches(load: Any) -> None:
    metric = load("tiou")
    metric.add_batch(predictions=[[0, 1], [0, 2]], references=[[0, 1], [1, 2]])
    metric.add(prediction=[5, 6], reference=[5, 6])
    assert metric.compute()["miou"] == pytest.approx((1 + 0.5 + 1) / 3)


def test_tiou_without_an_anomaly_is_undefined_not_zero(load: Any) -> None:
    found = load("tiou").compute(predictions=[[]], references=[[]])
    assert (found["miou"], found["recall@0.5"], found["n"], found["normal"]) == (None, None, 0, 1)


def test_tiou_refuses_what_is_no_interval(load: Any) -> None:
    with pytest.raises(ValueError, match=r"prediction 0 is not \[start, end\]"):
        load("tiou").compute(predictions=[[1, 2, 3]], references=[[1, 2]])
    with pytest.raises(ValueError, match="reference interval is reversed"):
        load("tiou").compute(predictions=[[1, 2]], references=[[2, 1]])


def test_reflection_gain_of_right_and_wrong(load: Any) -> None:
    first = [0] * 30 + [1] * 10 + [1] * 40 + [0] * 20
    revised = [1] * 30 + [0] * 10 + [1] * 40 + [0] * 20
    found = load("reflection_gain").compute(first=first, revised=revised)
    cells = {name: found[name] for name in ("n", "repaired", "broken", "kept_right", "kept_wrong")}
    assert cells == {"n": 100, "repaired": 30, "broken": 10, "kept_right": 40, "kept_wrong": 20}
    assert found["net_gain"] == pytest.approx(0.2)
    # The textbook interval of a paired difference: sqrt((b + c - (b - c)^2 / n) / n^2).
    reach = 1.96 * math.sqrt((30 + 10 - 20**2 / 100) / 100**2)
    assert found["net_gain_low"] == pytest.approx(0.2 - reach, abs=0.02)
    assert found["net_gain_high"] == pytest.approx(0.2 + reach, abs=0.02)
    assert found["repair_rate"] == pytest.approx(0.6)
    assert found["break_rate"] == pytest.approx(0.2)


def test_reflection_gain_of_intervals_and_of_absent_reflections(load: Any) -> None:
    found = load("reflection_gain").compute(first=[0.2, 0.6, math.nan], revised=[0.7, 0.9, 1.0])
    assert (found["n"], found["repaired"], found["kept_right"]) == (2, 1, 1)
    assert found["graded_gain"] == pytest.approx(0.4)


def test_reflection_gain_is_clustered_by_video(load: Any) -> None:
    metric = load("reflection_gain")
    first, revised = [0.0] * 120, ([1.0] * 3 + [0.0] * 3) * 20
    alone = metric.compute(first=first, revised=revised)
    videos = [str(n // 3) for n in range(120)]
    grouped = load("reflection_gain").compute(first=first, revised=revised, groups=videos)
    assert grouped["net_gain"] == alone["net_gain"] == 0.5

    def width(found: dict[str, float]) -> float:
        return found["net_gain_high"] - found["net_gain_low"]

    assert width(grouped) > 1.4 * width(alone)
    with pytest.raises(ValueError, match="2 samples, but 1 groups"):
        metric.compute(first=[0, 1], revised=[1, 1], groups=["a"])


def test_every_module_tells_its_inputs(load: Any) -> None:
    for name in hf_metrics.NAMES:
        metric = load(name)
        assert "Args:" in metric.inputs_description and metric.description


def test_an_unknown_module_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean tiou"):
        hf_metrics.path("tiuo")
