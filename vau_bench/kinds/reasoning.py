"""Reasoning: what happens, whether and why it is anomalous, in prose.

Scored here without a judge: do the facts of the explanation agree with the truth? How well it argues is scored by
`vau-bench judge` and by embedding similarity, from the same answers.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.metrics import reasoning as metrics
from vau_bench.metrics import set_tiou
from vau_bench.metrics.base import Metric
from vau_bench.metrics.key_objects import key_object_recall
from vau_bench.parsing import Prose, read_prose, write_label
from vau_bench.readers.texts import normalised
from vau_bench.records import ANOMALY, JSON, NORMAL, Sample

NOTHING = "The video shows everyday activity. Nothing in it is anomalous."


class Reasoning(Kind[Prose]):
    """The answer is a text."""

    name: ClassVar[str] = "reasoning"
    headline: ClassVar[str] = "verdict_accuracy"
    placeholders: ClassVar[frozenset[str]] = frozenset({"classes"})
    floors: ClassVar[tuple[str, ...]] = ("always_normal", "other_reference")

    def __init__(self, classes: Sequence[str] = ()) -> None:
        super().__init__([NORMAL, *(c for c in classes if c != NORMAL)])
        self._prompt = {"classes": ", ".join(self.classes)}

    @property
    def metrics(self) -> Mapping[str, Metric]:  # noqa: D102
        return {m.name: m for m in metrics.ALL}

    def exclusion(self, sample: Sample) -> str | None:  # noqa: D102
        if sample.target.label is None:
            return "unknown_class"
        return None if reference(sample) else "no_reference"

    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:  # noqa: D102
        return self._prompt

    def choices(self, sample: Sample) -> tuple[str, ...]:  # noqa: D102
        return ()

    def read(self, text: str, sample: Sample) -> Reading[Prose] | None:  # noqa: D102
        if not text.strip():
            return None
        return Reading(read_prose(text, self.classes), "text", (0, len(text)))

    def read_as_paper(self, text: str, sample: Sample) -> Reading[Prose] | None:  # noqa: D102
        return self.read(text, sample)

    def write(self, answer: Prose) -> str:  # noqa: D102
        return answer.text

    def truth(self, sample: Sample) -> Prose:  # noqa: D102
        assert sample.target.label is not None
        return read_prose(f"{reference(sample)}\n\n{write_label(sample.target.label)}", self.classes)

    def values(self, answer: Prose | None, sample: Sample) -> dict[str, float]:  # noqa: D102
        label, true = sample.target.label, sample.target.segments
        anomalous = label != NORMAL
        nan = float("nan")
        objects = sample.fields.get("key_object", "")
        recall = key_object_recall(answer.text if answer else "", objects)
        # A text tells about other times too; its last one is its conclusion.
        times = answer.times[-1:] if answer else ()
        named = answer is not None and label in answer.classes
        return {
            "anomalous": float(anomalous),
            "verdict_right": float(answer is not None and answer.verdict == (ANOMALY if anomalous else NORMAL)),
            "class_named": float(named),
            "class_contradicted": float(answer is None or (bool(answer.classes) and not named)),
            "key_objects": nan if recall is None else recall,
            "time_claimed": float(bool(times)),
            "claimed_tiou": set_tiou(times, true) if times and true else nan,
        }

    def worth(self, answer: Prose | None, sample: Sample) -> float:  # noqa: D102
        return self.values(answer, sample)["verdict_right"]

    def prose(self, answer: Prose) -> str:  # noqa: D102
        return answer.text

    def as_json(self, answer: Prose) -> JSON:  # noqa: D102
        return {"verdict": answer.verdict, "classes": list(answer.classes), "times": [list(t) for t in answer.times]}

    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[Prose | None]:  # noqa: D102
        if name == "always_normal":
            return [read_prose(NOTHING, self.classes)] * len(samples)
        if name == "other_reference":
            pool = [s for s in context.tuning if s.target.label is not None and reference(s)]
            return [self._of_another(sample, pool, context.seed) for sample in samples]
        raise UnknownNameError("floor of reasoning tasks", name, self.floors)

    def _of_another(self, sample: Sample, pool: Sequence[Sample], seed: int) -> Prose | None:
        """Return the reference of another video: fluent, of the right kind, about something else."""
        start = hash_index(f"{seed}/{sample.id}", len(pool))
        for step in range(len(pool)):
            other = pool[(start + step) % len(pool)]
            if other.group != sample.group:
                return self.truth(other)
        return None


def reference(sample: Sample) -> str:
    """Return the reference text of a sample as prose: its description, then its reasoning; empty without both."""
    texts = sample.target.texts
    return "\n\n".join(_prose(texts[name]) for name in ("description", "reasoning") if texts.get(name))


# A reference is needed for the truth, for floors and for text metrics, of the same few thousand samples.
_prose = lru_cache(maxsize=8192)(normalised)


def hash_index(text: str, size: int) -> int:
    """Return a number below `size` that depends on the text alone, 0 for an empty range."""
    return zlib.crc32(text.encode()) % size if size else 0
