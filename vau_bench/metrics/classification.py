"""Classification: accuracy over the classes, normal against any anomaly, macro-F1, confusion.

Columns: `truth` and `predicted` are class codes (0 is Normal). A prediction of -1 is an anomaly of an untold class,
-2 is no answer; both are wrong for the class, and only -1 is right for "some anomaly".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from vau_bench.metrics.base import Columns, Confusion, FloatArray, Metric, confusion_of, mean_of, ratio

NORMAL_CODE, UNTOLD_CODE, NO_ANSWER_CODE = 0.0, -1.0, -2.0


def confusion(columns: Columns, classes: Sequence[str]) -> Confusion:
    """Return the counts of answers by true class; the last columns are an untold class and no answer."""
    others = {int(UNTOLD_CODE): "anomaly, class untold", int(NO_ANSWER_CODE): "no answer"}
    return confusion_of(columns["truth"], columns["predicted"], classes, others)


def _accuracy(columns: Columns) -> FloatArray:
    return mean_of((columns["truth"] == columns["predicted"]).astype(np.float64))


def _binary(columns: Columns) -> FloatArray:
    anomalous = columns["truth"] != NORMAL_CODE
    predicted = columns["predicted"]
    said_anomalous = (predicted > NORMAL_CODE) | (predicted == UNTOLD_CODE)
    right = np.where(anomalous, said_anomalous, predicted == NORMAL_CODE)
    return mean_of(right.astype(np.float64))


def _on_anomalous(columns: Columns) -> FloatArray:
    right = (columns["truth"] == columns["predicted"]).astype(np.float64)
    return mean_of(right, columns["truth"] != NORMAL_CODE)


def macro_f1(classes: int) -> tuple[Callable[[Columns], FloatArray], Callable[[FloatArray], FloatArray]]:
    """Return update and compute of the unweighted mean F1 over the classes that occur in the truth.

    Contributions are, per class, one-hot truth, one-hot prediction and their product; the sums are the support, the
    number of predictions and the true positives, and F1 is `2 tp / (support + predictions)`.
    """

    def update(columns: Columns) -> FloatArray:
        codes = np.arange(classes)
        truth = columns["truth"][:, None] == codes
        predicted = columns["predicted"][:, None] == codes
        return np.concatenate([truth, predicted, truth & predicted], axis=1).astype(np.float64)

    def compute(sums: FloatArray) -> FloatArray:
        support, predictions, hits = np.split(sums, 3, axis=-1)
        occurs = support > 0
        f1 = np.divide(2 * hits, support + predictions, out=np.zeros_like(hits), where=occurs)
        return ratio(np.stack([f1.sum(axis=-1), occurs.sum(axis=-1).astype(np.float64)], axis=-1))

    return update, compute


ACCURACY = Metric("accuracy", "share of videos given the right class", _accuracy, ratio)
BINARY_ACCURACY = Metric("binary_accuracy", "share of videos rightly told normal or anomalous", _binary, ratio)
ANOMALOUS_ACCURACY = Metric(
    "anomalous_accuracy", "share of anomalous videos given the right class", _on_anomalous, ratio
)


def macro_f1_metric(classes: int) -> Metric:
    """Return the macro-F1 metric over `classes` classes."""
    update, compute = macro_f1(classes)
    return Metric("macro_f1", "unweighted mean F1 over the classes that occur", update, compute)
