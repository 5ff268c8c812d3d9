"""The rewards: what each pays, and that none of the known ways to cheat pays more than answering right at once."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srvau_train.grading import Quality, Truth, tiou_worth
from srvau_train.rewards import (
    accuracy_reward,
    effect_reward,
    form_reward,
    format_reward,
    length_reward,
    reward_functions,
    tiou_reward,
    total,
    truth_of,
)
from srvau_train.weights import COMPONENTS, EffectCells, RewardWeights
from vau_bench.errors import UsageError
from vau_bench.parsing import write_interval, write_label, write_option, write_reflection, write_think
from vau_bench.records import NORMAL, Segment
from vau_bench.synth import scene_at

CLASSES = ("Normal", "Fire", "Fall", "Fight")
THOUGHT = "A person walks up, then goes down on the left and stays there for some seconds."
CHECK = "From 4 s to 7 s the person lies on the ground, and no hand ties a shoelace, so this holds."
AGAIN = "The timeline shows someone on the ground for three seconds, which nobody does on purpose."
MCQ = Truth(option="B")
GROUNDING = Truth(segments=(Segment(4.0, 8.0),), duration=16.0)
CALM = Truth(segments=(), duration=16.0)


def reflected(first: str, last: str, check: str = CHECK) -> str:
    return write_reflection(THOUGHT, first, check, AGAIN, last)


def options(first: str, last: str) -> str:
    return reflected(write_option(first), write_option(last))


def spans(first: Segment | None, last: Segment | None) -> str:
    return reflected(write_interval(first), write_interval(last))


# Format


@pytest.mark.parametrize("style", ["direct", "think", "reflect"])
def test_format_asks_for_one_style_to_the_letter(style: str) -> None:
    texts = {
        "direct": write_option("B"),
        "think": write_think(THOUGHT, write_option("B")),
        "reflect": options("A", "B"),
    }
    assert {name: format_reward(text, style) for name, text in texts.items()} == {n: float(n == style) for n in texts}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "B",
        options("A", "B") + " That is all.",
        options("A", "B").replace("</reflect>", ""),
        options("A", "B").replace("<think>", "<THINK>"),
        options("A", "B").replace(write_option("B"), ""),
        options("A", "B") + write_option("C"),
        f"<reflect>{CHECK}</reflect><think>{AGAIN}</think><answer>B</answer>",
        write_reflection(f"<answer>B</answer>{THOUGHT}", write_option("B"), CHECK, AGAIN, write_option("B")),
    ],
)
def test_whatever_breaks_the_grammar_has_no_format(text: str) -> None:
    assert format_reward(text) == 0


def test_intervals_belong_where_the_task_asks_for_them() -> None:
    assert format_reward(spans(None, Segment(1, 2)), interval=True) == 1
    assert format_reward(options("A", "B"), interval=True) == 0
    assert format_reward(spans(None, None), interval=False) == 0


# Accuracy and tIoU


def test_accuracy_reads_the_last_answer() -> None:
    assert accuracy_reward(options("A", "B"), MCQ) == 1
    assert accuracy_reward(options("B", "A"), MCQ) == 0
    fire = Truth(label="Fire", classes=CLASSES)
    assert accuracy_reward(reflected(write_label("Fall"), write_label("Fire")), fire) == 1
    assert accuracy_reward(reflected(write_label("Fire"), write_label(NORMAL)), fire) == 0
    assert math.isnan(accuracy_reward("no option is asked for", GROUNDING))


@pytest.mark.parametrize(
    ("answer", "truth", "worth"),
    [
        (Segment(4, 8), GROUNDING, 1.0),
        (Segment(6, 10), GROUNDING, 2 / 6),
        (Segment(9, 10), GROUNDING, 0.0),
        (None, CALM, 1.0),
        (Segment(4, 8), CALM, 0.0),
        (None, GROUNDING, 0.0),
    ],
)
def test_tiou_and_the_two_normal_cases(answer: Segment | None, truth: Truth, worth: float) -> None:
    assert tiou_reward(write_interval(answer), truth) == pytest.approx(worth)


def test_unreadable_and_reversed_intervals_are_worth_nothing() -> None:
    for text in ("", "soon", "<answer>Anomaly</answer><glue>[8.0, 4.0]</glue>"):
        assert tiou_reward(text, GROUNDING) == 0
    assert tiou_reward("", CALM) == 0, "saying nothing is not saying that nothing happens"


# The four cells


def test_the_four_cells_one_by_one() -> None:
    wanted = {("B", "B"): 0.25, ("A", "B"): 0.5, ("B", "A"): -0.25, ("A", "A"): 0.0}
    for (first, last), effect in wanted.items():
        assert total(options(first, last), MCQ).components.effect == effect, (first, last)


def test_every_cell_can_be_declared_apart() -> None:
    cells = EffectCells(0.1, 0.2, -0.3, -0.4)
    assert [cells.at(a, b) for a, b in ((1, 1), (0, 1), (1, 0), (0, 0))] == [0.1, 0.2, -0.3, -0.4]


@given(first=st.floats(0, 1), revised=st.floats(0, 1))
def test_for_intervals_the_effect_is_the_change_of_tiou_and_a_share_of_what_was_there(
    first: float, revised: float
) -> None:
    assert effect_reward(first, revised) == pytest.approx(0.5 * (revised - first) + 0.25 * first)


def test_a_better_interval_earns_and_a_worse_one_costs() -> None:
    better = total(spans(Segment(6, 10), Segment(4, 8)), GROUNDING).components.effect
    same = total(spans(Segment(4, 8), Segment(4, 8)), GROUNDING).components.effect
    worse = total(spans(Segment(4, 8), Segment(6, 10)), GROUNDING).components.effect
    assert better == pytest.approx(0.5 * 4 / 6 + 0.25 / 3)
    assert better > same > 0 > worse


# Reflection form and length


@pytest.mark.parametrize(
    "check",
    [
        "",
        "Looks right.",
        THOUGHT,
        "The answer holds. " * 20,
        f"{CHECK} At 7 s all is calm, so 6.5 s is too late. At 7 s all is calm, so 6.5 s is too late.",
        " ".join(f"at {t} s nothing;" for t in range(400)),
    ],
    ids=["empty", "short", "copy", "loop", "said twice", "endless"],
)
def test_a_reflection_that_says_nothing_of_its_own_has_no_form(check: str) -> None:
    assert form_reward(reflected(write_option("A"), write_option("B"), check)) == 0
    assert form_reward(options("A", "B")) == 1


def test_short_sentences_and_parts_of_sentences_may_come_again() -> None:
    said = "At 6.5 s it burns. That is so. At 7.5 s it burns; at 7.5 s it burns. That is so."
    assert form_reward(reflected(write_option("A"), write_option("B"), said)) == 1


def test_the_length_is_best_at_the_target_and_falls_on_both_sides() -> None:
    def of(words: int) -> float:
        first = " ".join(["word"] * 49)
        check = " ".join(f"w{i}" for i in range(words))
        return length_reward(write_reflection(first, write_option("A"), check, "so", write_option("A")))

    lengths = {n: of(n) for n in (10, 40, 60, 400, 4000)}
    assert max(lengths, key=lengths.__getitem__) in (40, 60)
    assert lengths[4000] < 1e-9
    assert length_reward(write_option("A")) == 0


@given(target=st.floats(1.2, 4), width=st.floats(0.1, 3))
def test_the_length_reward_is_the_published_formula(target: float, width: float) -> None:
    text = options("A", "B")
    first = write_think(THOUGHT, write_option("A"))
    words = [len("".join(c if c.isalnum() or c == "_" else " " for c in t).split()) for t in (text, first)]
    wanted = math.exp(-(((words[0] - target * words[1]) / (width * words[1])) ** 2))
    assert length_reward(text, target, target + width) == pytest.approx(wanted)


# The whole


def test_the_default_is_the_sum_of_srpo_terms() -> None:
    reward = total(options("A", "B"), MCQ)
    wanted = 0.5 * 1 + 0.5 * 0 + 0.5 + 0.25 + 0.1 * length_reward(options("A", "B"))
    assert reward.total == pytest.approx(wanted)
    assert (reward.first, reward.revised) == (0, 1)
    assert math.isnan(reward.components.tiou)


def test_vau_r1_adds_format_accuracy_and_tiou_of_the_last_answer() -> None:
    weights = RewardWeights.vau_r1()
    truth = Truth(label="Fall", classes=CLASSES, segments=(Segment(4, 8),))
    text = write_think(THOUGHT, "<answer>Fall</answer><glue>[6.0, 10.0]</glue>")
    assert total(text, truth, weights).total == pytest.approx(1 + 1 + 2 / 6)
    assert total(write_think(THOUGHT, write_interval(None)), CALM, weights).total == 2
    assert total(write_think(THOUGHT, write_interval(None)), GROUNDING, weights).total == 1
    assert total(spans(None, None), CALM, replace(weights, style="reflect")).total == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"format": -1},
        {"tiou": float("nan")},
        {"length_target": 3.0},
        {"most_words": 0},
        {"answer": "both"},
        {"style": "essay"},
        {"style": "think"},
        {name: 0.0 for name in COMPONENTS},
        {"cells": EffectCells(keep=float("inf"))},
    ],
)
def test_weights_that_make_no_sense_are_refused(fault: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="reward"):
        RewardWeights(**fault)  # type: ignore[arg-type]


# Guards


def expected(first: float, last: float, q: float, weights: RewardWeights) -> float:
    """Answers' share of the reward when each of the two answers is worth a share of what the policy can reach."""
    a, b = first * q, last * q
    graded = weights.accuracy * (a if weights.answer == "first" else b)
    return graded + weights.effect * weights.cells.at(a, b)


