"""When the anomaly happens, in seconds.

The rules, best first. A rule that finds intervals ends the search; where they compete without a final statement there
is no answer, and no weaker rule is asked. Several intervals are one answer only when nothing but a conjunction
stands between them ("from 1 to 2 s and from 5 to 6 s").

    bare      two numbers are all there is: "[5.2, 10.4]", "5.2 - 10.4"; inside `<glue>` it is called `tag`
    json      `{"start": 12.5, "end": 20.1}`, `{"segments": [[1, 2], [5, 6]]}`
    labelled  "start_time: 12.5, end_time: 20.1", "starts at 12 s and ends at 20 s", "Interval: 12.5 - 20.1"; the
              last statement wins
    clock     "01:05 - 01:20", "1m5s to 1m20s"
    prose     "between 12 and 20 seconds", "from 12 to 20"
    list      "[12.5, 20.1]" within a text
    range     "12.5 - 20.1" without a unit, at the end of a sentence
    normal    the text says that nothing happens

A word such as "actually" makes what stands before it void. Frames, percentages, years, counts and scores are no
times. A number in `<glue>` that the end of the text may have cut is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from vau_bench.parsing.answers import IntervalAnswer, Parsed
from vau_bench.parsing.interval_pairs import SENTINEL, Form, Pair, find_pairs
from vau_bench.parsing.label import read_verdict
from vau_bench.parsing.scope import Scope, find_final
from vau_bench.parsing.statements import UNDECIDED, Undecided
from vau_bench.parsing.times import find_times, is_padded
from vau_bench.records import ANOMALY, NORMAL

_EXPLICIT: tuple[Form, ...] = ("json", "labelled")
_FORMS: tuple[Form, ...] = (*_EXPLICIT, "clock", "prose", "list", "range")

_NUMBER = r"[-+]?[0-9]{1,16}(?:\.[0-9]{1,24})?(?:[eE][+-]?[0-9]{1,3})?"
_CANONICAL = re.compile(rf"\s{{0,8}}\[\s{{0,8}}({_NUMBER})\s{{0,8}},\s{{0,8}}({_NUMBER})\s{{0,8}}\]\s{{0,8}}")
_BARE_AROUND = re.compile(r"[\s\[\]()*_`'\"$]{0,12}")
_BARE_BETWEEN = re.compile(r"[\s'\"]{0,6}(?:[,;~]|-{1,2}>?|to|until|\s)[\s'\"]{0,6}", re.IGNORECASE)
_BARE_END = re.compile(r"[\s\[\]()*_`'\"$.]{0,12}(?:s|secs?|seconds?)?[\s.]{0,4}", re.IGNORECASE)
_CONNECTED = re.compile(
    r"(?:[\s,;.&|+\[\]()*'\"{}:#-]|[0-9]{1,2}(?![0-9])|\b(?:and|then|also|again|from|between|at|plus|another|second|secondly"
    r"|finally|next|first|event|segment|interval|anomaly|seconds|s|sec|with|it|happens|occurs|later|start|start_time)\b|和|以及|及){0,40}",
    re.IGNORECASE,
)
_ALTERNATIVE = re.compile(r"\b(?:or|either)\b|或", re.IGNORECASE)
_CORRECTION = re.compile(
    r"\b(?:actually|correction|no,? wait|scratch that|i mean|final answer|to correct|更正)\b", re.IGNORECASE
)


class _Answer(NamedTuple):
    pairs: tuple[tuple[float, float], ...]
    rule: str
    start: int
    end: int


def parse_interval(text: str) -> Parsed[IntervalAnswer] | None:
    """Return the interval or intervals that a response answers with, or `None` when it does not say.

    What `<glue>` holds is the answer; the verdict in `<answer>` only decides when there is no interval, and is
    compared with it otherwise (flag `contradiction`).
    """
    final = find_final(text)
    if final.thought is not None:
        return _parse_thought(final.thought)
    verdict = read_verdict(final.answer.text) if final.answer is not None else None
    label = verdict.label if verdict is not None else None
    for scope in (final.glue, final.answer, final.free):
        if scope is None:
            continue
        found = _select(scope, _FORMS)
        if isinstance(found, Undecided):
            return None
        if found is not None:
            return _parsed(scope, found, label)
        if scope is final.glue and label != NORMAL:
            return _normal(scope, "normal")
        if label == NORMAL and final.answer is not None:
            return _normal(final.answer, "exact")
    return _normal(final.free, "normal") if final.free is not None and final.answer is None else None


def _parse_thought(thought: Scope) -> Parsed[IntervalAnswer] | None:
    """Read reasoning that nothing follows: tags and explicit statements only."""
    inner = find_final(thought.text)
    if inner.glue is not None or inner.answer is not None:
        parsed = parse_interval(thought.text)
        if parsed is None:
            return None
        start, end = parsed.span
        return Parsed(parsed.value, f"think/{parsed.rule}", thought.span(start, end))
    if inner.free is None:
        return None
    found = _select(inner.free, _EXPLICIT)
    return _parsed(thought.narrowed(inner.free), found, None) if isinstance(found, _Answer) else None


def _select(scope: Scope, forms: Sequence[Form]) -> _Answer | Undecided | None:
    canonical = _CANONICAL.fullmatch(scope.text) if scope.prefix else None
    if canonical is not None and not any(is_padded(number.lstrip("+-")) for number in canonical.groups()):
        pair = (float(canonical[1]), float(canonical[2]))
        if all(abs(time) < float("inf") for time in pair):
            return _Answer((pair,), "bare", 0, len(scope.text))
    if scope.complete and len(scope.text) < 120 and len(forms) == len(_FORMS):
        bare = _bare(scope.text, tagged=bool(scope.prefix))
        if bare is not None:
            return bare
    pairs = find_pairs(scope.text)
    if not scope.complete:
        pairs = [pair for pair in pairs if scope.text[pair.end - 1 : pair.end] in ("]", ")")]
    if not pairs:
        return None
    pairs = _after_correction(scope.text, pairs)
    for form in forms:
        found = _of_form(scope.text, pairs, form)
        if found is not None:
            return found
    return UNDECIDED if any(pair.form == "denied" for pair in pairs) else None


def _bare(text: str, tagged: bool) -> _Answer | None:
    """Read a text of exactly two numbers; "12,5" without tag or bracket is one number of some languages."""
    times = list(find_times(text))
    if len(times) != 2 or any(time.kind in ("other", "minutes", "clock") for time in times):
        return None
    first, second = times
    parts = (
        _BARE_AROUND.fullmatch(text, 0, first.start),
        _BARE_BETWEEN.fullmatch(text, first.end, second.start),
        _BARE_END.fullmatch(text, second.end),
    )
    if any(part is None for part in parts):
        return None
    if text[first.end : second.start] == "," and not tagged and "[" not in text:
        return None
    return _Answer(((first.value, second.value),), "bare", 0, len(text))


def _after_correction(text: str, pairs: list[Pair]) -> list[Pair]:
    ends = [match.end() for match in _CORRECTION.finditer(text, 0, pairs[-1].start)]
    return [pair for pair in pairs if pair.start >= ends[-1]] if ends else pairs


def _of_form(text: str, pairs: list[Pair], form: Form) -> _Answer | Undecided | None:
    """Return what the pairs of one form say together."""
    runs: list[list[Pair]] = []
    alternatives = False
    for pair in pairs:
        if pair.form != form:
            continue
        between = (runs[-1][-1].end, pair.start) if runs else None
        if between is not None and between[1] - between[0] < 80 and _ALTERNATIVE.search(text, *between):
            alternatives = alternatives or runs[-1][-1][:2] != pair[:2]
        if between is not None and (form == "json" or _CONNECTED.fullmatch(text, *between)):
            runs[-1].append(pair)
        else:
            runs.append([pair])
    if not runs:
        return None
    values = [tuple(dict.fromkeys((pair.first, pair.second) for pair in run)) for run in runs]
    if alternatives or (form != "labelled" and len(set(values)) > 1):
        return UNDECIDED
    return _Answer(values[-1], form, runs[-1][0].start, runs[-1][-1].end)


def _parsed(scope: Scope, found: _Answer, label: str | None) -> Parsed[IntervalAnswer]:
    value = _interval(found.pairs, label)
    canonical = found.rule if found.rule == "bare" or (scope.prefix and found.rule == "list") else "bare"
    return Parsed(value, scope.rule(found.rule, canonical), scope.span(found.start, found.end))


def _interval(pairs: tuple[tuple[float, float], ...], label: str | None) -> IntervalAnswer:
    sentinel = all(pair == SENTINEL for pair in pairs)
    normal = sentinel or (label == NORMAL and all(pair == (0.0, 0.0) for pair in pairs))
    flags: list[str] = []
    if any(end < start for start, end in pairs):
        flags.append("reversed")
    if not sentinel and any(end == start for start, end in pairs):
        flags.append("empty")
    if not sentinel and any(min(pair) < 0 for pair in pairs):
        flags.append("negative")
    if (normal and label == ANOMALY) or (not normal and label == NORMAL):
        flags.append("contradiction")
    if (
        not normal
        and all(0 <= time <= 1 for pair in pairs for time in pair)
        and any(pair[0] != pair[1] for pair in pairs)
    ):
        flags.append("normalised?")
    return IntervalAnswer(pairs, normal, tuple(flags))


def _normal(scope: Scope, name: str) -> Parsed[IntervalAnswer] | None:
    verdict = read_verdict(scope.text)
    if verdict is None or verdict.label != NORMAL:
        return None
    return Parsed(IntervalAnswer((), True), scope.rule(name, "exact"), scope.span(verdict.start, verdict.end))
