"""Metrics: pure numpy functions of scores, without I/O and without any knowledge of tasks."""

from vau_bench.metrics.base import Columns, Metric
from vau_bench.metrics.grounding import set_tiou, tiou

__all__ = ["Columns", "Metric", "set_tiou", "tiou"]
