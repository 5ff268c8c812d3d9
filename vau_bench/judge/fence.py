"""Judged text as material: made harmless, cut to a length that can be paid for, set between markers.

The text comes from a model that may have been told, by its training or by a sign in the video, to speak to the judge.
The markers carry a code that is drawn for each call, so a text cannot close its own fence; what looks like a marker or
like a control token of a chat template is broken up. The code has no part in the key of a verdict.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import NamedTuple

LONGEST = 20_000
"""Characters of a judged text at most; of a longer one, the beginning and the end are judged."""

NO_CODE = "0" * 16
"""Stands for the code where a prompt is compared or counted, not sent."""

_ANGLES = re.compile(r"[<\uff1c\u2039\u00ab\u27e8\u300a\u276e]{2,}|[>\uff1e\u203a\u00bb\u27e9\u300b\u276f]{2,}")
_CONTROL_TOKEN = re.compile(r"<(?=[|\uff5c])|(?<=[|\uff5c])>|\[(?=/?INST\])|<(?=/?s>)|<(?=(?:start|end)_of_turn>)")
_ASCII_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_KEPT = frozenset("\n\t\u200c\u200d")
"""Line breaks, tabs, and the joiners that Persian, Indic scripts and emoji are spelt with."""


class Material(NamedTuple):
    """A text that may stand in a prompt.

    Attributes:
        text: the text, made harmless.
        left_out: characters that were left out of its middle.
    """

    text: str
    left_out: int


def material(text: str, longest: int = LONGEST) -> Material:
    """Return a text made harmless, and cut in its middle where it is too long.

    Control characters, invisible and unassigned ones go (line breaks, tabs and joiners stay); runs of angle brackets
    and the control tokens of chat templates are broken up with a space. Letters of any script stay as they are.
    """
    left_out = 0
    if len(text) > longest:
        half = longest // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n[... {left_out} characters left out ...]\n{text[-half:]}"
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n")
    text = _without_invisible(text)
    text = _ANGLES.sub(lambda m: " ".join(m[0]), text)
    text = _CONTROL_TOKEN.sub(lambda m: f"{m[0]} " if m[0] != ">" else " >", text)
    return Material(text.strip(), left_out)


def new_code() -> str:
    """Return a code for the markers of one call; nobody can know it beforehand."""
    return secrets.token_hex(len(NO_CODE) // 2)


def fenced(name: str, text: str, code: str) -> str:
    """Return the text between two markers, each on a line of its own."""
    return f"<<<{name} {code}>>>\n{text}\n<<<END OF {name} {code}>>>"


def _without_invisible(text: str) -> str:
    if text.isascii():
        return _ASCII_CONTROLS.sub("", text)
    return "".join(c for c in text if c in _KEPT or unicodedata.category(c) not in _INVISIBLE)
