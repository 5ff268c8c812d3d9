"""The clocks of the Qwen-VL families, as pure functions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.errors import VideoError
from vau_bench.models.qwen_times import (
    Clock,
    UnevenTimesError,
    assert_positions,
    assert_rate,
    assert_stamps,
    fit_clock,
    stamp_ticks,
    temporal_positions,
)
from vau_bench.models.told_times import ToldTimesError


def shown_at(rate, fps, count):
    """The times of the frames that a video of `fps` shows at multiples of 1 / rate seconds."""
    return [np.floor(i / rate * fps + 1e-6) / fps for i in range(count)]


@pytest.mark.parametrize("fps", [25.0, 30.0, 29.97, 24000 / 1001, 15.0, 12.5, 60.0])
@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0])
def test_a_plan_of_whole_positions_gets_exactly_these(rate, fps):
    times = shown_at(rate, fps, 40)
    clock = fit_clock(times, 2.0)
    assert clock.seconds_per_patch == 2 / rate
    step = int(4 / rate)
    assert temporal_positions(20, clock.seconds_per_patch, 2.0) == [step * k for k in range(20)]
    assert clock.error <= 1 / fps + 1e-6


def test_above_two_frames_a_second_positions_still_advance():
    assert temporal_positions(6, fit_clock(shown_at(4.0, 24, 12), 2.0).seconds_per_patch, 2.0) == [0, 1, 2, 3, 4, 5]
    assert temporal_positions(8, fit_clock(shown_at(8.0, 24, 16), 2.0).seconds_per_patch, 2.0) == [
        0,
        0,
        1,
        1,
        2,
        2,
        3,
        3,
    ]


@given(
    rate=st.floats(0.05, 8.0),
    fps=st.sampled_from([25.0, 30.0, 29.97, 12.5]),
    count=st.integers(2, 300),
    tokens=st.sampled_from([2.0, 4.0, 25.0]),
)
def test_told_and_shown_never_drift_apart(rate, fps, count, tokens):
    times = shown_at(rate, max(fps, 2 * rate), count)
    clock = fit_clock(times, tokens)
    told = np.array(temporal_positions(len(times[::2]), clock.seconds_per_patch, tokens)) / tokens
    error = np.abs(told - times[::2]).max()
    assert error == pytest.approx(clock.error, abs=1e-9)
    assert error <= 1 / tokens + 2 / fps + 0.5 / rate


def test_an_hour_at_one_frame_a_second_does_not_lose_a_position():
    clock = fit_clock(shown_at(1.0, 30, 3600), 2.0)
    assert temporal_positions(1800, clock.seconds_per_patch, 2.0)[-1] == 4 * 1799


@pytest.mark.parametrize("third", [1 / 3, 2 / 3, 1 / 7])
def test_a_rate_that_binary_cannot_hold_does_not_lose_positions(third):
    clock = fit_clock([third * i for i in range(600)], 3.0)
    told = np.array(temporal_positions(300, clock.seconds_per_patch, 3.0))
    assert np.abs(told / 3.0 - 2 * third * np.arange(300)).max() <= 1 / 3 + 0.01


def test_one_frame_has_no_rate():
    assert fit_clock([0.0], 2.0) == Clock(1.0, 0.0, 0.0)
    assert fit_clock([7.5], 2.0).error == 7.5


def test_an_origin_elsewhere_is_an_error_of_the_clock_but_not_uneven():
    clock = fit_clock([5.0 + i for i in range(10)], 2.0)
    assert clock.uneven < 1e-6 and clock.error == pytest.approx(5.0)


@pytest.mark.parametrize("times", [[0, 1, 2, 9], [0, 0.1, 0.2, 30.0, 30.1, 30.2], [0, 1, 2, 3, 40, 41, 42, 43]])
def test_frames_too_uneven_for_one_rate_cost_their_sample(times):
    with pytest.raises(UnevenTimesError, match="use mode=frames") as caught:
        fit_clock(times, 2.0)
    assert isinstance(caught.value, VideoError)


def test_a_little_unevenness_is_measured_and_borne():
    times = [0.0, 1.0, 2.2, 3.0, 3.9, 5.0, 6.1, 7.0]
    assert 0.05 < fit_clock(times, 2.0).uneven < 0.5


def test_positions_of_an_old_transformers_are_caught():
    clock = fit_clock(shown_at(4.0, 24, 12), 2.0)
    with pytest.raises(ToldTimesError, match=r"transformers below 5\.18"):
        assert_positions([0] * 6, clock, 2.0)


@pytest.mark.parametrize("wrong", [0.083, 1.0, 2.1])
def test_a_wrong_rate_is_caught(wrong):
    assert_rate(np.float32(2.0), Clock(2.0, 0, 0))
    with pytest.raises(ToldTimesError):
        assert_rate(wrong, Clock(2.0, 0, 0))


def stamped(*times):
    return "".join(f"<{t} seconds><|vision_start|><|video_pad|><|vision_end|>" for t in times)


def test_stamps_are_mean_times_of_patches():
    assert_stamps(stamped("0.5", "2.5"), [0.0, 1.0, 2.0, 3.0])
    assert_stamps("<9.9 seconds> " + stamped("0.5", "2.0"), [0.0, 1.0, 2.0, 2.0])


@pytest.mark.parametrize("text", [stamped("0.5"), stamped("0.5", "2.7"), stamped("0.0", "0.1"), ""])
def test_other_stamps_are_caught(text):
    with pytest.raises(ToldTimesError):
        assert_stamps(text, [0.0, 1.0, 2.0, 3.0])


@given(st.lists(st.floats(0, 20_000), min_size=1, max_size=50))
def test_ticks_are_within_half_a_millisecond(times):
    assert all(abs(tick / 1000 - time) <= 0.0005 + 1e-9 for tick, time in zip(stamp_ticks(times), times, strict=True))
