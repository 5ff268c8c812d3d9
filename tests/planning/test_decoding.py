"""What decoding costs: frames, seeks and seconds of video, each times its milliseconds."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.planning.decoding import ASSUMED, DecodeRate, Timed, decode_seconds, fitted_rate, total_seconds
from vau_bench.planning.workload import Footage
from vau_bench.video import Shown


class Many(NamedTuple):
    shown: Shown
    weight: float


SHOWN = Footage(seconds=10, width=1000, height=500, fps=20, keyframe_seconds=1).shown("fps(1)")


def test_the_parts_add_up() -> None:
    assert (SHOWN.decoded, SHOWN.seeks) == (10, 10), "a keyframe lies on each second"
    rate = DecodeRate(video=2, seek=3, megapixel=4, told="")
    assert decode_seconds(SHOWN, rate) == pytest.approx((2 * 10 + 3 * 10 + 4 * 10 * 0.5) / 1000)
    assert total_seconds([Many(SHOWN, 7)], rate) == pytest.approx(7 * decode_seconds(SHOWN, rate))


def test_frames_far_from_keyframes_cost_more() -> None:
    sparse = Footage(seconds=10, keyframe_seconds=5).shown("fps(1)")
    dense = Footage(seconds=10, keyframe_seconds=1).shown("fps(1)")
    assert decode_seconds(sparse, ASSUMED) > decode_seconds(dense, ASSUMED)


@given(
    video=st.floats(0.01, 10),
    seek=st.floats(0, 5),
    megapixel=st.floats(0.1, 50),
    seconds=st.lists(st.integers(5, 100), min_size=1, max_size=5),
)
def test_a_measurement_gives_back_the_rate_that_made_it(video, seek, megapixel, seconds) -> None:
    true = DecodeRate(video, seek, megapixel, "")
    timed = []
    for length in seconds:
        for plan in ("fps(2)", "uniform(1)"):
            shown = Footage(seconds=length, fps=10, keyframe_seconds=2).shown(plan)
            timed.append(Timed(shown, video * shown.info.duration / 1000, decode_seconds(shown, true)))
    found = fitted_rate(timed)
    assert found.video == pytest.approx(video)
    assert [decode_seconds(t.shown, found) for t in timed] == pytest.approx([t.decode for t in timed], rel=1e-6)
    assert found.seek >= 0 and found.told == f"measured: {2 * len(seconds)} decodings on this machine"


def test_a_decoder_faster_than_the_look_costs_nothing_and_nothing_measured_is_no_rate() -> None:
    assert fitted_rate([Timed(SHOWN, 1.0, 0.5)]).megapixel == 0.0
    with pytest.raises(ValueError, match="nothing was measured"):
        fitted_rate([])
    assert decode_seconds(replace(SHOWN, decoded=0, seeks=0), DecodeRate(0, 1, 1, "")) == 0
