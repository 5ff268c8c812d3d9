"""`srvau_r1`: it reflects, has a checkpoint of its own, and shows clips to any checkpoint as in its training."""

from __future__ import annotations

import json
import shutil
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from vau_bench import evaluation
from vau_bench.errors import ModelError, NameCollisionError, UsageError
from vau_bench.evaluation import Options
from vau_bench.models import create_model, model_config
from vau_bench.models import srvau_r1 as module
from vau_bench.plugins import Offer

TRAINED = {"mode": "frames", "max_pixels": 9 * 28 * 28, "min_pixels": 4 * 28 * 28, "frames": "uniform( 3 )"}


@pytest.fixture
def trained(tiny_qwen25_checkpoint: Path, tmp_path: Path):
    """Make a checkpoint that tells how it was trained: `trained(style="direct")`."""

    def make(text: str | None = None, **told) -> str:
        folder = Path(shutil.copytree(tiny_qwen25_checkpoint, tmp_path / "trained", dirs_exist_ok=True))
        (folder / "vau_bench.json").write_text(json.dumps({**TRAINED, **told}) if text is None else text)
        return str(folder)

    return make


@pytest.fixture
def offering(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """Install checkpoints: `offering(nano=folder)`; a list of folders is offered by as many packages."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def offer(**folders) -> None:
        found = []
        for name, folder in folders.items():
            for n, one in enumerate(folder if isinstance(folder, list) else [folder]):
                (tmp_path / f"bringer_{name}{n}.py").write_text(f"FOLDER = {str(one)!r}\n")
                sys.modules.pop(f"bringer_{name}{n}", None)
                found.append(Offer("checkpoint", EntryPoint(name, f"bringer_{name}{n}:FOLDER", module.CHECKPOINTS)))
        monkeypatch.setattr(module, "offers", lambda what, group: iter(found))

    return offer


def test_the_installed_checkpoint_is_the_default(trained, offering, clips) -> None:
    offering(nano=trained(), other="elsewhere")
    for arguments in ({}, {"checkpoint": "nano"}):
        model = create_model("srvau_r1", arguments, clips)
        assert model.config.checkpoint == trained()
        assert (model.style, model.frames, model.config.mode) == ("reflect", "uniform(3)", "frames")


@pytest.mark.parametrize(
    ("brought", "sentence"),
    [
        ({}, "no checkpoint is installed; name one: --checkpoint PATH"),
        ({"nano": "nowhere"}, "the checkpoint 'nano' is not in this installation; make it with `vau-bench train nano`"),
    ],
)
def test_without_one_a_sentence_tells_what_to_do(offering, brought, sentence) -> None:
    offering(**brought)
    with pytest.raises(UsageError, match=sentence):
        model_config("srvau_r1", {})


def test_a_package_that_cannot_be_imported_is_named(monkeypatch) -> None:
    broken = Offer("checkpoint", EntryPoint("nano", "there_is_no_such_module:X", module.CHECKPOINTS))
    monkeypatch.setattr(module, "offers", lambda what, group: iter([broken]))
    with pytest.raises(UsageError, match="the checkpoint 'nano' of there_is_no_such_module:X cannot be loaded"):
        model_config("srvau_r1", {})


def test_two_packages_with_one_name_are_an_error(offering, trained) -> None:
    offering(nano=[trained(), trained()])
    with pytest.raises(NameCollisionError, match="two checkpoints are named 'nano'"):
        model_config("srvau_r1", {})


@pytest.mark.parametrize("adapter", ["srvau_r1", "qwen_vl"])
def test_a_checkpoint_is_shown_clips_as_in_its_training(adapter, trained, clips) -> None:
    model = create_model(adapter, {"checkpoint": trained(style="think")}, clips)
    assert (model.config.mode, model.config.max_pixels) == ("frames", 9 * 28 * 28)
    assert (model.frames, model.style) == ("uniform(3)", "think")
    assert model.identity()["mode"] == "frames"


@pytest.mark.parametrize("adapter", ["srvau_r1", "qwen_vl"])
def test_what_the_user_names_comes_first(adapter, trained) -> None:
    config = model_config(adapter, {"checkpoint": trained(), "mode": "video", "max_pixels": "25088"})
    assert (config.mode, config.max_pixels, config.min_pixels) == ("video", 25088, 4 * 28 * 28)


def test_a_checkpoint_that_tells_nothing_is_an_ordinary_one(tiny_qwen25_checkpoint, clips) -> None:
    model = create_model("srvau_r1", {"checkpoint": str(tiny_qwen25_checkpoint)}, clips)
    assert (model.config.mode, model.frames, model.style) == ("video", None, "reflect")
    assert create_model("qwen_vl", {"checkpoint": str(tiny_qwen25_checkpoint)}, clips).style is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "vau_bench.json is not JSON"),
        ("[1]", "vau_bench.json: the whole"),
        ('{"modes": "video"}', "vau_bench.json: unknown key 'modes'; did you mean mode"),
        ('{"mode": "film"}', "vau_bench.json: mode: "),
        ('{"max_pixels": "many"}', "vau_bench.json: max_pixels: "),
        ('{"frames": "some"}', "vau_bench.json: frames: "),
        ("\xff", "vau_bench.json is not JSON"),
    ],
)
def test_a_damaged_file_is_named(trained, text, sentence) -> None:
    with pytest.raises(ModelError, match=sentence):
        model_config("qwen_vl", {"checkpoint": trained(text)})


def test_an_evaluation_takes_plan_and_style_from_the_model_and_records_them(trained, tmp_path) -> None:
    asked = Options(
        model="srvau_r1",
        model_args={"checkpoint": trained(), "device": "cpu"},
        tasks=("vau_synth_grounding",),
        limit=2,
        max_new_tokens=4,
        resamples=0,
    )
    results = evaluation.evaluate(asked, tmp_path, run_id="run")
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert [(t["style"], t["frames"]) for t in manifest["tasks"]] == [("reflect", "uniform(3)")]
    assert results.tasks[0]["expected"] == 2
    own = Options(**{**asked.__dict__, "style": "direct", "frames": "uniform(2)"})
    evaluation.evaluate(own, tmp_path, run_id="own")
    manifest = json.loads((tmp_path / "own" / "manifest.json").read_text())
    assert [(t["style"], t["frames"]) for t in manifest["tasks"]] == [("direct", "uniform(2)")]
