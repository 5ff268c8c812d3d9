"""Detection tasks: intervals or scores, any number of events, frames as the dataset counts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.errors import UnknownNameError
from vau_bench.kinds import FloorContext
from vau_bench.kinds.detection import Detection, Scores, detections, rasterised, write_scores
from vau_bench.records import Sample, Segment, Target
from vau_bench.scoring import columns_of

KIND = Detection()
PIECES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(1, 20), st.integers(0, 100)).map(
        lambda piece: (piece[0] / 2, (piece[0] + piece[1]) / 2, piece[2] / 100)
    ),
    max_size=6,
).map(tuple)


def sample(*segments: tuple[float, float], frames: int = 300, fps: float = 30.0, name: str = "v") -> Sample:
    target = Target(segments=tuple(Segment(*s) for s in segments))
    return Sample(name, f"{name}.mp4", name, target, {"frames": frames, "fps": fps})


def metric(name: str, *pairs: tuple[object, Sample]) -> float:
    columns = columns_of([KIND.values(answer, of) for answer, of in pairs])  # type: ignore[arg-type]
    return KIND.metrics[name](columns)


class TestReading:
    @pytest.mark.parametrize(
        ("text", "answer"),
        [
            ("<answer>Normal</answer><glue>[-1.0, -1.0]</glue>", ()),
            ("<answer>Anomaly</answer><glue>[5.2, 10.4]</glue>", ((5.2, 10.4, 1.0),)),
            ("<answer>Anomaly</answer><glue>[1, 2] and [4.5, 6]</glue>", ((1, 2, 1.0), (4.5, 6, 1.0))),
            ("<scores>[[0, 8, 0.12], [8, 16, 0.9]]</scores>", ((0, 8, 0.12), (8, 16, 0.9))),
            ("<scores>[]</scores>", ()),
            ("I looked twice. <scores>[[0, 1, 1]]</scores> No: <scores>[[0, 1, 0]]</scores>", ((0, 1, 0.0),)),
        ],
    )
    def test_intervals_scores_and_normal(self, text: str, answer: object) -> None:
        found = KIND.read(text, sample())
        assert found is not None and found.answer == answer

    @pytest.mark.parametrize(
        "scores",
        ["", "[[0, 8]]", "[[8, 0, 0.5]]", "[[0, 8, 1.5]]", "[[0, 8, NaN]]", "[[0, 8, true]]", '{"a": 1}', "[" * 9999,
         "[[0, 8, 0.5]"],
    )  # fmt: skip
    def test_broken_scores_are_no_answer_and_no_guess(self, scores: str) -> None:
        assert KIND.read(f"<answer>Anomaly</answer><scores>{scores}</scores>", sample()) is None

    def test_silence_is_no_answer(self) -> None:
        assert KIND.read("", sample()) is None
        assert KIND.read("I cannot tell.", sample()) is None

    @given(PIECES)
    def test_what_is_written_is_read_again(self, pieces: tuple[tuple[float, float, float], ...]) -> None:
        found = KIND.read(write_scores(pieces), sample())
        assert found is not None and found.answer == pieces


class TestFrames:
    @given(PIECES, st.integers(1, 700), st.sampled_from([10.0, 25.0, 29.97, 30.0]))
    def test_a_piece_holds_the_frames_that_begin_within_it(
        self, pieces: tuple[tuple[float, float, float], ...], frames: int, fps: float
    ) -> None:
        plain = [
            max((p for s, e, p in pieces if s - 1e-6 / fps <= k / fps < e - 1e-6 / fps), default=0.0)
            for k in range(frames)
        ]
        assert rasterised(pieces, frames, fps).tolist() == plain

    def test_official_frame_numbers_come_back_exactly(self) -> None:
        for first, last in ((165, 240), (1185, 1485), (1, 2), (150, 420)):
            found = rasterised(((first / 30, last / 30, 1.0),), 2000, 30.0)
            assert np.flatnonzero(found).tolist() == list(range(first, last))

    def test_truth_beyond_the_last_frame_is_cut(self) -> None:
        assert rasterised(((5.0, 99.0, 1.0),), 200, 30.0).sum() == 50

    def test_a_video_of_unknown_length_takes_no_part(self) -> None:
        unknown = Sample("v", "v.mp4", "v", Target(segments=()), {})
        assert KIND.exclusion(unknown) == "unknown_length"
        assert KIND.exclusion(Sample("v", "v.mp4", "v", Target(), {"frames": 9})) == "unknown_time"
        assert KIND.exclusion(Sample("v", "v.mp4", "v", Target(segments=()), {"duration": 2.0})) is None


class TestScores:
    def test_the_truth_is_worth_everything(self) -> None:
        videos = [sample((1, 4)), sample(), sample((0, 2), (5, 9))]
        for name in KIND.metrics:
            assert metric(name, *((KIND.truth(v), v) for v in videos)) == 1.0, name

    def test_no_answer_scores_each_frame_the_wrong_way_round(self) -> None:
        videos = [sample((1, 4)), sample()]
        assert metric("auc", *((None, v) for v in videos)) == 0.0
        assert metric("map", *((None, v) for v in videos)) == 0.0

    @pytest.mark.parametrize("name", ["ap", "ap_trapezoid"])
    def test_no_threshold_finds_what_was_not_answered(self, name: str) -> None:
        one, other, normal = sample((1, 4)), sample((5, 8)), sample()
        assert metric(name, (None, one), (None, normal)) == 0.0
        assert metric(name, (KIND.truth(one), one), (None, other)) < 0.5
        assert metric(name, (KIND.truth(one), one), ((), other)) > metric(name, (KIND.truth(one), one), (None, other))

    @pytest.mark.parametrize("name", ["auc", "ap", "ap_trapezoid"])
    @given(answer=PIECES, other=PIECES)
    def test_no_answer_is_never_better_than_any(self, name: str, answer: Scores, other: Scores) -> None:
        beside = (other, sample((5, 8), name="w"))
        assert metric(name, (None, sample((1, 4))), beside) <= metric(name, (answer, sample((1, 4))), beside) + 1e-12

    def test_a_flat_score_is_chance(self) -> None:
        assert metric("auc", (((0, 10, 0.4),), sample((1, 4))), ((), sample())) != 0.5
        assert metric("auc", (((0, 10, 0.4),), sample((1, 4))), (((0, 10, 0.4),), sample())) == 0.5

    def test_the_micro_auc_compares_videos_with_each_other_and_the_mean_does_not(self) -> None:
        loud, quiet = ((0, 5, 0.9), (5, 10, 0.8)), ((0, 5, 0.2), (5, 10, 0.1))
        pairs = [(loud, sample((0, 5))), (quiet, sample((0, 5)))]
        assert metric("video_auc", *pairs) == 1.0
        assert metric("auc", *pairs) == 0.75

    def test_the_macro_auc_is_over_all_videos_and_silence_is_worth_nothing(self) -> None:
        right, calm = ((0, 5, 0.9),), ()
        assert metric("macro_auc", (right, sample((0, 5))), (calm, sample())) == 1.0
        assert metric("macro_auc", (right, sample((0, 5))), (None, sample())) == 0.5
        assert metric("macro_auc", (None, sample((0, 5)))) == 0.0
        flat = ((0, 10, 0.4),)
        assert metric("macro_auc", (flat, sample(frames=300))) == pytest.approx(1.0), "the frame added is above all"

    def test_an_interval_scores_as_hits_and_false_alarms_do(self) -> None:
        hit, false = 2 / 3, 1 / 7
        assert metric("auc", (((2, 5, 1.0),), sample((1, 4)))) == pytest.approx((hit + 1 - false) / 2)

    def test_two_events_are_two_segments(self) -> None:
        both = sample((0, 2), (5, 9))
        assert metric("ap@0.5", (((0, 2, 1.0), (5, 9, 1.0)), both)) == 1.0
        assert metric("ap@0.5", (((0, 2, 1.0),), both)) == 0.5
        assert metric("ap@0.5", (((0, 9, 1.0),), both)) < 0.5

    def test_neighbouring_windows_are_one_segment_and_drawn_intervals_stay_apart(self) -> None:
        assert detections(((0, 4, 0.6), (4, 8, 0.9), (8, 12, 0.4), (12, 16, 0.5))) == ((0, 8, 0.9), (12, 16, 0.5))
        assert detections(((0, 4, 1.0), (4, 8, 1.0))) == ((0, 4, 1.0), (4, 8, 1.0))

    def test_worth(self) -> None:
        assert KIND.worth((), sample()) == 1.0
        assert KIND.worth(((0, 4, 0.3),), sample()) == 1.0
        assert KIND.worth(((0, 4, 1.0),), sample()) == 0.0
        assert KIND.worth(None, sample()) == 0.0
        assert KIND.worth(((0, 4, 1.0),), sample((0, 8))) == 0.5


class TestFloors:
    def test_they_are_those_of_grounding(self) -> None:
        tuning = [sample((2, 6), name=f"t{i}") for i in range(3)]
        context = FloorContext(tuning, {"v": 10.0})
        assert KIND.floor("prior_interval", [sample()], context) == [((2.0, 6.0, 1.0),)]
        assert KIND.floor("whole_video", [sample()], context) == [((0.0, 10.0, 1.0),)]
        assert KIND.floor("always_normal", [sample()], context) == [()]
        with pytest.raises(UnknownNameError):
            KIND.floor("always_a", [sample()], context)

    def test_random_scores_are_chance_and_the_same_again(self) -> None:
        videos = [sample((1, 5), name=f"v{i}") for i in range(300)]
        answers = KIND.floor("random", videos, FloorContext())
        assert answers == KIND.floor("random", videos, FloorContext())
        assert metric("auc", *zip(answers, videos, strict=True)) == pytest.approx(0.5, abs=0.04)
