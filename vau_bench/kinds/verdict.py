"""Verdict: whether anything anomalous happens in a video."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.metrics import verdict as metrics
from vau_bench.metrics.base import Metric
from vau_bench.parsing import parse_label, write_label
from vau_bench.records import JSON, NORMAL, Sample

ABNORMAL = "Abnormal"
KEYS = ("anomaly", "result")
"""Under which a JSON answer says 0 or 1."""

_OBJECT = re.compile(r"\{[^{}]{0,20000}\}")
_GREEDY = re.compile(r"{.*}", re.DOTALL)
_COMMENT = re.compile(r"//.*")


class Verdict(Kind[bool]):
    """The answer is Normal or Abnormal; `True` is abnormal."""

    name: ClassVar[str] = "verdict"
    headline: ClassVar[str] = "accuracy"
    floors: ClassVar[tuple[str, ...]] = ("always_normal", "majority_class", "random")
    placeholders: ClassVar[frozenset[str]] = frozenset()

    @property
    def metrics(self) -> Mapping[str, Metric]:  # noqa: D102
        used = (
            metrics.ACCURACY,
            metrics.PRECISION,
            metrics.RECALL,
            metrics.F1,
            metrics.NORMAL_ACCURACY,
            metrics.CLEAR_ACCURACY,
            metrics.VAGUE_ACCURACY,
        )
        return {m.name: m for m in used}

    def exclusion(self, sample: Sample) -> str | None:  # noqa: D102
        return "unknown_class" if sample.target.label is None else None

    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:  # noqa: D102
        return {}

    def choices(self, sample: Sample) -> tuple[str, ...]:  # noqa: D102
        return (NORMAL, ABNORMAL)

    def read(self, text: str, sample: Sample) -> Reading[bool] | None:
        """Find the verdict in a JSON object that says 0 or 1 under `anomaly` or `result`; without one, in words."""
        objects = [match for match in _OBJECT.finditer(text) if any(f'"{key}"' in match[0] for key in KEYS)]
        if not objects:
            found = parse_label(text, (NORMAL, ABNORMAL))
            return Reading(found.value != NORMAL, found.rule, found.span) if found else None
        verdicts = {_stated(match[0]) for match in objects}
        if len(verdicts) > 1 or None in verdicts:
            return None
        return Reading(bool(verdicts.pop()), "json", objects[-1].span())

    def read_as_paper(self, text: str, sample: Sample) -> Reading[bool] | None:
        """Find the verdict as SmartHome-Bench does: the first `{` to the last `}`, comments dropped, as JSON.

        Its prompts ask for JSON, ours for words; an answer without a brace is read as words.
        """
        match = _GREEDY.search(text)
        if match is None:
            return self.read(text, sample)
        verdict = _stated(_COMMENT.sub("", match[0]))
        return None if verdict is None else Reading(verdict, "json", match.span())

    def write(self, answer: bool) -> str:  # noqa: D102
        return write_label(ABNORMAL if answer else NORMAL)

    def truth(self, sample: Sample) -> bool:  # noqa: D102
        return sample.target.label != NORMAL

    def values(self, answer: bool | None, sample: Sample) -> dict[str, float]:  # noqa: D102
        truth = self.truth(sample)
        predicted = not truth if answer is None else answer
        vague = bool(sample.fields.get("vague", False))
        return {"truth": float(truth), "predicted": float(predicted), "vague": float(vague)}

    def worth(self, answer: bool | None, sample: Sample) -> float:  # noqa: D102
        return float(answer is self.truth(sample))

    def as_json(self, answer: bool) -> JSON:  # noqa: D102
        return ABNORMAL if answer else NORMAL

    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[bool | None]:  # noqa: D102
        if name == "always_normal":
            return [False] * len(samples)
        if name == "majority_class":
            counts = Counter(self.truth(s) for s in context.tuning if s.target.label is not None)
            return [max(counts, key=lambda verdict: (counts[verdict], verdict)) if counts else None] * len(samples)
        if name == "random":
            return [random.Random(f"{context.seed}/{s.id}").random() < 0.5 for s in samples]
        raise UnknownNameError("floor of verdict tasks", name, self.floors)


def _stated(text: str) -> bool | None:
    """Return what a JSON object says, `None` where it is no such object or says something else than 0 or 1."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    said = [value[key] for key in KEYS if key in value]
    return bool(said[0]) if len(said) == 1 and said[0] in (0, 1) and isinstance(said[0], int) else None
