"""What a report is computed from: choices of samples, excerpts, timelines, gauges, the command that repeats a run."""

from __future__ import annotations

import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench import evaluation
from vau_bench.cli.main import cli
from vau_bench.errors import UsageError
from vau_bench.evaluation import Options
from vau_bench.records import JSON, Outcome, Response
from vau_bench.report.answers import Verdict, answer, parts_of, verdict
from vau_bench.report.charts import confusion_table, gauge, metric_rows, outcome_parts
from vau_bench.report.choosing import choose, evenly, shares
from vau_bench.report.command import repeat_command
from vau_bench.report.contents import TaskContents
from vau_bench.report.excerpts import clipped, excerpt, legible
from vau_bench.report.timeline import envelope, timeline
from vau_bench.report.webp import encode_webp, shrunk
from vau_bench.results import MetricResult, SampleScore
from vau_bench.runs import TaskEntry

counts = st.lists(st.integers(0, 50), max_size=6)


@given(st.integers(0, 300), st.integers(0, 60))
def test_the_chosen_are_distinct_in_order_and_begin_with_the_worst(n: int, budget: int) -> None:
    chosen = choose(range(n), budget)
    assert len(chosen) == min(n, budget)
    assert chosen == sorted(set(chosen))
    assert chosen[: budget // 2] == list(range(min(n, budget // 2)))


@given(counts, st.integers(0, 200))
def test_shares_use_the_whole_budget_and_starve_no_one(sizes: list[int], budget: int) -> None:
    taken = shares(sizes, budget)
    assert sum(taken) == min(budget, sum(sizes))
    assert all(0 <= t <= s for t, s in zip(taken, sizes, strict=True))
    unmet = [t for t, s in zip(taken, sizes, strict=True) if t < s]
    assert all(t <= min(unmet) + 1 for t in taken if unmet)


@given(st.integers(0, 300), st.integers(1, 20))
def test_evenly_spaced_numbers_hold_both_ends(n: int, most: int) -> None:
    places = evenly(n, most)
    assert len(places) == min(n, most) == len(set(places))
    if len(places) > 1:
        assert (places[0], places[-1]) == (0, n - 1)


@given(st.text(max_size=400), st.tuples(st.integers(0, 400), st.integers(0, 400)), st.integers(60, 200))
@settings(max_examples=200)
def test_an_excerpt_holds_the_evidence_and_counts_what_it_leaves_out(
    text: str, span: tuple[int, int], longest: int
) -> None:
    parts = excerpt(text, span, longest=longest)
    left_out = sum(int(p.text.split()[0].replace(",", "")) for p in parts if p.kind == "gap")
    assert sum(len(p.text) for p in parts if p.kind != "gap") + left_out == len(text)
    start, end = span
    evidence = "".join(p.text for p in parts if p.evidence)
    if 0 <= start < end <= len(text):
        assert evidence and text[start:end].startswith(evidence)
        assert evidence == text[start:end] or len(text) > longest
    else:
        assert evidence == ""


def test_a_text_that_fits_is_shown_whole_around_its_evidence() -> None:
    parts = excerpt("so <answer>B</answer> it is", (11, 12))
    assert [(p.evidence, p.text) for p in parts] == [
        (False, "so <answer>"),
        (True, "B"),
        (False, "</answer> it is"),
    ]


def test_evidence_at_the_end_of_a_long_text_stands_in_its_surroundings() -> None:
    parts = excerpt("a" * 10_000 + "[1, 2]" + "b" * 10_000, (10_000, 10_006))
    assert [p.kind for p in parts] == ["plain", "gap", "plain", "plain", "plain", "gap"]
    assert [p.text for p in parts if p.evidence] == ["[1, 2]"]
    assert parts[1].text == "6,606 characters left out"
    assert parts[5].text == "9,400 characters left out"


@given(st.text(st.characters(), max_size=60))
def test_legible_text_can_be_encoded_and_steers_nothing(text: str) -> None:
    shown = legible(text)
    assert legible(shown) == shown
    shown.encode("utf-8")
    assert all(c in "\n\t" or not (ord(c) < 32 or 127 <= ord(c) < 160) for c in shown)


def test_legible_text_keeps_letters_of_every_script_and_their_joiners() -> None:
    kept = "\u062d\u0627\u062f\u062b\u0647\u200c\u0627\u06cc 抢劫 👩\u200d🚒\n\tend"
    assert legible(kept) == kept
    assert legible("a\r\nb\u202ec") == "a\nb\\u202ec"


def test_clipped_text_tells_how_much_is_missing() -> None:
    assert clipped("abcdef", 6) == "abcdef"
    assert clipped("abcdefg", 6) == "abcdef ... (1 more characters)"


def rows(answer: JSON, duration: float | None = 10.0) -> Any:
    drawn = timeline([("prediction", answer)], duration)
    assert drawn is not None
    return drawn


def test_a_timeline_is_in_percent_of_the_video() -> None:
    drawn = rows([[2.5, 5.0]])
    assert (drawn.horizon, drawn.end) == (10.0, 100.0)
    assert (drawn.rows[0].bars[0].x, drawn.rows[0].bars[0].width) == (25.0, 25.0)
    assert drawn.rows[0].told == "2.50 \u2013 5.00 s"


@pytest.mark.parametrize(("answer", "told"), [([], "normal"), (None, "no answer")])
def test_normal_and_no_answer_are_words_without_a_bar(answer: JSON, told: str) -> None:
    row = rows(answer).rows[0]
    assert (row.bars, row.told) == ((), told)


def test_a_reversed_interval_is_drawn_but_not_as_an_interval() -> None:
    row = rows([[6.0, 4.0]]).rows[0]
    assert (row.bars[0].x, row.bars[0].width, row.bars[0].valid) == (40.0, 20.0, False)
    assert "no interval" in row.told


def test_an_absurd_prediction_does_not_squash_the_drawing() -> None:
    drawn = rows([[1.0, 1e9]])
    assert drawn.horizon == 12.5
    assert drawn.end == 80.0
    assert drawn.rows[0].bars[0].x + drawn.rows[0].bars[0].width == pytest.approx(100)


@given(
    st.lists(st.tuples(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12)).map(list), max_size=4),
    st.none() | st.floats(0.01, 1e6),
)
def test_bars_stay_on_the_line(answer: list[list[float]], duration: float | None) -> None:
    drawn = timeline([("prediction", answer)], duration)  # type: ignore[list-item]
    for bar in drawn.rows[0].bars if drawn else ():
        assert bar.x >= 0 and bar.width > 0 and bar.x + bar.width <= 100.001


