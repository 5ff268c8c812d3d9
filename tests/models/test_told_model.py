"""A server that answers as another model than the one asked for is told, and two that disagree stop the run."""

from __future__ import annotations

import pytest

from vau_bench.errors import ModelError
from vau_bench.models.told_model import ToldModels, same_model


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("gpt-4o", "gpt-4o"),
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4", "gpt-4-0613"),
        ("claude-x", "claude-x-20250219"),
        ("claude-x", "claude-x@20250219"),
        ("Qwen/Qwen2.5-VL-7B-Instruct", "qwen2.5-vl-7b-instruct"),
        ("Qwen2.5-VL-7B-Instruct", "/models/Qwen2.5-VL-7B-Instruct/"),
        ("gemini-pro", "models/gemini-pro"),
        ("model.gguf", "C:\\models\\model.gguf"),
    ],
)
def test_names_of_one_model(asked: str, told: str) -> None:
    assert same_model(asked, told)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o-2024-05-13"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("qwen2.5-vl-7b", "qwen2.5-vl-72b"),
        ("qwen2.5-vl", "qwen2.5-vl-7b"),
        ("vlm", "qwen2.5-vl-7b-q4_k_m.gguf"),
    ],
)
def test_names_of_others(asked: str, told: str) -> None:
    assert not same_model(asked, told)


def told(*names: tuple[str, object], asked: str | None = "vlm") -> list[str]:
    sentences: list[str] = []
    models = ToldModels(asked, sentences.append)
    for url, name in names:
        models.note(url, name)
    return sentences


def test_another_name_is_told_once() -> None:
    (sentence,) = told(*[("http://a", "file.gguf")] * 3)
    assert sentence == "http://a answers as 'file.gguf', and was asked for 'vlm': is it that model?"


def test_the_right_one_and_none_at_all_are_not_told() -> None:
    assert told(("http://a", "org/VLM"), ("http://a", None), ("http://a", 3), ("http://a", "")) == []
    assert told(("http://a", "x"), ("http://b", "y"), asked=None) == []


def test_servers_that_agree_on_another_name_are_told_once() -> None:
    assert len(told(("http://a", "x/file.gguf"), ("http://b", "y/File.gguf"))) == 1
    assert len(told(("http://a", "file.gguf"), ("http://b", "file.gguf"))) == 1


@pytest.mark.parametrize(("one", "other"), [("vlm", "file.gguf"), ("file.gguf", "vlm"), ("one", "two")])
def test_servers_that_disagree_stop_the_run(one: str, other: str) -> None:
    with pytest.raises(ModelError) as caught:
        told(("http://a", one), ("http://b", other))
    assert f"http://a answers as {one!r}, http://b as {other!r}" in str(caught.value)


def test_a_server_that_comes_back_as_another_model_stops_the_run_where_there_are_others() -> None:
    names = [("http://a", "vlm"), ("http://b", "vlm-2025-01-31"), ("http://b", "other")]
    with pytest.raises(ModelError, match="do not serve the same model"):
        told(*names)
