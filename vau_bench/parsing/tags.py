"""Tags of the response grammar: one pass over the text, however broken the tags are."""

from __future__ import annotations

import re
from typing import NamedTuple

from vau_bench.parsing.answers import Span

REASONING = frozenset({"think", "reflect"})

_TAG = re.compile(
    r"[<\u25c1][ \t]{0,8}(/?)[ \t]{0,8}(think|answer|glue|reflect)(?:ing|ion)?"
    r"(?=[\s/>\u25b7])([^<>\u25c1\u25b7]*)[>\u25b7]",
    re.IGNORECASE,
)
MOST_TAGS = 1000
"""Of more tags than this only the last ones are read: no answer needs them, and broken ones cost time."""

_END_TOKENS = ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end|>", "</s>", "<end_of_turn>")


class Block(NamedTuple):
    """One element: its content `[start, end)` and, with the tags, `outer`."""

    name: str
    start: int
    end: int
    outer: Span
    closed: bool


class _Token(NamedTuple):
    name: str
    closing: bool
    start: int
    end: int


def is_blank(text: str) -> bool:
    """Tell whether nothing but white space and end-of-turn tokens is left."""
    return not without_end(text)


def without_end(text: str) -> str:
    """Return the text without white space and end-of-turn tokens at its end."""
    end = len(text)
    while True:
        while end and text[end - 1].isspace():
            end -= 1
        token = next((token for token in _END_TOKENS if text.endswith(token, 0, end)), None)
        if token is None:
            return text[:end]
        end -= len(token)


def find_blocks(text: str) -> tuple[list[Block], list[str]]:
    """Return the elements in order of their content, and what is wrong with the tags.

    `think` and `reflect` are opaque: what they enclose is reasoning, tags included. One that is never closed ends
    at the next complete answer that another tag or the end of the text follows; where there is none, it reaches
    to the end. An `answer` or `glue` that is never closed ends at the next tag. A `</think>` before any `<think>`
    closes reasoning that began with the text, since some chat templates write the opening tag in the prompt.
    """
    problems: list[str] = []
    tokens = _tokens(text, problems)
    if not tokens:
        return [], problems
    partner = _partners(tokens)
    ends = _ends_of_unclosed(text, tokens, partner)
    blocks: list[Block] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        if token.closing:
            if partner[at] < 0:
                problems.append(f"stray_close_{token.name}")
            at += 1
        elif token.name in REASONING:
            at = _take_reasoning(text, tokens, at, partner[at], ends, blocks, problems)
        else:
            _take_answer(text, tokens, at, partner[at], blocks, problems)
            at += 1
    blocks.sort(key=lambda block: block.start)
    return blocks, problems


def _tokens(text: str, problems: list[str]) -> list[_Token]:
    tokens: list[_Token] = []
    matches = list(_TAG.finditer(text))
    if len(matches) > MOST_TAGS:
        problems.append("too_many_tags")
    for match in matches[-MOST_TAGS:]:
        closing, name, rest = match.groups()
        lowered = name.lower()
        tokens.append(_Token(lowered, bool(closing), match.start(), match.end()))
        if name != lowered:
            problems.append("uppercase_tag")
        if rest and not rest.isspace():
            problems.append("tag_attributes")
        if not closing and rest.endswith("/"):
            problems.append("self_closing_tag")
    thoughts = next((token for token in tokens if token.name == "think"), None)
    if thoughts is not None and thoughts.closing:
        problems.append("unopened_think")
        tokens.insert(0, _Token("think", False, 0, 0))
    return tokens


def _partners(tokens: list[_Token]) -> list[int]:
    """Return for each tag the index of the tag that closes or opens it, or -1."""
    partner = [-1] * len(tokens)
    open_tags: dict[str, list[int]] = {}
    for index, token in enumerate(tokens):
        stack = open_tags.setdefault(token.name, [])
        if not token.closing:
            stack.append(index)
        elif stack:
            partner[index] = stack.pop()
            partner[partner[index]] = index
    return partner


def _ends_of_unclosed(text: str, tokens: list[_Token], partner: list[int]) -> dict[str, list[int]]:
    """Return, for `think` and `reflect`, where an unclosed one that opens at each tag would end (a tag, or -1)."""
    count = len(tokens)
    complete = [False] * count
    think_ends, reflect_ends = [-1] * count, [-1] * count
    next_answer = next_think = -1
    for index in range(count - 1, -1, -1):
        name, closing, _, end = tokens[index]
        think_ends[index] = next_answer
        nearest = [tag for tag in (next_answer, next_think) if tag >= 0]
        reflect_ends[index] = min(nearest, default=-1)
        if name in REASONING:
            next_think = index if name == "think" and not closing else next_think
        elif closing:
            following = index + 1
            if not is_blank(text[end : tokens[following].start if following < count else len(text)]):
                continue
            glue = following < count and tokens[following].name == "glue" and not tokens[following].closing
            complete[index] = complete[partner[following]] if glue and partner[following] >= 0 else True
        elif name == "answer" and partner[index] >= 0 and complete[partner[index]]:
            next_answer = index
    return {"think": think_ends, "reflect": reflect_ends}


def _take_reasoning(
    text: str,
    tokens: list[_Token],
    at: int,
    close: int,
    ends: dict[str, list[int]],
    blocks: list[Block],
    problems: list[str],
) -> int:
    """Add one `think` or `reflect`; return the tag to go on from."""
    token = tokens[at]
    closed = close >= 0
    if not closed:
        problems.append(f"unclosed_{token.name}")
        close = ends[token.name][at]
    end = tokens[close].start if close >= 0 else len(text)
    stop = close if close >= 0 else len(tokens)
    if stop > at + 1:
        problems.append("nested_tags")
    outer_end = tokens[close].end if closed else end
    blocks.append(Block(token.name, token.end, end, (token.start, outer_end), closed))
    return stop + 1 if closed else stop


def _take_answer(
    text: str, tokens: list[_Token], at: int, close: int, blocks: list[Block], problems: list[str]
) -> None:
    """Add one `answer` or `glue`: the part of its content that is not inside further tags."""
    token = tokens[at]
    following = tokens[at + 1].start if at + 1 < len(tokens) else len(text)
    if close < 0:
        problems.append(f"unclosed_{token.name}")
        blocks.append(Block(token.name, token.end, following, (token.start, following), False))
        return
    start, end = token.end, tokens[close].start
    if close > at + 1:
        problems.append("nested_tags")
        tail = tokens[close - 1].end
        if is_blank(text[start:following]) and not is_blank(text[tail:end]):
            start = tail
        elif is_blank(text[start:following]) and any(t.name == token.name for t in tokens[at + 1 : at + 2]):
            return
        else:
            end = following
    blocks.append(Block(token.name, start, end, (token.start, tokens[close].end), True))
