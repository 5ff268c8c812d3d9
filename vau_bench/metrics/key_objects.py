"""Which key objects of a reference a text names: recall over phrases, by lemma and synonym.

Annotators name "the man in the blue shirt", models name "a person wearing blue": words are compared by lemma, and words
of one group of `key_objects.toml` count as the same.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_PHRASE = re.compile(r"[,;/&]|\band\b|\bor\b|\(|\)", re.IGNORECASE)
_ENDINGS = (("ies", "y", 5), ("sses", "ss", 5), ("shes", "sh", 5), ("ches", "ch", 5), ("xes", "x", 4), ("s", "", 4))


@lru_cache(maxsize=1)
def _lexicon() -> tuple[frozenset[str], Mapping[str, str], Mapping[str, str]]:
    """Return words without content, irregular lemmas, and the name of the group of each grouped lemma."""
    data = tomllib.loads(files("vau_bench.metrics").joinpath("key_objects.toml").read_text(encoding="utf-8"))
    groups = {word: name for name, words in data["groups"].items() for word in (name, *words)}
    return frozenset(data["empty"]["words"]), data["irregular"], groups


def lemma(word: str) -> str:
    """Return the dictionary form of an English noun, lower case: irregular plurals by list, others by ending."""
    word = word.lower().removesuffix("'s")
    irregular = _lexicon()[1]
    if word in irregular:
        return irregular[word]
    if word.endswith(("ss", "us", "is")):
        return word
    for ending, replacement, shortest in _ENDINGS:
        if word.endswith(ending) and len(word) >= shortest:
            return word[: -len(ending)] + replacement
    return word


def concepts(text: str) -> frozenset[str]:
    """Return the content words of a text as lemmas, each by the name of its synonym group where it has one."""
    empty, _, groups = _lexicon()
    lemmas = (lemma(word) for word in _WORD.findall(text.lower()) if word not in empty)
    return frozenset(groups.get(word, word) for word in lemmas if len(word) > 1 and word not in empty)


def phrases(key_objects: str) -> list[frozenset[str]]:
    """Return the phrases of a `Key Object` cell as sets of concepts, those without content left out."""
    found = (concepts(part) for part in _PHRASE.split(key_objects))
    return [phrase for phrase in found if phrase]


def key_object_recall(text: str, key_objects: str) -> float | None:
    """Return the mean over the phrases of the share of their concepts that the text names.

    Returns:
        A fraction, or `None` when the cell names nothing.
    """
    wanted = phrases(key_objects)
    if not wanted:
        return None
    named = concepts(text)
    return sum(len(phrase & named) / len(phrase) for phrase in wanted) / len(wanted)
