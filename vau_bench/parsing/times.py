"""Times in text: numbers with what they count, and clock readings. Values are seconds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal["clock", "seconds", "minutes", "bare", "other"]

_SECONDS = (
    r"(?:seconds?|secs?|s|秒钟|秒|초|sekunden?|segundos?|secondes?|secondi|секунд[аы]?|giây)"
    r"(?![A-Za-z0-9_\u00c0-\u024f])"
)
_MINUTES = r"(?:minutes?|mins?|分钟|分|분|minuten|minutos?)(?![A-Za-z\u00c0-\u024f])"
_OTHER = (
    r"(?:%|percent|per\s?cent|frames?|fps|ms|milliseconds?|px|pixels?|hz|m|cm|km|meters?|metres?|feet|ft|kg|mph|kmh|x"
    r"|people|persons?|men|women|children|cars?|vehicles?|individuals?|years?|months?|days?|hours?|times|points?|steps?"
    r"|帧|人|岁|个|名)(?![A-Za-z0-9_])"
)
_NUMBER = r"[0-9]{1,16}(?:\.[0-9]{1,24})?(?:[eE][+-]?[0-9]{1,3})?"
_TIME = re.compile(
    r"(?<![A-Za-z0-9_.])(?<![0-9][:/])"
    r"(?:(?P<clock>(?:[0-9]{1,2}:[0-5]?[0-9]|[0-9]{1,3}):[0-5][0-9](?:\.[0-9]{1,9})?)(?![0-9:/])"
    r"|(?P<minutes>[0-9]{1,3})\s?(?:m|minutes?|mins?|分钟|分|분)\s{0,2}(?:and\s)?(?P<rest>[0-9]{1,2}(?:\.[0-9]{1,9})?)\s?"
    + _SECONDS
    + rf"|(?P<number>(?<![0-9])[-+]?{_NUMBER})(?![0-9_]|\.[0-9]|[:/][0-9])"
    + rf"(?:\s{{0,2}}-?(?:(?P<sec>{_SECONDS})|(?P<min>{_MINUTES})|(?P<other>{_OTHER})|(?P<glued>[A-Za-z_]))?)?)",
    re.IGNORECASE,
)


class Time(NamedTuple):
    """A number or clock reading at `[start, end)`, its unit included."""

    value: float
    kind: Kind
    start: int
    end: int
    integer: bool


def find_times(text: str) -> Iterator[Time]:
    """Yield every number of the text; `kind` is `other` for what a unit shows not to be seconds."""
    for match in _TIME.finditer(text):
        time = _read(match)
        if time is not None:
            yield time


def _read(match: re.Match[str]) -> Time | None:
    start, end = match.span()
    if match["clock"]:
        return Time(_clock_seconds(match["clock"]), "clock", start, end, False)
    if match["minutes"]:
        return Time(60 * int(match["minutes"]) + float(match["rest"]), "clock", start, end, False)
    value = float(match["number"])
    if not math.isfinite(value):
        return None
    digits = match["number"].lstrip("+-")
    if is_padded(digits):
        return Time(value, "other", start, end, True)
    integer = digits.isdigit()
    if match["sec"]:
        return Time(value, "seconds", start, end, integer)
    if match["min"]:
        return Time(60 * value, "minutes", start, end, integer)
    if match["other"]:
        return Time(value, "other", start, end, integer)
    number_end = match.end("number")
    kind: Kind = "other" if match["glued"] and match.start("glued") == number_end else "bare"
    return Time(value, kind, start, number_end, integer)


def is_padded(number: str) -> bool:
    """Tell whether a number is written as "0130": minutes and seconds in ECVA's notation, or a name, never seconds."""
    return len(number) > 3 and number[0] == "0" and number[:4].isdigit()


def _clock_seconds(reading: str) -> float:
    seconds = 0.0
    for part in reading.split(":"):
        seconds = 60 * seconds + float(part)
    return seconds
