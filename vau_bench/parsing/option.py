r"""The letter of a multiple-choice answer.

The rules, best first. Where a rule finds different answers without saying which is final, there is none, and no
weaker rule is asked.

    bare         the letter is all there is: "B", "(b)", "**B.**", "Option B"; inside `<answer>` it is called `tag`
    boxed        `\boxed{B}`
    json         `{"answer": "B"}`
    labelled     "the answer is B", "B is correct", "I choose B", "答案是B"; the last statement wins, and a later
                 "B is wrong" takes it back
    leading      "B. The truck driver ..." as the first line, when no other line begins with another letter
    last_line    the same as the last line
    mention      "option B" or "(B)" at the end of the text, when no other letter is mentioned
    option_text  the text of exactly one option, as a whole line or behind "answer:"
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeAlias

from vau_bench.parsing.answers import Parsed
from vau_bench.parsing.option_patterns import ENDING, Patterns, compile_option, compile_patterns
from vau_bench.parsing.scope import Scope, find_final
from vau_bench.parsing.statements import UNDECIDED, Undecided, is_denied_before, is_hypothetical

Found: TypeAlias = tuple[str, int, int] | Undecided | None
Rule: TypeAlias = Callable[[str, Patterns, tuple[str, ...]], Found]

_WRAPPING = " \t\r\n*_`'\"()[]{}$<>.:;,!#"
_LINE_START = " \t\r\n*_#>(\"'`-"


def parse_option(text: str, letters: str = "ABCD", options: Sequence[str] = ()) -> Parsed[str] | None:
    """Return the letter that a response answers with, or `None` when it does not say.

    Args:
        text: the response, reasoning included.
        letters: the upper-case letters to choose from.
        options: the texts of the options in the order of `letters`, for answers that repeat one of them.
    """
    patterns = compile_patterns(letters)
    final = find_final(text)
    scope = final.answer or final.free
    if scope is not None:
        return _apply(_RULES, scope, patterns, tuple(options))
    if final.thought is None:
        return None
    inner = find_final(final.thought.text)
    if inner.answer is not None:
        return _apply(_RULES, final.thought.narrowed(inner.answer), patterns, tuple(options))
    if inner.free is not None:
        return _apply(_EXPLICIT, final.thought.narrowed(inner.free), patterns, tuple(options))
    return None


def _apply(rules: dict[str, Rule], scope: Scope, patterns: Patterns, options: tuple[str, ...]) -> Parsed[str] | None:
    for name, rule in rules.items():
        found = rule(scope.text, patterns, options)
        if isinstance(found, Undecided):
            return None
        if found is not None:
            letter, start, end = found
            return Parsed(letter, scope.rule(name, canonical="bare"), scope.span(start, end))
    return None


def _bare(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    stripped = text.strip(_WRAPPING)
    if stripped[:7].lower() in ("option ", "choice "):
        stripped = stripped[7:].strip(_WRAPPING)
    letter = stripped.upper()
    if len(letter) != 1 or letter not in patterns.letters:
        return None
    start = text.rindex(stripped)
    return letter, start, start + 1


def _boxed(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    return _agreed([_found(match, patterns) for match in patterns.boxed.finditer(text)])


def _json(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    return _agreed([_found(match, patterns) for match in patterns.json.finditer(text)])


def _labelled(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    """Follow the statements in order; each replaces the one before, a denial of the same letter withdraws it."""
    events: list[tuple[int, bool, Found]] = []
    for pattern in patterns.statements:
        for match in pattern.finditer(text):
            said = match.start() + len(_first_word(match))
            if not is_denied_before(text, said, reach=32) and not is_hypothetical(text, said):
                events.append((match.start("letter"), True, _found(match, patterns)))
    if not events:
        return None
    for pattern in patterns.denials:
        events.extend((match.start("letter"), False, _found(match)) for match in pattern.finditer(text))
    current: Found = None
    for _, stated, found in sorted(events, key=lambda event: event[:2]):
        if stated:
            current = found
        elif isinstance(current, tuple) and isinstance(found, tuple) and current[0] == found[0]:
            current = UNDECIDED
    return current


def _first_word(match: re.Match[str]) -> str:
    """Return the word that a statement begins with: "but" and "no" end the clause before them, and deny nothing."""
    return match[0].split(maxsplit=1)[0] if match["letter"] != match[0] else ""


def _leading(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    first = patterns.line.search(text)
    if first is None or text[: first.start("letter")].strip(_LINE_START).lower() not in ("", "option", "choice"):
        return None
    return _agreed(_listed(text, patterns), take=0)


def _last_line(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    lines = list(patterns.line.finditer(text))
    if not lines or "\n" in text[lines[-1].end() :].strip():
        return None
    return _agreed(_listed(text, patterns))


def _listed(text: str, patterns: Patterns) -> list[Found]:
    """Return the letters that stand as if in a list of options: first those within lines, then those that begin one."""
    return [
        _found(match, patterns if pattern is patterns.line else None)
        for pattern in (patterns.listed, patterns.line)
        for match in pattern.finditer(text)
    ]


def _mention(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    """Take the one letter that is mentioned, if the text ends with it."""
    denied = {match["letter"].upper() for pattern in patterns.denials for match in pattern.finditer(text)}
    last: re.Match[str] | None = None
    for match in patterns.lone.finditer(text):
        letter = match["letter"].upper()
        if letter not in denied:
            if last is not None and last["letter"].upper() != letter:
                return UNDECIDED
            last = match
    if last is None or (last["noun"] is None and last["open"] is None):
        return None
    at_end = ENDING.fullmatch(text, last.end()) is not None
    asserted = not is_denied_before(text, last.start()) and not is_hypothetical(text, last.start())
    return _found(last) if at_end and asserted else None


def _option_text(text: str, patterns: Patterns, options: tuple[str, ...]) -> Found:
    found: list[Found] = []
    for letter, option in zip(patterns.letters, options, strict=False):
        pattern = compile_option(option)
        match = pattern.search(text) if pattern is not None else None
        if match is not None:
            found.append((letter, match.start("text"), match.end("text")))
    return _agreed(found)


def _found(match: re.Match[str], patterns: Patterns | None = None) -> Found:
    """Return the letter of a match; undecided where another letter follows as an alternative."""
    letter = match["letter"].upper()
    for pattern in patterns.alternatives if patterns is not None else ():
        other = pattern.match(match.string, match.end("letter"))
        if other is not None and other["letter"].upper() != letter:
            return UNDECIDED
    return letter, match.start(), max(match.end(), match.end("letter"))


def _agreed(found: Sequence[Found], take: int = -1) -> Found:
    """Return one of several answers if they all agree."""
    answers = [answer for answer in found if isinstance(answer, tuple)]
    if len(answers) < len(found) or len({letter for letter, _, _ in answers}) > 1:
        return UNDECIDED
    return answers[take] if answers else None


_EXPLICIT: dict[str, Rule] = {"boxed": _boxed, "json": _json, "labelled": _labelled}
_RULES: dict[str, Rule] = {
    "bare": _bare,
    **_EXPLICIT,
    "leading": _leading,
    "last_line": _last_line,
    "mention": _mention,
    "option_text": _option_text,
}
