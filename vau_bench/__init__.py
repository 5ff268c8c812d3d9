"""vau-bench: a benchmark harness for video anomaly understanding with multimodal LLMs."""

from vau_bench._version import __version__

__all__ = ["__version__"]
