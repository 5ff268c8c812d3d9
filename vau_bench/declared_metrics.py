"""The metrics that a task names: its kind's own, and those of other packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vau_bench.errors import DataError, NameCollisionError, UnknownNameError
from vau_bench.kinds import Kind
from vau_bench.metrics import METRICS, Metric
from vau_bench.records import Sample


def declared_metrics(kind: Kind[Any], names: Sequence[str], place: Callable[[], str]) -> list[Metric]:
    """Return the metrics of these names, in their order.

    Args:
        kind: its own metrics come first.
        names: as `task.yaml` lists them.
        place: where they stand, for messages.

    Raises:
        UnknownNameError: if neither the kind nor the registry has one.
        NameCollisionError: if a package offers a metric under a name of the kind.
        PluginError: if the package of a metric cannot be imported.
        DataError: if a metric calls itself by another name than the one it is found under.
    """
    own = kind.metrics
    found = []
    for name in names:
        if name in METRICS:
            source = METRICS.source(name)
            if name in own:
                raise NameCollisionError(f"two metrics are named {name!r}: one of {kind.name} tasks, one from {source}")
            metric = METRICS.get(name)
            if metric.name != name:
                raise DataError(f"{place()}: the metric {name!r} of {source} calls itself {metric.name!r}")
            found.append(metric)
        elif name in own:
            found.append(own[name])
        else:
            raise UnknownNameError(f"metric in {place()}", name, [*own, *METRICS])
    return found


def check_columns(kind: Kind[Any], metrics: Sequence[Metric], sample: Sample, place: Callable[[], str]) -> None:
    """Refuse metrics that cannot be computed from what the kind measures, before a model is asked.

    The kind's own metrics can; those of other packages are tried on one sample without an answer.

    Raises:
        DataError: naming the metric, its package and the columns that there are.
    """
    values = kind.values(None, sample)
    columns = {name: np.array([value], dtype=np.float64) for name, value in values.items()}
    for metric in metrics:
        if metric.name in kind.metrics:
            continue
        try:
            metric(columns)
        except Exception as error:  # a foreign metric may fail in any way
            raise DataError(
                f"{place()}: the metric {metric.name!r} of {METRICS.source(metric.name)} cannot be computed for "
                f"{kind.name} tasks, which have the columns {', '.join(columns)}: {error!r}"
            ) from error
