"""Which two times of a text make an interval, and how it is put."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, TypeAlias

from vau_bench.parsing.statements import clause_before, is_asked, is_denied_before
from vau_bench.parsing.times import Time, find_times

Form: TypeAlias = Literal["json", "labelled", "clock", "prose", "list", "range", "loose", "denied"]

SENTINEL = (-1.0, -1.0)
"""How VAU-Bench writes "nothing happens"."""


class Pair(NamedTuple):
    """Two times that are said to be the ends of an interval, at `[start, end)`."""

    first: float
    second: float
    form: Form
    start: int
    end: int


_BEFORE, _AFTER, _FAR = 60, 40, 400

_FILLER = r"(?:(?:the|about|around|approximately|approx\.?|roughly|at|timestamps?|time|seconds?|mark|~)\s{0,3}){0,3}"
_RANGE = re.compile(
    rf"['\"]?\s{{0,3}}(?:seconds?|mark|timestamp|point)?[*_\s]{{0,3}}(?P<word>-{{1,2}}>?|~|\u301c|\u2192|to|until|till|through|and|bis|hasta"
    rf"|até|jusqu'à|à|a|y|et|und|至|到|до|から|부터)[*_\s]{{0,3}}{_FILLER}['\"]?",
    re.IGNORECASE,
)
_COMMA = re.compile(r"['\"]?\s{0,4}[,;]\s{0,4}['\"]?")
_OPEN = re.compile(r"(?P<bracket>[\[(])\s{0,4}['\"]?$")
_CLOSE = re.compile(r"['\"]?\s{0,4}(?P<bracket>[\])])(?P<unit>\s{0,2}(?:s|secs?|seconds?|秒)(?![A-Za-z]))?")
_MORE_BEHIND = re.compile(r"\s{0,2}(?:[,;&]|,?\s{0,2}(?:and|or)\b)\s{0,2}(?:from\s|between\s)?(?=[0-9])", re.IGNORECASE)
_NEXT_ITEM = re.compile(r"\s{0,8},\s{0,8}")
_JSON_KEY = re.compile(r"[\"'](?P<key>[A-Za-z0-9_ ]{1,40})[\"']\s{0,8}:\s{0,8}[\[({\s]{0,8}[\"']?$")
_MAY_BE_KEYED = re.compile(r"[A-Za-z:=)][\s*_`\"'~(\[{]{0,12}$")
_UNIT_NOTE = r"(?:\s{0,2}\((?:s|sec|seconds|in seconds)\))?"
_LABEL_KEY = re.compile(
    r"(?<![A-Za-z])(?P<key>(?:start|begin|began|onset|end|finish|stop|conclud)(?:s|ed|ing|ning|es)?"
    r"(?:[_ ]{0,2}(?:time|timestamp|sec|seconds?|point|frame))?|(?:lasts?\s)?(?:until|till))"
    + _UNIT_NOTE
    + r"[*_`\"']{0,4}\s{0,3}(?:is\b|was\b|:|=|at\b|around\b|about\b|approximately\b|\s){0,6}[*_`\"'~]{0,4}\s?$",
    re.IGNORECASE,
)
_WHOLE_VIDEO = re.compile(r"(?:video|clip|footage|recording)(?:\s{1,2}itself)?[\s:]{1,2}$", re.IGNORECASE)
_TIME_LABEL = re.compile(
    r"(?:\b(?:time(?:\s?(?:interval|span|range|frame|window|period|stamps?|segment))?|intervals?|segments?|timestamps?"
    r"|span|period|window|range|when|answer|grounding|glue|localization|moments?)"
    r"(?:\s{1,2}of\s{1,2}(?:the\s{1,2})?[a-z]{3,12})?"
    + _UNIT_NOTE
    + r"[*_`\"']{0,4}\s{0,2}(?:is|are|was|:|=|->)|(?:时间|区间|时间段|答案)(?:是|为|:))"
    r"[*_`\s]{0,4}(?:from|between|about|approximately)?[\[({\s'\"]{0,6}$",
    re.IGNORECASE,
)
_NOT_TIME_BEFORE = re.compile(
    r"\b(?:frames?|pixels?|coordinates?|position|bbox|box|points?|score[sd]?|rating|rated|confidence|aged?|ages|years?|pages?|steps?"
    r"|rooms?|cameras?|cam|channel|percent(?:age)?|probability|level|section|number|index|scale|population|version|chapter)"
    r"(?:[\s:=(\[~-]|is|are|was|of|from|between|about|approximately|numbers?|range|spans?){0,5}$",
    re.IGNORECASE,
)
_BETWEEN = re.compile(rf"\b(?:between|zwischen|entre)\s{{1,3}}{_FILLER}[*_]{{0,3}}$", re.IGNORECASE)
_FROM = re.compile(rf"(?:\b(?:from|von|de|desde|between)\s{{1,3}}|从){_FILLER}[*_]{{0,3}}$", re.IGNORECASE)
_TIME_OF_DAY = re.compile(r"\s{0,2}(?:[ap]\.?m\b|o'clock)", re.IGNORECASE)
_DATE_BEFORE = re.compile(r"\b(?:19|20)[0-9]{2}(?:[,;]|\s|\b(?:at|from|between|on)\b){0,5}$", re.IGNORECASE)
_SECOND_BEFORE = re.compile(r"\bseconds?\s{1,2}[*_]{0,3}$|第\s?$", re.IGNORECASE)
_BENIGN_AFTER = re.compile(
    r"[*_`'\")\]]{0,4}\s{0,3}(?:$|[.,;:!)\]}\n](?![0-9])|(?:in|within)\s{1,2}the\s{1,2}(?:video|clip|footage)"
    r"|(?:when|where|during|while|as|showing|with)\b|之间|间)",
    re.IGNORECASE,
)
_ENDS_AFTER = re.compile(r"[*_`'\")\]]{0,4}\s{0,3}(?:$|[.,;!)\]}\n](?!\s?[0-9]))")
_WORD_AFTER = re.compile(r"\s{1,3}(?!(?:and|or|to|until|till|when|where|while|as|in|with)\b|end|stop|finish)[A-Za-z]")
_OTHER_AFTER = re.compile(r"\s{0,2}(?:frames?|%|percent|px|pixels?|ms)(?![A-Za-z])", re.IGNORECASE)
_KEY_START = re.compile(r"(?:^|[_ ]|anomaly|event)(?:start|begin|onset)|^from$", re.IGNORECASE)
_KEY_STOP = re.compile(
    r"(?:^|[_ ]|anomaly|event|start)(?:end|stop|finish|offset)(?:$|[_ ST]|ing)|^(?:to|until)$", re.IGNORECASE
)
_KEY_NOT_TIME = re.compile(
    r"frame|index|idx|percent|ratio|norm|box|point|coord|pixel|pos|score|size|shape", re.IGNORECASE
)
_KEY_TIMES = re.compile(
    r"time|interval|segment|span|range|glue|moment|window|answer|when|anomal|event|start|ground|period|predict|result|second",
    re.IGNORECASE,
)
_NEEDS_BETWEEN = frozenset({"and", "et", "y", "und"})
_NEEDS_FROM = frozenset({"a", "à"})
_NORMAL = re.compile(r"\b(?:normal|normally|ordinary)\b", re.IGNORECASE)


def find_pairs(text: str) -> list[Pair]:
    """Return every interval in order; each time belongs to one at most. Denied ones have the form `denied`."""
    times = list(find_times(text))
    pairs: list[Pair] = []
    index = 0
    pending: tuple[Time, Form] | None = None
    while index < len(times):
        time = times[index]
        role = _role(text, time)
        if role is not None and role[1] == "end":
            if pending is not None and pending[1] == role[0] and time.start - pending[0].end < _FAR:
                pairs.append(Pair(pending[0].value, time.value, role[0], pending[0].start, time.end))
            pending = None
        elif role is not None:
            pending = (time, role[0])
        elif index + 1 < len(times) and times[index + 1].start - time.end <= 2 * _AFTER:
            form = _form(text, time, times[index + 1], times[index - 1] if index else None)
            if form is not None:
                pairs.append(_pair(text, time, times[index + 1], form))
                index += 1
        index += 1
    return [_checked(text, pair) for pair in _joined(text, pairs)]


def _joined(text: str, pairs: list[Pair]) -> list[Pair]:
    """Let neighbours share their form: of a list of lists the first item's, of "1-2 and 5-6 s" that with the unit."""
    joined = list(pairs)
    for index in range(1, len(joined)):
        last, pair = joined[index - 1], joined[index]
        if pair.form == "list" and _NEXT_ITEM.fullmatch(text, last.end, pair.start):
            joined[index] = pair._replace(form=last.form)
    for index in range(len(joined) - 1, 0, -1):
        last, pair = joined[index - 1], joined[index]
        more = _MORE_BEHIND.match(text, last.end)
        if last.form == "loose" and pair.form == "prose" and more is not None and more.end() == pair.start:
            joined[index - 1] = last._replace(form="prose")
    return [pair for pair in joined if pair.form != "loose"]


