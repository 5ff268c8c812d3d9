"""The configuration of a training: what is wrong with it is said in one sentence, before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from srvau_train.command import CONFIGS, config_of, need_reporters
from srvau_train.config import TrainConfig
from srvau_train.weights import RewardWeights
from vau_bench.errors import UsageError

SHIPPED = sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def parse(**sections) -> TrainConfig:
    return TrainConfig.parse({"model": {"checkpoint": "x"}, **sections}, "my.yaml")


class TestBadConfigurations:
    @pytest.mark.parametrize(
        ("sections", "told"),
        [
            ({"sft": {"lerning_rate": 1}}, "my.yaml: unknown field sft.lerning_rate; did you mean learning_rate?"),
            ({"sft": {"learning_rate": -1}}, "sft.learning_rate"),
            ({"grpo": {"rollouts": 1}}, "grpo.rollouts"),
            ({"grpo": {"vllm": True}}, "grpo.vllm needs data.mode: frames"),
            ({"grpo": {"vllm_server": "http://127.0.0.1:8000"}}, "grpo.vllm_server needs grpo.vllm: true"),
            (
                {"grpo": {"advantage_on": "reflection"},
                 "reward": {"style": "think", "effect": 0, "form": 0, "length": 0}},
                "needs reward.style: reflect",
            ),
            ({"grpo": {"epsilon_high": 0.1}}, "grpo.epsilon_high is less than grpo.epsilon"),
            ({"data": {"style": "think"}}, "data.style asks for think, reward.style pays for reflect"),
            ({"data": {"min_pixels": 900_000}}, "data.min_pixels is more than data.max_pixels"),
            ({"data": {"split": "test"}}, "nothing else may be trained on"),
            ({"hardware": {"gpus": 8}}, "choose ddp, zero2, zero3 or fsdp2"),
            ({"reward": {"accuracy": 0.1}}, "a wrong first answer would pay"),
            ({"model": {"checkpoint": ""}}, "model.checkpoint"),
        ],
    )  # fmt: skip
    def test_each_is_named(self, sections, told):
        with pytest.raises(UsageError) as caught:
            parse(**sections)
        assert told in str(caught.value) and "\n" not in str(caught.value)

    def test_files_that_are_none(self, tmp_path):
        broken = tmp_path / "a.yaml"
        for text in ("model: [", "just words", "- 1"):
            broken.write_text(text)
            with pytest.raises(UsageError, match=r"a\.yaml"):
                TrainConfig.load(broken)
        with pytest.raises(UsageError, match="cannot read"):
            TrainConfig.load(tmp_path / "none.yaml")

    def test_changes(self, tmp_path):
        path = tmp_path / "a.yaml"
        path.write_text("model: {checkpoint: x}")
        changed = TrainConfig.load(path, {"sft.learning_rate": "3e-4", "data.tasks": "[a, b]"})
        assert changed.sft.learning_rate == 3e-4 and changed.data.tasks == ["a", "b"]
        with pytest.raises(UsageError, match="is no section"):
            TrainConfig.load(path, {"model.checkpoint.x": "1"})
        with pytest.raises(UsageError, match="write field=value"):
            config_of(str(path), ["sft.seed"])

    def test_an_unknown_name_lists_the_known_ones(self):
        with pytest.raises(UsageError, match="qwen2_5_vl_3b"):
            config_of("qwen99", [])


def test_a_place_for_metrics_that_is_not_installed_is_told_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr("srvau_train.command.find_spec", lambda name: None if name == "wandb" else name)
    need_reporters(["tensorboard"])
    with pytest.raises(UsageError, match="report_to: wandb is not installed: pip install wandb"):
        need_reporters(["tensorboard", "wandb"])


def test_every_field_is_described():
    for name, section in TrainConfig.model_fields.items():
        fields = getattr(section.annotation, "model_fields", {"": section})
        assert all(f.description for f in fields.values() if not hasattr(f.annotation, "model_fields")), name


def test_what_is_dumped_is_what_was_parsed():
    config = parse(sft={"learning_rate": 3e-5}, reward={"effect": 0.5})
    assert TrainConfig.parse(yaml.safe_load(config.dump())) == config


def test_the_default_reward_is_that_of_the_weights():
    assert parse().reward.weights() == RewardWeights()


@pytest.mark.parametrize("name", SHIPPED)
class TestShipped:
    def test_loads(self, name):
        config = config_of(name, [])
        assert not any("ucf" in task for task in config.data.tasks), "UCF-Crime stays out of distribution"

    def test_every_field_of_a_training_is_written_down(self, name):
        written = yaml.safe_load((CONFIGS / f"{name}.yaml").read_text())
        fields = TrainConfig.model_fields
        for section in ("sft", "grpo", "reward"):
            known = set(fields[section].annotation.model_fields)
            unwritten = known - set(written[section])
            assert unwritten <= {
                "max_grad_norm", "weight_decay", "adam_beta2", "top_p", "epsilon_high", "updates_per_batch", "vllm",
                "vllm_server", "vllm_memory",
                "length_target", "length_limit", "most_words", "optimizer", "muon_rate",
            }, unwritten  # fmt: skip


def test_no_configuration_names_a_path_of_this_machine():
    for path in CONFIGS.iterdir():
        assert str(Path.home()) not in path.read_text()
