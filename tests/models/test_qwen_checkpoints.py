"""The checkpoints of `qwen_vl`: which are refused, what tells one from another, how they end, where they compute."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from vau_bench.errors import MissingExtraError, ModelError, UsageError
from vau_bench.models.qwen_vl import QwenVLConfig
from vau_bench.records import Outcome

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def copied(folder, target):
    return Path(shutil.copytree(folder, target / "copy"))


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


class TestCheckpoints:
    @pytest.fixture
    def folder(self, tiny_qwen25_checkpoint, tmp_path):
        return copied(tiny_qwen25_checkpoint, tmp_path)

    def refuse(self, qwen, ask, folder, match, error=ModelError, **arguments):
        with pytest.raises(error, match=match):
            list(qwen(checkpoint=folder, **arguments).generate([ask(max_new_tokens=1)]))

    def test_no_such_folder(self, qwen, ask, tmp_path):
        self.refuse(qwen, ask, tmp_path / "nowhere", "no checkpoint folder")

    def test_a_folder_without_a_config(self, qwen, ask, tmp_path):
        self.refuse(qwen, ask, tmp_path, "has no config.json")

    def test_an_adapter_alone(self, qwen, ask, tmp_path):
        (tmp_path / "adapter_config.json").write_text("{}")
        self.refuse(qwen, ask, tmp_path, "merge it into its base model")

    @pytest.mark.parametrize("kind", ["llama", None, "qwen2_audio"])
    def test_another_architecture(self, qwen, ask, folder, kind):
        edit(folder / "config.json", model_type=kind)
        self.refuse(qwen, ask, folder, f"is a {kind!r} model; qwen_vl runs qwen2_vl, qwen2_5_vl, qwen3_vl")

    @pytest.mark.parametrize("content", ["{", "[]", ""])
    def test_a_damaged_config(self, qwen, ask, folder, content):
        (folder / "config.json").write_text(content)
        self.refuse(qwen, ask, folder, "config.json")

    def test_no_processor_files(self, qwen, ask, folder, tiny_qwen25_checkpoint):
        (folder / "processor_config.json").unlink()
        self.refuse(qwen, ask, folder, "has no processor_config.json or preprocessor_config.json; copy")
        model = qwen(checkpoint=folder, processor=str(tiny_qwen25_checkpoint))
        assert [r.outcome for r in model.generate([ask(max_new_tokens=1)])] == [Outcome.TRUNCATED]
        assert model.identity()["processor"].startswith("sha256:")

    def test_no_chat_template(self, qwen, ask, folder):
        (folder / "chat_template.jinja").unlink()
        self.refuse(qwen, ask, folder, "no chat template")

    def test_weights_that_are_missing_are_not_made_up(self, qwen, ask, folder):
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / "model.safetensors")
        del weights["model.layers.0.mlp.up_proj.weight"]
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        self.refuse(qwen, ask, folder, "lacks 1 of its weights .*up_proj")

    @pytest.mark.parametrize("keep", [0, 100, 5000])
    def test_a_torn_weight_file(self, qwen, ask, folder, keep):
        whole = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(whole[:keep])
        self.refuse(qwen, ask, folder, "cannot be loaded")

    def test_a_revision_of_a_folder(self, qwen, ask, folder):
        self.refuse(qwen, ask, folder, "needs an id on the hub", error=UsageError, revision="main")

    def test_torch_is_not_installed(self, qwen, ask, folder, monkeypatch):
        monkeypatch.setitem(sys.modules, "transformers", None)
        self.refuse(qwen, ask, folder, r"pip install 'vau-bench\[hf\]'", error=MissingExtraError)

    def test_the_hub_is_not_asked_when_it_must_not_be(self, qwen, ask, tmp_path, monkeypatch):
        from huggingface_hub import constants

        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
        self.refuse(qwen, ask, "org/model", "in the local cache", local_files_only=True)

    def test_a_checkpoint_in_the_hubs_cache(self, qwen, ask, folder, tmp_path, monkeypatch):
        from huggingface_hub import constants

        commit = "0123456789abcdef0123456789abcdef01234567"
        cache = tmp_path / "hub"
        shutil.copytree(folder, cache / "models--org--model" / "snapshots" / commit)
        (cache / "models--org--model" / "refs").mkdir()
        (cache / "models--org--model" / "refs" / "main").write_text(commit)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        model = qwen(checkpoint="org/model", local_files_only=True)
        assert model.identity()["checkpoint"] == f"org/model@{commit}"
        assert [r.error for r in model.generate([ask(max_new_tokens=1)])] == [None]


class TestIdentity:
    def test_is_the_content_not_the_place(self, qwen, tiny_qwen25_checkpoint, tmp_path):
        folder = copied(tiny_qwen25_checkpoint, tmp_path)
        for path in folder.iterdir():
            os.utime(path, (1, 1))
        before = qwen().identity()
        assert qwen(checkpoint=folder).identity() == before
        edit(folder / "config.json", tie_word_embeddings=True)
        assert qwen(checkpoint=folder).identity() != before

    def test_retrained_weights_of_the_same_size_are_another_model(self, qwen, tiny_qwen25_checkpoint, tmp_path):
        folder = copied(tiny_qwen25_checkpoint, tmp_path)
        before = qwen(checkpoint=folder).identity()
        path = folder / "model.safetensors"
        content = bytearray(path.read_bytes())
        middle = slice(len(content) // 3, 2 * len(content) // 3)
        content[middle] = bytes(b ^ 1 for b in content[middle])
        path.write_bytes(content)
        assert qwen(checkpoint=folder).identity() != before

    def test_a_card_that_is_written_later_makes_no_other_model(self, qwen, tiny_qwen25_checkpoint, tmp_path):
        folder = copied(tiny_qwen25_checkpoint, tmp_path)
        before = qwen(checkpoint=folder).identity()
        (folder / "README.md").write_text("# A model\n")
        (folder / "curves.svg").write_text("<svg/>")
        assert qwen(checkpoint=folder).identity() == before
        (folder / "modeling_own.py").write_text("ANSWER = 42\n")
        assert qwen(checkpoint=folder).identity() != before

    def test_changes_with_what_changes_answers_only(self, qwen):
        before = qwen().identity()
        assert qwen(batch_size=4, device="cpu", torch_threads=1).identity() == before
        for change in ({"mode": "frames"}, {"max_pixels": 10_000}, {"tell_times": "always"}, {"dtype": "bfloat16"}):
            assert qwen(**change).identity() != before

    def test_needs_neither_torch_nor_transformers(self, tiny_qwen25_checkpoint):
        code = (
            "import sys; from vau_bench.models.qwen_vl import QwenVL, QwenVLConfig; "
            f"QwenVL(QwenVLConfig(checkpoint={str(tiny_qwen25_checkpoint)!r}), None).identity(); "
            "print([m for m in ('torch', 'transformers', 'av') if m in sys.modules])"
        )
        root = Path(__file__).resolve().parents[2]
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
        assert done.stdout.strip() == "[]"


class TestEndings:
    def test_no_end_by_the_limit_is_truncated(self, qwen, ask):
        (response,) = qwen().generate([ask(max_new_tokens=5)])
        assert response.outcome is Outcome.TRUNCATED and response.usage.completion_tokens == 5

    def test_an_end_is_a_complete_answer(self, qwen, ask, tiny_qwen25_checkpoint, tmp_path):
        plain = qwen()
        (long,) = plain.generate([ask(max_new_tokens=6)])
        tokenizer = plain._load().tokenizer
        written = []
        plain._response = lambda loaded, prepared, tokens, seconds: written.append(tokens)
        list(plain.generate([ask(max_new_tokens=6)]))
        tokens = written[0]
        third = tokens[2]
        assert third not in tokens[:2]
        folder = copied(tiny_qwen25_checkpoint, tmp_path)
        edit(folder / "generation_config.json", eos_token_id=[third])
        (response,) = qwen(checkpoint=folder).generate([ask(max_new_tokens=6)])
        assert response.outcome is Outcome.SCORED and response.usage.completion_tokens == 3
        assert response.text == tokenizer.decode(tokens[:2])
        assert long.text.startswith(response.text)

    def test_sampling_defaults_of_a_checkpoint_do_not_leak(self, qwen, ask, tiny_qwen25_checkpoint, tmp_path):
        folder = copied(tiny_qwen25_checkpoint, tmp_path)
        published = {"do_sample": True, "temperature": 1e-6, "top_k": 1, "top_p": 0.001}
        edit(folder / "generation_config.json", repetition_penalty=1.3, **published)
        for settings in ({}, {"temperature": 1.0, "seed": 3}):
            request = ask(max_new_tokens=8, **settings)
            (leaky,) = qwen(checkpoint=folder).generate([request])
            (explicit,) = qwen(repetition_penalty=1.3).generate([request])
            assert leaky.text == explicit.text
        (bare,) = qwen(checkpoint=folder, repetition_penalty=1.0).generate([ask(max_new_tokens=8)])
        (plain,) = qwen().generate([ask(max_new_tokens=8)])
        assert bare.text == plain.text


class TestDevices:
    def test_each_process_takes_a_gpu_of_its_own(self, monkeypatch):
        from vau_bench.models.checkpoint import torch_device

        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        monkeypatch.setenv("LOCAL_RANK", "3")
        assert (torch_device("auto"), torch_device("cuda:0")) == ("cuda:1", "cuda:0")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert torch_device("auto") == "cpu"

    def test_a_model_spread_by_accelerate_answers_alike(self, qwen, ask):
        pytest.importorskip("accelerate")
        (split,) = qwen(device="split").generate([ask(max_new_tokens=4)])
        (whole,) = qwen(device="cpu").generate([ask(max_new_tokens=4)])
        assert split.text == whole.text

    def test_a_device_that_is_not_there(self, qwen, ask):
        if torch.cuda.is_available():
            pytest.skip("there is a GPU")
        with pytest.raises(ModelError, match="cannot be loaded"):
            list(qwen(device="cuda:0").generate([ask()]))


class TestArguments:
    def test_every_argument_is_described(self):
        assert all(f.description for f in QwenVLConfig.model_fields.values())

    @pytest.mark.parametrize(
        "arguments", [{}, {"checkpoint": "x", "trust_remote_code": True}, {"checkpoint": "x", "min_pixels": 10**7}]
    )
    def test_what_is_refused(self, arguments):
        with pytest.raises(ValidationError):
            QwenVLConfig(**arguments)
