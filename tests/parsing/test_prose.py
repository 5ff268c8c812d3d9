"""What an explanation claims: verdict, classes, times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.parsing import read_prose
from vau_bench.records import ANOMALY, NORMAL

CLASSES = (NORMAL, "Fire", "Fighting", "Traffic_accident")


@pytest.mark.parametrize(
    ("text", "verdict", "classes"),
    [
        ("A bin catches fire beside the kiosk.", ANOMALY, ("Fire",)),
        ("Two men fight, and a fire breaks out behind them.", ANOMALY, ("Fighting", "Fire")),
        ("People walk by. Nothing in it is anomalous.", NORMAL, ()),
        ("There is no fire and no fight; the scene is normal.", NORMAL, ()),
        ("Something abnormal happens at the gate.", ANOMALY, ()),
        ("A fire truck passes.", None, ()),
        ("A man walks through the hall.", None, ()),
        ("At first all is normal. Then a fight begins.", None, ("Fighting",)),
        ("At first all is normal. Then a fight begins. <answer>Fighting</answer>", ANOMALY, ("Fighting",)),
        ("", None, ()),
    ],
)
def test_claims(text: str, verdict: str | None, classes: tuple[str, ...]) -> None:
    prose = read_prose(text, CLASSES)
    assert (prose.verdict, prose.classes) == (verdict, classes)


def test_of_a_reflection_only_the_last_attempt_counts() -> None:
    text = (
        "<think>A fire from 1 to 2 seconds.</think><answer>Fire</answer><reflect>No smoke.</reflect>"
        "<think>It is a fight, between 4 and 6 seconds.</think><answer>Fighting</answer>"
    )
    prose = read_prose(text, CLASSES)
    assert prose.classes == ("Fighting",) and prose.times == ((4.0, 6.0),) and "smoke" not in prose.text


def test_times_in_prose_are_seconds_in_order_and_no_sentinel_is_a_time() -> None:
    assert read_prose("From 3 s to 5 s he waits, between 7.5 and 9 seconds he runs.", CLASSES).times == (
        (3, 5),
        (7.5, 9),
    )
    assert read_prose("<answer>Normal</answer><glue>[-1.0, -1.0]</glue>", CLASSES).times == ()


@given(st.text())
def test_no_text_raises(text: str) -> None:
    prose = read_prose(text, CLASSES)
    assert set(prose.classes) <= set(CLASSES)
    assert all(0 <= start < end for start, end in prose.times)
