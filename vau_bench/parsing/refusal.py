"""Refusals: a model that declines, which is an outcome of its own and not a parser's failure."""

from __future__ import annotations

import re

from vau_bench.parsing.interval import parse_interval
from vau_bench.parsing.option import parse_option
from vau_bench.parsing.scope import find_final

_DECLINES = re.compile(
    r"\b(?:i(?:\s{1,2}am|'m)\s{1,2}(?:\w{1,12}\s{1,2}){0,2}(?:unable|not\s{1,2}able)\s{1,2}to|i\s{1,2}(?:can(?:not|'t|\s{1,2}not)|won't|will\s{1,2}not|must\s{1,2}decline\s{1,2}to)"
    r"|(?:^|[.,;:]\s{0,3}|\b(?:sorry|apologi[sz]e|but)[.,]?\s{1,2})(?:unable\s{1,2}to|can(?:not|'t)))\s{1,2}(?:\w{1,12}\s{1,2}){0,2}"
    r"(?:help|assist|comply|fulfil+|provide|answer\s{1,2}(?:this|that|your)|engage|participate|discuss|process\s{1,2}(?:this|that|your)"
    r"|continue\s{1,2}with\s{1,2}this|(?:view|watch|see|access|analy[sz]e)\s{1,2}(?:the\s{1,2}|this\s{1,2}|any\s{1,2}|your\s{1,2})?(?:video|image|clip|footage|content)s?)\b"
    r"|\bi\s{1,2}decline\s{1,2}to\b|(?:对不起|抱歉)[^。\n]{0,12}(?:无法|不能)[^。\n]{0,12}(?:帮助|协助|回答|提供|处理|满足)",
    re.IGNORECASE,
)
_WITHIN = 240


def is_refusal(text: str) -> bool:
    """Tell whether a response explicitly declines, near its beginning, and holds no option and no interval.

    "I cannot determine when it happens" is an answer that says nothing, not a refusal.
    """
    final = find_final(text)
    if final.free is None or final.answer is not None or final.glue is not None:
        return False
    declined = _DECLINES.search(final.free.text, 0, _WITHIN)
    return declined is not None and parse_option(text) is None and parse_interval(text) is None
