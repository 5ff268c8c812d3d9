"""Rewards as pure functions of a completion and its truth, and as the functions that TRL calls.

Each component is in [0, 1], but the reflection effect, which is one of `EffectCells`. A response whose tags are nested
or whose answers are repeated is ambiguous and earns nothing at all: no grading by the luckiest of several answers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from srvau_train.grading import Quality, Truth, grade
from srvau_train.weights import COMPONENTS, EffectCells, RewardWeights
from vau_bench.parsing import Reflection, parse_grammar
from vau_bench.records import Segment
from vau_bench.reflection import manner_of

RewardFunction: TypeAlias = Callable[..., list[float]]

AMBIGUOUS = frozenset(
    {
        "nested_tags",
        "repeated_answer",
        "repeated_glue",
        "repeated_think",
        "repeated_reflect",
        "late_think",
        "too_many_tags",
    }
)
LOOPED = 0.7
"""From this share of repeated word triples on, a reflection runs in circles. A walk through a timeline that names every
second of a long calm repeats up to 0.55 of them."""

_SENTENCE = 4
"""Words from which on a sentence is one; "that is right" may be said twice."""

_WORD = re.compile(r"\w+")
_SENTENCE_END = re.compile(r"[.!?]+(?:\s+|$)")
_NAN = float("nan")
_grammar = lru_cache(maxsize=64)(parse_grammar)
"""Each component begins with it."""


class Components(NamedTuple):
    """The unweighted parts of a reward; NaN where the task does not ask for one."""

    format: float
    accuracy: float
    tiou: float
    effect: float
    form: float
    length: float


class Reward(NamedTuple):
    """A reward and where it comes from.

    Attributes:
        total: the weighted sum of what applies.
        components: unweighted, for the log.
        first: worth of the first answer, `None` when no reflection follows it.
        revised: worth of the last answer.
    """

    total: float
    components: Components
    first: float | None
    revised: float


def format_reward(text: str, style: str = "reflect", *, interval: bool | None = None) -> float:
    """Return 1 when the response has this style and follows the grammar to the letter, else 0.

    Args:
        text: the response.
        style: `direct`, `think` or `reflect`.
        interval: whether each answer must have, or must not have, a `<glue>`; `None` accepts both.
    """
    grammar = _grammar(text)
    if not grammar.well_formed or grammar.style != style:
        return 0.0
    attempts = [grammar.last] if grammar.first is None else [grammar.first, grammar.last]
    if interval is not None and any((a.glue is not None) != interval for a in attempts):
        return 0.0
    return 1.0


def accuracy_reward(text: str, truth: Truth) -> float:
    """Return 1 when the last answer's option or label is right, else 0; NaN when neither is asked for."""
    value = grade(text, truth).accuracy
    return _NAN if value is None else value


def tiou_reward(text: str, truth: Truth, *, above_whole: bool = False) -> float:
    """Return the tIoU of the last answer; both normal is 1, exactly one normal 0, NaN without a known time."""
    value = grade(text, truth, above_whole=above_whole).tiou
    return _NAN if value is None else value


def effect_reward(first: float, revised: float, cells: EffectCells = EffectCells()) -> float:  # noqa: B008
    """Return what the reflection did, from the worth of the answer before and after it."""
    return cells.at(first, revised)


def form_reward(text: str, most_words: int = 400) -> float:
    """Return 1 for one reflection, in its place, that says something of its own and ends, else 0.

    It has at least five words and at most `most_words`, repeats neither the first reasoning nor itself, and says no
    sentence twice.
    """
    grammar = _grammar(text)
    if grammar.style != "reflect" or not grammar.well_formed:
        return 0.0
    how = manner_of(grammar)
    fits = not how.empty and not how.copy and how.words <= most_words
    said = grammar.reflect or ""
    return float(fits and looped_share(said) < LOOPED and not repeats(said))


def length_reward(text: str, target: float = 2.0, limit: float = 2.5) -> float:
    """Return SRPO's `f_len = exp(-((L - T) / (Tmax - T))^2)`; 0 for a response that is not well formed.

    Args:
        text: the response, L words long; its first solution is x words long.
        target: `T / x`.
        limit: `Tmax / x`.
    """
    grammar = _grammar(text)
    if grammar.first is None or grammar.style != "reflect" or not grammar.well_formed:
        return 0.0
    solution = len(_WORD.findall(text[slice(*grammar.first.span)]))
    ratio = len(_WORD.findall(text)) / solution
    return math.exp(-(((ratio - target) / (limit - target)) ** 2))


def looped_share(text: str) -> float:
    """Return the share of word triples that have occurred before."""
    words = _WORD.findall(text.lower())
    count = len(words) - 2
    return 1 - len(set(zip(words, words[1:], words[2:], strict=False))) / count if count > 0 else 0.0


