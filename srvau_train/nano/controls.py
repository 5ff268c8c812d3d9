"""Controls: the nano model with its eyes shut, and with the frames of a clip out of order.

What a model still scores so, it does not owe to what it sees, or to when.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from vau_bench.errors import VideoError
from vau_bench.models.local_vlm import Loaded
from vau_bench.models.prepared import Builder
from vau_bench.models.srvau_r1 import SrvauR1
from vau_bench.records import Request
from vau_bench.video import Clip


class FastSrvauR1(SrvauR1):
    """`srvau_r1`, computed the way that is fast at nano size."""

    def _fresh(self) -> Loaded:
        from srvau_train.nano.speed import QuickInputs, speed_up

        loaded = super()._fresh()
        speed_up(loaded.model)
        return loaded._replace(builder=QuickInputs(loaded.builder))


class Black(FastSrvauR1):
    """Sees a black picture."""

    summary = "srvau_r1 with a black picture: a control"

    def _prepare(self, builder: Builder, request: Request, clip: Clip | VideoError | None) -> Any:
        if isinstance(clip, Clip):
            clip = replace(clip, frames=np.zeros_like(clip.frames))
        return super()._prepare(builder, request, clip)


class Shuffled(FastSrvauR1):
    """Sees the frames in an order of their own for each clip, under the times of the right one."""

    summary = "srvau_r1 with shuffled frames: a control"

    def _prepare(self, builder: Builder, request: Request, clip: Clip | VideoError | None) -> Any:
        if isinstance(clip, Clip):
            order = np.random.default_rng(len(request.sample.id) + sum(request.sample.id.encode())).permutation(
                len(clip)
            )
            clip = replace(clip, frames=clip.frames[order])
        return super()._prepare(builder, request, clip)


MODELS = {
    "nano/fast": "srvau_train.nano.controls:FastSrvauR1",
    "nano/black": "srvau_train.nano.controls:Black",
    "nano/shuffled": "srvau_train.nano.controls:Shuffled",
}
