"""Questions and texts: true, varied, and without a shortcut that needs no eyes."""

import re
from collections import Counter, defaultdict

import pytest

from vau_bench.records import NORMAL
from vau_bench.synth import CLASSES, annotate, labels_at, samples, scene_at
from vau_bench.synth.phrases import CLAUSES, NOTHING, WRONG

N = 3200
CHANCE, SLACK = 0.25, 0.035


@pytest.fixture(scope="module")
def many():
    return samples("train", N)


def accuracy(many, choose):
    return sum("ABCD"[choose(s.fields["options"])] == s.target.option for s in many) / len(many)


def is_normal_type(option):
    return option.startswith(NOTHING)


@pytest.mark.parametrize("letter", range(4))
def test_always_one_letter_is_right_one_time_in_four(many, letter):
    assert accuracy(many, lambda options: letter) == CHANCE


@pytest.mark.parametrize("pick", [max, min])
def test_length_tells_nothing(many, pick):
    assert abs(accuracy(many, lambda o: o.index(pick(o, key=len))) - CHANCE) < SLACK


@pytest.mark.parametrize("pick", [max, min])
def test_how_often_a_wording_occurs_tells_nothing(many, pick):
    counts = Counter(option for s in many for option in s.fields["options"])
    assert abs(accuracy(many, lambda o: o.index(pick(o, key=counts.__getitem__))) - CHANCE) < SLACK


def test_every_question_offers_two_incidents_and_two_harmless_readings(many):
    for sample in many:
        options = sample.fields["options"]
        assert sum(is_normal_type(o) for o in options) == 2
        assert sum(o.startswith(WRONG) for o in options) == 2


def test_picking_the_first_normal_option_is_chance(many):
    assert abs(accuracy(many, lambda o: next(i for i in range(4) if is_normal_type(o[i]))) - CHANCE) < SLACK


def test_words_learnt_from_other_clips_do_not_answer(many):
    """A guesser that has learnt how often each word is in a right option gets no further on new clips."""
    right, seen = defaultdict(int), defaultdict(int)
    for s in samples("val", N):
        for letter, option in zip("ABCD", s.fields["options"], strict=True):
            for word in set(re.findall(r"\w+", option)):
                seen[word] += 1
                right[word] += letter == s.target.option

    def score(option):
        words = set(re.findall(r"\w+", option))
        return sum((right[w] + 1) / (seen[w] + 4) for w in words) / len(words)

    assert abs(accuracy(many, lambda o: o.index(max(o, key=score))) - CHANCE) < SLACK


def test_the_odd_one_out_is_not_the_answer(many):
    """Words shared with the other options: neither the most nor the least alike is favoured."""

    def overlap(options, i):
        own = set(options[i].split())
        return sum(len(own & set(o.split())) for k, o in enumerate(options) if k != i)

    for pick in (max, min):
        assert abs(accuracy(many, lambda o, pick=pick: pick(range(4), key=lambda i: overlap(o, i))) - CHANCE) < SLACK


def test_the_question_tells_nothing_about_normality(many):
    by_question = defaultdict(list)
    for s in many:
        by_question[s.fields["question"]].append(s.target.label == NORMAL)
    assert len(by_question) == 9
    for answers in by_question.values():
        assert abs(sum(answers) / len(answers) - 0.5) < 0.13


def test_the_right_option_states_the_class_side_and_half():
    for index in range(400):
        scene = scene_at("val", index)
        truth = annotate(scene)
        right = truth.options["ABCD".index(truth.letter)]
        main = scene.event or scene.distractors[0]
        assert any(clause in right for clause in CLAUSES[main.kind])
        assert is_normal_type(right) == (scene.event is None)
        if " left" in right and "leaves" not in right.split(", ")[-1]:
            side = re.search(r", .*\b(left|right)\b", right)
            assert side is None or side.group(1) == main.side
        half = re.search(r"the (first|second) half", right)
        if half:
            middle = (main.start + main.end) / 2
            assert half.group(1) == ("first" if middle < scene.seconds / 2 else "second")


def test_texts_name_the_times_and_the_class(many):
    for sample in many[:400]:
        texts = sample.target.texts
        assert "{" not in texts["description"] + texts["reasoning"]
        if sample.target.segments:
            (segment,) = sample.target.segments
            for text in texts.values():
                assert f"{segment.start} s" in text and f"{segment.end} s" in text
            assert f"the class {sample.target.label}" in texts["reasoning"]
        else:
            assert not any(f"the class {name}" in texts["reasoning"] for name in CLASSES)


def test_texts_are_varied(many):
    assert len({s.target.texts["description"] for s in many}) == N
    assert len({s.target.texts["reasoning"] for s in many}) > 0.99 * N


def test_a_sample_carries_what_every_task_needs():
    sample = samples("test", 8)[7]
    assert (sample.id, sample.video, sample.group) == ("test-0007", "test-0007.mp4", "test-0007")
    assert set(sample.fields) >= {"question", "options", "key_object", "duration", "fps"}
    assert sample.fields["duration"] == 16.0 and len(sample.fields["options"]) == 4
    assert sample.target.label in CLASSES and sample.target.option in "ABCD"


def test_labels_hold_from_start_to_before_the_end():
    scene = next(s for i in range(9) if (s := scene_at("test", i)).event)
    start, end = scene.segment
    times = [start - 0.1, start, (start + end) / 2, end]
    assert labels_at(scene, times) == [NORMAL, scene.label, scene.label, NORMAL]
