"""Judge-free scores of an explanation: verdict, class, key objects, claimed times, invented anomalies.

Free, deterministic and offline. They say whether the facts of an explanation agree with the truth, not whether it is
well argued; that is what the judge is for.
"""

from __future__ import annotations

from vau_bench.metrics.base import Metric, mean_of, ratio

VERDICT = Metric(
    "verdict_accuracy",
    "share of videos whose explanation says rightly that they are normal or anomalous",
    lambda c: mean_of(c["verdict_right"]),
    ratio,
)
CLASS_NAMED = Metric(
    "class_named",
    "share of anomalous videos whose explanation names the class",
    lambda c: mean_of(c["class_named"], c["anomalous"]),
    ratio,
)
CLASS_CONTRADICTED = Metric(
    "class_contradicted",
    "share of anomalous videos whose explanation names other classes only",
    lambda c: mean_of(c["class_contradicted"], c["anomalous"]),
    ratio,
    higher_is_better=False,
)
KEY_OBJECTS = Metric(
    "key_object_recall",
    "mean share of the key objects that the explanation names",
    lambda c: mean_of(c["key_objects"]),
    ratio,
)
HALLUCINATED = Metric(
    "hallucinated_anomaly_rate",
    "share of normal videos whose explanation does not call them normal",
    lambda c: mean_of(1 - c["verdict_right"], 1 - c["anomalous"]),
    ratio,
    higher_is_better=False,
)
CLAIMED_TIME = Metric(
    "claimed_time",
    "share of anomalous videos whose explanation names a time",
    lambda c: mean_of(c["time_claimed"], c["anomalous"]),
    ratio,
    higher_is_better=None,
)
CLAIMED_TIOU = Metric(
    "claimed_tiou",
    "mean tIoU of the last time that explanations of anomalous videos name, where they name any",
    lambda c: mean_of(c["claimed_tiou"]),
    ratio,
    answered_only=True,
)
ALL = (VERDICT, CLASS_NAMED, CLASS_CONTRADICTED, KEY_OBJECTS, HALLUCINATED, CLAIMED_TIME, CLAIMED_TIOU)