def _pair(text: str, first: Time, second: Time, form: Form) -> Pair:
    """Return the pair with its brackets; a bare number before minutes counts minutes too."""
    scale = 60 if first.kind == "bare" and second.kind == "minutes" else 1
    opened = _OPEN.search(text, max(0, first.start - 8), first.start)
    closed = _CLOSE.match(text, second.end)
    bracketed = opened is not None and closed is not None
    start = opened.start() if bracketed and opened is not None else first.start
    end = closed.end() if bracketed and closed is not None else second.end
    return Pair(scale * first.value, second.value, form, start, end)


def _checked(text: str, pair: Pair) -> Pair:
    """Mark a pair as denied if its clause says so: "no anomaly from 0 to 12 s"."""
    if pair[:2] == SENTINEL or pair.form == "json":
        return pair
    clause = clause_before(text, pair.start)
    denied = is_denied_before(text, pair.start) or _NORMAL.search(clause) or is_asked(text, pair.end)
    return pair._replace(form="denied") if denied else pair


def _role(text: str, time: Time) -> tuple[Form, Literal["start", "end"]] | None:
    """Tell whether the key or the words before a time make it the start or the end of something."""
    if time.kind == "other":
        return None
    before = text[max(0, time.start - _BEFORE) : time.start]
    if not _MAY_BE_KEYED.search(before[-16:]):
        return None
    key = _JSON_KEY.search(before)
    if key is not None:
        end = _key_end(key["key"])
        return None if end is None else ("json", end)
    label = _LABEL_KEY.search(before)
    if label is None or _WHOLE_VIDEO.search(before[: label.start()]):
        return None
    if time.kind == "bare" and _WORD_AFTER.match(text, time.end):
        return None
    name = label["key"].lower()
    if "frame" in name:
        return None
    return "labelled", "start" if name.startswith(("start", "beg", "onset")) else "end"


