"""Metrics of this project as Hugging Face `evaluate` modules, loaded from where they lie.

Use: `evaluate.load(vau_bench.hf_metrics.path("tiou"))`.

Each is a thin wrapper; the formulas stand in `vau_bench.metrics`. They work without a network.
"""

from __future__ import annotations

from pathlib import Path

from vau_bench.errors import UnknownNameError

NAMES = ("reflection_gain", "tiou")


def path(name: str) -> str:
    """Return the folder of a module, as `evaluate.load` takes it.

    Raises:
        UnknownNameError: if there is no such module.
    """
    if name not in NAMES:
        raise UnknownNameError("evaluate module", name, NAMES)
    return str(Path(__file__).parent / name)
