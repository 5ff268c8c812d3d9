"""Figures as they are told."""

from __future__ import annotations

import pytest

from vau_bench.planning.figures import Figure, Plan, sections, spelled


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (7, "7"), (9999, "9999"), (12345, "12,345"), (1234567.8, "1,234,568"), (123.4, "123"),
        (12.345, "12.3"), (0.012345, "0.0123"), (1.5e18, "1.5e+18"), (3e15, "3e+15"),
    ],
)  # fmt: skip
def test_numbers_are_as_short_as_they_are_meant(value: float, text: str) -> None:
    assert spelled(value) == text


def test_a_plan_finds_its_figures_and_says_what_it_lacks() -> None:
    figures = (Figure("tokens", "text", 12.0, "tokens", "counted"), Figure("compute", "GPU hours", "none", "", "why"))
    plan = Plan("t", figures)
    assert plan.value("tokens", "text") == 12.0 and figures[0].told == "12 tokens" and figures[1].told == "none"
    assert list(sections(figures)) == ["tokens", "compute"]
    assert plan.as_json()["figures"][0]["basis"] == "counted"
    with pytest.raises(KeyError, match="tokens: visual"):
        plan.value("tokens", "visual")
