"""What a plan costs beside what it is about: counting a prompt without pixels, and building it with them."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from vau_bench.models.qwen_vl import QwenVL, QwenVLConfig
from vau_bench.planning.workload import Footage
from vau_bench.records import Generation, Message, Request, Sample, Target
from vau_bench.video import ClipLoader
from vau_bench.video.clip import Clip

pytestmark = pytest.mark.benchmark


def test_counting_a_prompt_beside_building_it(tiny_qwen) -> None:
    pytest.importorskip("transformers")
    with ClipLoader() as clips:
        model = QwenVL(QwenVLConfig(checkpoint=str(tiny_qwen("qwen2_5_vl"))), clips)
        shown = Footage(seconds=16, width=640, height=360).shown("fps(1)")
        frames = np.zeros((len(shown), shown.height, shown.width, 3), np.uint8)
        clip = Clip(frames, shown.indices, shown.times, shown.info)
        message = (Message("user", "What happens, and when?", video=True),)
        sample = Sample("s", "a.mp4", "a", Target())
        request = Request("k", "t", "mcq", "direct", 0, sample, message, Generation(), Path("a.mp4"), "fps(1)")
        size = model.prompt_size(request, shown)
        built = model._sizer.build(request, clip)  # type: ignore[attr-defined]
        assert size is not None and size.tokens == built.inputs["input_ids"].shape[1]

        def seconds(do, times: int) -> float:
            begin = time.process_time()
            for _ in range(times):
                do()
            return (time.process_time() - begin) / times

        counted = seconds(lambda: model.prompt_size(request, shown), 50)
        made = seconds(lambda: model._sizer.build(request, clip), 3)  # type: ignore[attr-defined]
        told = f"{1000 * counted:.2f} ms counted, {1000 * made:.0f} ms built"
        print(f"\na prompt of {size.tokens} tokens, 16 frames of 640x360: {told}, 1:{made / counted:.0f}", end="")
