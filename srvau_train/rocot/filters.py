"""What makes a chain unfit for training; each reason is counted."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files

from srvau_train.rocot.answers import Answer, Kind, is_right, read_answer
from srvau_train.rocot.teacher import Assignment, Chain
from vau_bench.parsing import parse_grammar
from vau_bench.records import ANOMALY, NORMAL
from vau_bench.reflection import COPIED, manner

REASONS = ("grammar", "not_the_truth", "leak", "not_about_this_answer", "copy", "empty")
_WORD = re.compile(r"\w+")


def revised_answer(chain: Chain, assignment: Assignment) -> Answer | None:
    """Return the answer that a chain ends with, as the parsers of evaluation read it back from the response."""
    last = chain.response[slice(*parse_grammar(chain.response).last.span)]
    return read_answer(last, assignment.sample, assignment.kind, (NORMAL, *assignment.subject.classes))


def faults(chain: Chain, assignment: Assignment, read: Answer | None) -> list[str]:
    """Return why a chain is unfit, in the order of `REASONS`; empty for one that is fit.

    Args:
        chain: the chain.
        assignment: what it was written for.
        read: the revised answer, see `revised_answer`.
    """
    text = chain.response
    written = "" if assignment.think else chain.think
    how = manner(text)
    grammar = parse_grammar(text)
    found = {
        "grammar": not grammar.well_formed or grammar.style != "reflect",
        "not_the_truth": read is None or not is_right(read, assignment.sample, assignment.kind),
        "leak": leak(f"{written} {chain.reflect} {chain.revised}") is not None,
        "not_about_this_answer": not names(chain.reflect, assignment.first, assignment.kind),
        "copy": how.copy or copied_share(chain.revised, chain.think) >= COPIED,
        "empty": how.empty,
    }
    return [reason for reason in REASONS if found[reason]]


def leak(text: str) -> str | None:
    """Return the phrase by which a text gives away that its writer saw the truth, `None` when there is none."""
    found = _leaks().search(text)
    return found.group().lower() if found else None


@cache
def _leaks() -> re.Pattern[str]:
    phrases = tomllib.loads(files("srvau_train.rocot").joinpath("leaks.toml").read_text("utf-8"))["phrases"]
    blank = r"\s+"
    return re.compile(rf"\b(?:{'|'.join(blank.join(map(re.escape, p.split())) for p in phrases)})\b", re.IGNORECASE)


def names(reflect: str, first: Answer, kind: Kind) -> bool:
    """Tell whether a reflection is about this answer: it names its option, class, or one of its times."""
    if kind == "mcq":
        return re.search(rf"\b(?:option|answer|statement)(?:\s+was)?\s+\(?{first.option}\b", reflect, re.I) is not None
    if first.label != ANOMALY and re.search(rf"\b{re.escape(first.label)}\b", reflect, re.IGNORECASE):
        return True
    if first.segment is None:
        return False
    numbers = {float(n) for n in re.findall(r"\d+(?:\.\d+)?", reflect)}
    return any(time in numbers for time in first.segment)


def copied_share(text: str, source: str) -> float:
    """Return the share of a text's word triples that stand in the source."""
    triples, there = _triples(text), _triples(source)
    return len(triples & there) / len(triples) if triples else 0.0


def _triples(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return set(zip(words, words[1:], words[2:], strict=False))
