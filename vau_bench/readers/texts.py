"""Reference texts as prose, whatever markup they were released in.

The released reasoning is markdown with `###` headings and bold bullets, or a Python dict written out as a string.
Both become the same thing: sentences, one paragraph per heading or key. Nothing is ever evaluated: a dict is read by
`ast.literal_eval`, and one that is cut or misquoted by its keys.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

_LITERAL_LIMIT = 200_000
"""Characters up to which a text is read as a Python literal; the parser of Python is not made for more."""

_KEY = re.compile(r"""(?:^\s*\{|,)\s*(['"])([A-Za-z][\w /&-]{0,60})\1\s*:\s*""")
_HEADING = re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$\n?", re.MULTILINE)
_INLINE_HEADING = re.compile(r"[ \t]+(?=#{1,6}[ \t]+\S)")
_BULLET = re.compile(r"^[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+", re.MULTILINE)
_INLINE_BULLET = re.compile(r"(?<=[.:;!?])[ \t]+(?:[-*+\u2022]|\d{1,3}[.)])[ \t]+(?=\*\*|\w)")
_STRONG = re.compile(r"(\*\*|__)(?=\S)(.{1,400}?)(?<=\S)\1", re.DOTALL)
_EMPHASIS = re.compile(r"(?<![\w*])([*_])(?=[^\s*_])([^*_\n]{1,200}?)(?<=[^\s*_])\1(?![\w*])")
_RUN_IN = re.compile(
    r"^([ \t]{0,3}#{1,6}[ \t]+(?:Specific Anomaly Type|Location|Key Evidence|Detailed Explanation|Cause and Effect"
    r"|Conclusion))"
    r"(?:[ \t]*:)?[ \t]+(?:[-*][ \t]+(?=\*\*))?(?=\S)",
    re.MULTILINE,
)
"""The headings of the released files when the section goes on in the same line."""
_RULE = re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*`{3,}\w*[ \t]*$", re.MULTILINE)


def normalised(text: str) -> str:
    """Return the text as plain prose; a text that is prose already comes back but for its spaces."""
    text = text.strip()
    if text.startswith(("{", "[")):
        text = "\n\n".join(_from_literal(text))
    return _without_markdown(text)


def _from_literal(text: str) -> Iterator[str]:
    """Yield a paragraph per key of a dict, or the text itself where it is no dict or list after all."""
    if len(text) <= _LITERAL_LIMIT:
        try:
            value = ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            pass
        else:
            yield from _paragraphs(value)
            return
    if text.startswith("{"):
        yield from _by_keys(text)
    else:
        yield text


def _paragraphs(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, content in value.items():
            said = _said(content)
            yield f"{_said(key)}: {said}" if said else _said(key)
    else:
        yield _said(value)


def _said(value: Any) -> str:
    """Return a value as running text: the parts of a list as sentences."""
    if isinstance(value, Mapping):
        return " ".join(_sentence(part) for part in _paragraphs(value))
    if isinstance(value, list | tuple | set | frozenset):
        return " ".join(_sentence(_said(part)) for part in value if _said(part))
    return str(value).strip()


def _sentence(text: str) -> str:
    return text if not text or text[-1] in ".!?;:" else f"{text}."


def _by_keys(text: str) -> Iterator[str]:
    """Yield the paragraphs of a dict that is no Python: its keys are found by their quotes, values stay as they are."""
    keys = list(_KEY.finditer(text))
    if not keys:
        yield text
        return
    ends = [key.start() for key in keys[1:]] + [len(text)]
    for key, end in zip(keys, ends, strict=True):
        value = text[key.end() : end].strip()
        value = value.strip("{}[], \n\t'\"")
        value = re.sub(r"""['"]\s*,\s*['"]""", ". ", value)
        value = value.replace("\\'", "'").replace('\\"', '"').replace("\\n", "\n")
        yield f"{key[2]}: {value}" if value else key[2]


def _without_markdown(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _FENCE.sub("", text)
    text = _INLINE_HEADING.sub("\n\n", text) if _HEADING.search(text) else text
    text = _RUN_IN.sub(r"\1: ", text)
    text = _HEADING.sub(lambda m: f"\n\n{m[1]}\n", text)
    text = _RULE.sub("\n", text)
    text = _BULLET.sub("", text)
    text = _INLINE_BULLET.sub("\n", text) if "**" in text or "\n" in text else text
    text = _EMPHASIS.sub(r"\2", _STRONG.sub(r"\2", text)).replace("`", "")
    lines = [" ".join(line.split()) for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
