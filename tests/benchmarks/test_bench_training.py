"""What GRPO spends outside of the model, and what a step of fine-tuning waits for its frames, at nano size."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import contextmanager
from functools import wraps

import pytest

pytest.importorskip("trl")
pytestmark = [pytest.mark.benchmark, pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def nano(tmp_path_factory):
    """An empty nano model with its clips."""
    from srvau_train.nano.architecture import Size, build_model, build_processor, build_tokenizer
    from srvau_train.nano.frames import Look, draw_frames
    from srvau_train.nano.rows import texts
    from srvau_train.nano.speed import speed_up

    look, size = Look(), Size(vocabulary=1500)
    tokenizer = build_tokenizer(texts([], 60, look), size.vocabulary)
    model = build_model(tokenizer, size, seed=0)
    speed_up(model)
    return model, build_processor(tokenizer, size), draw_frames(tmp_path_factory.mktemp("f"), "train", 32, look)


class Clock:
    """Adds up the time spent within functions, by name; time within one that is already running is not added."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._running = 0

    @contextmanager
    def _counted(self, name):
        begin, self._running = time.perf_counter(), self._running + 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self.seconds[name] += time.perf_counter() - begin

    def watch(self, monkeypatch, owner, attribute, name):
        function = getattr(owner, attribute)

        @wraps(function)
        def timed(*args, **kwargs):
            with self._counted(name):
                return function(*args, **kwargs)

        monkeypatch.setattr(owner, attribute, timed)


def test_grpo_overhead(nano, tmp_path, monkeypatch, capsys):
    from accelerate import Accelerator

    from srvau_train.grpo import VideoGRPOTrainer, train_grpo
    from srvau_train.nano.recipe import Recipe
    from srvau_train.nano.rows import prompt

    model, processor, store = nano
    recipe = Recipe(grpo_steps=3)
    rows = [prompt(n, "mcq", "reflect", store.look) for n in range(32)]
    clock = Clock()
    # TRL gives the whole model a forward of its own, around this one
    clock.watch(monkeypatch, type(model.model), "forward", "forward")
    clock.watch(monkeypatch, type(model), "generate", "generate")
    clock.watch(monkeypatch, Accelerator, "backward", "backward")
    steps = Counter()
    inner = VideoGRPOTrainer.training_step

    def timed(self, *args, **kwargs):
        begin = time.perf_counter()
        try:
            return inner(self, *args, **kwargs)
        finally:
            steps["all"] += time.perf_counter() - begin

    monkeypatch.setattr(VideoGRPOTrainer, "training_step", timed)
    train_grpo(recipe.grpo("made here"), tmp_path, rows=rows, clips=store, model=model, processor=processor)
    outside = steps["all"] - sum(clock.seconds.values())
    parts = ", ".join(f"{name} {seconds / 3:.2f} s" for name, seconds in clock.seconds.items())
    with capsys.disabled():
        share = 100 * outside / steps["all"]
        print(f"\ngrpo at nano size: {share:.1f} % of a step is spent outside of the model ({parts})")
    assert steps["all"] > sum(clock.seconds.values()) > 0


def test_what_a_step_waits_for_its_frames(nano, tmp_path, monkeypatch, capsys):
    from srvau_train.nano.recipe import Recipe
    from srvau_train.nano.rows import direct
    from srvau_train.sft import Collator, VideoSFTTrainer, train_sft

    model, processor, store = nano
    clock = Clock()
    clock.watch(monkeypatch, Collator, "__call__", "frames")
    clock.watch(monkeypatch, VideoSFTTrainer, "training_step", "step")
    rows = [direct(n % 32, "mcq", store.look) for n in range(256)]
    train_sft(
        Recipe(base_steps=10).base("made here"), tmp_path, rows=rows, clips=store, model=model, processor=processor
    )
    share = clock.seconds["frames"] / sum(clock.seconds.values())
    with capsys.disabled():
        print(f"\nsft at nano size: {100 * share:.1f} % of the time goes into making batches, in the same process")
    assert 0 < share < 1
