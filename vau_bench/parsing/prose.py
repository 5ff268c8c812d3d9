"""What an explanation in prose says: whether something is wrong, of which class, and when.

Unlike the parsers of answers it does not look for one answer: it collects what is claimed. A denied class ("no fire")
is not a claim, and a text that says both "normal" and "anomalous" without an explicit answer has no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vau_bench.parsing.grammar import parse_grammar
from vau_bench.parsing.interval import parse_interval
from vau_bench.parsing.interval_pairs import SENTINEL, find_pairs
from vau_bench.parsing.label import parse_label
from vau_bench.parsing.lexicon import build_lexicon
from vau_bench.parsing.scope import LIMIT
from vau_bench.records import ANOMALY, NORMAL


@dataclass(frozen=True, slots=True)
class Prose:
    """What a text claims.

    Attributes:
        text: the text itself, of a reflection its last attempt.
        verdict: `NORMAL`, `ANOMALY`, or `None` when the text does not say or says both.
        classes: the classes that are named and not denied, sorted.
        times: the intervals that are named, in seconds, in order and each once.
    """

    text: str
    verdict: str | None
    classes: tuple[str, ...]
    times: tuple[tuple[float, float], ...]


def read_prose(text: str, classes: Sequence[str]) -> Prose:
    """Return what a text claims.

    Args:
        text: a response, reasoning included; only its last 32 Ki characters are read.
        classes: the canonical class names.
    """
    if "<reflect" in text.lower():
        text = text[slice(*parse_grammar(text).last.span)]
    read = text[-LIMIT:]
    mentioned = {mention.label for mention in build_lexicon(classes, {}).mentions(read)}
    stated = parse_label(read, classes)
    if stated is not None:
        verdict: str | None = NORMAL if stated.value == NORMAL else ANOMALY
    else:
        wrong = bool(mentioned - {NORMAL})
        verdict = None if wrong == (NORMAL in mentioned) else (ANOMALY if wrong else NORMAL)
    return Prose(text, verdict, tuple(sorted(mentioned - {NORMAL, ANOMALY})), _times(read))


def _times(text: str) -> tuple[tuple[float, float], ...]:
    """Return the intervals of the answer tags when there are any, else all that the text names."""
    answered = parse_interval(text)
    if answered is not None and answered.rule == "tag":
        found = list(answered.value.segments)
    else:
        found = [(p.first, p.second) for p in find_pairs(text) if p.form != "denied"]
    valid = [(a, b) for a, b in found if 0 <= a < b and (a, b) != SENTINEL]
    return tuple(dict.fromkeys(valid))