@pytest.mark.parametrize("percent", range(0, 101, 5))
def test_a_deliberately_wrong_first_answer_never_pays_whatever_the_rate_of_right_answers(percent: int) -> None:
    """The policy that can answer right with probability p, by the real rewards of real responses."""
    p = percent / 100
    pay = {pair: total(options(*pair), MCQ).total for pair in (("B", "B"), ("A", "B"), ("A", "A"))}
    at_once = p * pay["B", "B"] + (1 - p) * pay["A", "A"]
    staged = p * pay["A", "B"] + (1 - p) * pay["A", "A"]
    assert at_once - staged == pytest.approx(0.25 * p)


@pytest.mark.parametrize("known", [Segment(4, 8), Segment(5, 8), Segment(6, 10), Segment(7, 9), Segment(2, 12)])
def test_nor_does_a_deliberately_worse_interval(known: Segment) -> None:
    at_once = total(spans(known, known), GROUNDING).total
    for step in range(1, 32):
        worse = Segment(known.start + step / 4, known.end + step / 4)
        if tiou_worth((worse,), GROUNDING) < tiou_worth((known,), GROUNDING):
            assert total(spans(worse, known), GROUNDING).total < at_once
    assert total(spans(None, known), GROUNDING).total < at_once
    assert total(spans(Segment(4, 8), None), CALM).total < total(spans(None, None), CALM).total


