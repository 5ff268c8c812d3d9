"""How large a prompt is said to be, without a pixel, is how large it becomes: each family, mode and plan."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path

import pytest

from vau_bench.errors import ModelError
from vau_bench.models.hf_vlm import HfVlm, HfVlmConfig
from vau_bench.models.openai import OpenAI, OpenAIConfig
from vau_bench.models.qwen_times import UnevenTimesError
from vau_bench.models.qwen_vl import QwenVL, QwenVLConfig
from vau_bench.video import ClipLoader

pytest.importorskip("torch")
pytest.importorskip("transformers")

PLANS = ("fps(1)", "uniform(5)", "fps(2) short_side=40", "window(2, 5, 4) 84x84", "uniform(1)")
SMALL = {"min_pixels": 4 * 28 * 28, "max_pixels": 9 * 28 * 28, "dtype": "float32"}


@pytest.fixture(scope="module")
def clips():
    with ClipLoader() as loader:
        yield loader


@pytest.fixture(scope="module")
def tiny_images(tmp_path_factory):
    def load(name: str):
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    load("tiny_qwen")
    built = load("tiny_images")
    return cache(lambda family: built.build(tmp_path_factory.mktemp(family), family))


def both(model, request, clips) -> tuple[int, int]:
    """Return the size that was told, and the tokens that were used."""
    told = model.prompt_size(request, clips.look(request.video, request.plan))
    assert model._loaded is None, "no weights were loaded for it"
    (response,) = model.generate([request])
    assert response.error is None
    return told, response


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("mode", ["video", "frames", "patches"])
@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_qwen(tiny_qwen, clips, ask, footage, family, mode, plan) -> None:
    if (family, mode) == ("qwen3_vl", "patches"):
        pytest.skip("refused: its own stamps stand before each patch")
    model = QwenVL(QwenVLConfig(checkpoint=str(tiny_qwen(family)), mode=mode, **SMALL), clips)
    request = ask(str(footage / "even.mp4"), plan=plan, system="Be brief.", max_new_tokens=1)
    told, response = both(model, request, clips)
    assert told.tokens == response.usage.prompt_tokens
    side = 32 if family == "qwen3_vl" and mode == "video" else None
    if side:
        assert told.visual == told.pictures * response.seen.width * response.seen.height // side**2


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen3_vl"])
def test_qwen_of_uneven_frames(tiny_qwen, clips, ask, footage, family) -> None:
    model = QwenVL(QwenVLConfig(checkpoint=str(tiny_qwen(family)), **SMALL), clips)
    told, response = both(model, ask(str(footage / "uneven.mkv"), plan="uniform(7)", max_new_tokens=1), clips)
    assert told.tokens == response.usage.prompt_tokens


def test_long_clips_get_smaller_frames_on_paper_too(tiny_qwen, clips, ask, footage) -> None:
    given = {**SMALL, "max_pixels": 100 * 28 * 28, "total_pixels": 40 * 28 * 28}
    model = QwenVL(QwenVLConfig(checkpoint=str(tiny_qwen("qwen2_5_vl")), **given), clips)
    few, many = (ask(str(footage / "even.mp4"), plan=plan, max_new_tokens=1) for plan in ("uniform(2)", "fps(4)"))
    (short, one), (long, other) = (
        both(model, few, clips),
        (model.prompt_size(many, clips.look(many.video, many.plan)), 0),
    )
    (other,) = model.generate([many])
    assert (short.tokens, long.tokens) == (one.usage.prompt_tokens, other.usage.prompt_tokens)
    assert long.visual / long.pictures < short.visual / short.pictures


@pytest.mark.parametrize("plan", ["uniform(1)", "uniform(2)", "uniform(5) short_side=40"])
@pytest.mark.parametrize("family", ["internvl", "llava_onevision", "smolvlm"])
def test_image_models(tiny_images, clips, ask, footage, family, plan) -> None:
    if family == "smolvlm":
        pytest.importorskip("num2words")
    model = HfVlm(HfVlmConfig(checkpoint=str(tiny_images(family)), dtype="float32"), clips)
    told, response = both(model, ask(str(footage / "uneven.mkv"), plan=plan, max_new_tokens=1), clips)
    assert told.tokens == response.usage.prompt_tokens
    assert told.pictures == len(response.seen.times)


def test_text_alone(tiny_qwen, tiny_images, clips, ask) -> None:
    request = ask(None, sees=False, max_new_tokens=1)
    for model in (
        QwenVL(QwenVLConfig(checkpoint=str(tiny_qwen("qwen2_5_vl")), **SMALL), clips),
        HfVlm(HfVlmConfig(checkpoint=str(tiny_images("internvl")), dtype="float32"), clips),
    ):
        told = model.prompt_size(request, None)
        (response,) = model.generate([request])
        assert told == (response.usage.prompt_tokens, 0, 0)


def test_what_could_not_be_asked_has_no_size(tiny_qwen, clips, clip, ask, footage) -> None:
    model = QwenVL(QwenVLConfig(checkpoint=str(tiny_qwen("qwen2_5_vl")), **SMALL), clips)
    shown = clips.look(footage / "even.mp4", "fps(1)")
    with pytest.raises(ValueError, match="placeholder"):
        model.prompt_size(ask(text="<|video_pad|>"), shown)
    uneven = type(shown)(**{n: getattr(shown, n) for n in shown.__slots__} | {"times": (0.0, 1.0, 2.0, 9.0, 9.5, 9.9)})
    with pytest.raises(UnevenTimesError):
        model.prompt_size(ask(), uneven)
    with pytest.raises(ModelError, match="no checkpoint"):
        QwenVL(QwenVLConfig(checkpoint="/nowhere/at/all"), clips).prompt_size(ask(), shown)
    assert OpenAI(OpenAIConfig(model="x"), clips).prompt_size(ask(), shown) is None, "only its server could tell"
