"""`train plan`: exact parameters, estimates that move the right way, a refusal that says what helps."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from srvau_train.command import config_of
from srvau_train.command import plan as command
from srvau_train.plan import plan
from vau_bench.errors import UsageError

pytest.importorskip("transformers")


@pytest.mark.parametrize(
    ("name", "billions"), [("qwen2_5_vl_3b", 3.755), ("qwen2_5_vl_7b", 8.292), ("qwen3_vl_8b", 8.767)]
)
def test_the_parameters_are_those_of_the_published_checkpoints(name, billions):
    assert plan(config_of(name, []), "sft").parameters.total / 1e9 == pytest.approx(billions, abs=0.001)


def test_adapters_are_counted_by_their_rank():
    small, large = (plan(config_of("qwen3_vl_8b", [f"model.lora.r={r}"]), "sft").parameters.trained for r in (8, 64))
    assert large == 8 * small


class TestMemory:
    def of(self, *changes, stage="grpo"):
        return plan(config_of("qwen2_5_vl_7b", changes), stage).memory

    def test_spreading_more_takes_less(self):
        totals = [self.of(f"hardware.strategy={s}").total for s in ("ddp", "zero2", "zero3")]
        assert totals == sorted(totals, reverse=True)

    def test_a_frozen_tower_has_no_gradients(self):
        assert self.of().gradients < self.of("model.freeze_vision=false").gradients

    def test_checkpointing_saves_activations_and_no_reference_saves_weights(self):
        assert self.of().activations < self.of("model.gradient_checkpointing=false").activations / 5
        assert self.of("grpo.beta=0").reference == 0 < self.of().reference

    def test_more_frames_take_more(self):
        assert self.of("data.frames=uniform(8)").activations < self.of("data.frames=uniform(32)").activations


def test_a_plan_that_cannot_fit_is_refused_and_told_what_helps():
    result = CliRunner().invoke(command, ["qwen2_5_vl_7b", "--set", "hardware.strategy=ddp"], standalone_mode=False)
    assert result.return_value == 1
    assert "what helps: model.method: lora; hardware.strategy: zero3" in result.stderr


def test_json():
    result = CliRunner().invoke(command, ["qwen2_5_vl_3b", "--json"], standalone_mode=False)
    sft, grpo = json.loads(result.stdout)
    assert result.return_value == 0 and (sft["stage"], grpo["stage"]) == ("sft", "grpo")
    assert grpo["memory"]["total"] > sft["memory"]["total"] and grpo["hours"] > sft["hours"]


def test_a_checkpoint_of_unknown_shape():
    with pytest.raises(UsageError, match="name its folder"):
        plan(config_of("qwen2_5_vl_3b", ["model.checkpoint=nobody/knows"]), "sft")


def test_a_folder_tells_its_own_shape(tiny_qwen25_checkpoint):
    found = plan(config_of("qwen2_5_vl_3b", [f"model.checkpoint={tiny_qwen25_checkpoint}"]), "sft")
    assert 100_000 < found.parameters.total < 1_000_000
