"""Results and scores of made-up models, as scoring would give them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vau_bench.records import Outcome
from vau_bench.results import MetricResult, ReflectionResult, SampleScore, TaskResult

CLASSES = ("Abuse", "Arson", "Explosion", "Fighting", "Object_falling", "Robbery", "Shooting", "Traffic_accident")
SAMPLES = 120


def metric(value: float | None, half: float = 0.06, **changes: Any) -> MetricResult:
    known = value is not None
    made: dict[str, Any] = {
        "value": value,
        "low": max(0.0, value - half) if value is not None else None,
        "high": min(1.0, value + half) if value is not None else None,
        "se": half / 2 if known else None,
        "n": SAMPLES,
        "clusters": SAMPLES,
        "mde": 2 * half if known else None,
        "method": "bootstrap",
        "unit": "%",
        "higher_is_better": True,
        "summary": "mean tIoU",
        "answered_only": value,
    }
    return MetricResult(**{**made, **changes})


def reflection(kept_right: int, kept_wrong: int, repaired: int, broken: int) -> ReflectionResult:
    pairs = kept_right + kept_wrong + repaired + broken
    gain = (repaired - broken) / pairs if pairs else None
    return ReflectionResult(
        pairs=pairs,
        without_pair=3,
        cells={"repaired": repaired, "broken": broken, "kept_right": kept_right, "kept_wrong": kept_wrong},
        metrics={"net_gain": {**metric(gain), "low": (gain or 0) - 0.05, "high": (gain or 0) + 0.05}},
        words_mean=30.0,
        words_median=28.0,
        empty=0.1,
        copies=0.02,
    )


def result(value: float | None = 0.4, *, seed: int = 0, **changes: Any) -> TaskResult:
    rng = np.random.default_rng(seed)
    answered = SAMPLES - 5 * seed
    outcomes = {str(o): 0 for o in Outcome} | {"scored": answered, "unparsed": 3 * seed, "truncated": 2 * seed}
    made: dict[str, Any] = {
        "task": "msad_grounding",
        "version": 1,
        "kind": "grounding",
        "dataset": "MSAD",
        "style": "direct",
        "split": "test",
        "frames": "fps(1, max=64)",
        "headline": "miou",
        "expected": SAMPLES,
        "outcomes": outcomes,
        "excluded": {},
        "notes": {},
        "metrics": {"miou": metric(value)},
        "paper": {},
        "paper_n": 0,
        "floors": {
            "always_normal": {"answered": SAMPLES, "metrics": {"miou": 0.0}},
            "whole_video": {"answered": SAMPLES, "metrics": {"miou": 0.27}},
            "prior_interval": {"answered": SAMPLES, "metrics": {"miou": 0.4192}},
        },
        "classes": {
            name: {"n": 4 + 5 * k, "value": float(rng.uniform(0.1, 0.8)) if value is not None else None}
            for k, name in enumerate(CLASSES)
        },
        "digests": {"data": "d", "prompts": "p", "parser": "q"},
        "warnings": [],
    }
    return TaskResult(**{**made, **changes})  # type: ignore[typeddict-item]


def scores(skill: float, *, seed: int = 0, n: int = SAMPLES) -> list[SampleScore]:
    """Grounding scores of a model whose starts lie the closer to the truth the more skill it has."""
    rng = np.random.default_rng(seed)
    made = []
    for i in range(n):
        start = float(rng.exponential(8))
        length = float(rng.uniform(4, 20))
        guess = max(0.0, start + float(rng.normal(0, 12 * (1 - skill))))
        tiou = float(np.clip(rng.normal(skill, 0.25), 0, 1))
        made.append(
            SampleScore(
                task="msad_grounding",
                sample_id=f"s{i:04d}",
                video=f"v{i}.mp4",
                group=f"v{i}",
                label=CLASSES[i % len(CLASSES)],
                style="direct",
                outcome="scored",
                prediction=[[guess, guess + length]] if i % 9 else [],
                truth=[[start, start + length]],
                rule="tag",
                span=(0, 1),
                flags=(),
                values={"anomalous": 1.0, "alarm": 1.0, "tiou": tiou, "start_error": abs(start - guess)},
                worth=tiou,
            )
        )
    return made


NAMES = ("Qwen2.5-VL-7B", "SRVAU-R1", "VAU-R1 (3B + RFT)", "motion", "InternVL2.5-8B-MPO", "LLaVA-OneVision-7B")


def entries(count: int = 6) -> list[tuple[str, TaskResult]]:
    values = np.linspace(0.52, 0.18, max(count, 1))
    names = [*NAMES, *(f"model {k}" for k in range(count))][:count]
    return [(name, result(float(v), seed=k % 6)) for k, (name, v) in enumerate(zip(names, values, strict=True))]


def judged(value: float) -> dict[str, Any]:
    dimensions = ("classification", "key_objects", "fluency", "informativeness", "factual")
    scores = {
        d: {"value": value + k / 3, "low": value + k / 3 - 0.4, "high": value + k / 3 + 0.4}
        for k, d in enumerate(dimensions)
    }
    total = sum(s["value"] for s in scores.values())
    return {
        "judge": "deepseek-v3",
        "highest": 50,
        "dimensions": scores,
        "total": {"value": total, "low": total - 1.5, "high": total + 1.5},
        "judged": 230,
        "expected": 240,
    }


@pytest.fixture(scope="session")
def data() -> SimpleNamespace:
    """All of this module, as tests cannot import it."""
    return SimpleNamespace(**{name: value for name, value in globals().items() if not name.startswith("_")})
