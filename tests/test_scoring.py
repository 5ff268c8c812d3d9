"""Scoring: every expected sample stays in the denominator, whatever became of it."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.catalogue import Catalogue
from vau_bench.kinds import KINDS
from vau_bench.parsing import write_reflection
from vau_bench.records import Outcome, Response, Sample, Seen, Segment, Target
from vau_bench.results import SampleScore, TaskResult
from vau_bench.scoring import score_sample, score_task
from vau_bench.task import Selection, Task

HEADER = [
    "Video Name",
    "Question",
    "Option 1",
    "Option 2",
    "Option 3",
    "Option 4",
    "Correct Option",
    "Anomaly Class",
    "Start Time",
    "End Time",
]
COUNT = 12


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve clips: four normal ones, eight with an anomaly from 10 to 20 s; the right option is B."""
    folder = tmp_path_factory.mktemp("clips")
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for i in range(COUNT):
            what = ("Normal", 0, 0) if i % 3 == 0 else ("Fire", 10, 20)
            writer.writerow([f"v{i}.mp4", "?", "a fire", "a fight", "a dog", "nothing", "B", *what])
    return folder


def task(clips: Path, kind: str) -> tuple[Task, Selection]:
    found = Catalogue().get(f"clips_{kind}")
    return found, found.select(clips)


def response(sample_id: str, text: str, outcome: Outcome = Outcome.SCORED, **more: Any) -> Response:
    return Response("key", "clips", sample_id, "direct", 0, text, outcome, **more)


def score(
    clips: Path, kind: str, answers: Mapping[str, Response] | Sequence[str], **options: Any
) -> tuple[TaskResult, list[SampleScore]]:
    found, selection = task(clips, kind)
    if not isinstance(answers, Mapping):
        answers = {s.id: response(s.id, text) for s, text in zip(selection.samples, answers, strict=False)}
    options = {"resamples": 0, "tuning": selection.dataset.samples, **options}
    return score_task(found, selection, answers, style="direct", split="test", frames="uniform(8)", **options)


# Every outcome is counted once, and counts as wrong unless it is an answer.

right, wrong, unread = "<answer>B</answer>", "<answer>C</answer>", "Hmm."
cases = st.sampled_from(
    [
        (right, Outcome.SCORED, "scored"),
        (wrong, Outcome.SCORED, "scored"),
        (unread, Outcome.SCORED, "unparsed"),
        ("", Outcome.SCORED, "unparsed"),
        ("I'm sorry, I cannot help with this video.", Outcome.SCORED, "refused"),
        ("", Outcome.REFUSED, "refused"),
        (right, Outcome.TRUNCATED, "scored"),
        ("<think>The man walks", Outcome.TRUNCATED, "truncated"),
        ("", Outcome.ERRORED, "errored"),
        ("", Outcome.MISSING, "missing"),
        None,
    ]
)


@given(st.lists(cases, min_size=COUNT, max_size=COUNT))
@settings(max_examples=60, deadline=None)
def test_the_six_outcomes_add_up_whatever_happened(clips: Path, happened: list[Any]) -> None:
    _, selection = task(clips, "mcq")
    answers = {
        s.id: response(s.id, case[0], case[1]) for s, case in zip(selection.samples, happened, strict=True) if case
    }
    result, scores = score(clips, "mcq", answers)
    expected = [case[2] if case else "missing" for case in happened]
    assert [s.outcome for s in scores] == expected
    assert set(result["outcomes"]) == {str(o) for o in Outcome}
    assert sum(result["outcomes"].values()) == result["expected"] == COUNT
    assert all(result["outcomes"][o] == expected.count(o) for o in result["outcomes"])
    hits = sum(bool(case) and case[0] == right for case in happened)
    accuracy = result["metrics"]["accuracy"]
    assert accuracy["value"] == pytest.approx(hits / COUNT)
    assert accuracy["n"] == COUNT
    answered = expected.count("scored")
    assert accuracy["answered_only"] == (pytest.approx(hits / answered) if answered else None)
    json.dumps(result, allow_nan=False)


def test_an_unread_answer_is_wrong_and_never_a_guess(clips: Path) -> None:
    result, scores = score(clips, "mcq", [right] * 6 + [unread] * 6)
    assert result["metrics"]["accuracy"]["value"] == 0.5
    assert result["metrics"]["accuracy"]["answered_only"] == 1.0
    assert all(s.prediction is None and s.rule is None and s.span is None for s in scores[6:])
    assert all(s.values["predicted"] == -1.0 for s in scores[6:])


