"""Text to words, for metrics that count n-grams.

The rules follow what caption benchmarks do with the Penn Treebank tokenizer: lower case, no punctuation, clitics split
off (`man's` is `man s`, `can't` is `ca nt`), hyphenated words and decimal numbers in one piece. Beyond English: words
are runs of letters, marks and digits of any script, and scripts that write no blanks between words (Han, Kana, Thai,
Lao, Khmer, Burmese) are taken character by character. Control characters separate words.
"""

from __future__ import annotations

import re
import unicodedata

_UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
_APOSTROPHES = {ord(mark): "'" for mark in "\u2018\u2019\u02bc"}
_CLITIC = re.compile(r"(n't|'(?:s|re|ve|ll|d|m))(?!\w)")
_NO_DECIMAL_MARK = re.compile(r"(?<!\d)[.,]|[.,](?!\d)")


class _Characters(dict[int, str]):
    """What each character becomes: itself, itself between blanks, or a blank; filled as characters occur."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if any(first <= code <= last for first, last in _UNSPACED):
            kept = f" {character} "
        elif unicodedata.category(character)[0] in "LMN" or character in "'-.,_":
            kept = character
        else:
            kept = " "
        self[code] = kept
        return kept


_CHARACTERS = _Characters(_APOSTROPHES)


def words(text: str) -> list[str]:
    """Return the words of a text in any language; see the module for the rules. Takes linear time."""
    text = unicodedata.normalize("NFC", text).lower().translate(_CHARACTERS)
    text = _NO_DECIMAL_MARK.sub(" ", _CLITIC.sub(r" \1", text))
    return [word for piece in text.split() if (word := piece.strip("'-_").replace("'", ""))]
