"""Detection: the curves are those of sklearn and of a plain count; segments are matched one to one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.metrics.detection import (
    LEVELS,
    average_precision,
    frame_counts,
    match_segments,
    padded_roc_auc,
    roc_auc,
    trapezoid_precision,
)

FRAMES = st.lists(st.tuples(st.integers(0, LEVELS - 1), st.booleans()), min_size=1, max_size=60)


def split(frames: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    levels, truth = (np.array(column) for column in zip(*frames, strict=True))
    return levels / (LEVELS - 1), truth.astype(bool)


@given(FRAMES)
def test_auc_is_how_often_an_anomalous_frame_scores_above_a_normal_one(frames: list[tuple[int, bool]]) -> None:
    scores, truth = split(frames)
    found = float(roc_auc(*frame_counts(scores, truth)))
    pairs = [(p > n) + (p == n) / 2 for p in scores[truth] for n in scores[~truth]]
    assert np.isnan(found) if not pairs else found == pytest.approx(np.mean(pairs))


@given(FRAMES)
@settings(deadline=None)
def test_the_curves_are_those_of_sklearn(frames: list[tuple[int, bool]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    scores, truth = split(frames)
    counts = frame_counts(scores, truth)
    if not truth.any():
        assert np.isnan(average_precision(*counts)) and np.isnan(trapezoid_precision(*counts))
        return
    assert float(average_precision(*counts)) == pytest.approx(sklearn.average_precision_score(truth, scores))
    precision, recall, _ = sklearn.precision_recall_curve(truth, scores)
    assert float(trapezoid_precision(*counts)) == pytest.approx(sklearn.auc(recall, precision))
    if not truth.all():
        assert float(roc_auc(*counts)) == pytest.approx(sklearn.roc_auc_score(truth, scores))


@given(FRAMES)
@settings(deadline=None)
def test_the_padded_auc_is_that_of_sklearn_with_two_frames_more(frames: list[tuple[int, bool]]) -> None:
    sklearn = pytest.importorskip("sklearn.metrics")
    scores, truth = split(frames)
    wanted = sklearn.roc_auc_score([0, *truth, 1], [0.0, *scores, 1.0])
    assert float(padded_roc_auc(*frame_counts(scores, truth))) == pytest.approx(wanted)


@given(FRAMES, FRAMES)
def test_counts_of_videos_add_up(one: list[tuple[int, bool]], other: list[tuple[int, bool]]) -> None:
    a, b = (frame_counts(*split(frames)) for frames in (one, other))
    both = frame_counts(*split(one + other))
    assert np.array_equal(a[0] + b[0], both[0]) and np.array_equal(a[1] + b[1], both[1])


def test_scores_are_kept_in_hundredths() -> None:
    positive, _ = frame_counts(np.array([0.123, 0.127, 1.7, -3.0]), np.ones(4, bool))
    assert {int(level): int(positive[level]) for level in positive.nonzero()[0]} == {0: 1, 12: 1, 13: 1, 100: 1}


class TestSegments:
    def test_each_true_one_is_found_once(self) -> None:
        assert match_segments([(0, 10, 1.0), (0, 10, 0.9)], [(0, 10)], 0.5) == [True, False]

    def test_it_takes_the_one_that_it_overlaps_most(self) -> None:
        assert match_segments([(0, 10, 1.0), (9, 19, 0.5)], [(8, 18), (0, 9)], 0.5) == [True, True]

    def test_a_threshold_that_is_just_reached_counts(self) -> None:
        assert match_segments([(0, 5, 1.0)], [(0, 10)], 0.5) == [True]
        assert match_segments([(0, 4.9, 1.0)], [(0, 10)], 0.5) == [False]

    def test_nothing_is_found_where_nothing_is(self) -> None:
        assert match_segments([(0, 5, 1.0)], [], 0.1) == [False]
        assert match_segments([], [(0, 5)], 0.1) == []

    def test_what_was_never_detected_lowers_recall(self) -> None:
        hits, misses = np.array([0.0, 1.0]), np.array([0.0, 0.0])
        assert float(average_precision(hits, misses, np.array(2.0))) == 0.5
