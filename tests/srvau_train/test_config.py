"""The configuration of a training: what is wrong with it is said in one sentence, before anything is loaded."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from srvau_train.command import CONFIGS, config_of
from srvau_train.config import TrainConfig
from srvau_train.weights import RewardWeights
from vau_bench.errors import UsageError

SHIPPED = sorted(path.stem for path in CONFIGS.glob("*.yaml"))
LAUNCH = CONFIGS.parent / "launch"


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


class TestLaunchers:
    @pytest.mark.parametrize("path", sorted(LAUNCH.glob("*.yaml")), ids=lambda p: p.stem)
    def test_accelerate_reads_them(self, path):
        pytest.importorskip("accelerate")
        from accelerate.commands.config.config_args import load_config_from_file

        found = load_config_from_file(str(path))
        assert found.mixed_precision == "bf16" and found.num_processes >= 1

    @pytest.mark.parametrize("path", sorted(LAUNCH.glob("*.sh")), ids=lambda p: p.stem)
    def test_bash_reads_them(self, path):
        assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
        assert os.access(path, os.X_OK)

    def test_slurm_hands_the_stage_on(self, tmp_path):
        for name, body in {"scontrol": "echo node-a; seq 20000", "srun": 'echo "$@"'}.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "x", "SLURM_NNODES": "2",
               "SLURM_GPUS_ON_NODE": "4"}  # fmt: skip
        done = subprocess.run(
            [LAUNCH / "slurm.sh", "grpo", "qwen2_5_vl_7b", "--out", "o"],
            env=env,
            capture_output=True,
            text=True,
            check=True,
        )
        for part in (
            "--num_machines 2 --num_processes 8",
            "--main_process_ip node-a",
            "--machine_rank $SLURM_NODEID",
            "train grpo qwen2_5_vl_7b --out o",
        ):
            assert part in done.stdout


def test_no_configuration_names_a_path_of_this_machine():
    for path in (*CONFIGS.iterdir(), *LAUNCH.iterdir()):
        assert str(Path.home()) not in path.read_text()