def test_a_run_without_answers_has_values_of_nothing(clips: Path) -> None:
    for kind in ("mcq", "grounding", "classification"):
        result, scores = score(clips, kind, {})
        assert result["outcomes"]["missing"] == COUNT
        assert result["metrics"][result["headline"]]["value"] == 0.0
        assert result["metrics"][result["headline"]]["answered_only"] is None
        assert result["paper"] == {} and result["paper_n"] == 0
        assert {s.error for s in scores} == {"not asked"}


def test_every_sample_failing_is_no_success(clips: Path) -> None:
    _, selection = task(clips, "mcq")
    result, scores = score(
        clips, "mcq", {s.id: response(s.id, "", Outcome.ERRORED, error="boom") for s in selection.samples}
    )
    assert result["outcomes"]["errored"] == COUNT and result["outcomes"]["scored"] == 0
    assert result["metrics"]["accuracy"]["value"] == 0.0
    assert {s.error for s in scores} == {"boom"}


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.ERRORED, Outcome.MISSING])
def test_text_beside_a_failure_is_no_answer(clips: Path, outcome: Outcome) -> None:
    result, scores = score(clips, "mcq", {"v0": response("v0", right, outcome)})
    assert scores[0].outcome == outcome and scores[0].prediction is None
    assert result["metrics"]["accuracy"]["value"] == 0.0


def test_answers_to_other_samples_change_nothing(clips: Path) -> None:
    result, _ = score(clips, "mcq", {"stranger": response("stranger", right)})
    assert result["expected"] == COUNT and result["outcomes"]["missing"] == COUNT


# Truncation.

MCQ = KINDS.get("mcq")()
GROUNDING = KINDS.get("grounding")()
CLASSIFICATION = KINDS.get("classification")(("Fire", "Fighting"))
QUESTION = Sample(
    "q", "q.mp4", "q", Target("Fire", (Segment(10, 20),), "B"), {"question": "?", "options": list("wxyz")}
)


def one(kind: Any, text: str, outcome: Outcome = Outcome.SCORED) -> SampleScore:
    return score_sample("t", kind, QUESTION, response("q", text, outcome), "direct")


@pytest.mark.parametrize(
    ("kind", "text", "prediction"),
    [
        (MCQ, "<answer>B</answer>", "B"),
        (MCQ, "<think>it burns</think><answer>B</answer> because the", "B"),
        (CLASSIFICATION, "<answer>Fire</answer>\n", "Fire"),
        (GROUNDING, "<answer>Anomaly</answer><glue>[10, 20]</glue> The", [[10.0, 20.0]]),
        (GROUNDING, "<answer>Normal</answer>", []),
    ],
)
def test_a_complete_answer_counts_though_the_text_was_cut_behind_it(kind: Any, text: str, prediction: Any) -> None:
    found = one(kind, text, Outcome.TRUNCATED)
    assert (found.outcome, found.prediction) == ("scored", prediction)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (MCQ, ""),
        (MCQ, "The answer is B"),
        (MCQ, "<think>it may be B"),
        (MCQ, "<think>it may be <answer>B</answer> but"),
        (MCQ, "<think>hm</think><answer>B"),
        (MCQ, "<answer>B</answ"),
        (CLASSIFICATION, "<answer>Fire"),
        (CLASSIFICATION, "It shows a fire"),
        (GROUNDING, "<answer>Anomaly</answer>"),
        (GROUNDING, "<answer>Anomaly</answer><glue>[10, 2"),
        (GROUNDING, "<answer>Anomaly</answer><glue>[10, 20"),
        (GROUNDING, "It lasts from 10 to 20 seconds"),
    ],
)
def test_an_answer_that_was_cut_is_none(kind: Any, text: str) -> None:
    found = one(kind, text, Outcome.TRUNCATED)
    assert (found.outcome, found.prediction) == ("truncated", None)


FIRST = "<think>a</think><answer>B</answer>"


@pytest.mark.parametrize(
    "rest",
    [
        "<reflect>",
        "<reflect>perhaps not",
        "<reflect>no</reflect>",
        "<reflect>no</reflect><think>it is",
        "<reflect>no</reflect><think>so</think>",
        "<reflect>no</reflect><think>so</think><answer>",
        "<reflect>no</reflect><think>so</think><answer>C",
        "<reflect>no</reflect> The answer is C",
    ],
)
def test_a_reflection_that_was_cut_before_its_final_answer_is_truncated(rest: str) -> None:
    found = one(MCQ, FIRST + rest, Outcome.TRUNCATED)
    assert (found.outcome, found.prediction, found.first) == ("truncated", None, "B")