def repeats(text: str) -> bool:
    """Tell whether a sentence of at least four words stands there twice: how a loop begins."""
    words = (tuple(_WORD.findall(sentence)) for sentence in _SENTENCE_END.split(text.lower()))
    sentences = [said for said in words if len(said) >= _SENTENCE]
    return len(set(sentences)) < len(sentences)


@lru_cache(maxsize=4096)
def total(text: str, truth: Truth, weights: RewardWeights = RewardWeights()) -> Reward:  # noqa: B008
    """Return the reward of one completion, with each component.

    The last ones are remembered: each component, and what tells reflections apart, asks for the same.
    """
    grammar = _grammar(text)
    if AMBIGUOUS & set(grammar.problems):
        asked = grade(None, truth)
        nothing = Components(0.0, _or_nan(asked.accuracy), _or_nan(asked.tiou), 0.0, 0.0, 0.0)
        return Reward(0.0, nothing, None, 0.0)
    first, revised = _graded(text, grammar, truth, weights)
    answer = revised if first is None or weights.answer == "last" else first
    before = None if first is None else first.mean(weights.accuracy, weights.tiou)
    after = revised.mean(weights.accuracy, weights.tiou)
    components = Components(
        format=format_reward(text, weights.style, interval=truth.segments is not None),
        accuracy=_or_nan(answer.accuracy),
        tiou=_or_nan(answer.tiou),
        effect=0.0 if before is None else weights.cells.at(before, after),
        form=form_reward(text, weights.most_words),
        length=length_reward(text, weights.length_target, weights.length_limit),
    )
    paid = (w * v for w, v in zip(weights.listed(), components, strict=True) if w and not math.isnan(v))
    return Reward(sum(paid), components, before, after)


def _graded(text: str, grammar: Reflection, truth: Truth, weights: RewardWeights) -> tuple[Quality | None, Quality]:
    """Grade the answers before and after the reflection; one that never came to a revised answer has lost it."""
    last = grade(text[slice(*grammar.last.span)], truth, above_whole=weights.above_whole)
    if grammar.style != "reflect":
        return None, last
    if "no_revised_answer" in grammar.problems:
        return last, grade(None, truth)
    if grammar.first is None:
        return grade(None, truth), last
    return grade(text[slice(*grammar.first.span)], truth, above_whole=weights.above_whole), last


def _or_nan(value: float | None) -> float:
    return _NAN if value is None else value


def truth_of(columns: Mapping[str, Any]) -> Truth:
    """Return the truth that a row of a training set holds.

    Columns, each of which may be absent or `None`: `label`, `classes`, `option`, `options`, `segments` (pairs of
    seconds; empty for a normal video), `duration`.
    """
    segments = columns.get("segments")
    return Truth(
        label=columns.get("label"),
        classes=tuple(columns.get("classes") or ()),
        option=columns.get("option"),
        options=tuple(columns.get("options") or ()),
        segments=None if segments is None else tuple(Segment(float(s), float(e)) for s, e in segments),
        duration=columns.get("duration"),
    )


def reward_functions(weights: RewardWeights = RewardWeights()) -> list[RewardFunction]:  # noqa: B008
    """Return one function a component, `f(completions, **columns) -> list[float]`, as TRL's `reward_funcs`.

    TRL logs each by its name and adds them up by `GRPOConfig.reward_weights`; pass it `weights.listed()`. A component
    that a row does not ask for is NaN, which TRL leaves out of sum and log. The columns are those of `truth_of`,
    or `truth` with each `Truth` itself.
    """
    return [_reward_function(name, index, weights) for index, name in enumerate(COMPONENTS)]


def _reward_function(name: str, index: int, weights: RewardWeights) -> RewardFunction:
    def reward(completions: Sequence[Any], **columns: Any) -> list[float]:
        truths = columns.get("truth") or [truth_of(row) for row in _rows(columns, len(completions))]
        pairs = zip(completions, truths, strict=True)
        return [float(total(completion_text(c), truth, weights).components[index]) for c, truth in pairs]

    reward.__name__ = f"{name}_reward"
    return reward


_TRUTH_COLUMNS = ("label", "classes", "option", "options", "segments", "duration")


def _rows(columns: Mapping[str, Any], count: int) -> list[dict[str, Any]]:
    used = {name: columns[name] for name in _TRUTH_COLUMNS if columns.get(name) is not None}
    for name, values in used.items():
        if len(values) != count:
            raise ValueError(f"column {name!r} has {len(values)} rows for {count} completions")
    return [{name: values[i] for name, values in used.items()} for i in range(count)]


def completion_text(completion: Any) -> str:
    """Return the text of a completion in either of TRL's formats: a string, or a list of messages."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content if part.get("type") == "text")
