"""What a reflection repaired and broke, as an `evaluate` module."""

from collections.abc import Hashable, Sequence

import datasets
import evaluate
import numpy as np

from vau_bench.metrics.reflection import BREAK_RATE, GRADED_GAIN, NET_GAIN, REPAIR_RATE, reflection_cells
from vau_bench.stats import cluster_codes, estimate_all

_DESCRIPTION = """
Compares a model's answer before a reflection with its answer after it, on the same samples: how many wrong answers were
repaired, how many right ones broken, and the net gain with a 95 % interval that is paired and clustered by video.
"""
_INPUTS = """
Args:
    first: score of each first answer in [0, 1]: 1 or 0 for right or wrong, or a tIoU (right from 0.5 on).
        NaN where there was no reflection; an answer that failed is a 0.
    revised: score of each answer after the reflection.
    groups: source video of each sample (optional; each sample is its own otherwise).
    resamples: of the bootstrap (default 10,000).
    seed: of the bootstrap (default 0).
Returns:
    n: samples with both answers; repaired, broken, kept_right, kept_wrong: counts that add up to n.
    net_gain, graded_gain: (repaired - broken) / n, and the mean change of the score; each with _low and _high.
    repair_rate, break_rate: repaired of the wrong first answers, broken of the right ones.
    None stands for what is undefined.
"""


class ReflectionGain(evaluate.Metric):  # type: ignore[misc, unused-ignore]
    """`evaluate.load(".../reflection_gain").compute(first=[0, 1], revised=[1, 1])`."""

    def _info(self) -> evaluate.MetricInfo:
        score = datasets.Value("float64")
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features({"first": score, "revised": score}),
        )

    def _compute(
        self,
        first: Sequence[float],
        revised: Sequence[float],
        groups: Sequence[Hashable] | None = None,
        resamples: int = 10_000,
        seed: int = 0,
    ) -> dict[str, float | int | None]:
        if groups is not None and len(groups) != len(first):
            raise ValueError(f"{len(first)} samples, but {len(groups)} groups")
        columns = {
            "first": np.asarray(first, dtype=np.float64),
            "revised": np.asarray(revised, dtype=np.float64),
        }
        cells = reflection_cells(columns["first"], columns["revised"])
        metrics = (NET_GAIN, GRADED_GAIN, REPAIR_RATE, BREAK_RATE)
        codes = cluster_codes(range(len(first)) if groups is None else groups)
        found = estimate_all(metrics, [m.update(columns) for m in metrics], codes, resamples=resamples, seed=seed)
        result: dict[str, float | int | None] = {"n": cells.pairs, **cells._asdict()}
        for metric, estimate in zip(metrics, found, strict=True):
            result[metric.name] = estimate.value
            if metric in (NET_GAIN, GRADED_GAIN):
                result |= {f"{metric.name}_low": estimate.low, f"{metric.name}_high": estimate.high}
        return result
