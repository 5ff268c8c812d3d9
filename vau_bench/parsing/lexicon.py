"""The names of classes as they occur in text: own names, aliases, verdicts, and phrases that mean none of them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

from vau_bench.parsing.statements import is_asked, is_denied_after, is_denied_before, is_hypothetical
from vau_bench.records import ANOMALY, NORMAL

_OPPOSITE = {NORMAL: ANOMALY, ANOMALY: NORMAL}
_IS_VERDICT = re.compile(
    r"[*_`'\")\]]{0,4}\s{0,3}(?:$|[.,;:!?)\]}<|\n*(-]|(?:video|clip|footage|scene|recording|events?|activit(?:y|ies)|behaviou?rs?"
    r"|situation|state|condition|case|and|with|for|without|throughout|in|because|since|as|to|here|overall|class)\b|[^\x00-\x7f])",
    re.IGNORECASE,
)
"""What may follow the word "normal" when it is said of the video: in "normal traffic" it describes something else."""


class Mention(NamedTuple):
    """A class named in a text, at `[start, end)`."""

    label: str
    start: int
    end: int


class Lexicon(NamedTuple):
    """What each name means, by its key, and one expression that finds the longest name at each place."""

    names: Mapping[str, str | None]
    pattern: re.Pattern[str]

    def exact(self, text: str) -> str | None:
        """Return the class that a text names if it consists of nothing else."""
        return self.names.get(_key(text)) if len(text) < 100 else None

    def mentions(self, text: str) -> Iterator[Mention]:
        """Return the classes that the text says it shows, in order.

        A denied, supposed or asked-for class is left out; "not normal" is an anomaly and "nothing abnormal" is normal.
        """
        told = (say(text, named) for named in self.named(text))
        return (mention for mention in told if mention is not None)

    def named(self, text: str) -> Iterator[Mention]:
        """Yield every name of a class in the text, whatever is said of it."""
        for match in self.pattern.finditer(text):
            label = self.names[_key(match[0])]
            if label is not None:
                yield Mention(label, match.start(), match.end())


def say(text: str, named: Mention, since: int = 0) -> Mention | None:
    """Return what a text, read from `since` on, says where it names a class; `None` if it denies or doubts it."""
    label, start, end = named
    if is_hypothetical(text, start) or is_asked(text, end):
        return None
    if is_denied_before(text, start, since=since, lists=True) or is_denied_after(text, end):
        opposite = _OPPOSITE.get(label)
        return None if opposite is None else Mention(opposite, start, end)
    return named if label != NORMAL or _IS_VERDICT.match(text, end) else None


def build_lexicon(classes: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> Lexicon:
    """Return the lexicon of these classes, with the aliases of `aliases.toml` and further ones.

    Raises:
        ValueError: if a name would mean two classes.
    """
    extra = tuple(sorted((label, tuple(names)) for label, names in aliases.items())) if aliases else ()
    return _build(tuple(classes), extra)


def common_lexicon() -> Lexicon:
    """Return the lexicon of all classes of VAU-Bench."""
    return _build((NORMAL, *_read_aliases()["classes"]), ())


@lru_cache(maxsize=32)
def _build(classes: tuple[str, ...], extra: tuple[tuple[str, tuple[str, ...]], ...]) -> Lexicon:
    known = _read_aliases()
    names: dict[str, str | None] = {}
    for label in classes:
        _add(names, label, NORMAL if _key(label) == "normal" else label)
    for label, others in extra:
        for other in others:
            _add(names, other, label)
    for phrase in known["other"]["phrases"]:
        names.setdefault(_key(phrase), None)
    for verdict, label in (("normal", NORMAL), ("anomaly", ANOMALY)):
        for name in known["verdicts"][verdict]:
            names.setdefault(_key(name), label)
    of_key = {_key(label): label for label in classes}
    for label, others in known["classes"].items():
        for other in others if _key(label) in of_key else ():
            names.setdefault(_key(other), of_key[_key(label)])
    return Lexicon(names, _pattern(names))


def _add(names: dict[str, str | None], name: str, label: str) -> None:
    key = _key(name)
    if not key:
        raise ValueError(f"a name of class {label!r} is empty")
    if names.setdefault(key, label) != label:
        raise ValueError(f"{name!r} names both {names[key]!r} and {label!r}")


def _pattern(names: Mapping[str, str | None]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    choices = "|".join(r"[\s_-]{1,3}".join(re.escape(word) for word in name.split()) for name in longest_first)
    initials = "".join(sorted({name[0] for name in names}))
    latin = r"A-Za-z0-9\u00c0-\u024f"
    return re.compile(
        rf"(?<![{latin}])(?<![{latin}][_-])(?=[{re.escape(initials)}])(?:{choices})(?![{latin}]|[_-][{latin}])",
        re.IGNORECASE,
    )


def _key(name: str) -> str:
    return " ".join(re.sub(r"[_-]", " ", name).lower().split())


@lru_cache(maxsize=1)
def _read_aliases() -> dict[str, Any]:
    return tomllib.loads(files("vau_bench.parsing").joinpath("aliases.toml").read_text(encoding="utf-8"))
