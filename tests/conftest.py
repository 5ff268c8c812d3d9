"""Fixtures of the whole suite; what is heavy is imported inside them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tiny_qwen(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Build tiny Qwen-VL checkpoints: `tiny_qwen("qwen3_vl")`; see `tests/models/tiny_qwen.py`."""
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    source = Path(__file__).parent / "models" / "tiny_qwen.py"
    spec = importlib.util.spec_from_file_location("tiny_qwen", source)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    @cache
    def build(family: str) -> Path:
        folder: Path = module.build(tmp_path_factory.mktemp(family), family)
        return folder

    return build


@pytest.fixture(scope="session")
def tiny_qwen25_checkpoint(tiny_qwen: Callable[[str], Path]) -> Path:
    """A Qwen2.5-VL checkpoint with 0.2 million random weights. Read it, do not write into it."""
    return tiny_qwen("qwen2_5_vl")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data, which is no part of the project."""
    root = os.environ.get("VAU_BENCH_SHARED") or Path(__file__).resolve().parents[1] / ".." / "shared"
    folder = Path(root) / "data"
    if not (folder / "vau_bench").is_dir():
        pytest.skip(f"needs the released annotations under {folder}")
    return folder


@pytest.fixture
def smarthome(tmp_path: Path) -> Path:
    """A data root with rows in the form of SmartHome-Bench, whose own file is not at hand."""
    tags = ("Normal", "Abnormal", "Vague Abnormal", "Normal")
    rows = [f'smartbench_{n:04d},"Security, Kid Monitoring",{tags[n % 4]},"Words, words.",Words' for n in range(1, 13)]
    file = tmp_path / "smarthome_bench" / "Video_Annotation.csv"
    file.parent.mkdir()
    header = "Title,Category,Anomaly Tag,Video Description,Reasoning behind Normality/Anomalies"
    file.write_text("\n".join([header, *rows]) + "\n")
    return tmp_path
