"""Multiple choice: which of the options describes the video."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from vau_bench.errors import UnknownNameError
from vau_bench.kinds.base import FloorContext, Kind, Reading
from vau_bench.kinds.papers import VAU_R1, rules_of
from vau_bench.metrics import mcq
from vau_bench.metrics.base import Columns, Confusion, Metric
from vau_bench.metrics.mcq import LETTERS
from vau_bench.parsing import paper_option, parse_option, write_option
from vau_bench.records import JSON, Sample

_ANSWER = re.compile(r"<answer>([^<]*)</answer>")
_ALONE = re.compile(rf"\s*([{LETTERS}])\)?\s*")


class MultipleChoice(Kind[str]):
    """The answer is the letter of an option."""

    name: ClassVar[str] = "mcq"
    headline: ClassVar[str] = "accuracy"
    floors: ClassVar[tuple[str, ...]] = ("always_a", "longest_option", "random")
    placeholders: ClassVar[frozenset[str]] = frozenset({"question", "options"})

    @property
    def metrics(self) -> Mapping[str, Metric]:  # noqa: D102
        return {m.name: m for m in (mcq.ACCURACY, mcq.POSITION_BALANCED)}

    def exclusion(self, sample: Sample) -> str | None:  # noqa: D102
        if "question" not in sample.fields:
            return "no_question"
        if len(_options(sample)) > len(LETTERS):
            return "too_many_options"
        return None if sample.target.option else "no_right_option"

    def prompt_fields(self, sample: Sample) -> Mapping[str, str]:  # noqa: D102
        options = "\n".join([f"{letter}. {text}" for letter, text in zip(LETTERS, _options(sample), strict=False)])
        return {"question": sample.fields["question"], "options": options}

    def choices(self, sample: Sample) -> tuple[str, ...]:  # noqa: D102
        return tuple(LETTERS[: len(_options(sample))])

    def read(self, text: str, sample: Sample) -> Reading[str] | None:  # noqa: D102
        options = _options(sample)
        found = parse_option(text, LETTERS[: len(options)], options)
        return Reading(found.value, found.rule, found.span) if found else None

    def read_as_paper(self, text: str, sample: Sample) -> Reading[str] | None:
        """Find the answer by the rules of the sample's paper."""
        return rules_of(sample, PAPERS, self.name)(text)

    def write(self, answer: str) -> str:  # noqa: D102
        return write_option(answer)

    def truth(self, sample: Sample) -> str:  # noqa: D102
        assert sample.target.option is not None
        return sample.target.option

    def values(self, answer: str | None, sample: Sample) -> dict[str, float]:  # noqa: D102
        predicted = LETTERS.find(answer) if answer else -1
        return {"truth": float(LETTERS.index(self.truth(sample))), "predicted": float(predicted)}

    def worth(self, answer: str | None, sample: Sample) -> float:  # noqa: D102
        return float(answer == self.truth(sample))

    def confusion(self, columns: Columns) -> Confusion | None:  # noqa: D102
        if not columns:
            return None
        return mcq.confusion(columns, int(max(columns["truth"].max(), columns["predicted"].max())) + 1)

    def as_json(self, answer: str) -> JSON:  # noqa: D102
        return answer

    def floor(self, name: str, samples: Sequence[Sample], context: FloorContext) -> list[str | None]:  # noqa: D102
        if name == "always_a":
            return ["A"] * len(samples)
        if name == "longest_option":
            return [_longest(_options(s)) for s in samples]
        if name == "random":
            return [random.Random(f"{context.seed}/{s.id}").choice(self.choices(s)) for s in samples]
        raise UnknownNameError("floor of mcq tasks", name, self.floors)


def _as_vau_r1(text: str) -> Reading[str] | None:
    found = paper_option(text)
    return Reading(found.value, found.rule, found.span) if found else None


def _single_letter(text: str) -> Reading[str] | None:
    """Find the letter that is all there is, but for one `)`: VANE-Bench counts everything else as wrong.

    Its prompts ask for the letter alone, ours for tags around it, so what stands in the last of them is looked at.
    """
    tags = list(_ANSWER.finditer(text))
    begin, end = tags[-1].span(1) if tags else (0, len(text))
    alone = _ALONE.fullmatch(text, begin, end)
    return Reading(alone[1], "paper/single_letter", alone.span(1)) if alone else None


PAPERS: Mapping[str, Callable[[str], Reading[str] | None]] = {VAU_R1: _as_vau_r1, "single_letter": _single_letter}


def _options(sample: Sample) -> Sequence[str]:
    options: Sequence[str] = sample.fields["options"]
    return options


def _longest(options: Sequence[str]) -> str:
    """Return the letter of the longest option, the first of equals."""
    return LETTERS[max(range(len(options)), key=lambda i: len(options[i]))]
