"""What GRPO spends outside of the model, and what a step of fine-tuning waits for its frames, at nano size."""

from __future__ import annotations

import threading
import time
from collections import Counter
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
    """Adds up the time that the main thread spends within functions, by name; not twice where they call each other."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._running = 0

    def timed(self, function, name):
        @wraps(function)
        def timed(*args, **kwargs):
            if threading.current_thread() is not threading.main_thread():
                return function(*args, **kwargs)
            begin, self._running = time.perf_counter(), self._running + 1
            try:
                return function(*args, **kwargs)
            finally:
                self._running -= 1
                if not self._running:
                    self.seconds[name] += time.perf_counter() - begin

        return timed

    def watch(self, monkeypatch, owner, attribute, name):
        monkeypatch.setattr(owner, attribute, self.timed(getattr(owner, attribute), name))


def test_grpo_overhead(tmp_path, monkeypatch, capsys):
    """The shipped model goes on learning; all that is no work of the model counts: batches, rewards, parsing, logs."""
    from accelerate import Accelerator
    from transformers import TrainerCallback

    from srvau_train.batches import input_builder, load_base
    from srvau_train.grpo import train_grpo
    from srvau_train.nano import CHECKPOINT
    from srvau_train.nano.frames import Look, draw_frames
    from srvau_train.nano.recipe import Recipe
    from srvau_train.nano.rows import prompt
    from srvau_train.nano.speed import QuickInputs, speed_up
    from srvau_train.nano.train import ANSWERED

    recipe, clock, steps = Recipe(grpo_steps=6), Clock(), []
    model, processor, family = load_base(recipe.base(str(CHECKPOINT)).model)
    speed_up(model)
    count = recipe.prompts * recipe.grpo_steps
    store = draw_frames(tmp_path / "frames", "train", count, Look())
    rows = [prompt(n, ANSWERED[n % len(ANSWERED)], "reflect", store.look) for n in range(count)]
    clock.watch(monkeypatch, model, "generate", "generate")
    clock.watch(monkeypatch, Accelerator, "backward", "backward")

    class Watch(TrainerCallback):
        def on_train_begin(self, args, state, control, model, optimizer, **kwargs):
            model.forward = clock.timed(model.forward, "forward")
            optimizer.step = clock.timed(optimizer.step, "optimizer")

        def on_step_end(self, args, state, control, **kwargs):
            if not steps:
                clock.seconds.clear()  # the first one warms up
            steps.append(time.perf_counter())

    config = recipe.grpo(str(CHECKPOINT))
    builder = QuickInputs(input_builder(processor, model, family, config.data))
    train_grpo(
        config, tmp_path / "out", rows=rows, clips=store, model=model, processor=processor, builder=builder,
        callbacks=[Watch()], bar=False,
    )  # fmt: skip
    whole, n = steps[-1] - steps[0], len(steps) - 1
    share = 100 * (1 - sum(clock.seconds.values()) / whole)
    parts = ", ".join(f"{name} {seconds / n:.2f} s" for name, seconds in clock.seconds.items())
    with capsys.disabled():
        print(f"\ngrpo at nano size: {share:.1f} % of a step of {whole / n:.2f} s is outside of the model ({parts})")
    assert n == 5 and 0 < share < 8


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
