"""Frame plans: their notation, the frames they pick, the sizes they give."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.errors import UsageError
from vau_bench.video import FramePlan, parse_plan
from vau_bench.video.plans import ExactSize, MaxPixels, NativeSize, Rate, ShortSide, Uniform, Window

counts = st.integers(1, 200)
seconds = st.floats(0, 1e4, allow_nan=False)
samplings = st.one_of(
    st.builds(Uniform, counts),
    st.builds(Rate, st.floats(1e-3, 240), st.none() | counts),
    st.tuples(seconds, seconds, counts).filter(lambda w: w[0] < w[1]).map(lambda w: Window(*w)),
)
sizes = st.one_of(
    st.just(NativeSize()),
    st.builds(ShortSide, st.integers(1, 500).map(lambda n: 2 * n)),
    st.builds(MaxPixels, st.integers(4, 10**6)),
    st.builds(ExactSize, st.integers(1, 2000), st.integers(1, 2000)),
)
plans = st.builds(FramePlan, samplings, sizes)


@st.composite
def timelines(draw):
    """Ascending times from 0 and a duration, as irregular as a real camera's."""
    gaps = draw(st.lists(st.integers(1, 900), min_size=1, max_size=120))
    times = np.concatenate([[0], np.cumsum(gaps)]) / 1000
    return times[:-1], float(times[-1])


def shown_at(times, t):
    """The last frame whose time is not after `t`."""
    return max((i for i, time in enumerate(times) if time <= t + 1e-6), default=0)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("uniform(16)", "uniform(16)"),
        (" uniform( n = 16 ) ", "uniform(16)"),
        ("fps(1, max=64)", "fps(1, max=64)"),
        ("fps(1.0, 64)", "fps(1, max=64)"),
        ("fps(0.5)", "fps(0.5)"),
        ("window(3.5, 8, 16)", "window(3.5, 8, 16)"),
        ("window(start=3.50,end=8.0,n=16)", "window(3.5, 8, 16)"),
        ("uniform(16) short_side=336", "uniform(16) short_side=336"),
        ("uniform(16)  short_side = 335", "uniform(16) short_side=334"),
        ("fps(2, max=64) max_pixels=602112", "fps(2, max=64) max_pixels=602112"),
        ("uniform(8) 84x84", "uniform(8) 84x84"),
    ],
)
def test_a_plan_has_one_canonical_spelling(text: str, canonical: str) -> None:
    assert str(parse_plan(text)) == canonical


@given(plans)
def test_the_canonical_spelling_reads_back_as_the_same_plan(plan: FramePlan) -> None:
    assert parse_plan(str(plan)) == plan


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "not a frame plan"),
        ("16", "not a frame plan"),
        ("unifrom(16)", "did you mean uniform"),
        ("uniform(0)", "at least 1"),
        ("uniform(-3)", "at least 1"),
        ("uniform(1.5)", "whole number"),
        ("uniform()", "'n' is missing"),
        ("uniform(1, 2)", "not more"),
        ("uniform(1, n=2)", "twice"),
        ("fps(0)", "above 0"),
        ("fps(nan)", "at least 0"),
        ("fps(inf, max=3)", "at least 0"),
        ("fps(1, mx=64)", "did you mean max"),
        ("window(8, 3, 4)", "end after it starts"),
        ("uniform(16) shortside=3", "did you mean short_side"),
        ("uniform(16) 0x84", "at least 1"),
        ("uniform(16) short_side=336 84x84", "short_side"),
        ("uniform(16)short", "unknown frame size"),
    ],
)
def test_what_is_not_a_plan_is_refused_with_the_reason(text: str, hint: str) -> None:
    with pytest.raises(UsageError, match=hint):
        parse_plan(text)


@given(timelines(), counts)
def test_uniform_shows_the_middle_of_each_part(timeline, n: int) -> None:
    times, duration = timeline
    expected = [shown_at(times, (k + 0.5) * duration / n) for k in range(n)]
    if len(times) <= n:
        expected = range(len(times))
    assert parse_plan(f"uniform({n})").pick(times, duration) == tuple(sorted(set(expected)))


@given(timelines(), st.floats(0.01, 60), counts)
def test_fps_shows_multiples_of_the_period_up_to_the_cap(timeline, fps: float, cap: int) -> None:
    times, duration = timeline
    at, k = [], 0
    while k / fps < duration - 1e-6:
        at.append(k / fps)
        k += 1
    if len(at) > cap:
        at = [at[-1] * k / max(1, cap - 1) for k in range(cap)]
    expected = tuple(sorted({shown_at(times, t) for t in at}))
    picked = FramePlan(Rate(fps, cap)).pick(times, duration)
    assert len(picked) <= cap
    boundary = {i for i, t in enumerate(times) if any(abs(t - a - 1e-6) < 1e-9 for a in at)}
    assert set(picked) ^ set(expected) <= boundary | {i - 1 for i in boundary}


@given(timelines(), st.floats(0, 50), st.floats(0.01, 50), counts)
def test_a_window_shows_only_frames_on_show_within_it(timeline, start: float, length: float, n: int) -> None:
    times, duration = timeline
    picked = FramePlan(Window(start, start + length, n)).pick(times, duration)
    if start >= duration:
        assert picked == ()
        return
    first, last = shown_at(times, start), shown_at(times, min(start + length, duration))
    assert 1 <= len(picked) <= n
    assert first <= picked[0] <= picked[-1] <= last


@given(plans, timelines())
def test_no_plan_shows_a_frame_twice(plan: FramePlan, timeline) -> None:
    picked = plan.pick(*timeline)
    assert list(picked) == sorted(set(picked))
    assert all(0 <= i < len(timeline[0]) for i in picked)


def test_times_that_differ_by_rounding_alone_show_the_frame_that_was_meant() -> None:
    times = np.arange(90) / 30
    assert parse_plan("fps(10)").pick(times, 3.0) == tuple(range(0, 90, 3))


@given(sizes, st.integers(16, 4000), st.integers(16, 4000))
def test_sizes_keep_their_promise(size, width: int, height: int) -> None:
    new_width, new_height = FramePlan(Uniform(1), size).fit(width, height)
    match size:
        case NativeSize():
            assert (new_width, new_height) == (width, height)
        case ExactSize():
            assert (new_width, new_height) == (size.width, size.height)
        case ShortSide():
            assert min(new_width, new_height) == min(size.pixels, width, height)
            assert new_width <= width and new_height <= height + 1
        case MaxPixels():
            assert new_width * new_height <= max(4, size.pixels)
    if (new_width, new_height) not in ((width, height),) and not isinstance(size, ExactSize):
        assert new_width % 2 == new_height % 2 == 0


@pytest.mark.parametrize(
    ("plan", "before", "after"),
    [
        ("uniform(1) short_side=336", (1280, 720), (598, 336)),
        ("uniform(1) short_side=336", (720, 1280), (336, 598)),
        ("uniform(1) short_side=336", (320, 240), (320, 240)),
        ("uniform(1) max_pixels=602112", (1920, 1080), (1034, 582)),
        ("uniform(1) max_pixels=602112", (320, 240), (320, 240)),
    ],
)
def test_the_aspect_ratio_is_kept_and_nothing_is_enlarged(plan: str, before, after) -> None:
    assert parse_plan(plan).fit(*before) == after
