"""Everyday life: people who walk through, and traffic that keeps to its lanes."""

from __future__ import annotations

from vau_bench.synth.events import crossing
from vau_bench.synth.stage import EDGE, LANES, WALK_ROW, Stage
from vau_bench.synth.state import Key


def pedestrians(stage: Stage) -> None:
    """Add people who walk through the picture."""
    draw = stage.draw
    for _ in range(1 + draw.below(2) + int(3 * stage.level)):
        row = draw.pick(("far", "near"))
        y = WALK_ROW[row] + draw.between(-0.02, 0.04)
        face = draw.pick((-1, 1))
        pace = stage.pace(y)
        ends = (-EDGE, 1 + EDGE) if face > 0 else (1 + EDGE, -EDGE)
        time = (1 + 2 * EDGE) / pace
        start = draw.between(-0.7 * time, stage.seconds - 3)
        stage.person([Key(start, ends[0], y, "walk", face), Key(start + time, ends[1], y, "walk", face)])


def traffic(stage: Stage) -> None:
    """Let vehicles pass in both lanes, clear of what is reserved there."""
    draw = stage.draw
    for lane, (_, way) in LANES.items():
        gaps = [(-4.0, stage.seconds + 3.0)]
        if lane in stage.lane_busy:
            busy = stage.lane_busy[lane]
            gaps = [(-4.0, busy[0] - 0.4), (busy[1] + 0.4, stage.seconds + 3.0)]
        for low, high in gaps:
            _convoy(stage, lane, way, low, high, draw.below(2) + (1 if lane in stage.lane_busy else 0))


def _convoy(stage: Stage, lane: str, way: int, low: float, high: float, most: int) -> None:
    """Add up to `most` vehicles, one after the other, each wholly within its time."""
    t = low
    for _ in range(most):
        time = stage.draw.between(2.8, 5.5)
        if high - t < time:
            return
        start = stage.draw.between(t, min(high - time, t + 6.0))
        stage.vehicle(crossing(stage, lane, start, start + time, way))
        t = start + time + 0.3
