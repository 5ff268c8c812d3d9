"""Names and notes come from anywhere: as text of a page or a table they must stay text."""

from __future__ import annotations

import re

from vau_bench.report.wording import printable

_MARKDOWN = re.compile(r"([\\`*\[\]|~#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")  # snake_case needs no escape
_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
}
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")  # noqa: RUF001


def markdown(text: str) -> str:
    """Return text for a cell of a GitHub table: no HTML, no markup, no link that makes itself."""
    text = printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKDOWN.sub(r"\\\1", text)
    return text.replace("://", "&#58;//").replace("www.", "www&#46;")


def latex(text: str) -> str:
    """Return text for LaTeX."""
    return "".join(_LATEX.get(c, c) for c in printable(text))


def csv_cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula; numbers stay numbers."""
    if not isinstance(value, str):
        return value
    text = value.lstrip(" ")
    return f"'{value}" if text.startswith(_FORMULA) else value
