"""What reflections did is measured on pairs, and a reflection that says nothing is told from one that does."""

from __future__ import annotations

import numpy as np
import pytest

from vau_bench.kinds import KINDS
from vau_bench.records import Outcome, Response, Sample, Target
from vau_bench.reflection import manner, reflection_result
from vau_bench.results import ReflectionResult
from vau_bench.scoring import score_sample

KIND = KINDS.get("mcq")()
THOUGHT = "A man in a red coat walks to the gate and waits there for a bus."
CHECK = "Did I overlook the second man, who comes from the left with a bag?"


def reply(first: str, last: str, reflect: str = CHECK) -> str:
    before, after = (f"<think>{THOUGHT}</think><answer>{option}</answer>" for option in (first, last))
    return f"{before}<reflect>{reflect}</reflect>{after}"


def analysed(*texts: str) -> ReflectionResult | None:
    options = {"question": "?", "options": ["one", "two", "three", "four"]}
    samples = [Sample(f"s{i}", "v", f"s{i}", Target(option="A"), options) for i in range(len(texts))]
    responses = {
        s.id: Response(s.id, "t", s.id, "reflect", 0, text, Outcome.SCORED)
        for s, text in zip(samples, texts, strict=True)
    }
    scores = [score_sample("t", KIND, s, responses[s.id], "reflect") for s in samples]
    first = np.array([np.nan if s.first_worth is None else s.first_worth for s in scores])
    revised, manners = np.array([s.worth for s in scores]), [manner(text) for text in texts]
    return reflection_result(first, revised, manners, np.arange(len(texts)), resamples=100, seed=0)


def test_the_four_cells_and_their_net_gain() -> None:
    result = analysed(*[reply("B", "A")] * 3, *[reply("A", "B")] * 1, *[reply("A", "A")] * 4, *[reply("B", "C")] * 2)
    assert result is not None
    assert result["cells"] == {"repaired": 3, "broken": 1, "kept_right": 4, "kept_wrong": 2}
    assert result["metrics"]["net_gain"]["value"] == pytest.approx(0.2)
    assert result["metrics"]["repair_rate"]["value"] == pytest.approx(3 / 5)
    assert result["metrics"]["break_rate"]["value"] == pytest.approx(1 / 5)
    assert result["pairs"] == 10 and result["without_pair"] == 0


def test_a_revised_answer_that_cannot_be_read_breaks_a_right_first_one() -> None:
    result = analysed(reply("A", "?"), reply("A", "A"))
    assert result is not None and result["cells"]["broken"] == 1


def test_what_has_no_first_answer_is_no_pair() -> None:
    result = analysed("<answer>A</answer>", reply("A", "A"))
    assert result is not None and (result["pairs"], result["without_pair"]) == (1, 1)
    assert analysed("<answer>A</answer>", "B") is None


@pytest.mark.parametrize(
    ("reflect", "empty", "copy"),
    [
        (CHECK, False, False),
        ("", True, False),
        ("All fine.", True, False),
        (THOUGHT, False, True),
        (THOUGHT[2:], False, True),
    ],
)
def test_the_manner_of_a_reflection(reflect: str, empty: bool, copy: bool) -> None:
    told = manner(reply("A", "B", reflect))
    assert (told.empty, told.copy) == (empty, copy)


def test_a_response_without_a_reflection_has_an_empty_one() -> None:
    assert manner("<answer>A</answer>") == (0, True, False)