def _key_end(key: str) -> Literal["start", "end"] | None:
    if _KEY_NOT_TIME.search(key):
        return None
    starts, ends = _KEY_START.search(key) is not None, _KEY_STOP.search(key) is not None
    if starts == ends:
        return None
    return "start" if starts else "end"


def _form(text: str, first: Time, second: Time, previous: Time | None) -> Form | None:
    """Tell how two neighbouring times are put together as an interval, or `None` if they are not."""
    if "other" in (first.kind, second.kind) or _TIME_OF_DAY.match(text, second.end):
        return None
    gap = text[first.end : second.start]
    ranged = _RANGE.fullmatch(gap)
    if ranged is None and _COMMA.fullmatch(gap) is None:
        return None
    before = text[max(0, first.start - _BEFORE) : first.start]
    if _OPEN.search(before) and _CLOSE.match(text, second.end):
        listed = None if _NOT_TIME_BEFORE.search(before) else _list_form(text, first, second, before)
        if listed is not None or ranged is None:
            return listed if listed != "denied" else None
    if ranged is None or (previous is not None and text[previous.end : first.start] in ("-", " - ", ",")):
        return None
    if ranged["word"] == "-" and text[second.end : second.end + 1] in ("-", "/"):
        return None
    if _NOT_TIME_BEFORE.search(before) or _DATE_BEFORE.search(before):
        return None
    return _range_form(text, first, second, before, ranged["word"].lower())


def _list_form(text: str, first: Time, second: Time, before: str) -> Form | None:
    """Read "[a, b]"; `denied` where a JSON key says that it holds something else."""
    opened, closed = _OPEN.search(before), _CLOSE.match(text, second.end)
    if opened is None or closed is None:
        return None
    key = _JSON_KEY.search(before)
    if key is not None:
        return "json" if _KEY_TIMES.search(key["key"]) and not _KEY_NOT_TIME.search(key["key"]) else "denied"
    if _OTHER_AFTER.match(text, closed.end()):
        return "denied"
    if _TIME_LABEL.search(before):
        return "labelled"
    if first.kind == "clock" and second.kind == "clock":
        return "clock"
    seconds = closed["unit"] is not None or second.kind in ("seconds", "minutes")
    return "list" if seconds or (opened["bracket"] == "[" and closed["bracket"] == "]") else None


def _range_form(text: str, first: Time, second: Time, before: str, word: str) -> Form | None:
    """Read "a - b" and "between a and b"."""
    if word in _NEEDS_BETWEEN and not _BETWEEN.search(before):
        return None
    if word in _NEEDS_FROM and not _FROM.search(before):
        return None
    if _TIME_LABEL.search(before) and not (second.kind == "bare" and _WORD_AFTER.match(text, second.end)):
        return "labelled"
    if first.kind == "clock" and second.kind == "clock":
        return "clock"
    if second.kind in ("seconds", "minutes") and first.kind != "clock":
        return "prose"
    if first.kind != "bare" or second.kind != "bare":
        return "prose" if first.kind == "seconds" and second.kind == "bare" and _ends(text, second) else None
    if _SECOND_BEFORE.search(before):
        return "prose"
    if _like_year(first) and _like_year(second):
        return None
    if (_FROM.search(before) or _BETWEEN.search(before)) and _BENIGN_AFTER.match(text, second.end):
        return "prose"
    if _MORE_BEHIND.match(text, second.end):
        return "loose"
    dashed = text[first.end : second.start].strip() == "-" and text[first.end : second.start] != "-"
    precise = not first.integer and not second.integer
    alone = not before.strip() or before.rstrip()[-1] in ".,:;(!?\n=~*`\"'"
    return "range" if (dashed or precise) and alone and _ends(text, second) else None


def _ends(text: str, time: Time) -> bool:
    return _ENDS_AFTER.match(text, time.end) is not None


def _like_year(time: Time) -> bool:
    return time.integer and 1900 <= time.value <= 2100
