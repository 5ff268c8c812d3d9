"""Text: an answer in prose that is compared with the words of a reference, as caption benchmarks do.

It is not asked whether the text is true. What is asked stands in a sample under `query`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

import numpy as np

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.kinds.reasoning import hash_index, reference
from vau_bench.metrics import captions as metrics
from vau_bench.metrics.base import Metric
from vau_bench.metrics.cider import Consensus
from vau_bench.metrics.text import rouge_l
from vau_bench.metrics.words import words
from vau_bench.parsing import parse_grammar
from vau_bench.readers.texts import normalised
from vau_bench.records import JSON, Sample

QUERY = "Describe what happens in this video."
"""What is asked where a sample says nothing else."""
BETA = 1.2  # of ROUGE-L in caption benchmarks
_DIGITS = 9  # a text against itself has a CIDEr-D of 10, not of 9.999999999999998


class Text(Kind[str]):
    """The answer is a text.

    `corpus` in the fields of a sample holds the references that tell how rare a word is, `level` what it is about.
    """

    name: ClassVar[str] = "text"
    headline: ClassVar[str] = "rouge_l"
    placeholders: ClassVar[frozenset[str]] = frozenset({"query"})
    floors: ClassVar[tuple[str, ...]] = ("other_reference",)

    @property
    def metrics(self) -> Mapping[str, Metric]:  # noqa: D102
        return {m.name: m for m in metrics.ALL}

    def exclusion(self, sample: Sample) -> str | None:  # noqa: D102
        return None if words(reference(sample)) else "no_reference"

    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:  # noqa: D102
        return {"query": sample.fields.get("query", QUERY)}

    def choices(self, sample: Sample) -> tuple[str, ...]:  # noqa: D102
        return ()

    def read(self, text: str, sample: Sample) -> Reading[str] | None:
        """Take what the last answer holds; without tags around it, all that was not thought aloud before it."""
        last = parse_grammar(text).last
        said = last.answer
        if said is None:
            said = text[slice(*last.span)].rpartition("</think>")[2].strip()
        return Reading(said, "text", (0, len(text))) if said else None

    def read_as_paper(self, text: str, sample: Sample) -> Reading[str] | None:
        """Find the answer; papers take the whole text, which has no tags there."""
        return self.read(text, sample)

    def write(self, answer: str) -> str:  # noqa: D102
        return f"<answer>{answer}</answer>"

    def truth(self, sample: Sample) -> str:  # noqa: D102
        return reference(sample)

    def values(self, answer: str | None, sample: Sample) -> dict[str, float]:
        """Return the counts of BLEU and the scores of this text; no answer is an empty text."""
        true, said = reference(sample), answer or ""
        counts = metrics.bleu_counts(words(said), words(true))
        corpus, level = sample.fields.get("corpus", ()), sample.fields.get("level")
        rare = round(_consensus(corpus).score(said, [true]), _DIGITS) if len(corpus) > 1 else math.nan
        return {
            **dict(zip(metrics.COUNTS, map(float, counts), strict=True)),
            "bleu4": float(metrics.bleus(np.array(counts, dtype=np.float64))[-1]),
            "rouge_l": self.worth(answer, sample),
            "cider_d": rare,
            "level": float(metrics.LEVELS.index(level)) if level else math.nan,
        }

    def worth(self, answer: str | None, sample: Sample) -> float:  # noqa: D102
        return rouge_l([answer or ""], [[reference(sample)]], tokenize=words, beta=BETA).corpus

    def prose(self, answer: str) -> str:  # noqa: D102
        return answer

    def as_json(self, answer: str) -> JSON:
        """Return the number of words: scores are passed on, texts of a dataset are not."""
        return {"words": len(words(answer))}

    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[str | None]:
        """Return the reference of another video to the same kind of question."""
        if name != "other_reference":
            raise UnknownNameError("floor of text tasks", name, self.floors)
        pools: dict[str | None, list[Sample]] = {}
        for sample in context.tuning:
            if self.exclusion(sample) is None:
                pools.setdefault(sample.fields.get("level"), []).append(sample)
        return [_of_another(s, pools.get(s.fields.get("level"), ()), context.seed) for s in samples]


@lru_cache(maxsize=8)
def _consensus(corpus: tuple[str, ...]) -> Consensus:
    return Consensus([[normalised(text)] for text in corpus])


def _of_another(sample: Sample, pool: Sequence[Sample], seed: int) -> str | None:
    start = hash_index(f"{seed}/{sample.id}", len(pool))
    others = (pool[(start + step) % len(pool)] for step in range(len(pool)))
    return next((reference(other) for other in others if other.group != sample.group), None)