def test_scores_are_drawn_as_strong_as_they_are() -> None:
    drawn = timeline([("prediction", [[0, 2, 0.25], [2, 4, 0], [4, 8, 1.0]])], 10.0)
    assert drawn is not None
    assert [(bar.x, bar.width, bar.score) for bar in drawn.rows[0].bars] == [(0, 20, 0.25), (40, 40, 1.0)]
    assert drawn.rows[0].told == "highest score 1.00 at 4.00 \u2013 8.00 s"


@pytest.mark.parametrize(
    ("answer", "reach"),
    [
        ([[2.0, 3.0], [0.5, 1.0]], (0.5, 3.0)),
        ([[3.0, 2.0], [1.0, 1.0]], None),
        ([[3.0, 2.0], [4.0, 5.0]], (4.0, 5.0)),
        ([], None),
        (None, None),
        ("A", None),
    ],
)
def test_an_answer_reaches_from_its_first_start_to_its_last_end(answer: Any, reach: Any) -> None:
    assert envelope(answer) == reach


def test_of_many_intervals_the_first_are_told() -> None:
    drawn = timeline([("prediction", [[second, second + 1] for second in range(40)])], 40.0)
    assert drawn is not None
    assert len(drawn.rows[0].bars) == 40 and drawn.rows[0].told.endswith(" and 36 more")


def test_without_any_time_there_is_no_timeline() -> None:
    assert timeline([("truth", []), ("prediction", None)], None) is None


