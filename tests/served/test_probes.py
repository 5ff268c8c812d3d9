"""Questions about made-up clips: the clips show what is said of them, and no way out leads to the right answers."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.served.cards import FPS, PALETTE, SIZE, Card, Cards, plain
from vau_bench.served.probes import ADVICE, COLOURS, LAST, MOMENT, ORDER, Probe, Tally, chosen, probes, tally
from vau_bench.video import ClipLoader


@pytest.fixture(scope="module")
def by_kind() -> dict[str, list[Probe]]:
    found = defaultdict(list)
    for probe in probes():
        found[probe.kind].append(probe)
    return found


class TestClips:
    def test_the_plan_shows_one_frame_a_second_of_each_card_at_its_time(self, tmp_path: Path) -> None:
        made = Cards((Card("red", 2.0), Card(None, 1.0, mark="blue"), Card("white", 1.0)), pace=2.5)
        made.write(tmp_path / "a.mp4")
        with ClipLoader() as clips:
            clip = clips.load(tmp_path / "a.mp4", made.plan)
        assert clip.times == (0.0, 2.5, 5.0, 7.5) and made.starts() == (0.0, 5.0, 7.5)
        assert clip.info.fps == FPS and clip.info.duration == 10.0 and clip.frames.shape[1:3] == (SIZE, SIZE)
        for picture, colour in zip(clip.frames[[0, 1, 3]], ("red", "red", "white"), strict=True):
            assert np.abs(picture.reshape(-1, 3).astype(int) - PALETTE[colour]).max() < 25

    def test_the_other_way_round(self) -> None:
        assert [card.colour for card in plain(["red", "blue"], [1.0, 2.0]).reversed().cards] == ["blue", "red"]


class TestQuestions:
    def test_they_are_the_same_every_time(self) -> None:
        assert probes() == probes()

    def test_each_kind_has_advice_and_its_questions_equally_many_choices(self, by_kind: dict[str, list[Probe]]) -> None:
        assert by_kind.keys() == ADVICE.keys()
        for asked in by_kind.values():
            assert len({len(probe.choices) for probe in asked}) == 1
            assert all(probe.right in probe.choices and probe.right in probe.text for probe in asked)

    def test_all_answers_right_is_ok_and_any_one_answer_for_all_is_bad(self, by_kind: dict[str, list[Probe]]) -> None:
        for asked in by_kind.values():
            assert tally(asked, [probe.right for probe in asked]).state == "ok"
            for same in {*asked[0].choices, None}:
                assert tally(asked, [same] * len(asked)).state == "BAD"

    def test_who_does_not_look_at_order_or_times_is_right_once_a_pair_at_most(
        self, by_kind: dict[str, list[Probe]]
    ) -> None:
        pairs = defaultdict(list)
        for kind in ADVICE.keys() - {LAST, MOMENT, "detail of the frames"}:
            for probe in by_kind[kind]:
                pictures = frozenset(card.colour for card in probe.clip.cards)
                order = () if kind == ORDER else tuple(card.colour for card in probe.clip.cards)
                pairs[kind, probe.text, pictures, order].append(probe.right)
        assert len(pairs) == 6
        assert all(len(answers) == len(set(answers)) == 2 for answers in pairs.values())

    def test_moments_are_at_even_and_at_odd_frames(self, by_kind: dict[str, list[Probe]]) -> None:
        places = [probe.clip.starts()[1] % 2 for probe in by_kind[MOMENT]]
        assert places.count(0.0) == places.count(1.0) == 3


class TestReading:
    @pytest.mark.parametrize(
        ("text", "answer"),
        [
            ("Red", "red"),
            ("The second colour is **green**.", "green"),
            ("<think>red or blue?</think> blue", "blue"),
            ("red, then red again", "red"),
            ("red or blue", None),
            ("reddish", None),
            ("grey", None),
            ("", None),
        ],
    )
    def test_colours(self, text: str, answer: str | None) -> None:
        assert chosen(text, COLOURS) == answer

    @pytest.mark.parametrize(
        ("text", "answer"),
        [
            ("7.5", "7.5"),
            ("At [8.0s].", "8"),
            ("8 seconds", "8"),
            ("75", None),
            ("between 7.5 and 8", None),
            ("9", None),
        ],
    )
    def test_numbers(self, text: str, answer: str | None) -> None:
        assert chosen(text, ("3", "7.5", "8", "10")) == answer


class TestCounting:
    def test_what_is_found_is_said_beside_chance(self, by_kind: dict[str, list[Probe]]) -> None:
        asked = by_kind[MOMENT]
        counted = tally(asked, [probe.right for probe in asked[:5]] + [None])
        assert (str(counted), counted.state) == ("5 of 6 right, 1.0 by guessing", "-")

    @given(right=st.integers(0, 6))
    def test_more_right_answers_are_never_worse(self, right: int) -> None:
        asked = [Probe("k", Cards(()), "", tuple("abcdef"), "a")] * 6
        states = ["BAD", "-", "ok"]
        counts = [tally(asked, ["a"] * n + ["b"] * (6 - n)) for n in (right, min(6, right + 1))]
        assert counts[0].luck >= counts[1].luck
        assert states.index(counts[0].state) <= states.index(counts[1].state)

    def test_half_right_is_not_enough(self) -> None:
        assert Tally(3, 6, 1.0, 0.062).state == "BAD"
