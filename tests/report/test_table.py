"""The terminal table: ASCII, aligned, and honest about denominators and floors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vau_bench.records import Outcome
from vau_bench.report.table import paper_table, plain_table
from vau_bench.report.wording import printable, standing, told
from vau_bench.results import FloorResult, MetricResult, Results, TaskResult


def metric(value: float | None, low: float | None = None, high: float | None = None, **changes: Any) -> MetricResult:
    made: dict[str, Any] = {
        "value": value,
        "low": low,
        "high": high,
        "se": 0.03,
        "n": 40,
        "clusters": 38,
        "mde": 0.12,
        "method": "bootstrap",
        "unit": "%",
        "higher_is_better": True,
        "summary": "",
        "answered_only": value,
    }
    return MetricResult(**{**made, **changes})  # type: ignore[typeddict-item]


def task(metrics: dict[str, MetricResult], **changes: Any) -> TaskResult:
    made: dict[str, Any] = {
        "task": "clips_grounding",
        "version": 1,
        "kind": "grounding",
        "dataset": "Clips",
        "style": "think",
        "split": "test",
        "frames": "uniform(16)",
        "headline": next(iter(metrics)),
        "expected": 40,
        "outcomes": {**dict.fromkeys(map(str, Outcome), 0), "scored": 37, "unparsed": 2, "missing": 1},
        "excluded": {},
        "notes": {},
        "metrics": metrics,
        "paper": {},
        "paper_n": 0,
        "floors": {},
        "classes": {},
        "digests": {},
        "warnings": [],
    }
    return TaskResult(**{**made, **changes})  # type: ignore[typeddict-item]


def floor(**values: float | None) -> FloorResult:
    return FloorResult(answered=40, metrics=values)


def results(*tasks: TaskResult, **changes: Any) -> Results:
    return Results(**{"run_id": "r1", "model": "openai", "tasks": list(tasks), "path": Path("r1"), **changes})


def line_with(text: str, part: str) -> str:
    return next(line for line in text.splitlines() if part in line)


def test_a_block_tells_the_denominator_before_any_value() -> None:
    lines = plain_table(results(task({"miou": metric(0.419, 0.351, 0.487)}))).splitlines()
    assert lines[0] == "model openai  run r1"
    assert lines[2:4] == [
        "clips_grounding  think  test  expected 40",
        "  40 expected = 37 scored + 2 unparsed + 1 missing",
    ]


def test_a_percentage_stands_with_its_interval_n_and_detectable_effect() -> None:
    line = line_with(plain_table(results(task({"miou": metric(0.419, 0.351, 0.487)}))), "miou")
    assert "41.9 [35.1, 48.7]" in line
    assert line.split()[4:6] == ["40", "-"]  # n, and no floor to stand beside
    assert line.endswith("12.0")


def test_seconds_carry_their_unit_and_lower_is_better_is_said_in_words() -> None:
    text = plain_table(results(task({"start_error": metric(2.31, 1.2, 3.4, unit="s", higher_is_better=False)})))
    assert "start_error (lower is better)  2.31 s [1.20, 3.40]" in text


@pytest.mark.parametrize(
    ("low", "high", "higher_is_better", "expected"),
    [
        (0.5, 0.6, True, "better"),
        (0.1, 0.2, True, "worse"),
        (0.5, 0.6, False, "worse"),
        (0.1, 0.2, False, "better"),
        (0.3, 0.5, True, "within noise"),
        (0.4, 0.5, True, "within noise"),  # touching the floor is not clear of it
        (None, None, True, "no interval"),
        (0.1, 0.2, None, ""),
    ],
)
def test_standing_needs_the_whole_interval_clear_of_the_floor(
    low: float | None, high: float | None, higher_is_better: bool | None, expected: str
) -> None:
    measured = metric(0.45, low, high, higher_is_better=higher_is_better)
    assert standing(task({"m": measured}, floors={"random": floor(m=0.4)}), "m") == expected


def test_the_best_floor_is_named_and_told_where_it_answers_only_some() -> None:
    floors = {"random": floor(miou=0.1), "whole_video": FloorResult(answered=12, metrics={"miou": 0.2})}
    text = plain_table(results(task({"miou": metric(0.419, 0.351, 0.487)}, floors=floors)))
    assert "20.0 whole_video (answers 12)" in text
    assert line_with(text, "miou").endswith("better")


def test_answered_only_is_shown_only_where_it_differs() -> None:
    same = plain_table(results(task({"miou": metric(0.419)})))
    other = plain_table(results(task({"miou": metric(0.419, answered_only=0.461)})))
    assert "  answered  " not in same
    assert "46.1" in line_with(other, "miou")
    assert "  answered  " in other


def test_an_undefined_metric_is_a_dash_not_a_zero() -> None:
    undefined = metric(None, n=0, clusters=0, mde=None, method="none", answered_only=None)
    line = line_with(plain_table(results(task({"false_alarm_rate": undefined}))), "false_alarm_rate")
    assert line.split() == ["false_alarm_rate", "-", "0", "-", "-"]


def test_excluded_notes_and_warnings_stand_below() -> None:
    shown = task({"miou": metric(0.4)}, excluded={"unknown_time": 3}, notes={"masked": 2}, warnings=["odd truth"])
    lines = plain_table(results(shown)).splitlines()
    assert "  excluded: 3 unknown_time" in lines
    assert "  notes: 2 masked" in lines
    assert "  warning: odd truth" in lines


def test_a_run_that_did_not_end_well_says_so() -> None:
    assert "status cancelled" in plain_table(results(task({"miou": metric(0.4)}), status="cancelled")).splitlines()[0]


def test_the_table_is_ascii_within_120_columns_whatever_the_names_hold() -> None:
    floors = {"prior_interval": floor(miou=0.482, **{"false_alarm_rate": 1.0})}
    metrics = {
        "miou": metric(0.419, 0.351, 0.487, answered_only=0.5),
        "false_alarm_rate": metric(1.0, 0.9, 1.0, higher_is_better=False, answered_only=0.9),
        "start_error": metric(12.31, 10.2, 123.4, unit="s", higher_is_better=False, mde=10.0),
    }
    text = plain_table(results(task(metrics, floors=floors, warnings=["first: \x1b[31mred\u202e\ud800.mp4"])))
    assert "\x1b" not in text
    assert "\\x1b[31mred\\u202e\\ud800.mp4" in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 120


def test_printable_keeps_what_can_be_read() -> None:
    assert printable("Überfall 抢劫") == "Überfall 抢劫"
    assert printable("a\nb\tc\u200b") == "a\\nb\\tc\\u200b"


def test_values_without_a_unit_are_told_as_they_are() -> None:
    assert told(0.123456, "") == "0.1235"


def test_paper_mode_tells_over_how_many_samples_it_is_and_what_it_drops() -> None:
    shown = task({"miou": metric(0.419), "miss_rate": metric(0.1)}, paper={"miou": 0.553}, paper_n=21)
    text = paper_table(results(shown))
    assert "paper mode counts 21 of 40 samples" in text
    assert line_with(text, "miou").split() == ["miou", "55.3", "41.9", "40"]
    assert line_with(text, "miss_rate").split() == ["miss_rate", "-", "10.0", "40"]
    assert "It drops" in text


def test_paper_mode_without_a_sample_says_so() -> None:
    assert "paper mode counts no sample" in paper_table(results(task({"miou": metric(0.4)})))
