"""Decoding beside OpenCV and decord: prints what `bench_decode.py` measures."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

pytestmark = [pytest.mark.benchmark, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_decode_speed_is_measured_beside_opencv_and_decord() -> None:
    pytest.importorskip("cv2")
    pytest.importorskip("decord")
    bench = runpy.run_path(str(Path(__file__).with_name("bench_decode.py")))
    results = bench["report"](bench["CASES"], repeats=3)
    assert [result["case"] for result in results] == [str(case) for case in bench["CASES"]]
    assert all(result["ratio"] > 0 for result in results)
