"""Presets: a name stands for adapter, checkpoint, frames and style, and tells what a model was trained on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vau_bench.cli.main import main
from vau_bench.errors import NameCollisionError, UnknownNameError, UsageError
from vau_bench.evaluation import Options, evaluate
from vau_bench.models import MODELS, adapter_of, create_model, model_config, preset_of
from vau_bench.models import presets as presets_module
from vau_bench.models.presets import Preset, known_presets
from vau_bench.runs import RunFolder
from vau_bench.video import ClipLoader

NAMED = [
    "srvau_r1_3b",
    "vau_r1",
    "vad_r1",
    "holmes_vau_2b",
    "holmes_vad",
    "qwen2_vl_2b",
    "qwen2_vl_7b",
    "qwen2_5_vl_3b",
    "qwen2_5_vl_7b",
    "qwen2_5_vl_72b",
    "qwen3_vl_8b",
    "internvl2_5_2b",
    "internvl2_5_8b_mpo",
    "internvl3_8b",
    "llava_onevision_7b",
    "llava_next_video_7b",
    "videollama3_7b",
    "video_r1_7b",
    "videochat_r1_7b",
    "gpt_4o",
    "gemini",
    "claude",
]


@pytest.fixture
def vau(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["vau-bench", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0)

    return run


@pytest.fixture
def clips(tmp_path: Path) -> Any:
    loader = ClipLoader(tmp_path)
    yield loader
    loader.close()


@pytest.fixture
def floor(monkeypatch: pytest.MonkeyPatch) -> Preset:
    """A preset `halves` of a blind floor that declares to be trained on VAU-Synth."""
    preset = Preset(
        summary="the first half", model="floors/prior_interval", arguments={"interval": "0:5"}, frames="uniform(4)",
        style="think", trained_on=("vau-synth",), source="this test",
    )  # fmt: skip
    everything = {**known_presets(), "halves": preset}
    monkeypatch.setattr("vau_bench.models.known_presets", lambda: everything)
    return preset


def test_the_models_of_the_field_have_presets() -> None:
    assert set(NAMED) <= set(known_presets())


@pytest.mark.parametrize("name", known_presets())
def test_what_a_preset_says_is_valid_for_its_adapter(name: str) -> None:
    preset = known_presets()[name]
    assert name not in MODELS
    needed = {} if preset.checkpoint else {"checkpoint": "somewhere"}
    model_config(name, needed)
    assert preset.model == "openai" or "revision" in adapter_of(name).Config.model_fields
    assert preset.source.startswith("https://") or preset.source.startswith("arXiv")


def test_a_local_preset_names_its_precision() -> None:
    for name, preset in known_presets().items():
        if preset.model != "openai":
            assert preset.arguments.get("dtype"), name


def test_given_arguments_come_before_those_of_the_preset(floor: Preset, clips: ClipLoader) -> None:
    assert create_model("halves", {}, clips).config.interval == (0, 5)  # type: ignore[attr-defined]
    assert create_model("halves", {"interval": "1:2"}, clips).config.interval == (1, 2)  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"model halves: unknown key 'intervall'; did you mean interval\?"):
        create_model("halves", {"intervall": "1:2"}, clips)


def test_its_frames_and_style_hold_where_the_checkpoint_tells_none(floor: Preset, clips: ClipLoader) -> None:
    model = create_model("halves", {}, clips)
    assert (model.frames, model.style) == ("uniform(4)", "think")


def test_what_a_checkpoint_tells_comes_first(tiny_qwen25_checkpoint: Path, clips: ClipLoader, tmp_path: Path) -> None:
    folder = tmp_path / "trained"
    folder.mkdir()
    for file in tiny_qwen25_checkpoint.iterdir():
        (folder / file.name).symlink_to(file)
    (folder / "vau_bench.json").write_text(json.dumps({"frames": "uniform(3)", "style": "direct"}))
    model = create_model("srvau_r1_3b", {"checkpoint": str(folder)}, clips)
    assert (model.frames, model.style) == ("uniform(3)", "direct")


def test_a_mistyped_name_is_told_the_nearest_model_or_preset() -> None:
    with pytest.raises(UnknownNameError, match="did you mean qwen2_5_vl_7b"):
        adapter_of("qwen2.5_vl_7b")


def test_a_package_that_adds_a_model_of_a_presets_name_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS._entries, "gpt_4o", "vau_bench.models.gold:Gold")
    monkeypatch.setitem(MODELS._sources, "gpt_4o", "their-package")
    with pytest.raises(NameCollisionError, match=r"'gpt_4o'.*their-package"):
        preset_of("gpt_4o")


def test_a_run_tells_what_its_preset_stood_for_and_that_it_was_trained_on_the_data(
    floor: Preset, tmp_path: Path
) -> None:
    options = Options(model="halves", tasks=("vau_synth_grounding",), limit=4, resamples=0)
    results = evaluate(options, tmp_path, run_id="run")
    (task,) = results.tasks
    assert task["warnings"] == ["the training data that the model declares hold VAU-Synth"]
    assert task["warnings"][0] in results.table()
    manifest = RunFolder.existing(results.path).read_manifest()
    assert (manifest.model, manifest.preset) == ("halves", floor.model_dump(mode="json"))
    assert manifest.tasks[0].style == "think" and manifest.tasks[0].frames.startswith("uniform(4)")


@pytest.mark.parametrize(("trained_on", "told"), [((), False), (None, None)])
def test_a_model_that_declares_nothing_is_not_a_model_that_was_trained_on_nothing(
    trained_on: tuple[str, ...] | None,
    told: bool | None,
    floor: Preset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declared = floor.model_copy(update={"trained_on": trained_on})
    monkeypatch.setattr("vau_bench.models.known_presets", lambda: {"halves": declared})
    options = Options(model="halves", tasks=("vau_synth_grounding",), limit=4, resamples=0)
    results = evaluate(options, tmp_path, run_id="run")
    assert results.tasks[0]["warnings"] == []
    assert RunFolder.existing(results.path).read_manifest().trained_on("VAU-Synth") is told


class TestCheck:
    def test_a_checkpoint_on_this_machine_is_described_without_its_weights(
        self, vau: Callable[..., int], tiny_qwen25_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        folder = tmp_path / "no_weights"
        folder.mkdir()
        for file in tiny_qwen25_checkpoint.iterdir():
            if file.suffix != ".safetensors":
                (folder / file.name).symlink_to(file)
        assert vau("models", "check", "qwen2_5_vl_3b", "--checkpoint", str(folder), "--json") == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["architecture"], told["processor"]) == ("qwen2_5_vl", "Qwen2_5_VLProcessor")
        assert (told["checkpoint"], told["precision"]) == (str(folder), "bfloat16")

    def test_a_checkpoint_that_is_not_here_is_not_downloaded(
        self,
        vau: Callable[..., int],
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        assert vau("models", "check", "qwen2_5_vl_3b") == 1
        told = capsys.readouterr().err
        assert "no checkpoint 'Qwen/Qwen2.5-VL-3B-Instruct' in the local cache" in told

    def test_a_checkpoint_of_another_architecture_is_refused(
        self, vau: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "config.json").write_text('{"model_type": "llama"}')
        assert vau("models", "check", "qwen2_5_vl_3b", "--checkpoint", str(tmp_path)) == 1
        assert "is a 'llama' model" in capsys.readouterr().err

    def test_an_endpoint_needs_a_key_and_is_not_called(
        self, vau: Callable[..., int], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
        assert vau("models", "check", "gpt_4o") == 1
        assert "no key: set $OPENAI_API_KEY" in capsys.readouterr().err
        monkeypatch.setenv("OPENAI_API_KEY", "secret-1")
        assert vau("models", "check", "gpt_4o") == 0
        told = capsys.readouterr().out
        assert "given" in told and "secret-1" not in told


QWEN = {"qwen2_vl_2b": "qwen2_vl", "qwen2_5_vl_3b": "qwen2_5_vl", "qwen3_vl_2b": "qwen3_vl"}


@pytest.mark.parametrize("preset", QWEN)
def test_a_preset_is_checked_and_run_from_the_command_line_with_a_tiny_checkpoint_of_its_family(
    preset: str,
    vau: Callable[..., int],
    tiny_qwen: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = str(tiny_qwen(QWEN[preset]))
    assert vau("models", "check", preset, "--checkpoint", folder, "--json") == 0
    assert json.loads(capsys.readouterr().out)["architecture"] == QWEN[preset]
    few = ("--limit", "2", "--max-new-tokens", "4", "--resamples", "0", "--no-report")
    asked = ("--model", preset, "--checkpoint", folder, "--tasks", "vau_synth_grounding", *few)
    vau("evaluate", *asked, "--out", str(tmp_path), "--run-id", "run")
    (task,) = json.loads((tmp_path / "run" / "results.json").read_text())["tasks"]
    assert task["expected"] == 2 and not task["outcomes"].get("errored")
    assert task["frames"].startswith(str(known_presets()[preset].frames))


def test_a_damaged_preset_is_told_with_file_and_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "presets.yaml"
    file.write_text("mine:\n  summary: s\n  model: gold\n  source: here\n  framess: uniform(4)\n")
    monkeypatch.setattr(presets_module, "FILE", file)
    with pytest.raises(Exception, match=r"presets.yaml:5: unknown key 'mine.framess'"):
        presets_module.known_presets.__wrapped__()
