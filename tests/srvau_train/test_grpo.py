"""Reinforcement fine-tuning: it sees what it is asked about, its log-probabilities are right, its options work."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from srvau_train.batches import ExampleDataset, Features, input_builder, load_base, visual_tensors
from srvau_train.rollouts import Prompts, reflection_start
from vau_bench.errors import UsageError

pytest.importorskip("trl")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]


def train(config, out, rows, source, **more):
    from srvau_train.grpo import train_grpo

    return train_grpo(config, out, rows=rows, clips=source, **more)


@pytest.fixture
def trainer(make_config, make_rows, tmp_path):
    """A trainer that has generated one batch: `trainer(clips)` gives it, its rows and the batch."""

    def make(source, mode="video", **sections):
        from srvau_train.grpo import _trainer
        from srvau_train.sft import prepare_weights

        config = make_config(**{**sections, "data": {"mode": mode, **sections.get("data", {})}})
        model, processor, family = load_base(config.model)
        builder = input_builder(processor, model, family, config.data)
        dataset = ExampleDataset(make_rows(4, responses=False), builder, processor.tokenizer, source)
        prepare_weights(model, config)
        made = _trainer(config, tmp_path, model, processor, dataset, [])
        records = Prompts(dataset)([{"row": row} for row in (0, 0, 0, 0, 1, 1, 1, 1)])
        return made, made._generate_and_score_completions(records)

    return make


def _generated(made, tokens, rollouts=4):
    """Return the batch of completions that all are these tokens."""
    made.use_vllm, made.vllm_generation, made._last_loaded_step = True, Engine(tokens), -1
    rows = [row for row in range(8 // rollouts) for _ in range(rollouts)]
    return made._generate_and_score_completions(Prompts(ExampleDataset(*_parts(made)))([{"row": row} for row in rows]))


def _parts(made):
    """Return what the trainer's own dataset was made of."""
    rows = made.data_collator._rows
    return rows.rows, rows._builder, rows._tokenizer, rows._clips


def logps(made, batch, batch_size=None):
    import torch

    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], 1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], 1)
    keep = batch["completion_ids"].shape[1]
    return made._get_per_token_logps_and_entropies(made.model, ids, mask, keep, batch_size, compute_entropy=True)[0]


