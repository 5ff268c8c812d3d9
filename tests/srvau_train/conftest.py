"""Rows about made-up clips, small enough to train on in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

PLAN = "uniform(4)"
SIZE = 56


class MadeUpClips:
    """Clips of noise by the number in their name; those with an `x` in it cannot be decoded."""

    def __init__(self, shade: int | None = None, sizes: tuple[int, ...] = (SIZE,)) -> None:
        self.shade, self.sizes = shade, sizes
        self.loaded = 0

    def load(self, path: Path, plan: str):
        from vau_bench.errors import VideoUnreadableError
        from vau_bench.video.clip import Clip, VideoInfo

        assert plan == PLAN
        self.loaded += 1
        if "x" in path.stem:
            raise VideoUnreadableError(f"{path.name} is damaged")
        number = int(path.stem.rpartition("-")[2])
        width = self.sizes[number % len(self.sizes)]
        frames = np.random.default_rng(number).integers(0, 255, (4, SIZE, width, 3), np.uint8)
        if self.shade is not None:
            frames[:] = self.shade
        info = VideoInfo(path, 1, 4.0, 4, width, SIZE, 1.0, "none", 0, False)
        return Clip(frames, (0, 1, 2, 3), (0.0, 1.0, 2.0, 3.0), info)


@pytest.fixture
def make_rows():
    """Make rows of the task `vau_synth_mcq`: `make_rows(8, responses=True)`."""
    from srvau_train.examples import Example, answer_of, request_of, truth_of
    from vau_bench.catalogue import Catalogue
    from vau_bench.synth import samples

    def make(count: int, *, responses: bool = True, videos: list[str] | None = None, kind: str = "mcq"):
        task = Catalogue().get(f"vau_synth_{kind}")
        of = task.kind(task.read(None, "train"))
        rows = []
        for number, sample in enumerate(samples("train", count)):
            video = Path(videos[number] if videos else sample.video)
            request = request_of(task, of, sample, "direct", video=video, plan=PLAN)
            response = answer_of(sample, kind) if responses else None
            rows.append(Example(request, truth_of(sample, kind, of.classes), response))
        return rows

    return make


@pytest.fixture
def make_config(tiny_qwen25_checkpoint):
    """Make a configuration for the tiny checkpoint: `make_config(sft={...}, data={...})`."""
    from srvau_train.config import TrainConfig

    def make(**sections):
        base = {
            "model": {"checkpoint": str(tiny_qwen25_checkpoint), "dtype": "float32", "device": "cpu",
                      "gradient_checkpointing": False},
            "data": {"mode": "video", "style": "direct", "frames": PLAN, "max_pixels": SIZE * SIZE * 4,
                     "min_pixels": 28 * 28, "workers": 0},
            "sft": {"learning_rate": 3e-3, "max_steps": 20, "batch_size": 4, "accumulation": 1, "save_every": 1000,
                    "log_every": 1, "bf16": False, "group_by_length": False},
            "grpo": {"learning_rate": 1e-3, "steps": 6, "prompts": 2, "rollouts": 4, "max_new_tokens": 12, "beta": 0.0,
                     "save_every": 1000, "log_every": 1, "bf16": False},
            "reward": {"style": "direct", "effect": 0, "form": 0, "length": 0, "answer": "last"},
        }  # fmt: skip
        merged = {name: {**base.get(name, {}), **sections.get(name, {})} for name in {*base, *sections}}
        return TrainConfig.parse(merged)

    return make


@pytest.fixture
def clips():
    """Give the clips that rows of `make_rows` ask for."""
    return MadeUpClips


@pytest.fixture
def metrics():
    """Read the metrics of a training: `metrics(folder, "loss")`."""
    import json

    def read(folder: Path, name: str) -> list[float]:
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return [line[name] for line in lines if name in line]

    return read


@pytest.fixture
def dataset(make_config, make_rows, clips):
    """Prepare rows, and give their model and processor: `dataset(rows, "video", clips())`."""
    from srvau_train.batches import ExampleDataset, input_builder, load_base

    def make(rows, mode="video", source=None):
        config = make_config(data={"mode": mode})
        model, processor, family = load_base(config.model)
        builder = input_builder(processor, model, family, config.data)
        return ExampleDataset(rows, builder, processor.tokenizer, source or clips()), model, processor

    return make
