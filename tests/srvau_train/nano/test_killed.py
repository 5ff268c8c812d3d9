"""A training that the system kills at any moment ends, resumed, with the weights of one that it let be."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("training")]

SCRIPT = """
import sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(1)
from srvau_train.grpo import train_grpo
from srvau_train.nano import CHECKPOINT
from srvau_train.nano.frames import Look, draw_frames
from srvau_train.nano.recipe import Recipe
from srvau_train.nano.rows import direct, prompt
from srvau_train.sft import train_sft

stage, frames, out = sys.argv[1:]
store = draw_frames(Path(frames), "train", 16, Look(), workers=1)
recipe = Recipe(base_steps=30, batch=4, grpo_steps=10, prompts=2, rollouts=2)
if stage == "sft":
    config, train, rows = recipe.base(str(CHECKPOINT)), train_sft, [direct(n, "mcq", store.look) for n in range(16)]
else:
    config, train = recipe.grpo(str(CHECKPOINT)), train_grpo
    rows = [prompt(n, "classification", "reflect", store.look) for n in range(16)]
often = getattr(config, stage).model_copy(update={"save_every": 2, **({"micro_batch": 2} if stage == "grpo" else {})})
train(config.model_copy(update={stage: often}), Path(out), rows=rows, clips=store)
"""


def whole_checkpoint(folder: Path) -> bool:
    return any(folder.glob("checkpoint-*/complete"))


@pytest.mark.parametrize("stage", ["sft", "grpo"])
def test_killed_at_a_random_moment_it_ends_with_the_same_weights(tmp_path, stage):
    def start(out: str) -> subprocess.Popen[bytes]:
        arguments = [sys.executable, "-c", SCRIPT, stage, tmp_path / "frames", tmp_path / out]
        return subprocess.Popen(arguments, stderr=subprocess.DEVNULL)

    assert start("whole").wait(300) == 0
    process, begin = start("cut"), time.monotonic()
    while not whole_checkpoint(tmp_path / "cut"):
        assert process.poll() is None and time.monotonic() - begin < 300
        time.sleep(0.02)
    moment = random.uniform(0, 0.5)
    time.sleep(moment)
    process.kill()
    process.wait()
    assert not (tmp_path / "cut" / "final").exists(), f"done before it was killed, {moment:.2f} s after a checkpoint"
    assert start("cut").wait(300) == 0
    whole, cut = (tmp_path / out / "final" / "model.safetensors" for out in ("whole", "cut"))
    assert whole.read_bytes() == cut.read_bytes(), f"killed {moment:.2f} s after its first checkpoint"
