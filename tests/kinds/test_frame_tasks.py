"""The shipped tasks over frames, from rows in the form of their files to figures, against sklearn frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.kinds.detection import Scores, write_scores
from vau_bench.records import Outcome, Response, Sample
from vau_bench.results import TaskResult
from vau_bench.scoring import score_task
from vau_bench.task import Selection
from vau_bench.taskcheck import check_folder

NAMES = ["xd_violence_detection", "msad_detection", "shanghaitech_detection", "ubnormal_detection"]


def selected(name: str, data: Path) -> Selection:
    return Catalogue().get(name).select(data)


def scored(name: str, selection: Selection, answers: dict[str, str]) -> TaskResult:
    responses = {id_: Response("", name, id_, "direct", 0, text, Outcome.SCORED) for id_, text in answers.items()}
    task = Catalogue().get(name)
    return score_task(task, selection, responses, style="direct", split="test", frames="", resamples=0)[0]


def guesses(samples: tuple[Sample, ...]) -> dict[str, Scores]:
    """Return a random score for each second."""
    rng = np.random.default_rng(11)
    return {s.id: tuple((t, t + 1, round(float(rng.random()), 2)) for t in range(20)) for s in samples}


def frame_by_frame(sample: Sample, answer: Scores) -> tuple[list[bool], list[float]]:
    """Return truth and score of each frame, as slowly as they can be told."""
    times = [(k + 0.5) / sample.fields["fps"] for k in range(sample.fields["frames"])]
    truth = [any(s.start < t < s.end for s in sample.target.segments or ()) for t in times]
    return truth, [next(p for start, end, p in answer if start < t < end) for t in times]


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_are_those_of_sklearn(unreleased: Path, name: str) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    selection = selected(name, unreleased)
    answers = guesses(tuple(selection.samples))
    result = scored(name, selection, {id_: write_scores(answer) for id_, answer in answers.items()})
    each = [frame_by_frame(s, answers[s.id]) for s in selection.samples]
    truth, scores = (np.concatenate(column) for column in zip(*each, strict=True))
    precision, recall, _ = sklearn.precision_recall_curve(truth, scores)
    padded = [sklearn.roc_auc_score([0, *t, 1], [0.0, *p, 1.0]) for t, p in each]
    wanted = {
        "auc": sklearn.roc_auc_score(truth, scores),
        "ap": sklearn.average_precision_score(truth, scores),
        "ap_trapezoid": sklearn.auc(recall, precision),
        "macro_auc": np.mean(padded),
    }
    found = {metric: result["metrics"][metric]["value"] for metric in wanted if metric in result["metrics"]}
    assert len(found) >= 3
    assert found == pytest.approx({metric: wanted[metric] for metric in found})
    assert {metric: result["paper"][metric] for metric in found} == pytest.approx(found)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("silence", ["I cannot tell.", "", None])
def test_silence_costs_in_strict_and_a_missing_answer_is_left_out_of_paper(
    unreleased: Path, name: str, silence: str | None
) -> None:
    selection = selected(name, unreleased)
    kind = Catalogue().get(name).kind(selection.dataset)
    answers = {s.id: kind.write(kind.truth(s)) for s in selection.samples}
    quiet = next(s.id for s in selection.samples if s.target.segments)
    answers.pop(quiet)
    result = scored(name, selection, answers if silence is None else {**answers, quiet: silence})
    assert all(result["metrics"][metric]["value"] < 1 for metric in result["metrics"])
    if silence:
        assert result["paper"]["auc"] == result["metrics"]["auc"]["value"]
    else:
        assert (result["paper"]["auc"], result["paper_n"]) == (1.0, 11)


@pytest.mark.parametrize("name", NAMES)
def test_the_tasks_pass_their_check_without_any_released_file(unreleased: Path, name: str) -> None:
    checks = list(check_folder(Catalogue().get(name).folder, unreleased, None))
    assert [check for check in checks if check.state == "FAIL"] == []
