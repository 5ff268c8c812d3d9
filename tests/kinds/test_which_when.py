"""Grounding by the rules of Vad-R1: a verdict in `<which>`, a part of the video in `<when>`, every video counts."""

from __future__ import annotations

import math
import re
from typing import Any

import pytest

from vau_bench.kinds.grounding import Grounding, Intervals
from vau_bench.records import Sample, Segment, Target
from vau_bench.scoring import columns_of

KIND = Grounding()
FIELDS = {"duration": 20.0, "paper": "vad_r1"}
ANOMALY = Sample("a", "a", "a", Target("Fire", (Segment(2.0, 6.0),)), FIELDS)
NORMAL = Sample("n", "n", "n", Target("Normal", ()), FIELDS)
NO_TIME = ((0.0, 0.0),)


def tagged(which: str, when: str = "") -> str:
    return f"<answer>It is <which>{which}</which>, {when and f'<when>{when}</when>'}.</answer>"


@pytest.mark.parametrize(
    ("text", "strict", "paper"),
    [
        (tagged("Abnormal", "[0.1, 0.3]"), ((2.0, 6.0),), ((2.0, 6.0),)),
        (tagged("Abnormal", "[0.1,0.3]"), ((2.0, 6.0),), ((2.0, 6.0),)),
        (tagged("Normal"), (), ()),
        (tagged("Normal", "[0.1, 0.3]"), (), ()),
        (tagged(" Normal "), (), NO_TIME),
        (tagged("Normal."), None, NO_TIME),
        (tagged("normal"), None, NO_TIME),
        (tagged("Fire", "[0.1, 0.3]"), None, ((2.0, 6.0),)),
        (tagged("Abnormal"), None, NO_TIME),
        (tagged("Abnormal", "[ 0.1, 0.3 ]"), None, NO_TIME),
        (tagged("Abnormal", "0.1 to 0.3"), None, NO_TIME),
        (tagged("Abnormal", "[0.1.2, 0.3]"), NO_TIME, NO_TIME),
        (tagged("Abnormal", f"[0.1, {'9' * 400}]"), NO_TIME, NO_TIME),
        (tagged("Abnormal", "[0.3, 0.1]"), ((6.0, 2.0),), ((6.0, 2.0),)),
        (tagged("Normal") + tagged("Abnormal", "[0.1, 0.3]"), ((2.0, 6.0),), ()),
        ("<when>[0.1, 0.3]</when> and nothing else", None, ((2.0, 6.0),)),
        ("<answer>Anomaly</answer><glue>[2.0, 6.0]</glue>", ((2.0, 6.0),), ((2.0, 6.0),)),
        ("<answer>Normal</answer><glue>[-1.0, -1.0]</glue>", (), ()),
        ("I cannot tell.", None, NO_TIME),
    ],
)
def test_an_answer(text: str, strict: Intervals | None, paper: Intervals) -> None:
    for found, expected in ((KIND.read(text, ANOMALY), strict), (KIND.read_as_paper(text, ANOMALY), paper)):
        assert (found and tuple(tuple(round(t, 9) for t in pair) for pair in found.answer)) == expected
        assert found is None or 0 <= found.span[0] <= found.span[1] <= len(text)


def test_other_tasks_know_nothing_of_these_tags() -> None:
    plain = Sample("p", "p", "p", ANOMALY.target, {"duration": 20.0})
    found = KIND.read("<which>Normal</which> <answer>Anomaly</answer><glue>[2.0, 6.0]</glue>", plain)
    assert found is not None and found.answer == ((2.0, 6.0),)
    assert KIND.in_paper_score(ANOMALY, ()) and KIND.in_paper_score(NORMAL, ())
    assert not KIND.in_paper_score(Sample("p", "p", "p", Target("Normal", ()), {}), ())


def test_a_verdict_is_right_at_whatever_time_and_wrong_without_an_answer() -> None:
    said: list[tuple[Any, float]] = [((), 0), (((6.0, 2.0),), 1), (((0.0, 1.0),), 1)]
    for sample, unanswered in ((ANOMALY, 0), (NORMAL, 1)):
        for answer, called in [*said, (None, unanswered)]:
            assert KIND.values(answer, sample)["called"] == called


def by_the_script(texts: list[str], samples: list[Sample]) -> dict[str, float]:
    """Score as the rules say, video by video, in parts of the video."""
    ious, pairs = [], []
    for text, sample in zip(texts, samples, strict=True):
        verdict = re.search("<which>(.*?)</which>", text)
        said = "Normal" if verdict and verdict[1] == "Normal" else "Abnormal"
        true = "Abnormal" if sample.target.segments else "Normal"
        when = re.search(r"<when>\[([0-9.]+)\s*,\s*([0-9.]+)\]</when>", text)
        a, b = (0.0, 1.0) if said == "Normal" else (float(when[1]), float(when[2])) if when else (0.0, 0.0)
        c, d = (t / 20 for t in sample.target.segments[0]) if sample.target.segments else (0.0, 1.0)
        ious.append(max(0.0, min(b, d) - max(a, c)) / (max(b, d) - min(a, c)) if said == true else 0.0)
        pairs.append((said, true))
    hits = sum(said == true == "Abnormal" for said, true in pairs)
    calls = sum(said == "Abnormal" for said, _ in pairs)
    there = sum(true == "Abnormal" for _, true in pairs)
    return {
        "overall_miou": sum(ious) / len(ious),
        **{f"overall_recall@{t}": sum(iou >= t for iou in ious) / len(ious) for t in (0.3, 0.5, 0.7)},
        "accuracy": sum(said == true for said, true in pairs) / len(pairs),
        "precision": hits / calls,
        "recall": hits / there,
        "f1": 2 * hits / (calls + there),
    }


def test_metrics_are_those_of_the_rules() -> None:
    cases = [
        (tagged("Abnormal", "[0.1, 0.3]"), ANOMALY),
        (tagged("Abnormal", "[0.2, 0.4]"), ANOMALY),
        (tagged("Abnormal", "[0.15, 0.31]"), ANOMALY),
        (tagged("Abnormal", "[0.6, 0.9]"), ANOMALY),
        (tagged("Abnormal"), ANOMALY),
        (tagged("Normal"), ANOMALY),
        (tagged("Normal"), NORMAL),
        (tagged("Normal"), NORMAL),
        (tagged("Normal."), NORMAL),
        (tagged("Abnormal", "[0.0, 1.0]"), NORMAL),
    ]
    texts, samples = [text for text, _ in cases], [sample for _, sample in cases]
    readings = [KIND.read_as_paper(text, sample) for text, sample in cases]
    columns = columns_of([KIND.values(r.answer if r else None, s) for r, s in zip(readings, samples, strict=True)])
    expected = by_the_script(texts, samples)
    assert {name: KIND.metrics[name](columns) for name in expected} == pytest.approx(expected)
    assert 0 < expected["overall_recall@0.7"] < expected["overall_recall@0.3"] < 1


def test_without_any_answer_every_overall_figure_is_0() -> None:
    columns = columns_of([KIND.values(None, s) for s in (ANOMALY, NORMAL)])
    for name in ("overall_miou", "overall_recall@0.3", "accuracy", "recall", "f1", "precision"):
        assert KIND.metrics[name](columns) == 0.0


def test_always_normal_is_rewarded_and_miou_is_not_fooled() -> None:
    columns = columns_of([KIND.values((), s) for s in (ANOMALY, NORMAL)])
    assert KIND.metrics["overall_miou"](columns) == 0.5 and KIND.metrics["miou"](columns) == 0.0
    assert math.isnan(KIND.metrics["precision"](columns))