def metric(value: float | None, low: float | None, high: float | None, unit: str) -> MetricResult:
    return MetricResult(
        value=value, low=low, high=high, se=None, n=1, clusters=1, mde=None, method="t", unit=unit,
        higher_is_better=True, summary="", answered_only=None,
    )  # fmt: skip


def test_a_gauge_of_percentages_runs_from_0_to_100() -> None:
    drawn = gauge(metric(0.5, 0.4, 0.7, "%"), {"random": 0.25, "always_a": 0.3}, "always_a")
    assert drawn is not None
    assert (drawn.value, drawn.low, drawn.width, drawn.left, drawn.right) == (50.0, 40.0, 30.0, "0.0", "100.0")
    assert [(f.name, f.x, f.best) for f in drawn.floors] == [("random", 25.0, False), ("always_a", 30.0, True)]


def test_a_gauge_of_seconds_reaches_the_largest_value() -> None:
    drawn = gauge(metric(2.0, None, None, "s"), {"random": 8.0}, "random")
    assert drawn is not None
    assert (drawn.value, drawn.low, drawn.right) == (25.0, None, "8.00 s")


def test_an_undefined_metric_has_no_gauge() -> None:
    assert gauge(metric(None, None, None, "%"), {}, None) is None


@given(st.dictionaries(st.text(max_size=3), st.integers(0, 1000), max_size=6))
def test_outcome_parts_fill_the_bar_without_overlap(outcomes: dict[str, int]) -> None:
    parts = outcome_parts(outcomes)
    assert sum(p.count for p in parts) == sum(outcomes.values())
    for before, after in pairwise(parts):
        assert after.x == pytest.approx(before.x + before.width, abs=0.01)
    if parts:
        assert parts[-1].x + parts[-1].width == pytest.approx(100, abs=0.01)


PROSE: dict[str, JSON] = {"verdict": "Anomaly", "classes": ["Robbery"], "times": []}


def scored(**changes: Any) -> SampleScore:
    made: dict[str, Any] = {
        "task": "t", "sample_id": "s", "video": "s.mp4", "group": "s", "label": "Robbery", "style": "direct",
        "outcome": "scored", "prediction": None, "truth": None, "rule": "text", "span": (0, 9), "flags": (),
        "values": {},
    }  # fmt: skip
    return SampleScore(**{**made, **changes})


@pytest.mark.parametrize(
    ("kind", "changes", "told", "level"),
    [
        ("mcq", {"prediction": "A", "truth": "A", "worth": 1.0}, "right", "good"),
        ("mcq", {"prediction": "A", "truth": "B", "worth": 0.0}, "wrong", "bad"),
        ("grounding", {"prediction": [[0, 2]], "truth": [[0, 4]], "worth": 0.5}, "tIoU 0.50", "good"),
        ("grounding", {"prediction": [[0, 1]], "truth": [[0, 4]], "worth": 0.25}, "tIoU 0.25", "fair"),
        ("grounding", {"prediction": [], "truth": [[0, 4]], "worth": 0.0}, "missed", "bad"),
        ("grounding", {"prediction": [], "truth": [], "worth": 1.0}, "rightly normal", "good"),
        ("grounding", {"prediction": [[0, 4]], "truth": [], "worth": 0.0}, "false alarm", "bad"),
        ("reasoning", {"prediction": PROSE, "truth": {}, "worth": 1.0}, "verdict right", "good"),
    ],
)
def test_a_verdict_says_what_an_answer_is_worth(kind: str, changes: dict[str, Any], told: str, level: str) -> None:
    assert verdict(scored(**changes), kind) == Verdict(told, level)  # type: ignore[arg-type]


def test_an_answer_that_was_not_scored_has_no_verdict() -> None:
    assert verdict(scored(outcome="unparsed"), "mcq") is None


