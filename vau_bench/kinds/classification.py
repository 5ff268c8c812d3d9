"""Classification: which of the classes, or Normal."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import ClassVar

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.metrics import classification as metrics
from vau_bench.metrics.base import Columns, Confusion, Metric
from vau_bench.parsing import paper_label, parse_label, write_label
from vau_bench.records import ANOMALY, JSON, NORMAL, Sample


class Classification(Kind[str]):
    """The answer is a class, Normal, or an anomaly whose class is not told."""

    name: ClassVar[str] = "classification"
    headline: ClassVar[str] = "accuracy"
    floors: ClassVar[tuple[str, ...]] = ("always_normal", "majority_class", "random")
    placeholders: ClassVar[frozenset[str]] = frozenset({"classes"})

    def __init__(self, classes: Sequence[str] = ()) -> None:
        super().__init__([NORMAL, *(c for c in classes if c != NORMAL)])
        self._codes = {name: float(code) for code, name in enumerate(self.classes)}
        self._codes[ANOMALY] = metrics.UNTOLD_CODE
        self._prompt = {"classes": ", ".join(self.classes)}

    @property
    def metrics(self) -> Mapping[str, Metric]:  # noqa: D102
        used = (
            metrics.ACCURACY,
            metrics.BINARY_ACCURACY,
            metrics.ANOMALOUS_ACCURACY,
            metrics.macro_f1_metric(len(self.classes)),
        )
        return {m.name: m for m in used}

    def exclusion(self, sample: Sample) -> str | None:  # noqa: D102
        if sample.target.label is None:
            return "unknown_class"
        return None if sample.target.label in self._codes else "class_not_listed"

    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:  # noqa: D102
        return self._prompt

    def choices(self, sample: Sample) -> tuple[str, ...]:  # noqa: D102
        return self.classes

    def read(self, text: str, sample: Sample) -> Reading[str] | None:  # noqa: D102
        found = parse_label(text, self.classes)
        return Reading(found.value, found.rule, found.span) if found else None

    def read_as_paper(self, text: str, sample: Sample) -> Reading[str] | None:  # noqa: D102
        found = paper_label(text, self.classes)
        return Reading(found.value, found.rule, found.span) if found else None

    def write(self, answer: str) -> str:  # noqa: D102
        return write_label(answer)

    def truth(self, sample: Sample) -> str:  # noqa: D102
        assert sample.target.label is not None
        return sample.target.label

    def values(self, answer: str | None, sample: Sample) -> dict[str, float]:  # noqa: D102
        predicted = metrics.NO_ANSWER_CODE if answer is None else self._codes[answer]
        return {"truth": self._codes[self.truth(sample)], "predicted": predicted}

    def worth(self, answer: str | None, sample: Sample) -> float:  # noqa: D102
        return float(answer == self.truth(sample))

    def confusion(self, columns: Columns) -> Confusion | None:  # noqa: D102
        return metrics.confusion(columns, self.classes) if columns else None

    def as_json(self, answer: str) -> JSON:  # noqa: D102
        return answer

    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[str | None]:  # noqa: D102
        if name == "always_normal":
            return [NORMAL] * len(samples)
        if name == "majority_class":
            counts = Counter(s.target.label for s in context.tuning if s.target.label in self._codes)
            most = min(counts, key=lambda label: (-counts[label], str(label))) if counts else None
            return [most] * len(samples)
        if name == "random":
            return [random.Random(f"{context.seed}/{s.id}").choice(self.classes) for s in samples]
        raise UnknownNameError("floor of classification tasks", name, self.floors)
