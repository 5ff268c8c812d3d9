"""Where in a response the answer is looked for, and the text as the rules see it."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from vau_bench.parsing.answers import Span
from vau_bench.parsing.tags import REASONING, Block, find_blocks, is_blank, without_end

LIMIT = 1 << 15
"""Answers are looked for in so many characters at the end of a text; eight times the usual token limit."""

_PLACEHOLDER = re.compile(r"[\s.\u2026_*-]*")
_SPACE = re.compile(r"\s+")


class Scope(NamedTuple):
    """A piece of the response: its text in plain form, where it begins, and the prefix of rule names in it."""

    text: str
    offset: int
    prefix: str = ""
    complete: bool = True

    def span(self, start: int, end: int) -> Span:
        """Return offsets into the response for offsets into this piece."""
        return self.offset + start, self.offset + end

    def rule(self, name: str, canonical: str) -> str:
        """Return the full name of a rule; the canonical one inside a tag is called `tag`."""
        return self.prefix.removesuffix("/") if name == canonical and self.prefix else self.prefix + name

    def narrowed(self, inner: Scope) -> Scope:
        """Return a piece of this piece as a piece of the response."""
        return inner._replace(offset=self.offset + inner.offset, prefix=self.prefix + inner.prefix)


class Final(NamedTuple):
    """The last thing that the response says outside its reasoning.

    Attributes:
        answer: the content of its last non-empty `<answer>`.
        glue: the content of its last non-empty `<glue>`.
        free: all of it.
        thought: reasoning that nothing follows, when that is all there is; only explicit statements count there.
    """

    answer: Scope | None
    glue: Scope | None
    free: Scope | None
    thought: Scope | None = None


_SAME_CHARACTER = frozenset({"<wide>", "<narrow>", "<font>", "<circle>"})


class _PlainForms(dict[int, str]):
    """Full-width, mathematical and circled letters in plain form, looked up once each; the rest as it is."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        kind, _, code_points = unicodedata.decomposition(char).partition(" ")
        variant = kind in _SAME_CHARACTER and " " not in code_points and unicodedata.category(char) != "No"
        self[code] = chr(int(code_points, 16)) if variant else char
        return self[code]


_VARIANTS = {
    "'": "\u2018\u2019\u201a",
    '"': "\u201c\u201d\u201e\u00ab\u00bb\u300c\u300d",
    ",": "\uff0c\u3001",
    ".": "\u3002",
    "-": "\u2010\u2011\u2012\u2013\u2014\u2015\u2212",
}
_PLAIN = _PlainForms({ord(variant): form for form, variants in _VARIANTS.items() for variant in variants})


def plain(text: str) -> str:
    """Return the text with full-width and other variant characters in plain form, each at its old offset."""
    return text if text.isascii() else text.translate(_PLAIN)


def find_final(text: str) -> Final:
    """Return the part of a response that its answer is read from.

    That is the last non-blank text outside `<think>` and `<reflect>`. Reasoning counts only when it is closed and
    nothing at all stands outside; a response cut off inside its reasoning has no answer.
    """
    if "<" not in text and "\u25c1" not in text:
        return Final(None, None, None if is_blank(text) else _scope(text, 0, len(text)))
    blocks, _ = find_blocks(text)
    piece = _last_piece(text, [block for block in blocks if block.name in REASONING])
    if piece is None:
        last = blocks[-1] if blocks else None
        if last is None or last.name != "think" or not last.closed:
            return Final(None, None, None)
        return Final(None, None, None, Scope(text[last.start : last.end], last.start, "think/"))
    start, end = piece
    inside = [block for block in blocks if start <= block.start and block.end <= end]
    return Final(_content(text, inside, "answer"), _content(text, inside, "glue"), _scope(text, start, end))


def _last_piece(text: str, reasoning: list[Block]) -> Span | None:
    end = len(text)
    for block in reversed(reasoning):
        if not is_blank(text[block.outer[1] : end]):
            return block.outer[1], end
        end = block.outer[0]
    return None if is_blank(text[:end]) else (0, end)


def _content(text: str, blocks: list[Block], name: str) -> Scope | None:
    for block in reversed(blocks):
        if block.name == name and not _PLACEHOLDER.fullmatch(text, block.start, block.end):
            return _scope(text, block.start, block.end, "tag/", block.closed)
    return None


def _scope(text: str, start: int, end: int, prefix: str = "", complete: bool = True) -> Scope:
    """Return the piece without end-of-turn tokens; of an overlong one, the words within its last `LIMIT` characters."""
    piece = without_end(text[start:end])
    if len(piece) > LIMIT:
        space = _SPACE.search(piece, len(piece) - LIMIT)
        cut = space.end() if space is not None else len(piece)
        piece, start = piece[cut:], start + cut
    return Scope(plain(piece), start, prefix, complete)
