"""Benchmarks run when they are asked for: `pytest -m benchmark -s`, or with `VAU_BENCH_BENCH=1`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "benchmark" in config.option.markexpr or os.environ.get("VAU_BENCH_BENCH") == "1":
        return
    for item in items:
        if HERE in item.path.parents and item.get_closest_marker("benchmark"):
            item.add_marker(pytest.mark.skip(reason="a benchmark; run it with -m benchmark -s"))
