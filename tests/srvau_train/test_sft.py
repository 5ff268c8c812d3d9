"""Supervised fine-tuning: what bears loss, that it sees, that it resumes, and what it does with bad input."""

from __future__ import annotations

import errno
import importlib
import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from srvau_train.batches import (
    sft_batch,
)
from srvau_train.checkpoints import MetricsLog, latest
from srvau_train.examples import task_examples
from srvau_train.skips import SkipCount, Skipped
from vau_bench.errors import DataError, ModelError, RunError, UsageError

pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]


def train(config, out, rows, source, **more):
    from srvau_train.sft import train_sft

    return train_sft(config, out, rows=rows, clips=source, **more)


def weights(folder: Path):
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same(one: Path, other: Path) -> bool:
    import torch

    a, b = weights(one), weights(other)
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


class TestOrder:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(1, 500), max_size=400), st.integers(1, 16), st.integers(0, 3))
    def test_each_row_comes_once_and_batches_are_of_like_length(self, lengths, batch, epoch):
        from srvau_train.sft import LengthGroups

        groups = LengthGroups(lengths, batch, seed=1)
        groups.set_epoch(epoch)
        order = list(groups)
        assert sorted(order) == list(range(len(lengths))) and order == list(groups)
        whole = len(order) // batch * batch
        waste = sum(
            batch * max(part) - sum(part)
            for part in ([lengths[k] for k in order[i : i + batch]] for i in range(0, whole, batch))
        )
        assert waste <= batch * max(lengths, default=0) * (1 + len(lengths) // (batch * LengthGroups.STRETCH))

    def test_long_and_short_ones_take_no_turns(self):
        from srvau_train.sft import LengthGroups

        order = list(LengthGroups([100] * 400 + [10] * 400, 8, seed=0))
        kinds = [order[i] < 400 for i in range(0, 800, 8)]
        assert 20 < sum(a != b for a, b in pairwise(kinds)) < 80

    def test_epochs_differ(self):
        from srvau_train.sft import LengthGroups

        groups = LengthGroups(list(range(100)), 4, seed=0)
        first = list(groups)
        groups.set_epoch(1)
        assert first != list(groups)


class TestTraining:
    def test_the_loss_falls_and_the_result_loads(self, make_config, make_rows, clips, metrics, tmp_path):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        config = make_config().model_copy(update={"report_to": ["tensorboard"]})
        final = train(config, tmp_path / "out", make_rows(8), clips())
        losses = metrics(tmp_path / "out", "loss")
        assert sum(losses[-4:]) < 0.7 * sum(losses[:4])
        assert set(metrics(tmp_path / "out", "skipped_rows")) == {0}
        assert any((tmp_path / "out").rglob("events.out.tfevents.*"))
        AutoModelForImageTextToText.from_pretrained(final)
        assert AutoProcessor.from_pretrained(final).chat_template
        assert json.loads((final / "vau_bench.json").read_text())["mode"] == "video"

    def test_what_is_seen_changes_the_gradient(self, dataset, make_rows, clips):
        gradients = []
        for shade in (0, 255):
            prepared, model, _ = dataset(make_rows(2), "video", clips(shade=shade))
            model(**sft_batch([prepared[0], prepared[1]], pad=0)).loss.backward()
            gradients.append(model.model.visual.patch_embed.proj.weight.grad.abs().sum())
        assert gradients[1] > 0 and gradients[0] != gradients[1]

    @pytest.mark.parametrize("method", ["full", "lora"])
    def test_a_frozen_tower_stays_as_it_is(
        self, make_config, make_rows, clips, tmp_path, method, tiny_qwen25_checkpoint
    ):
        config = make_config(sft={"max_steps": 2}, model={"method": method, "lora": {"r": 4}})
        final = train(config, tmp_path / "out", make_rows(8), clips())
        before, after = weights(tiny_qwen25_checkpoint), weights(final)
        changed = {name for name in after if not (before[name] == after[name]).all()}
        assert changed and not any("visual" in name for name in changed)
        assert after.keys() == before.keys(), "adapters are merged"

    @pytest.mark.parametrize("method", ["full", "lora"])
    @pytest.mark.parametrize("frozen", [True, False])
    def test_a_frozen_tower_keeps_nothing_for_the_way_back(
        self, make_config, make_rows, clips, tmp_path, method, frozen
    ):
        from transformers import TrainerCallback

        needed = []

        class Watch(TrainerCallback):
            def on_train_begin(self, args, state, control, model, **kwargs):
                visual = next(m for name, m in model.named_modules() if name.endswith("visual"))
                visual.register_forward_hook(lambda m, args, out: needed.append(out.pooler_output.requires_grad))

        section = {"method": method, "lora": {"r": 4}, "freeze_vision": frozen, "gradient_checkpointing": True}
        config = make_config(sft={"max_steps": 2}, model=section)
        train(config, tmp_path / "out", make_rows(8), clips(), callbacks=[Watch()])
        assert len(needed) >= 2 and set(needed) == {not frozen}

    def test_a_tower_that_is_not_frozen_gets_adapters_too(
        self, make_config, make_rows, clips, tmp_path, tiny_qwen25_checkpoint
    ):
        section = {"method": "lora", "lora": {"r": 4}, "freeze_vision": False}
        config = make_config(sft={"max_steps": 2}, model=section)
        final = train(config, tmp_path / "out", make_rows(8), clips())
        before, after = weights(tiny_qwen25_checkpoint), weights(final)
        changed = {name.rpartition("blocks.0.")[2] for name in after if not (before[name] == after[name]).all()}
        assert {"attn.qkv.weight", "attn.proj.weight", "mlp.up_proj.weight"} <= changed
        assert after.keys() == before.keys(), "adapters are merged"

    def test_muon_trains_and_resumes(self, make_config, make_rows, clips, metrics, tmp_path):
        more = {"optimizer": "muon", "muon_rate": 0.02, "max_steps": 6, "save_every": 2, "group_by_length": True}
        config = make_config(sft=more)
        whole = train(config, tmp_path / "whole", make_rows(8), clips())
        losses = metrics(tmp_path / "whole", "loss")
        assert losses[-1] < 0.8 * losses[0]
        with pytest.raises(Stop):
            train(config, tmp_path / "cut", make_rows(8), clips(), callbacks=[killer(3)])
        assert same(whole, train(config, tmp_path / "cut", make_rows(8), clips()))

    def test_a_finished_training_is_not_done_again(self, make_config, make_rows, clips, tmp_path):
        config = make_config(sft={"max_steps": 1})
        train(config, tmp_path / "out", make_rows(4), clips())
        source = clips()
        train(config, tmp_path / "out", make_rows(4), source)
        assert source.loaded == 0
        with pytest.raises(RunError, match="another configuration"):
            train(make_config(sft={"max_steps": 2}), tmp_path / "out", make_rows(4), source)
        path = tmp_path / "out" / "config.yaml"
        path.write_text(path.read_text().replace("  answers: []\n", ""))
        train(config, tmp_path / "out", make_rows(4), source)
        path.write_text("model: [")
        with pytest.raises(RunError, match="another configuration"):
            train(config, tmp_path / "out", make_rows(4), source)


class Stop(Exception):
    """Stands for a kill."""


def killer(step: int):
    from transformers import TrainerCallback

    class Killer(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            if state.global_step == step:
                raise Stop

    return Killer()


class TestResume:
    @pytest.mark.parametrize("step", [3, 5])
    def test_killed_anywhere_it_ends_with_the_same_weights(
        self, make_config, make_rows, clips, metrics, tmp_path, step
    ):
        config = make_config(sft={"max_steps": 6, "save_every": 2, "accumulation": 2})
        whole = train(config, tmp_path / "whole", make_rows(12), clips())
        with pytest.raises(Stop):
            train(config, tmp_path / "cut", make_rows(12), clips(), callbacks=[killer(step)])
        resumed = train(config, tmp_path / "cut", make_rows(12), clips())
        assert same(whole, resumed)
        assert metrics(tmp_path / "cut", "loss") == pytest.approx(metrics(tmp_path / "whole", "loss"))

    def test_half_a_checkpoint_is_none(self, make_config, make_rows, clips, tmp_path):
        config = make_config(sft={"max_steps": 4, "save_every": 2})
        with pytest.raises(Stop):
            train(config, tmp_path / "out", make_rows(8), clips(), callbacks=[killer(3)])
        half = tmp_path / "out" / "checkpoint-3"
        shutil.copytree(tmp_path / "out" / "checkpoint-2", half)
        (half / "complete").unlink()
        assert latest(tmp_path / "out").name == "checkpoint-2"
        train(config, tmp_path / "out", make_rows(8), clips())
        assert not half.exists()


class TestBadInput:
    def test_a_damaged_video_is_skipped_and_counted(self, make_config, make_rows, clips, metrics, tmp_path):
        videos = [f"train-{n:04d}.mp4" for n in range(8)]
        videos[3] = "train-x.mp4"
        config = make_config(sft={"max_steps": 4, "batch_size": 2}, data={"most_skipped": 0.5})
        with pytest.warns(UserWarning, match=r"1 times a row could not be shown .* \(first: train-x.mp4 is damaged\)"):
            train(config, tmp_path / "out", make_rows(8, videos=videos), clips())
        assert len(metrics(tmp_path / "out", "loss")) == 4
        assert metrics(tmp_path / "out", "skipped_rows")[-1] == 1

    @pytest.mark.parametrize("accumulation", [1, 2])
    @pytest.mark.parametrize("damaged", [0, 3])
    def test_a_batch_of_nothing_but_a_damaged_video_teaches_nothing_and_training_goes_on(
        self, make_config, make_rows, clips, metrics, tmp_path, accumulation, damaged
    ):
        videos = [f"train-{n:04d}.mp4" for n in range(8)]
        videos[damaged] = "train-x.mp4"
        steps = {"max_steps": 8 // accumulation, "batch_size": 1, "accumulation": accumulation}
        config = make_config(sft=steps, data={"most_skipped": 0.5})
        with pytest.warns(UserWarning, match="1 times a row could not be shown"):
            train(config, tmp_path / "out", make_rows(8, videos=videos), clips())
        losses = metrics(tmp_path / "out", "loss")
        assert len(losses) == 8 // accumulation and losses.count(0.0) == (accumulation == 1)

    def test_too_many_of_them_end_it(self, make_config, make_rows, clips, tmp_path):
        config = make_config(sft={"max_steps": 40})
        videos = [f"train-x{n}.mp4" for n in range(8)]
        with pytest.raises(ModelError, match=r"rows could not be shown \(first: train-x.* is damaged\)"):
            train(config, tmp_path / "out", make_rows(8, videos=videos), clips())

    def test_the_share_counts_once_there_are_enough(self):
        count = SkipCount(0.1, grace=20)
        count.count(2, [Skipped(0, "gone")])
        count.count(17, [Skipped(1, "gone")])
        with pytest.raises(ModelError, match="3 of 21"):
            count.count(2, [Skipped(2, "gone")])

    def test_a_test_video_among_the_rows(self, tmp_path):
        from vau_bench.catalogue import Catalogue

        task = Catalogue().get("vau_synth_mcq")
        with pytest.raises(UsageError, match="only, not from 'test'"):
            task_examples(task, style="direct", split="test")

    def test_a_chain_of_another_split(self, tmp_path):
        from srvau_train.examples import chain_examples
        from vau_bench.catalogue import Catalogue

        with pytest.raises(DataError, match=r"holds no chains\.jsonl"):
            chain_examples(tmp_path, Catalogue())
        line = {"kind": "mcq", "sample_id": "test-0001", "split": "test", "response": "x", "loss_from": 0}
        (tmp_path / "chains.jsonl").write_text(json.dumps(line) + "\n")
        with pytest.raises(UsageError, match="training"):
            chain_examples(tmp_path, Catalogue())

    def test_a_loss_that_is_no_number(self, make_config, make_rows, clips, tmp_path):
        config = make_config(sft={"max_steps": 30, "learning_rate": 1e30, "max_grad_norm": 1e30})
        with pytest.raises(ModelError, match=r"the loss is (nan|inf) at step"):
            train(config, tmp_path / "out", make_rows(8), clips())

    def test_another_architecture_and_no_chat_template(
        self, make_config, make_rows, clips, tmp_path, tiny_qwen25_checkpoint
    ):
        other = shutil.copytree(tiny_qwen25_checkpoint, tmp_path / "other")
        about = json.loads((other / "config.json").read_text()) | {"model_type": "llama"}
        (other / "config.json").write_text(json.dumps(about))
        bare = shutil.copytree(tiny_qwen25_checkpoint, tmp_path / "bare")
        (bare / "chat_template.jinja").unlink()
        for folder, told in ((other, "is a 'llama' model"), (bare, "no chat template")):
            with pytest.raises(ModelError, match=told):
                train(make_config(model={"checkpoint": str(folder)}), tmp_path / "out", make_rows(4), clips())
            assert not (tmp_path / "out").exists(), "the folder is still free for the right one"

    @pytest.mark.parametrize(
        ("saver", "enough", "error"),
        [
            ("torch.save", 4, OSError(errno.ENOSPC, "No space left on device")),
            ("torch.save", 4, RuntimeError("[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed "
                                           "writing file data/3: file write failed")),
            ("torch.save", 4, RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 2040 vs 2016")),
            ("transformers.modeling_utils.safe_save_file", 1,
             SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")),
        ],
        ids=["os", "torch file", "torch position", "safetensors"],
    )  # fmt: skip
    def test_a_full_disk_leaves_the_last_whole_checkpoint(
        self, make_config, make_rows, clips, tmp_path, monkeypatch, saver, enough, error
    ):
        config = make_config(sft={"max_steps": 6, "save_every": 2})
        module, _, name = saver.rpartition(".")
        save, calls = getattr(importlib.import_module(module), name), []

        def full(*args, **kwargs):
            calls.append(args)
            if len(calls) > enough:
                raise error
            return save(*args, **kwargs)

        monkeypatch.setattr(saver, full)
        with pytest.raises(RunError, match=r"cannot write .*checkpoint-\d: .*; checkpoint-\d is whole"):
            train(config, tmp_path / "out", make_rows(12), clips())
        monkeypatch.undo()
        assert train(config, tmp_path / "out", make_rows(12), clips()).is_dir()

    def test_a_line_of_metrics_that_finds_no_room_is_told(self, tmp_path):
        log = MetricsLog(tmp_path)
        (tmp_path / "metrics.jsonl").symlink_to("/dev/full")
        state = SimpleNamespace(is_world_process_zero=True, global_step=1)
        with pytest.raises(RunError, match=r"cannot write .*metrics\.jsonl: No space left on device; the same command"):
            log.on_log(None, state, None, {"loss": 1.0})

    def test_nothing_to_train_on(self, make_config, tmp_path, clips):
        with pytest.raises(UsageError, match="nothing to train on"):
            train(make_config(), tmp_path / "out", [], clips())


SCRIPT = """
import sys, json, warnings
warnings.simplefilter("ignore")
from pathlib import Path
sys.path.insert(0, {tests!r})
import torch
torch.set_num_threads(1)
import conftest
from srvau_train.config import TrainConfig
from srvau_train.sft import train_sft
from srvau_train.examples import Example, answer_of, request_of, truth_of
from vau_bench.catalogue import Catalogue
from vau_bench.synth import samples
task = Catalogue().get("vau_synth_mcq")
of = task.kind(task.read(None, "train"))
rows = [Example(request_of(task, of, s, "direct", video=Path(s.video), plan=conftest.PLAN),
        truth_of(s, "mcq", of.classes), answer_of(s, "mcq")) for s in samples("train", 16)]
train_sft(TrainConfig.parse(json.loads({config!r})), Path({out!r}), rows=rows, clips=conftest.MadeUpClips())
"""


def test_two_processes_have_the_losses_of_one_with_twice_the_batch(make_config, metrics, tmp_path):
    def run(name: str, processes: int, batch: int):
        config = make_config(sft={"max_steps": 4, "batch_size": batch, "learning_rate": 1e-3})
        script = tmp_path / f"{name}.py"
        script.write_text(
            SCRIPT.format(tests=str(Path(__file__).parent), config=config.model_dump_json(), out=str(tmp_path / name))
        )
        launch = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--master_port", "29731"]
        done = subprocess.run(
            [sys.executable, *(launch if processes > 1 else []), script], capture_output=True, text=True, timeout=200,
            env=None, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]
        return metrics(tmp_path / name, "loss")

    assert run("two", 2, 2) == pytest.approx(run("one", 1, 4), rel=1e-4)