def test_prose_is_told_by_what_it_states_and_not_marked_as_a_whole() -> None:
    entry = TaskEntry("t", 1, "reasoning", "direct", "test", "uniform(4)", {}, 1)
    score = scored(prediction=PROSE, truth=PROSE, worth=1.0)
    response = Response("k", "t", "s", "direct", 0, "A robbery", Outcome.SCORED)
    shown = answer(0, TaskContents(entry, None, [score], {"s": response}, {}, None), score)
    assert shown["prediction"] == "verdict: Anomaly; classes: Robbery"
    assert shown["parts"] == [["plain", False, "A robbery"]]


@given(st.lists(st.sampled_from(["<think>", "</think>", "<answer>", "</answer>", "<reflect>", "x", " "])).map("".join))
def test_the_parts_of_a_response_are_the_response(text: str) -> None:
    assert "".join(part.text for part in parts_of(text, None)) == text


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((720, 1280), (62, 112)),
        ((1280, 720), (112, 62)),
        ((60, 90), (60, 90)),
        ((61, 91), (60, 90)),
        ((3000, 8), (112, 2)),
    ],
)
def test_thumbnails_fit_and_are_never_enlarged(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert shrunk(np.full((*size, 3), 128, np.uint8)).shape == (*expected, 3)


def test_a_frame_is_a_small_webp_file_and_always_the_same() -> None:
    frame = np.random.default_rng(0).integers(0, 255, (64, 112, 3), np.uint8)
    made = [encode_webp(frame, quality) for quality in (50, 50, 8)]
    assert made[0] == made[1] and made[0][:4] == b"RIFF" and len(made[2]) < len(made[0])


def test_the_command_repeats_the_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my tasks").mkdir()
    options = Options(
        model="openai",
        tasks=("clips_mcq", "clips_grounding"),
        model_args={"model": "a b", "base_url": "http://localhost/v1"},
        data=tmp_path,
        limit=7,
        frames="uniform(16) short_side=336",
        shuffle_options=0,
        temperature=0.5,
        resamples=0,
        tasks_dirs=(tmp_path / "my tasks",),
    )
    asked: list[Options] = []

    def evaluate(given: Options, *_: object, **__: object) -> None:
        asked.append(given)
        raise UsageError("enough")

    monkeypatch.setattr(evaluation, "evaluate", evaluate)
    words = shlex.split(repeat_command(options))
    assert words[:2] == ["vau-bench", "evaluate"]
    CliRunner().invoke(cli, words[1:])
    assert asked == [options]


def test_the_command_names_only_what_is_not_at_its_default() -> None:
    assert repeat_command(Options("gold", ("clips_mcq",))) == "vau-bench evaluate --model gold --tasks clips_mcq"


def test_a_confusion_table_leaves_out_names_that_occur_on_neither_side() -> None:
    confusion = {
        "rows": ["Normal", "Fire", "Fall"],
        "columns": ["Normal", "Fire", "Fall", "no answer"],
        "counts": [[1, 0, 0, 3], [0, 0, 0, 0], [2, 0, 0, 0]],
    }
    table = confusion_table({"confusion": confusion})  # type: ignore[typeddict-item]
    assert table is not None and table.columns == ["Normal", "Fall", "no answer"]
    assert table.rows == [("Normal", [(1, 0.25), (0, 0.0), (3, 0.75)]), ("Fall", [(2, 1.0), (0, 0.0), (0, 0.0)])]
    assert confusion_table({}) is None  # type: ignore[typeddict-item]


@pytest.mark.parametrize(("answered", "told"), [(None, "-"), (0.5, "same"), (0.75, "75.0")])
def test_the_value_over_answers_is_told_apart_from_no_answer_at_all(answered: float | None, told: str) -> None:
    metric = {
        "value": 0.5, "low": 0.4, "high": 0.6, "se": 0.05, "n": 9, "clusters": 9, "mde": 0.2, "method": "t",
        "unit": "%", "higher_is_better": True, "summary": "", "answered_only": answered,
    }  # fmt: skip
    task = {"metrics": {"accuracy": metric}, "floors": {}, "paper": {}, "headline": "accuracy"}
    (row,) = metric_rows(task)  # type: ignore[arg-type]
    assert row.answered == told