@given(
    keep=st.floats(-1, 1),
    repair=st.floats(-1, 1),
    damage=st.floats(-1, 1),
    wrong=st.floats(-1, 1),
    weight=st.floats(0, 1),
    answer=st.sampled_from(["first", "last"]),
)
@settings(max_examples=300)
def test_whatever_weights_are_accepted_no_first_answer_below_the_best_pays(
    keep: float, repair: float, damage: float, wrong: float, weight: float, answer: str
) -> None:
    cells = EffectCells(keep, repair, damage, wrong)
    try:
        weights = RewardWeights(accuracy=weight, tiou=weight, cells=cells, answer=answer)  # type: ignore[arg-type]
    except UsageError:
        return
    for q in (0.1, 0.5, 0.9, 1.0):
        for share in (0.0, 0.3, 0.9):
            assert expected(share, 1, q, weights) <= expected(1, 1, q, weights) + 1e-9
            assert expected(1, share, q, weights) <= expected(1, 1, q, weights) + 1e-9


def test_a_reward_of_the_gain_alone_is_refused_for_it_pays_for_bad_first_answers() -> None:
    gain = EffectCells(keep=0.0, repair=1.0, damage=-1.0, stay_wrong=0.0)
    with pytest.raises(UsageError, match="wrong first answer would pay"):
        RewardWeights(accuracy=0.5, tiou=0.5, cells=gain)
    with pytest.raises(UsageError, match="wrong first answer would pay"):
        RewardWeights(answer="last")
    with pytest.raises(UsageError, match="breaking an answer would pay"):
        RewardWeights(cells=EffectCells(damage=0.25))


def test_always_anomaly_with_the_whole_video_earns_less_than_always_normal_and_a_half_seeing_policy() -> None:
    whole, normal, seeing = [], [], []
    for index in range(120):
        segment = scene_at("train", index).segment
        truth = Truth(segments=(segment,) if segment else (), duration=16.0)
        shifted = Segment(segment.start + 1, segment.end + 1) if segment else None
        whole.append(total(spans(Segment(0, 16), Segment(0, 16)), truth).total)
        normal.append(total(spans(None, None), truth).total)
        seeing.append(total(spans(shifted, shifted), truth).total)
    assert sum(whole) < sum(normal) < sum(seeing)