def test_an_answer_in_the_style_reflect_that_was_cut_before_its_reflection_is_truncated() -> None:
    cut = replace(response("q", FIRST, Outcome.TRUNCATED), style="reflect")
    found = score_sample("t", MCQ, QUESTION, cut, "reflect")
    assert (found.outcome, found.prediction, found.first) == ("truncated", None, "B")
    whole = replace(cut, outcome=Outcome.SCORED)  # the model chose not to reflect
    assert score_sample("t", MCQ, QUESTION, whole, "reflect").prediction == "B"


def test_a_reflection_that_was_cut_behind_its_final_answer_is_scored() -> None:
    found = one(MCQ, FIRST + "<reflect>no</reflect><think>so</think><answer>C</answer> as", Outcome.TRUNCATED)
    assert (found.outcome, found.prediction, found.first) == ("scored", "C", "B")


# Reflection: the last answer is the prediction, the first is kept.


@pytest.mark.parametrize(
    ("kind", "answers", "predictions"),
    [
        (MCQ, ("<answer>B</answer>", "<answer>C</answer>"), ("B", "C")),
        (CLASSIFICATION, ("<answer>Normal</answer>", "<answer>Fire</answer>"), ("Normal", "Fire")),
        (
            GROUNDING,
            ("<answer>Normal</answer><glue>[-1.0, -1.0]</glue>", "<answer>Anomaly</answer><glue>[10.0, 20.0]</glue>"),
            ([], [[10.0, 20.0]]),
        ),
    ],
)
def test_first_and_last_of_a_reflection(kind: Any, answers: tuple[str, str], predictions: tuple[Any, Any]) -> None:
    found = one(kind, write_reflection("it seems so", answers[0], "is it?", "it is not", answers[1]))
    assert (found.outcome, found.first, found.prediction) == ("scored", *predictions)
    assert one(kind, answers[0]).first is None


def test_the_evidence_is_where_the_span_says() -> None:
    text = FIRST + "<reflect>no</reflect><think>so</think><answer>C</answer>"
    found = one(MCQ, text)
    assert found.span is not None and text[slice(*found.span)] == "C" and found.rule == "tag"


# Refusals.


@pytest.mark.parametrize("kind", [MCQ, GROUNDING, CLASSIFICATION], ids=lambda k: k.name)
def test_a_text_that_declines_is_refused(kind: Any) -> None:
    assert one(kind, "I'm sorry, but I can't assist with that.").outcome == "refused"
    assert one(kind, "").outcome == "unparsed"


# Defects of other evaluators.


@pytest.mark.parametrize(
    "text",
    [
        "Failed to obtain answer via API.",
        "A man is seen; unclear",
        "Certainly!",
        "A",
        "<answer>E</answer>",
        "ABCD",
        "A or B",
    ],
)
def test_no_letter_is_made_up(text: str) -> None:
    assert one(MCQ, text).prediction == ("A" if text == "A" else None)


def test_an_interval_that_cannot_be_read_is_not_the_answer_normal(clips: Path) -> None:
    result, scores = score(clips, "grounding", ["somewhere in the middle"] * COUNT)
    assert result["outcomes"]["unparsed"] == COUNT
    assert result["metrics"]["false_alarm_rate"]["value"] == 1.0
    assert result["metrics"]["miss_rate"]["value"] == 1.0
    assert result["metrics"]["miou"]["value"] == 0.0
    assert result["paper"]["miou"] == 0.0 and result["paper_n"] == 8
    assert all(s.prediction is None for s in scores)


def test_reversed_ends_are_not_swapped(clips: Path) -> None:
    result, scores = score(clips, "grounding", ["<answer>Anomaly</answer><glue>[20, 10]</glue>"] * COUNT)
    assert result["metrics"]["miou"]["value"] == 0.0
    assert result["outcomes"]["scored"] == COUNT
    assert "reversed" in scores[1].flags and scores[1].prediction == [[20.0, 10.0]]


def test_two_samples_with_the_same_question_keep_their_own_answers(clips: Path) -> None:
    # All twelve share question, options and (but for the normal ones) interval: a dictionary by any of them loses some.
    result, scores = score(clips, "mcq", [right if i % 2 else wrong for i in range(COUNT)])
    assert result["metrics"]["accuracy"]["value"] == 0.5
    assert [s.prediction for s in scores] == ["B" if i % 2 else "C" for i in range(COUNT)]


def test_scoring_is_a_pure_function(clips: Path) -> None:
    texts = [right, wrong, unread] * 4
    assert score(clips, "mcq", texts, resamples=200) == score(clips, "mcq", texts, resamples=200)


# The paper's mode.