class TestItSees:
    @pytest.mark.parametrize("mode", ["video", "frames", "patches"])
    def test_log_probabilities_are_those_of_an_unpadded_forward(self, trainer, clips, mode):
        import torch

        made, batch = trainer(clips(sizes=(56, 84)), mode)
        found = logps(made, batch)
        for row in range(8):
            f: Features = made._shown[row]
            completion = batch["completion_ids"][row][batch["completion_mask"][row].bool()]
            ids = torch.cat([f.prompt.inputs["input_ids"][0], completion])[None]
            types = torch.cat([f.prompt.inputs["mm_token_type_ids"][0], torch.zeros_like(completion)])[None]
            with torch.no_grad():
                logits = made.model(
                    input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=types, **visual_tensors([f])
                ).logits[0]
            own = torch.log_softmax(logits[-len(completion) - 1 : -1], -1).gather(1, completion[:, None])[:, 0]
            assert torch.allclose(found[row, : len(completion)], own, atol=1e-5)

    def test_other_pixels_give_other_log_probabilities(self, trainer, clips):
        made, batch = trainer(clips(shade=0))
        before = logps(made, batch)
        white, _ = trainer(clips(shade=255))
        made._shown = white._shown
        assert (before - logps(made, batch)).abs().max() > 1e-4

    def test_the_gradient_reaches_the_tower(self, trainer, clips):
        made, batch = trainer(clips(), model={"freeze_vision": False})
        (logps(made, batch) * batch["completion_mask"]).sum().backward()
        assert made.model.model.visual.patch_embed.proj.weight.grad.abs().sum() > 0

    def test_shuffled_and_split_batches_keep_their_clips(self, trainer, clips):
        import torch

        made, batch = trainer(clips(sizes=(56, 84)))
        whole = logps(made, batch)
        order = torch.tensor([5, 2, 7, 0])
        made._which = order.tolist()
        part = {name: batch[name][order] for name in ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask")}
        assert torch.allclose(logps(made, part), whole[order], atol=1e-5)


class TestOptions:
    def test_what_stands_before_the_reflection_bears_no_loss(self, trainer, clips):
        made, _ = trainer(
            clips(),
            data={"style": "reflect"},
            grpo={"advantage_on": "reflection"},
            reward={"style": "reflect", "effect": 1.0, "answer": "first"},
        )
        text = "<think>B</think><answer>B</answer><reflect>Was it?</reflect><think>A</think><answer>A</answer>"
        tokens = made._tokenizer(text)["input_ids"]
        before = reflection_start(made._tokenizer, tokens)
        batch = _generated(made, tokens, rollouts=8)
        learns = batch["completion_mask"] * batch["tool_mask"]
        assert 0 < before < len(tokens)
        assert learns.tolist() == [[0] * before + [1] * (len(tokens) - before)] * 8
        assert batch["num_items_in_batch"] == learns.sum()

    @pytest.mark.parametrize(("high", "learns"), [(None, False), (0.2, False), (0.3, True)])
    def test_clip_higher_widens_the_upper_side_alone(self, trainer, clips, high, learns):
        import torch

        made, batch = trainer(clips(), grpo={"epsilon": 0.2, "epsilon_high": high})
        made.current_gradient_accumulation_steps = 1

        def gradient(ratio, advantage):
            batch["old_per_token_logps"] = logps(made, batch).detach() - math.log(ratio)
            batch["advantages"] = torch.full((8,), advantage)
            made.model.zero_grad()
            made._compute_loss(made.model, batch).backward()
            return sum(float(p.grad.abs().sum()) for p in made.model.parameters() if p.grad is not None)

        assert (gradient(1.25, 1.0) > 0) == learns
        assert gradient(0.75, -1.0) == 0 < gradient(1.1, 1.0)

    @pytest.mark.parametrize("loss_type", ["grpo", "dr_grpo", "dapo"])
    def test_flat_groups_leave_the_loss_and_its_divisor(self, trainer, clips, loss_type):
        import torch

        made, batch = trainer(clips(), grpo={"loss_type": loss_type})
        batch["advantages"] = torch.tensor([1.0, -1.0, 0.5, -0.5, 0.0, 0.0, 0.0, 0.0])
        made.current_gradient_accumulation_steps = 1
        made._drop_flat_groups(batch)
        assert batch["completion_mask"][4:].sum() == 0 < batch["completion_mask"][:4].sum()
        batch["num_items_in_batch"] = batch["completion_mask"].sum()
        both = made._compute_loss(made.model, batch)
        alone = {
            name: batch[name][:4] for name in ("prompt_ids", "prompt_mask", "completion_ids", "completion_mask", "clip")
        }
        alone["advantages"] = torch.tensor([1.0, -1.0, 0.5, -0.5])
        alone["num_items_in_batch"] = alone["completion_mask"].sum()
        assert torch.allclose(both, made._compute_loss(made.model, alone), atol=1e-6)

    def test_rows_that_teach_nothing_are_not_computed(self, trainer, clips):
        import torch

        made, batch = trainer(clips(sizes=(56, 84)))
        whole, computed = logps(made, batch), []
        made.model.register_forward_pre_hook(
            lambda model, args, kwargs: computed.append(len(kwargs["input_ids"])), with_kwargs=True
        )
        batch["completion_mask"][:4] = 0
        part = logps(made, batch)
        assert computed == [4]
        assert part[:4].abs().sum() == 0 and torch.allclose(part[4:], whole[4:], atol=1e-5)
        batch["completion_mask"][:] = 0
        assert logps(made, batch).requires_grad, "other processes wait for the backward pass of this one"
        assert computed == [4, 1]

    def test_every_process_makes_as_many_passes_as_the_others(self, trainer, clips):
        import torch

        made, batch = trainer(clips(sizes=(56, 84)))
        whole, computed = logps(made, batch), []
        made.model.register_forward_pre_hook(
            lambda model, args, kwargs: computed.append(len(kwargs["input_ids"])), with_kwargs=True
        )
        batch["completion_mask"][[0, 1, 5]] = 0
        part = logps(made, batch, batch_size=2)
        assert computed == [1, 2, 1, 2]
        assert torch.allclose(part[[2, 3, 4, 6, 7]], whole[[2, 3, 4, 6, 7]], atol=1e-5)

    def test_a_reference_needs_a_checkpoint_on_the_disk(self, make_config, make_rows, clips, tmp_path):
        config = make_config(grpo={"beta": 0.1, "steps": 1})
        model, processor, _ = load_base(config.model)
        with pytest.raises(UsageError, match="save the model"):
            train(config, tmp_path / "a", make_rows(4, responses=False), clips(), model=model, processor=processor)
        assert train(config, tmp_path / "b", make_rows(4, responses=False), clips()).is_dir()

    def test_prompts_that_cannot_be_shared_out(self, make_config, make_rows, clips, tmp_path):
        with pytest.raises(UsageError, match="cannot be shared by 1 processes in batches of 3"):
            train(make_config(grpo={"micro_batch": 3}), tmp_path, make_rows(4, responses=False), clips())

    def test_an_epoch_has_its_order_whichever_one_a_training_begins_with(self):
        from srvau_train.grpo import PromptOrder

        def orders(*epochs):
            order = PromptOrder(range(20), 2, batch_size=4, repeat_count=3, seed=5)
            for epoch in epochs:
                order.set_epoch(epoch)
                yield list(order)

        first, second = orders(0, 1)
        assert [second] == list(orders(1)) and first != second
        assert sorted(first) == sorted(second) == sorted([*range(20)] * 6)

    def test_fewer_rows_than_a_step_has_prompts_would_train_nothing(self, make_config, make_rows, clips, tmp_path):
        with pytest.raises(UsageError, match=r"3 rows are fewer than the 4 prompts of a step; lower grpo\.prompts"):
            train(make_config(grpo={"prompts": 4}), tmp_path, make_rows(3, responses=False), clips())

    def test_nothing_that_only_a_prompt_may_hold_is_generated(self, trainer, clips):
        made, batch = trainer(clips(), grpo={"max_new_tokens": 60, "temperature": 5.0})
        config = made.model.config
        assert not (batch["completion_ids"] == config.video_token_id).any()
        assert made.generation_config.suppress_tokens


class Engine:
    """Stands for vLLM, which gets tokens and images and makes tensors of its own."""

    def __init__(self, tokens: list[int]) -> None:
        self.tokens = tokens
        self.asked: list[tuple[list[list[int]], list[list[Any]]]] = []

    def sync_weights(self) -> None:
        pass

    def generate(self, prompts, images, num_generations, profiler):
        self.asked.append((prompts, images))
        return prompts, [list(self.tokens) for _ in prompts], [[[-1.0]] * len(self.tokens) for _ in prompts], None


class TestVllm:
    def test_it_is_shown_what_the_log_probabilities_see(self, trainer, clips):
        import torch

        made, _ = trainer(clips(sizes=(56, 84)), "frames")
        batch = _generated(made, [5, 6, 7])
        ((prompts, images),) = made.vllm_generation.asked
        assert batch["completion_ids"].tolist() == [[5, 6, 7]] * 8
        for f, prompt, shown in zip(made._shown, prompts, images, strict=True):
            assert prompt == f.prompt.inputs["input_ids"][0].tolist()
            assert len(shown) == 4
            again = made.processing_class.image_processor(images=shown, return_tensors="pt")
            assert torch.equal(again["image_grid_thw"], f.prompt.inputs["image_grid_thw"])
            assert torch.allclose(again["pixel_values"], f.prompt.inputs["pixel_values"], atol=1e-6)

    def test_a_prompt_without_frames_shows_none(self):
        from srvau_train.shown_images import shown_images

        assert shown_images({"input_ids": None}, None) == []

    def test_it_says_so_where_it_is_not_installed(self, make_config, make_rows, clips, tmp_path, monkeypatch):
        monkeypatch.setattr("srvau_train.grpo.find_spec", lambda name: None)
        config = make_config(data={"mode": "frames"}, grpo={"vllm": True})
        with pytest.raises(UsageError, match="needs vLLM"):
            train(config, tmp_path, make_rows(4, responses=False), clips())

    def test_its_options_are_those_of_trl(self, make_config, monkeypatch):
        from transformers import AutoConfig
        from trl import GRPOConfig

        from srvau_train.grpo import _generation

        monkeypatch.setattr("srvau_train.grpo.find_spec", lambda name: name)
        server = {"vllm": True, "vllm_server": "http://127.0.0.1:8000"}
        config = make_config(data={"mode": "frames"}, grpo=server)
        told = _generation(config, SimpleNamespace(config=AutoConfig.from_pretrained(config.model.checkpoint)))
        assert told.keys() <= GRPOConfig.__dataclass_fields__.keys()
        assert (told["vllm_mode"], told["vllm_server_base_url"]) == ("server", server["vllm_server"])
        assert set(told["generation_kwargs"]) == {"logit_bias"} and len(told["generation_kwargs"]["logit_bias"]) == 4


class TestTraining:
    def test_it_runs_logs_its_rewards_and_resumes(self, make_config, make_rows, clips, metrics, tmp_path, monkeypatch):
        from transformers import TrainerCallback

        from srvau_train import grpo

        def format_reward(completions, **columns):
            # a model that knows nothing would earn nothing, and learn nothing
            return [float(sum(map(ord, text)) % 7) for text in completions]

        functions = grpo.reward_functions
        monkeypatch.setattr(grpo, "reward_functions", lambda w: [format_reward, *functions(w)[1:]])

        config = make_config(grpo={"save_every": 2, "micro_batch": 4})
        rows = make_rows(8, responses=False)
        source = clips()
        whole = train(config, tmp_path / "whole", rows, source)
        assert source.loaded < 6 * 2 * 2, "a clip is decoded once a step, though its completions come in two parts"

        class Stop(Exception):
            pass

        class Killer(TrainerCallback):
            def on_step_begin(self, args, state, control, **kwargs):
                if state.global_step == 5:
                    raise Stop

        with pytest.raises(Stop):
            train(config, tmp_path / "cut", rows, clips(), callbacks=[Killer()])
        resumed = train(config, tmp_path / "cut", rows, clips())
        for name in (
            "reward",
            "completions/mean_length",
            "seconds/generate",
            "seconds/batch",
            "rewards/format_reward/mean",
        ):
            assert len(metrics(tmp_path / "cut", name)) == 6, name
        assert (whole / "model.safetensors").read_bytes() == (resumed / "model.safetensors").read_bytes()
        first = Path(config.model.checkpoint) / "model.safetensors"
        assert (whole / "model.safetensors").read_bytes() != first.read_bytes(), "something was learnt"

    def test_prompts_are_what_is_counted_not_their_completions(self, trainer, clips):
        made, _ = trainer(clips())
        assert (made.skips.seen, made.skips.skipped) == (2, 0)

    def test_memory_that_is_used_again_holds_what_new_memory_would(self, trainer, clips):
        import torch

        made, _ = trainer(clips(sizes=(56, 84)))
        shown, store = made._shown, {}
        for rows in (shown, shown[:3], [*shown, *shown]):
            again, new = visual_tensors(rows, store), visual_tensors(rows)
            assert again.keys() == new.keys() and all(torch.equal(again[name], new[name]) for name in new)
