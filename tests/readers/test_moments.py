"""Moments in brackets: minutes and two digits of seconds."""

from __future__ import annotations

from collections import Counter

import pytest

from vau_bench.errors import DataError
from vau_bench.readers.moments import moments_of


@pytest.mark.parametrize(
    ("text", "moments"),
    [
        ("[0005,0011]", ((5, 11),)),
        ("[0022,0127],[0005,0011]", ((5, 11), (22, 87))),
        ("[[0005, 0011], [0022, 0127]]", ((5, 11), (22, 87))),
        ("[0005\uff0c0011]", ((5, 11),)),
        ("[00010,1230]", ((10, 750),)),
        ("[5,59]", ((5, 59),)),
        ("[0130,0100]", ((60, 90),)),
        ("[0005,0005],[0007,0009]", ((7, 9),)),
        ("[0005,0005]", None),
        ("", None),
        ("[]", None),
    ],
)
def test_moments(text: str, moments: tuple[tuple[float, float], ...] | None) -> None:
    assert moments_of(text, "here", Counter()) == moments


def test_what_was_turned_round_or_left_out_is_noted() -> None:
    notes: Counter[str] = Counter()
    moments_of("[0130,0100],[0003,0003],[0004,0005]", "here", notes)
    assert notes == {"reversed_moment": 1, "empty_moment": 1}


@pytest.mark.parametrize("text", ["0005-0011", "[0005]", "[0005,0011,0012]", "[a,b]", "[1.5,2.0]", "[0005,0011] or so"])
def test_anything_else_is_told(text: str) -> None:
    with pytest.raises(DataError, match=r"here: not moments such as \[0005,0011\]"):
        moments_of(text, "here", Counter())


def test_more_than_59_seconds_are_no_time() -> None:
    with pytest.raises(DataError, match="here: '0160' is no time in minutes and two digits of seconds"):
        moments_of("[0005,0160]", "here", Counter())
