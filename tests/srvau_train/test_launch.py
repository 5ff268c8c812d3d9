"""The launch files, and the guide that uses them: what reaches torch's launcher and `vau-bench` on each node."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace

import click
import pytest
import yaml

from srvau_train.command import CONFIGS, config_of
from srvau_train.plan import plan, shape_of
from vau_bench.catalogue import Catalogue
from vau_bench.cli.common import names
from vau_bench.cli.main import cli
from vau_bench.models import parse_model_args

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = CONFIGS.parent / "launch"
GUIDE = ROOT / "docs" / "reproduce.md"

ODD = "data.tasks=[it's odd, $HOME]"
NOTED = """{ printf '%s\\0' "${0##*/}" "$@"; echo; } >>"$NOTES" """
PROGRAMS = {
    **dict.fromkeys(("accelerate", "git", "pip", "python3", "torchrun", "vau-bench"), NOTED),
    "scontrol": "echo node-a; seq 20000",
    "srun": 'for SLURM_NODEID in 0 1; do export SLURM_NODEID; "$@"; done',
    "sbatch": """
        export SLURM_JOB_NODELIST=x SLURM_NNODES=${1#--nodes=} SLURM_GPUS_ON_NODE=4
        cp "$2" slurm_script
        exec bash slurm_script "${@:3}" """,
}
"""Stand-ins: those that would start something note their arguments; Slurm's run a copy of the script, as it does."""

Call = list[str]
Shell = Callable[..., list[Call]]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Run lines of bash among the stand-ins, and return what these noted: a program and its arguments each."""
    folder, notes = tmp_path / "programs", tmp_path / "notes"
    folder.mkdir()
    for name, body in PROGRAMS.items():
        (folder / name).write_text(f"#!/usr/bin/env bash\nset -e\n{body}\n")
        (folder / name).chmod(0o755)
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])

    def run(lines: str, **environment: str) -> list[Call]:
        env = {"PATH": path, "PYTHONPATH": str(ROOT), "NOTES": str(notes), **environment}
        command = ["bash", "-c", f"set -euo pipefail\n{lines}"]
        done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [record.split("\0") for record in notes.read_text().split("\0\n")[:-1]]

    return run


@pytest.fixture
def on_a_node(monkeypatch: pytest.MonkeyPatch) -> Callable[[Call], tuple[SimpleNamespace, list[str]]]:
    """Tell what torch's launcher gets of a call, and what `vau-bench` would get of that; nothing is started."""
    launch = pytest.importorskip("accelerate.commands.launch")
    import torch.distributed.run

    handed_on = []
    deepspeed = ModuleType("deepspeed.launcher.runner")
    deepspeed.DEEPSPEED_ENVIRONMENT_NAME = os.devnull
    monkeypatch.setitem(sys.modules, deepspeed.__name__, deepspeed)
    monkeypatch.setattr(launch, "is_deepspeed_available", lambda: True)
    monkeypatch.setattr("accelerate.utils.launch.is_port_in_use", lambda *_: False)
    monkeypatch.setattr(
        torch.distributed.run, "run", lambda args: handed_on.append(torch.distributed.run.config_from_args(args))
    )

    def understood(call: Call) -> tuple[SimpleNamespace, list[str]]:
        program, *arguments = call
        if program == "torchrun":
            monkeypatch.setenv("OMP_NUM_THREADS", "1")
            torch.distributed.run.run(torch.distributed.run.parse_args(arguments))
        else:
            assert (program, arguments.pop(0)) == ("accelerate", "launch")
            launch.launch_command(launch.launch_command_parser().parse_args(arguments))
        node, _, started = handed_on.pop()
        assert started[:3] == ["-u", "-m", "vau_bench"]
        return node, started[3:]

    return understood


class TestLaunchFiles:
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

    def test_none_names_a_path_of_this_machine(self):
        for path in LAUNCH.iterdir():
            assert str(Path.home()) not in path.read_text()


class TestTwoNodes:
    """Each of two nodes starts its own four processes, which meet at the first node."""

    def see(self, calls, on_a_node):
        assert len(calls) == 2
        for rank, call in enumerate(calls):
            node, arguments = on_a_node(call)
            assert (node.min_nodes, node.max_nodes, node.nproc_per_node) == (2, 2, 4)
            assert (node.rdzv_backend, node.rdzv_configs["rank"]) == ("static", rank)
            assert node.rdzv_endpoint == "node-a:29500"
            assert arguments == ["train", "grpo", "qwen2_5_vl_7b", "--set", ODD]

    @pytest.mark.parametrize("name", ["zero3", "zero2", "fsdp2", "ddp8"])
    def test_by_slurm_which_runs_a_copy_of_the_script(self, shell, on_a_node, name):
        chosen = {} if name == "zero3" else {"ACCELERATE": str(LAUNCH / f"{name}.yaml")}
        script = f"sbatch --nodes=2 {LAUNCH}/slurm.sh grpo qwen2_5_vl_7b --set {shlex.quote(ODD)}"
        calls = shell(script, **chosen)
        assert {call[call.index("--config_file") + 1] for call in calls} == {str(LAUNCH / f"{name}.yaml")}
        self.see(calls, on_a_node)

    @pytest.mark.parametrize("script", ["accelerate.sh", "torchrun.sh"])
    def test_by_hand(self, shell, on_a_node, script):
        command = f"{LAUNCH / script} grpo qwen2_5_vl_7b --set {shlex.quote(ODD)}"
        calls = shell("\n".join(f"NODES=2 NODE_RANK={rank} GPUS=4 MASTER=node-a {command}" for rank in (0, 1)))
        self.see(calls, on_a_node)


@pytest.mark.parametrize("name", ["qwen2_5_vl_3b", "qwen3_vl_8b"])
def test_fsdp2_splits_at_every_layer_of_the_model_and_of_its_tower(name):
    pytest.importorskip("accelerate")
    import torch
    from accelerate.utils.fsdp_utils import fsdp2_prepare_auto_wrap_policy
    from torch.distributed.fsdp.wrap import transformer_auto_wrap_policy
    from transformers import AutoConfig, AutoModelForImageTextToText

    written = yaml.safe_load((LAUNCH / "fsdp2.yaml").read_text())["fsdp_config"]
    assert written["fsdp_auto_wrap_policy"] == "TRANSFORMER_BASED_WRAP"
    assert "fsdp_transformer_layer_cls_to_wrap" not in written, "what is named is that of one family"
    plugin = SimpleNamespace(auto_wrap_policy=transformer_auto_wrap_policy, transformer_cls_names_to_wrap=None)
    shape = dict(shape_of(config_of(name, []).model.checkpoint))
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(AutoConfig.for_model(shape.pop("model_type"), **shape))
    splits_at = fsdp2_prepare_auto_wrap_policy(plugin, model)
    layers = [*model.model.visual.blocks, *model.model.language_model.layers]
    assert [module for module in model.modules() if splits_at(module)] == layers


@pytest.mark.parametrize(
    ("name", "changes", "stage", "fits"),
    [
        ("qwen2_5_vl_3b", ["hardware.strategy=ddp"], "sft", True),
        ("qwen2_5_vl_3b", ["hardware.gpus=1", "hardware.strategy=single"], "sft", True),
        ("qwen2_5_vl_3b", ["hardware.gpus=1", "hardware.strategy=single"], "grpo", False),
        ("qwen2_5_vl_7b", ["hardware.strategy=ddp"], "sft", False),
    ],
)
def test_what_fits_is_as_the_guide_says(name, changes, stage, fits):
    pytest.importorskip("transformers")
    assert (plan(config_of(name, changes), stage).problem is None) == fits


class Walk:
    """The commands of the guide, one after the other: each is one that there is, and reads what is there by then."""

    def __init__(self) -> None:
        self.catalogue = Catalogue()
        self.runs: dict[Path, dict] = {}
        self.trained: dict[Path, object] = {}
        self.compared: list[Path] = []

    def step(self, arguments: list[str]) -> None:
        command, name = cli, "vau-bench"
        while isinstance(command, click.Group):
            name, *arguments = arguments
            command = command.get_command(click.Context(command), name)
            assert command is not None, name
        given = command.make_context(name, arguments).params
        if isinstance(given.get("tasks"), tuple):
            given["tasks"] = self.catalogue.resolve(names(*given["tasks"]))
        getattr(self, name, lambda _: None)(given)

    def evaluate(self, given: dict) -> None:
        assert given["model"] in ("qwen_vl", "srvau_r1")
        assert all(given["style"] in (None, *task.prompts.styles) for task in given["tasks"])
        if given["model"] == "srvau_r1":
            assert Path(given["checkpoint"]) in self.trained
        folder = given["out"] / given["run_id"]
        assert folder not in self.runs
        folder.mkdir(parents=True)
        self.runs[folder] = given

    def rocot(self, given: dict) -> None:
        for run in given["first"]:
            first = self.runs[run]
            assert (first["split"], first["style"]) == ("train", "think")
            assert given["tasks"] == first["tasks"]
        given["out"].mkdir()

    def plan(self, given: dict) -> None:
        config_of(given["config"], given["changes"])

    def sft(self, given: dict) -> None:
        config = config_of(given["config"], given["changes"])
        assert config.data.chains and all(folder.is_dir() for folder in config.data.chains)
        self.made(given["out"], config)

    def grpo(self, given: dict) -> None:
        config = config_of(given["config"], given["changes"])
        assert Path(config.model.checkpoint) in self.trained
        self.catalogue.resolve(config.data.tasks)
        self.made(given["out"], config)

    def made(self, out: Path, config: object) -> None:
        (out / "final").mkdir(parents=True, exist_ok=True)
        self.trained[out / "final"] = config

    def compare(self, given: dict) -> None:
        """Two runs on the same tasks; but for the weights the first model is asked what the second one is."""
        ours, base = self.runs[given["run_a"]], self.runs[given["run_b"]]
        shown = self.trained[Path(ours["checkpoint"])].data
        pixels = {k: int(v) for k, v in parse_model_args(base["model_args"]).items() if k.endswith("pixels")}
        assert ours["tasks"] == base["tasks"] and ours["split"] == base["split"]
        assert (base["style"], base["frames"]) == (shown.style, shown.frames)
        assert pixels == {"min_pixels": shown.min_pixels, "max_pixels": shown.max_pixels}
        self.compared.append(given["run_a"])


def test_the_guide_leads_from_nothing_to_both_sizes_compared(shell, on_a_node, tmp_path, monkeypatch):
    clone = tmp_path / "vau-bench"
    (clone / ".venv" / "bin").mkdir(parents=True)
    (clone / ".venv" / "bin" / "activate").touch()
    (clone / "srvau_train").symlink_to(ROOT / "srvau_train")
    (clone / "data").mkdir()
    monkeypatch.chdir(clone)
    commands = "\n".join(re.findall(r"^```bash\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL))
    walk = Walk()
    for program, *arguments in shell(commands):
        if program in ("accelerate", "torchrun"):
            walk.step(on_a_node([program, *arguments])[1])
        elif program == "vau-bench":
            walk.step(arguments)
    assert len(walk.compared) == 2
    for name in re.findall(r"(?<=[ `])(?:docs|srvau_train)/\S*\.\w+", GUIDE.read_text()):
        assert list(ROOT.glob(name)), name
