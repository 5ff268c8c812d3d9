"""The expressions behind the rules for option letters. Every repetition in them is bounded."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from vau_bench.parsing.scope import plain

_ARTICLES = "AI"
"""Letters that are words of English: in "A man" there is no option A."""

_AFTER_LETTER = r"(?:because|since|as|based|due|given|which|and|or|but|is|was|are|if|not|best|would|can|does|could)\b"
_CLOSER = r"[)\]}*_`'\"$]{0,4}"
_OPENER = r"[(\[{*_`'\"$]{0,4}"
_CLAUSE_END = rf"(?={_CLOSER}\s{{0,3}}(?:[.,;!\n]|$))"

_NOUN = r"(?:the\s{1,3})?(?P<noun>(?:options?|choice|letter|answer)\s{0,3}[:#]?\s{0,3})?"
_LABEL = (
    r"(?:answer|ans|(?:correct|right|best|final|chosen|selected|accurate|appropriate|likely)\s{1,3}(?:option|choice|letter|one|statement)"
    r"|option|choice|selection|prediction)"
    r"(?:\s{1,3}(?:to|for|of)\s{1,3}(?:the|this|your)\s{1,3}(?:question|video|problem|clip))?"
)
_LINK = (
    r"[*_`'\"\s]{0,6}(?:(?:is|was|would\s{1,3}be|should\s{1,3}be|must\s{1,3}be|will\s{1,3}be|has\s{1,3}to\s{1,3}be)\b"
    r"(?:\s{0,3}:)?|'s\b|:|=|[-=]>|\u2192|(?<=\s)-(?=\s))[*_`\s]{0,6}"
)
_ADVERB = (
    r"(?:(?:therefore|thus|most\s{1,3}likely|likely|probably|clearly|definitely|indeed|actually|either)[,:]?\s{1,3})?"
)
_GOOD = r"(?:correct|right|best|answer|accurate|appropriate|suitable|true|plausible|fitting)\b(?!\s{0,3}\?)"
_BAD = (
    r"(?:wrong|incorrect|false|inaccurate|untrue|implausible|irrelevant|unlikely|unsupported"
    r"|(?:ruled|crossed)\s{1,3}out|eliminated|excluded|not)\b"
)
_FOREIGN = (
    r"(?:(?:答案|正确选项|正確選項|最佳选项)(?:应该|应)?(?:是|为|為|选|:){1,2}|(?<!不)(?:应选|应该选|我选|选择|选)"
    r"|(?:答え|正解|回答|解答)(?:は|:)|(?:정답|답변|답)(?:은|는|:)|antwort\s{0,2}(?:ist|lautet|:)(?:\s{1,2}die)?"
    r"|(?:respuesta|resposta|risposta|r[ée]ponse|opci[óo]n|op[çc][ãa]o|opzione|alternativa)"
    r"(?:\s{1,2}(?:correcta|correta|corretta|correcte|final|finale))?\s{0,2}(?:es|é|è|est|:)(?:\s{1,2}(?:la|a|l'))?"
    r"|ответ\s{0,2}[:-]|đáp\s{1,2}án(?:\s{1,2}đúng)?\s{0,2}(?:là|:)|cevap\s{0,2}:|الإجابة\s{0,2}(?:هي|:))"
    r"\s{0,3}(?:(?:opción|option|opção|opzione|选项)\s{0,2})?"
)


class Patterns(NamedTuple):
    """Compiled expressions for one set of letters; each has the group `letter`."""

    letters: str
    boxed: re.Pattern[str]
    json: re.Pattern[str]
    statements: tuple[re.Pattern[str], ...]
    denials: tuple[re.Pattern[str], ...]
    alternatives: tuple[re.Pattern[str], ...]
    line: re.Pattern[str]
    listed: re.Pattern[str]
    lone: re.Pattern[str]


ENDING = re.compile(rf"{_CLOSER}(?::[^\n]{{1,400}})?[\s.!*]{{0,20}}")
"""What may stand between the last letter mentioned and the end of the text."""


@lru_cache(maxsize=16)
def compile_patterns(letters: str) -> Patterns:
    """Return the expressions for these upper-case letters."""
    any_case = re.escape(letters + letters.lower())
    return Patterns(
        letters=letters,
        boxed=re.compile(
            rf"\\boxed\s?\{{\s{{0,3}}(?:\\\w{{4,8}}\{{)?\s{{0,3}}\(?(?P<letter>[{any_case}])\)?[.\s]{{0,3}}\}}"
        ),
        json=re.compile(
            r"(?i:[\"'](?:final[ _]?|correct[ _]?|selected[ _]?|predicted[ _]?|best[ _]?)?"
            r"(?:answer|option|choice|prediction|result|response|letter|selection)[\"']\s{0,8}:\s{0,8}[\"'](?:option\s)?)"
            + _letter(letters)
        ),
        statements=_statements(letters),
        denials=_denials(letters),
        alternatives=_alternatives(letters),
        line=re.compile(
            r"^[ \t>*_#\"'`-]{0,8}(?i:(?:option|choice)\s)?(?P<open>\()?"
            rf"(?P<letter>[{any_case}])(?(open)\)|(?:\)|(?<=[{re.escape(letters)}])"
            r"(?:[.:](?:\s|$|(?=[A-Z][a-z])|[*\"'])|\*\*|[ \t]-[ \t]|,[ \t]|[ \t]{0,8}$)))",
            re.MULTILINE,
        ),
        listed=re.compile(rf"(?<![A-Za-z0-9])\(?(?P<letter>[{re.escape(letters)}])[).][ \t]{{1,3}}(?=[A-Za-z])"),
        lone=re.compile(
            r"(?:(?i:(?<![a-z])(?P<noun>options?|choice|answer|选项)\s{0,2}[:#]?\s{0,2}))?"
            + _letter(letters, noun=True, standing=True)
        ),
    )


def _letter(letters: str, *, noun: bool = False, standing: bool = False) -> str:
    """Return the expression of one letter, with brackets and emphasis before it.

    Lower case counts in brackets, before ")" and, unless the letter is merely `standing` in a text, at the end of
    a line. With `noun`, a word such as "option" before the letter (group `noun`) makes "A" a letter in any case.
    """
    upper, lower = re.escape(letters), re.escape(letters.lower())
    article = rf"(?!(?<=[{_ARTICLES}])[ \t]{{1,3}}(?!{_AFTER_LETTER})[A-Za-z])"
    if noun:
        article = rf"(?(noun)|{article})"
    at_line_end = "" if standing else rf"|[{lower}](?=\.?\s{{0,3}}(?:\n|$))"
    return (
        rf"(?:(?P<open>[(\[])|{_OPENER})(?<![A-Za-z0-9\u00c0-\u024f])"
        rf"(?P<letter>[{upper}]|(?<=[(\[\"'*])[{lower}](?=[)\]\"'*])|[{lower}](?=\)){at_line_end})"
        rf"(?![A-Za-z0-9_\u00c0-\u024f]|['-][A-Za-z])(?!{_CLOSER}\s?\?){article}"
    )


def _statements(letters: str) -> tuple[re.Pattern[str], ...]:
    letter, after_noun = _letter(letters), _letter(letters, noun=True)
    return _compiled(
        rf"(?i:(?<![a-z]){_LABEL}{_LINK}{_ADVERB}{_NOUN}){after_noun}",
        rf"(?<![\w'-]){letter}{_CLOSER}\s{{1,3}}(?i:(?:(?:is|was|must\s{{1,3}}be|seems|appears\s{{1,3}}to\s{{1,3}}be)\s{{1,3}}"
        rf"(?:(?:the|most|clearly|therefore|thus|indeed|likely|probably|also)\s{{1,3}}){{0,3}}{_GOOD})"
        rf"|best\s{{1,3}}(?:describes|matches|fits|explains|captures|answers)\b)",
        r"(?i:\bi(?:'d|'ll|\s{1,3}(?:would|will))?\s{1,3}(?:choose|select|pick|go\s{1,3}with|opt\s{1,3}for|vote\s{1,3}for"
        rf"|answer|chose|selected|picked)\s{{1,3}}{_NOUN}){after_noun}",
        r"(?i:\b(?:corresponds?\s{1,3}to|matches|aligns?\s{1,3}with|consistent\s{1,3}with|points?\s{1,3}to|supports"
        r"|described\s{1,3}by|makes)\s{1,3}(?:the\s{1,3})?(?P<noun>option|choice|answer)\s{1,3})" + after_noun,
        r"(?i:\b(?:so|therefore|thus|hence|conclusion|actually|correction|rather|wait|sorry|no|i\s{1,3}mean|but|probably"
        r"|likely|i\s{1,3}(?:think|believe|guess)|it(?:'s|\s{1,3}is|\s{1,3}must\s{1,3}be))[,:;.!\s-]{1,5}"
        r"(?:no[,.]?\s{1,3})?(?:(?:it|that)(?:'s|\s{1,3}is|\s{1,3}should\s{1,3}be)\s{1,3})?"
        rf"{_ADVERB}{_NOUN}){after_noun}{_CLAUSE_END}",
        rf"(?i:{_FOREIGN}){letter}",
    )


def _denials(letters: str) -> tuple[re.Pattern[str], ...]:
    return _compiled(
        rf"(?<![\w'-]){_letter(letters)}{_CLOSER}\s{{1,3}}(?i:(?:is|was|are|can|could|seems?|would)\s{{1,3}}"
        rf"(?:be\s{{1,3}}|clearly\s{{1,3}})?{_BAD}|(?:is|was|does|can|could|would|did)n't\b"
        r"|(?:does|did)\s{1,3}not\b|cannot\b)",
        r"(?i:(?:\b(?:not|never|neither|nor|except|unlike|rather\s{1,3}than|instead\s{1,3}of|eliminat(?:e|es|ed|ing)"
        r"|exclud(?:e|es|ed|ing)|rul(?:e|es|ed|ing)\s{1,3}out|discard(?:ed)?|reject(?:ed)?)\b|n't\b|不选|不是|并非|排除|nicht)"
        rf"\s{{0,3}}(?:(?:be|choose|select|pick)\s{{1,3}})?{_NOUN}){_letter(letters, noun=True)}",
    )


def _alternatives(letters: str) -> tuple[re.Pattern[str], ...]:
    """Return what makes the letter before it one of several: "or B", ", C and D."."""
    letter = _letter(letters, noun=True)
    return _compiled(
        rf"{_CLOSER}\s{{0,3}}(?:,\s{{0,3}})?(?i:or\b(?:\s{{1,3}}(?:maybe|possibly|perhaps|even|else))?|oder\b|ou\b|/|或)\s{{0,3}}(?i:{_NOUN}){letter}",
        rf"{_CLOSER}\s{{0,3}}(?:[,&]|(?:,\s?)?(?i:and)\b)\s{{0,3}}(?i:{_NOUN}){letter}"
        rf"(?={_CLOSER}\s{{0,3}}(?:[.,;&/\n]|$|(?:or|and|are)\b))",
    )


def _compiled(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(pattern, re.MULTILINE) for pattern in patterns)


@lru_cache(maxsize=4096)
def compile_option(option: str) -> re.Pattern[str] | None:
    """Return the expression for an option's text as a whole line or behind "answer:"; `None` if it has no word."""
    words = re.sub(r"^\(?[A-Z][.)]\s+", "", plain(option)).strip(" \t\r\n.!\"'").split()
    if not any(char.isalnum() for char in option):
        return None
    body = r"\s{1,20}".join(re.escape(word) for word in words)
    return re.compile(
        r"(?:^[ \t>*_#\"'(-]{0,6}|(?P<label>\b(?:answer|option|choice)[*_\"']{0,3}\s{0,2}(?:is|:|=)[:\s*\"'(]{0,6}))"
        rf"(?P<text>{body})(?=(?(label)[.!;,\"'*]|(?!))|[.!]?[\"'*)_`]{{0,4}}[ \t]{{0,4}}$)",
        re.IGNORECASE | re.MULTILINE,
    )
