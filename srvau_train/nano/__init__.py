"""The nano reference model: the whole recipe on two CPU cores."""

from pathlib import Path

CHECKPOINT = Path(__file__).parent / "checkpoint"
"""The reference checkpoint, made by `vau-bench train nano`."""