def test_where_nearly_all_is_anomalous_the_whole_video_can_be_made_worth_nothing() -> None:
    weights = RewardWeights(above_whole=True)
    assert total(spans(Segment(0, 16), Segment(0, 16)), GROUNDING, weights).components.tiou == 0
    assert total(spans(Segment(4, 8), Segment(4, 8)), GROUNDING, weights).components.tiou == 1
    half = total(spans(Segment(4, 6), Segment(4, 6)), GROUNDING, weights).components.tiou
    assert half == pytest.approx((0.5 - 0.25) / 0.75)
    unknown = replace(GROUNDING, duration=None)
    assert total(spans(Segment(0, 16), Segment(0, 16)), unknown, weights).components.tiou == 0.25


def test_endless_reflection_earns_less_the_longer_it_is_and_least_when_it_is_cut() -> None:
    def checked(words: int) -> float:
        check = CHECK + "".join(f" and w{i}" for i in range(words))
        return total(reflected(write_option("B"), write_option("B"), check), MCQ).total

    lengths = [checked(n) for n in (5, 40, 200, 2000)]
    assert lengths == sorted(lengths, reverse=True) and lengths[-1] <= lengths[0] - 0.25
    cut = write_think(THOUGHT, write_option("B")) + "<reflect>" + "and then " * 2000
    reward = total(cut, MCQ)
    assert reward.components.effect == -0.25 and reward.total < lengths[-1]


@pytest.mark.parametrize(
    "text",
    [
        write_reflection(f"<answer>B</answer> {THOUGHT}", write_option("B"), CHECK, AGAIN, write_option("B")),
        write_reflection(THOUGHT, write_option("B"), f"{CHECK}<think>x</think>", AGAIN, write_option("B")),
        reflected(write_option("B"), "<answer>A<answer>B</answer></answer>"),
        reflected(write_option("A") + write_option("B"), write_option("B")),
        options("A", "B") + write_option("C") + write_option("B"),
        options("A", "B") + f"<reflect>{CHECK}</reflect><think>{AGAIN}</think>" + write_option("B"),
    ],
    ids=["answer in think", "think in reflect", "answer in answer", "two first", "three last", "two reflections"],
)
def test_tags_inside_tags_and_repeated_answers_earn_nothing(text: str) -> None:
    assert total(text, MCQ).total == 0


def test_several_options_in_one_answer_earn_no_accuracy() -> None:
    assert total(options("A or B", "A or B"), MCQ).components.accuracy == 0


@given(st.text(alphabet="<>/thinkasweredflcgu AB[]0123,. \n", max_size=120))
@settings(max_examples=150)
def test_no_text_breaks_a_reward_or_earns_more_than_the_best(text: str) -> None:
    best = 0.5 + 0.5 + 0.25 + 0.25 + 0.1
    for truth in (MCQ, GROUNDING, CALM):
        assert -0.25 <= total(text, truth).total <= best


# As TRL calls them


def test_adapters_return_one_number_a_completion_in_both_formats() -> None:
    functions = reward_functions()
    assert [f.__name__ for f in functions] == [f"{name}_reward" for name in COMPONENTS]
    texts = [options("A", "B"), spans(None, None)]
    chats = [[{"role": "assistant", "content": text}] for text in texts]
    parts = [[{"role": "assistant", "content": [{"type": "text", "text": text}]}] for text in texts]
    columns = {"option": ["B", None], "segments": [None, []], "prompts": ["x", "y"], "completion_ids": [[1], [2]]}
    for completions in (texts, chats, parts):
        values = [f(completions=completions, **columns) for f in functions]
        whole = [f(completions=completions, truth=[MCQ, Truth(segments=())]) for f in functions]
        assert json.dumps(whole) == json.dumps(values)
        for row, (text, truth) in enumerate(zip(texts, (MCQ, Truth(segments=())), strict=True)):
            assert [v[row] for v in values] == pytest.approx(list(total(text, truth).components), nan_ok=True)


def test_rows_without_truth_and_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing to grade against"):
        truth_of({"duration": 16.0})
    with pytest.raises(ValueError, match="1 rows for 2 completions"):
        reward_functions()[0](["a", "b"], option=["A"])


def test_weights_are_listed_in_the_order_of_the_functions() -> None:
    assert RewardWeights().listed() == [0.5, 0.5, 0.5, 1.0, 0.25, 0.1]
    assert Quality(1.0, 0.5).mean(1, 3) == 0.625 and Quality(1.0, 0.5).mean(0, 0) == 0.75


def test_rewards_import_neither_torch_nor_trl() -> None:
    heavy = "{'torch', 'trl', 'transformers', 'pydantic'}"
    code = f"import sys, srvau_train.rewards; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
