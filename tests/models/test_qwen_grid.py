"""Visual tokens of Qwen-VL in numbers alone: the same as the processors make of pixels."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vau_bench.models.qwen_grid import Geometry, Grid, grid_of, smart_resize
from vau_bench.models.qwen_inputs import FrameSize

SIDES = st.integers(1, 3000)
AREAS = st.tuples(st.integers(1, 400), st.integers(1, 400)).map(sorted)


@pytest.fixture(scope="module")
def of_qwen2():
    return pytest.importorskip("transformers.models.qwen2_vl.video_processing_qwen2_vl").smart_resize


@pytest.fixture(scope="module")
def of_qwen3():
    return pytest.importorskip("transformers.models.qwen3_vl.video_processing_qwen3_vl").smart_resize


@pytest.mark.parametrize("factor", [28, 32])
@settings(deadline=None)
@given(height=SIDES, width=SIDES, areas=AREAS)
@example(height=720, width=1280, areas=[128, 768])
@example(height=1, width=201, areas=[1, 2])
def test_images_and_videos_of_qwen2_are_resized_as_transformers_does(of_qwen2, factor, height, width, areas) -> None:
    least, most = (area * factor**2 for area in areas)

    def ours() -> tuple[int, int]:
        return smart_resize(height, width, factor, least, most)

    try:
        due = of_qwen2(height, width, factor, least, most)
    except ValueError:
        with pytest.raises(ValueError, match="times the other"):
            ours()
    else:
        assert ours() == due


@settings(deadline=None)
@given(height=SIDES, width=SIDES, areas=AREAS, pairs=st.integers(1, 200))
@example(height=10, width=2100, areas=[1, 2], pairs=1)
def test_videos_of_qwen3_are_resized_as_transformers_does(of_qwen3, height, width, areas, pairs) -> None:
    least, most = (area * 32**2 for area in areas)
    frames = 2 * pairs
    try:
        due = of_qwen3(frames, height, width, 2, 32, least * frames, most * frames)
    except (ValueError, ZeroDivisionError):
        with pytest.raises((ValueError, ZeroDivisionError)):
            smart_resize(height, width, 32, least, most, clip=frames)
    else:
        assert smart_resize(height, width, 32, least, most, clip=frames) == due


def test_a_720p_clip_under_the_defaults_of_the_adapter() -> None:
    size = FrameSize(128 * 28 * 28, 768 * 28 * 28, 10**9)
    grid = grid_of(16, 1280, 720, "qwen2_5_vl", "video", size, Geometry(14))
    assert grid == Grid(8, 20 * 36), "560x1008: the largest multiples of 28 under 602,112 pixels in this shape"
    assert grid.tokens == 5760
    assert grid_of(16, 1280, 720, "qwen2_5_vl", "frames", size, Geometry(14)).tokens == 2 * grid.tokens


def test_an_odd_frame_fills_a_patch_and_long_clips_get_smaller_frames() -> None:
    size = FrameSize(4 * 28 * 28, 100 * 28 * 28, 200 * 28 * 28)
    assert grid_of(3, 280, 280, "qwen2_vl", "video", size, Geometry(14)) == Grid(2, 100)
    assert grid_of(40, 280, 280, "qwen2_vl", "patches", size, Geometry(14)) == Grid(20, 9), "a tenth, rounded down"