def test_the_paper_drops_normal_videos_and_unanswered_ones_from_grounding(clips: Path) -> None:
    good, none = "<answer>Anomaly</answer><glue>[10.0, 20.0]</glue>", "no idea"
    texts = ["<glue>[1, 2]</glue>" if i % 3 == 0 else good if i < 6 else none if i < 9 else "" for i in range(COUNT)]
    result, _ = score(clips, "grounding", texts)
    assert result["paper_n"] == 6  # of eight anomalous videos, two have no answer
    assert result["paper"]["miou"] == pytest.approx(4 / 6)  # what cannot be read is worth 0
    assert result["metrics"]["miou"]["value"] == 0.5
    assert result["metrics"]["miou"]["n"] == 8


def test_the_paper_keeps_an_answer_without_a_letter_as_wrong(clips: Path) -> None:
    result, _ = score(clips, "mcq", [right] * 6 + ["no letter here"] * 3 + [""] * 3)
    assert result["paper_n"] == 9  # an empty answer is dropped
    assert result["paper"]["accuracy"] == pytest.approx(6 / 9)
    assert result["metrics"]["accuracy"]["value"] == 0.5


def test_the_paper_reads_more_loosely_than_we_do(clips: Path) -> None:
    result, _ = score(clips, "mcq", ["It must be plan B of the two"] * COUNT)
    assert result["paper"]["accuracy"] == 1.0
    assert result["metrics"]["accuracy"]["value"] == 0.0


# Floors, classes, warnings.


def test_floors_stand_beside_every_task(clips: Path) -> None:
    mcq, _ = score(clips, "mcq", {})
    assert mcq["floors"]["always_a"] == {
        "answered": COUNT,
        "metrics": {"accuracy": 0.0, "position_balanced_accuracy": 0.0},
    }
    grounding, _ = score(clips, "grounding", {})
    assert grounding["floors"]["prior_interval"]["metrics"]["miou"] == 1.0
    assert grounding["floors"]["always_normal"]["metrics"]["false_alarm_rate"] == 0.0
    assert grounding["floors"]["whole_video"] == {"answered": 0, "metrics": dict.fromkeys(grounding["metrics"])}


def test_the_whole_video_is_known_where_a_model_was_shown_it(clips: Path) -> None:
    seen = Seen((0,), (0.0,), 8, 8, "d", 20.0)
    _, selection = task(clips, "grounding")
    answers = {s.id: response(s.id, "", Outcome.SCORED, seen=seen) for s in selection.samples}
    result, _ = score(clips, "grounding", answers)
    assert result["floors"]["whole_video"]["answered"] == COUNT
    assert result["floors"]["whole_video"]["metrics"]["miou"] == 0.5


def test_the_headline_is_told_by_class(clips: Path) -> None:
    result, _ = score(clips, "mcq", [right if i % 3 == 0 else wrong for i in range(COUNT)])
    assert result["classes"] == {"Fire": {"n": 8, "value": 0.0}, "Normal": {"n": 4, "value": 1.0}}
    assert sum(c["n"] or 0 for c in result["classes"].values()) == result["expected"]


def test_a_true_interval_beyond_the_end_of_its_video_is_told(clips: Path) -> None:
    _, selection = task(clips, "grounding")

    def warnings(duration: float) -> list[str]:
        seen = Seen((0,), (0.0,), 8, 8, "d", duration)
        return score(clips, "grounding", {"v1": response("v1", "", seen=seen)})[0]["warnings"]

    assert warnings(20.0) == warnings(19.2) == []  # annotations are rounded to seconds
    assert warnings(15.0) == ["the true interval of 1 samples ends after their video does (first: v1)"]
    assert "v1" in {s.id for s in selection.samples}


def test_clusters_are_source_videos(clips: Path) -> None:
    found, selection = task(clips, "mcq")
    cut = tuple(replace(s, group=f"source{i // 4}") for i, s in enumerate(selection.samples))
    answers = {s.id: response(s.id, right if i % 4 else wrong) for i, s in enumerate(cut)}
    result, _ = score_task(
        found, replace(selection, samples=cut), answers, style="direct", split="test", frames="", resamples=0
    )
    accuracy = result["metrics"]["accuracy"]
    assert (accuracy["n"], accuracy["clusters"]) == (COUNT, 3)


def test_results_say_what_they_rest_on(clips: Path) -> None:
    result, scores = score(clips, "classification", ["<answer>Fire</answer>"] * COUNT)
    assert set(result["digests"]) == {"task", "prompts", "parser", "data"}
    assert (result["task"], result["split"], result["style"], result["headline"]) == (
        "clips_classification",
        "test",
        "direct",
        "accuracy",
    )
    assert [(s.truth, s.prediction) for s in scores[:2]] == [("Normal", "Fire"), ("Fire", "Fire")]
