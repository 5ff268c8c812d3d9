"""F1 of alarms: an anomalous video with an interval is a hit, a normal one a false alarm."""

from __future__ import annotations

import numpy as np

from vau_bench.metrics import Columns, Metric
from vau_bench.metrics.base import FloatArray, ratio


def _counts(columns: Columns) -> FloatArray:
    anomalous, alarm = columns["anomalous"], columns["alarm"]
    return np.column_stack([2 * anomalous * alarm, anomalous + alarm])


ALARM_F1 = Metric("alarm_f1", "F1 of telling anomalous videos from normal ones", _counts, ratio)
