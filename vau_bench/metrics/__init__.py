"""Metrics: pure numpy functions of scores, without I/O and without any knowledge of tasks."""

from vau_bench.metrics.base import Columns, Metric
from vau_bench.metrics.grounding import set_tiou, tiou
from vau_bench.registry import Registry

METRICS: Registry[Metric] = Registry(
    "metric", group="vau_bench.metrics", accepts=lambda thing: isinstance(thing, Metric)
)
"""Metrics beside those that the kinds of task own; `task.yaml` names both in the same way."""

__all__ = ["METRICS", "Columns", "Metric", "set_tiou", "tiou"]
