"""What a sample says under `paper`: rules of papers other than VAU-R1, which leave strict scoring as it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.errors import UnknownNameError
from vau_bench.kinds.grounding import Grounding
from vau_bench.kinds.mcq import MultipleChoice
from vau_bench.records import Outcome, Response, Sample, Segment, Target
from vau_bench.results import TaskResult
from vau_bench.scoring import columns_of, score_task
from vau_bench.taskcheck import check_folder

MCQ, GROUNDING = MultipleChoice(), Grounding()
QUESTION = Sample(
    "q", "q", "q", Target(option="B"), {"question": "?", "options": ["w", "x", "y", "z"], "paper": "single_letter"}
)
ACCIDENT = Sample("v", "v", "v", Target("crash", (Segment(2.0, 6.0),)), {"paper": "tabot"})


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        (" B)\n", "B"),
        ("<answer>B</answer>", "B"),
        ("<think>A, or D</think><answer> C) </answer>", "C"),
        ("<answer>A</answer><reflect>no</reflect><think>so</think><answer>D</answer>", "D"),
        ("b", None),
        ("B.", None),
        ("B))", None),
        ("AB", None),
        ("B) x", None),
        ("The answer is B", None),
        ("<answer>B) x</answer>", None),
        ("<answer></answer>", None),
        ("", None),
    ],
)
def test_one_letter_or_wrong(text: str, letter: str | None) -> None:
    found = MCQ.read_as_paper(text, QUESTION)
    assert (found.answer if found else None) == letter
    assert found is None or text[slice(*found.span)] == letter


def test_without_the_rule_the_paper_is_that_of_vau_r1() -> None:
    plain = replace(QUESTION, fields={"question": "?", "options": ["w", "x", "y", "z"]})
    found = MCQ.read_as_paper("The answer is B", plain)
    assert found is not None and found.answer == "B"


def test_a_paper_that_nobody_knows_is_named() -> None:
    for kind, sample in ((MCQ, QUESTION), (GROUNDING, ACCIDENT)):
        other = replace(sample, fields={**sample.fields, "paper": "vau_r2"})
        with pytest.raises(UnknownNameError, match=f"paper on {kind.name} 'vau_r2'; did you mean vau_r1"):
            kind.read_as_paper("B", other)


@pytest.mark.parametrize(
    ("text", "tiou"),
    [
        ("<answer>Anomaly</answer><glue>[2.0, 6.0]</glue>", 1.0),
        ("[2.0, 4.0]", 0.5),
        ("<answer>Normal</answer><glue>[-1.0, -1.0]</glue>", None),
        ("no", None),
        ("No.", None),
        ("I see a car.", 0.0),
        ("[6.0, 2.0]", 0.0),
    ],
)
def test_a_missed_accident_is_left_out_and_an_unreadable_answer_is_worth_nothing(text: str, tiou: float | None) -> None:
    found = GROUNDING.read_as_paper(text, ACCIDENT)
    answer = found.answer if found else None
    assert GROUNDING.in_paper_score(ACCIDENT, answer) == (tiou is not None)
    assert GROUNDING.values(answer, ACCIDENT)["tiou"] == pytest.approx(tiou or 0.0)


def test_in_strict_scoring_and_for_other_datasets_a_miss_is_worth_nothing() -> None:
    missed = "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>"
    strict = GROUNDING.read(missed, ACCIDENT)
    other = GROUNDING.read_as_paper(missed, replace(ACCIDENT, fields={}))
    assert strict is not None and other is not None
    assert GROUNDING.values(strict.answer, ACCIDENT)["tiou"] == GROUNDING.values(other.answer, ACCIDENT)["tiou"] == 0


def tabot(answers: list[tuple[str, list[float]]], true: tuple[float, float]) -> dict[str, float]:
    """Count as the authors describe it: accidents that were called, IoU over the hull, strictly above."""
    found = [pair for said, pair in answers if said != "no"]
    ious = []
    for pair in found:
        inside = max(0.0, min(pair[1], true[1]) - max(pair[0], true[0])) if len(pair) == 2 else 0.0
        ious.append(inside / (max(pair[1], true[1]) - min(pair[0], true[0])) if inside else 0.0)
    above = {f"ap@{t:g}": sum(iou > t for iou in ious) / len(found) for t in (0.3, 0.5, 0.7)}
    return {"miou": sum(ious) / len(found), **above}


def test_the_figures_of_the_paper_are_those_of_a_plain_count() -> None:
    answers = [("yes", [2.0, 6.0]), ("yes", [2.0, 4.0]), ("yes", [0.0, 3.0]), ("yes", []), ("no", [])]
    texts = ["no" if said == "no" else str(pair) for said, pair in answers]
    readings = [GROUNDING.read_as_paper(text, ACCIDENT) for text in texts]
    read = [reading.answer if reading else None for reading in readings]
    counted = [answer for answer in read if GROUNDING.in_paper_score(ACCIDENT, answer)]
    columns = columns_of([GROUNDING.values(answer, ACCIDENT) for answer in counted])
    wanted = tabot(answers, (2.0, 6.0))
    assert {name: GROUNDING.metrics[name](columns) for name in wanted} == pytest.approx(wanted)
    assert wanted["ap@0.5"] == 1 / 4, "a tIoU of exactly 0.5 is not above it"


# The tasks, from answers to both figures.


def scored(name: str, data: Path, answer: str | None, others: str = "") -> TaskResult:
    """Score `answer` to the first sample and the truth, or `others`, to the rest; `None` is never asked."""
    task = Catalogue().get(name)
    selection = task.select(data)
    kind = task.kind(selection.dataset)
    texts = {s.id: others or kind.write(kind.truth(s)) for s in selection.samples}
    first = next(s.id for s in selection.samples if s.target.segments != ())
    responses = {
        id_: Response("", name, id_, "direct", 0, text, Outcome.SCORED) for id_, text in texts.items() if id_ != first
    }
    if answer is not None:
        responses[first] = Response("", name, first, "direct", 0, answer, Outcome.SCORED)
    result, _ = score_task(task, selection, responses, style="direct", split="test", frames="", resamples=0)
    return result


@pytest.mark.parametrize("answer", ["<answer>Normal</answer>", "I cannot tell.", "", None])
@pytest.mark.parametrize(("name", "samples"), [("vane_bench", 6), ("uca_grounding", 6), ("tau_106k_grounding", 6)])
def test_in_strict_scoring_one_failure_costs_one_sample(
    unreleased: Path, name: str, samples: int, answer: str | None
) -> None:
    result = scored(name, unreleased, answer)
    assert result["metrics"][result["headline"]]["value"] == pytest.approx(1 - 1 / samples)


def test_in_paper_mode_a_missed_accident_is_left_out_and_an_unreadable_answer_is_not(unreleased: Path) -> None:
    missed = scored("tau_106k_grounding", unreleased, "<answer>Normal</answer><glue>[-1.0, -1.0]</glue>")
    assert (missed["paper"]["miou"], missed["paper"]["ap@0.7"]) == (1.0, 1.0)
    assert missed["metrics"]["ap@0.7"]["value"] == pytest.approx(5 / 6)
    unreadable = scored("tau_106k_grounding", unreleased, "I see a car.")
    assert unreadable["paper"]["ap@0.3"] == pytest.approx(5 / 6)


def test_in_paper_mode_a_letter_in_a_sentence_is_wrong(unreleased: Path) -> None:
    result = scored("vane_bench", unreleased, "The answer is A.")
    assert result["metrics"]["accuracy"]["value"] in (1.0, pytest.approx(5 / 6))
    assert result["paper"]["accuracy"] == pytest.approx(5 / 6)


@pytest.mark.parametrize("name", ["vane_bench", "uca_grounding", "tau_106k_grounding"])
def test_the_tasks_pass_their_check_without_any_released_file(unreleased: Path, name: str) -> None:
    checks = list(check_folder(Catalogue().get(name).folder, unreleased, None))
    assert [check for check in checks if check.state == "FAIL"] == []


def test_without_a_rule_of_the_paper_several_moments_are_read_as_in_strict_scoring() -> None:
    moments = (Segment(2.0, 6.0), Segment(9.0, 11.5))
    told = Sample("v", "v", "v", Target(segments=moments), {"paper": "no_rule"})
    found = GROUNDING.read_as_paper(GROUNDING.write(moments), told)
    assert found is not None and found.answer == moments
    assert GROUNDING.worth(found.answer, told) == 1.0
