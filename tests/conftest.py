"""Fixtures of the whole suite; what is heavy is imported inside them."""

from __future__ import annotations

import importlib.util
import json
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
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of real data, which is no part of the project, and rows in the form of what is not at hand."""
    root = os.environ.get("VAU_BENCH_SHARED") or Path(__file__).resolve().parents[1] / ".." / "shared"
    folder = Path(root) / "data"
    if not (folder / "vau_bench").is_dir():
        pytest.skip(f"needs the released annotations under {folder}")
    joined = tmp_path_factory.mktemp("shared")
    for entry in folder.iterdir():
        (joined / entry.name).symlink_to(entry.resolve())
    return write_unreleased(joined)


@pytest.fixture
def unreleased(tmp_path: Path) -> Path:
    """A data root with rows in the form of VANE-Bench, UCA and TAU-106K, whose own files are not at hand."""
    return write_unreleased(tmp_path)


def write_unreleased(root: Path) -> Path:
    """Write those rows below a data root, and return it."""
    words = "Which of these is odd? A) the shadow B) a wall that bends C) nothing D) two suns"
    for n, (clip, answer) in enumerate(
        {"real/park/walk_1": "A)", "ai/maker/1_subset_1": "D", "ai/maker/2": "C)"}.items()
    ):
        path = root / "vane_bench" / "VQA_Data" / f"{clip}_qa.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(repr([{"Q": f"{n}: {words}", "A": answer}, {"Q": words, "A": "B"}]))
    told = {"duration": 20.5, "timestamps": [[4.1, 9.3], [0.2, 5.0]], "sentences": [" A man bows.", "It rains"]}
    (root / "uca").mkdir()
    (root / "uca" / "UCFCrime_Test.json").write_text(json.dumps({f"Abuse00{n}_x264": told for n in range(3)}))
    kinds = ("normal", "single vehicle accident", "multiple motor vehicle accident")
    spans: list[list[object]] = [[], [["0.4", "0.53"]], [[0.84, 1.0]]]
    rows = [
        {"videoPath": f"videos/road_{n}.mp4", "accident_type": kinds[n % 3], "accident_segments": spans[n % 3]}
        for n in range(9)
    ]
    (root / "tau_106k").mkdir()
    (root / "tau_106k" / "video_annotations_all_test.json").write_text(json.dumps(rows))
    lengths = "".join(f"road_{n}.mp4,{8.25 + n}\n" for n in range(9))
    (root / "tau_106k" / "durations.csv").write_text(f"video,duration\n{lengths}")
    return root


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
