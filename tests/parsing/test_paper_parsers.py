"""The paper's own rules, lax as they are, for its mode of scoring."""

from __future__ import annotations

import pytest

from vau_bench.parsing import paper_interval, paper_label, paper_option

CLASSES = ["Fire", "Fighting", "Normal", "Traffic_accident"]


@pytest.mark.parametrize(
    ("text", "letter", "rule"),
    [
        ("<answer>B</answer>", "B", "paper/answer"),
        ("<answer> B </answer>", "B", "paper/answer"),
        ("<C>", "C", "paper/brackets"),
        ("<think>A</think> C then B", "B", "paper/last_after_think"),
        ("<think>A</think> none", "A", "paper/last_letter"),
        ("A man is seen; option (D)", "D", "paper/last_letter"),
        ("A man is seen", "A", "paper/last_letter"),
        ("Failed to obtain answer via API.", None, None),
    ],
)
def test_option(text: str, letter: str | None, rule: str | None) -> None:
    parsed = paper_option(text)
    assert (parsed and parsed.value, parsed and parsed.rule) == (letter, rule)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("<answer>Fire</answer>", "Fire"),
        ("<answer>fighting, then fire</answer>", "Fighting"),
        ("<answer>traffic accident</answer>", "Traffic_accident"),
        ("<answer>Abnormal</answer>", "Normal"),
        ("Fire", None),
        ("<answer>Theft</answer>", None),
    ],
)
def test_label(text: str, label: str | None) -> None:
    parsed = paper_label(text, CLASSES)
    assert (parsed and parsed.value) == label


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("<answer>Anomaly</answer><glue>[5.2, 10.4]</glue>", ((5.2, 10.4),)),
        ("the interval is [5.2s, 10.4s]", ((5.2, 10.4),)),
        ("<glue>[00:05, 01:10.5]</glue>", ((5.0, 70.5),)),
        ("<glue>[1, 2, 3]</glue>", None),
        ("from 1 to 2 s", None),
    ],
)
def test_interval(text: str, segments: tuple[tuple[float, float], ...] | None) -> None:
    parsed = paper_interval(text)
    assert (parsed and parsed.value.segments) == segments


def test_the_sentinel_is_normal() -> None:
    parsed = paper_interval("<glue>[-1.0, -1.0]</glue>")
    assert parsed is not None
    assert parsed.value.normal
