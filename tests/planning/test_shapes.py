"""How large models are: as published, and as transformers builds them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vau_bench.errors import UsageError
from vau_bench.planning.shapes import known_shapes, shape_named, shape_of_config


@pytest.mark.parametrize("name", list(known_shapes()))
def test_the_shapes_have_as_many_parameters_as_is_published(name: str) -> None:
    shape = known_shapes()[name]
    assert shape.parameters / 1e9 == pytest.approx(shape.published, rel=0.01)
    assert shape.source and shape.read


@pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
def test_a_checkpoint_has_as_many_parameters_as_transformers_finds_in_it(tiny_qwen, family: str) -> None:
    transformers = pytest.importorskip("transformers")
    folder: Path = tiny_qwen(family)
    shape = shape_of_config(json.loads((folder / "config.json").read_text()), "tiny")
    model = transformers.AutoModelForImageTextToText.from_pretrained(folder)
    matrices = sum(p.numel() for p in model.parameters() if p.dim() > 1)
    positions = sum(p.numel() for name, p in model.named_parameters() if "pos_embed" in name)
    assert shape.parameters == matrices - positions


def test_a_name_without_its_owner_is_enough() -> None:
    assert shape_named("qwen2.5-vl-72b-instruct") is shape_named("Qwen/Qwen2.5-VL-72B-Instruct")


def test_what_was_tuned_from_another_is_as_large() -> None:
    assert shape_named("Video-R1/Video-R1-7B") is shape_named("Qwen/Qwen2.5-VL-7B-Instruct")


def test_an_unknown_model_is_told_with_those_that_are_known() -> None:
    with pytest.raises(UsageError, match=r"how large 'acme/giant' is, is not known.*Qwen/Qwen2.5-VL-7B-Instruct"):
        shape_named("acme/giant")


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"model_type": "llama"}, "is a 'llama' model; a plan understands qwen2_vl"),
        ({}, "is a 'None' model"),
        ({"model_type": "qwen2_vl", "vision_config": {}}, "lacks 'hidden_size'"),
        ({"model_type": "qwen3_vl", "text_config": {"num_experts": 8}, "vision_config": {}}, "a plan understands"),
    ],
)
def test_a_config_that_is_not_understood(config: dict[str, object], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        shape_of_config(config, "x")
