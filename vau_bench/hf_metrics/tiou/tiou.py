"""Temporal IoU and R@t of one predicted interval per video, as an `evaluate` module."""

import datasets
import evaluate
import numpy as np

from vau_bench.metrics.base import FloatArray
from vau_bench.metrics.grounding import MIOU, RECALLS, tiou

_DESCRIPTION = """
Temporal intersection over union (tIoU) of predicted and true intervals, in seconds: its mean and the share of videos
whose tIoU is at least 0.3, 0.5 and 0.7, over the videos that hold an anomaly. A missing, reversed or empty predicted
interval scores 0 and stays in the denominator.
"""
_INPUTS = """
Args:
    predictions: one [start, end] per video, or [] where there is no answer.
    references: one [start, end] per video, or [] for a normal video.
Returns:
    miou, recall@0.3, recall@0.5, recall@0.7: fractions; None where no video holds an anomaly.
    n: videos that hold an anomaly, the denominator.
    no_interval: those of them without a valid predicted interval.
    normal: normal videos, which take no part.
"""
_CITATION = """
@inproceedings{gao2017tall,
  title = {{TALL}: Temporal Activity Localization via Language Query},
  author = {Gao, Jiyang and Sun, Chen and Yang, Zhenheng and Nevatia, Ram},
  booktitle = {ICCV},
  year = {2017}
}
"""


class TemporalIoU(evaluate.Metric):  # type: ignore[misc, unused-ignore]
    """`evaluate.load(".../tiou").compute(predictions=[[1, 4]], references=[[2, 4]])`."""

    def _info(self) -> evaluate.MetricInfo:
        interval = datasets.Sequence(datasets.Value("float64"))
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": interval, "references": interval}),
            reference_urls=["https://arxiv.org/abs/1705.02101"],
        )

    def _compute(self, predictions: list[list[float]], references: list[list[float]]) -> dict[str, float | int | None]:
        predicted, true = _intervals(predictions, "prediction"), _intervals(references, "reference")
        anomalous = ~np.isnan(true).any(axis=1)
        if (true[anomalous, 1] <= true[anomalous, 0]).any():
            raise ValueError("a reference interval is reversed or empty; pass [] for a normal video")
        columns: dict[str, FloatArray] = {
            "tiou": tiou(predicted, true),
            "anomalous": np.asarray(anomalous, dtype=np.float64),
        }
        scores = {metric.name: metric(columns) for metric in (MIOU, *RECALLS)}
        valid = predicted[:, 1] > predicted[:, 0]
        return {
            **{name: None if np.isnan(value) else value for name, value in scores.items()},
            "n": int(anomalous.sum()),
            "no_interval": int((anomalous & ~valid).sum()),
            "normal": int((~anomalous).sum()),
        }


def _intervals(pairs: list[list[float]], what: str) -> FloatArray:
    for index, pair in enumerate(pairs):
        if len(pair) not in (0, 2):
            raise ValueError(f"{what} {index} is not [start, end] or []: {pair}")
    return np.array([pair or [np.nan, np.nan] for pair in pairs], dtype=np.float64).reshape(-1, 2)
