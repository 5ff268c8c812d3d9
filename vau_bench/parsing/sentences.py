"""Text to sentences: the units that answers and references are compared by.

Rules, in order, each taking linear time:

1. headings (`###`), list items (`-`, `*`, `1.`) and paragraphs are units; headings and items are also found in the
   middle of a line, because released references hold their markdown without its line breaks;
2. a unit is cut after `.`, `!`, `?` or an ellipsis where a blank and no lower-case letter follow, but not after an
   abbreviation or an initial, nor inside a decimal number; and after the full stops of Chinese and Japanese;
3. marks of emphasis and code are removed; a heading that only labels what follows ("Key Evidence:") is dropped;
4. what is still longer than `LONGEST` characters is cut at a blank, so that no encoder truncates it unseen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 800
"""Characters of the longest sentence; about 200 tokens of English, below the window of small sentence encoders."""

_LABEL_WORDS = 5
_ABBREVIATIONS = frozenset(
    [
        "a.k.a",
        "al",
        "approx",
        "c.f",
        "cf",
        "dept",
        "dr",
        "e.g",
        "i.e",
        "jr",
        "mr",
        "mrs",
        "ms",
        "prof",
        "sgt",
        "st",
        "vs",
    ]
)
_BEFORE_NUMBERS = frozenset(["eq", "fig", "figs", "no", "nos", "p", "pp", "sec", "vol"])
_ZERO_WIDTH = re.compile("[\u200b-\u200f\u2060\ufeff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]")
_BLANKS = re.compile(r"[ \t\u00a0]+")
_FENCE = re.compile(r"^ ?(?:`{3,}|~{3,})[^\n`]*$", re.MULTILINE)
_HEADING = re.compile(r"(?:^|(?<=\s))#{1,6} ")
_ITEM_LINE = re.compile(r"^ ?(?:[-*+\u2022\u2013>]|\d{1,3}[.)]) ", re.MULTILINE)
_ITEM_INLINE = re.compile(r"(?<=[.!?:;)*\"']) [-*\u2022] | [-*\u2022] (?=\*\*)")
_PARAGRAPH = re.compile(r"\n\s*\n")
_NEW_LINE = re.compile(r" ?\n\s*")
_STOP = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"'\u201d\u2019)\]]*+(?= [^a-z])"
    r"|[\u3002\uff01\uff1f]+[\"'\u201d\u2019\u300d\u300f\uff09]*"
)
_EMPHASIS = re.compile(r"\*{1,3}|`+|(?<!\w)_{1,2}|_{1,2}(?!\w)")
_UNIT, _TITLE = "\x00", "\x01"  # free to mark borders, since control characters are removed first


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, on one line each, without markdown; none for a text without words."""
    labels: list[str] = []
    sentences: list[str] = []
    for unit, is_heading in _units(text):
        if is_heading and _is_label(unit):
            labels.append(unit.rstrip(": "))
            continue
        for sentence in _cut(unit):
            sentences.extend(_portions(sentence))
    return sentences or labels


def _units(text: str) -> Iterator[tuple[str, bool]]:
    """Yield headings, items and paragraphs, and whether each is a heading."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _BLANKS.sub(" ", _CONTROL.sub(" ", _ZERO_WIDTH.sub("", text)))
    text = _PARAGRAPH.sub(_UNIT, _FENCE.sub(_UNIT, text))
    text = _ITEM_LINE.sub(_UNIT, text)
    text = _HEADING.sub(_UNIT + _TITLE, text)
    text = _ITEM_INLINE.sub(_UNIT, text)
    for block in text.split(_UNIT):
        is_heading = block.startswith(_TITLE)
        for line in _lines(block.removeprefix(_TITLE)):
            clean = " ".join(_EMPHASIS.sub("", line).split())
            if any(map(str.isalnum, clean)):
                yield clean, is_heading
            is_heading = False  # only the first line of a block is the heading itself


def _lines(block: str) -> Iterator[str]:
    """Yield the lines of a block, those together that a wrapped sentence runs through."""
    pending: list[str] = []
    for line in filter(None, _NEW_LINE.split(block)):
        if pending and not (line[0].islower() and pending[-1][-1] not in ".!?:;"):
            yield " ".join(pending)
            pending = []
        pending.append(line)
    if pending:
        yield " ".join(pending)


def _is_label(heading: str) -> bool:
    """Tell a heading that names a section from one that states something ("Type: Assault")."""
    return ":" not in heading.rstrip(": ") and heading[-1] not in ".!?" and len(heading.split()) <= _LABEL_WORDS


def _cut(unit: str) -> Iterator[str]:
    begin = 0
    for stop in _STOP.finditer(unit):
        if stop[0] == "." and _abbreviated(unit, begin, stop.start()):
            continue
        yield unit[begin : stop.end()].strip()
        begin = stop.end()
    yield unit[begin:].strip()


def _abbreviated(unit: str, begin: int, stop: int) -> bool:
    """Tell whether the word before a full stop is an abbreviation or an initial ("J. Smith")."""
    word = unit[max(begin, unit.rfind(" ", begin, stop) + 1) : stop].lstrip("([\"'\u201c")
    if word.lower() in _BEFORE_NUMBERS:
        return unit[stop + 2 : stop + 3].isdigit()
    return word.lower() in _ABBREVIATIONS or (len(word) == 1 and word.isupper() and word not in "AI")


def _portions(sentence: str) -> Iterator[str]:
    begin = 0
    while begin < len(sentence):
        end = len(sentence)
        if end - begin > LONGEST:
            blank = sentence.rfind(" ", begin + 1, begin + LONGEST)
            end = blank if blank > 0 else begin + LONGEST
        portion = sentence[begin:end].strip()
        if any(map(str.isalnum, portion)):
            yield portion
        begin = end
