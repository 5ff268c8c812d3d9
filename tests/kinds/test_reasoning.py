"""Reasoning: the reference scores fully, silence scores nothing, and a floor is fluent but blind."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from vau_bench.kinds import FloorContext
from vau_bench.kinds.reasoning import Reasoning, reference
from vau_bench.records import NORMAL, Sample, Segment, Target

KIND = Reasoning(("Fire", "Fighting"))


def sample(name: str, label: str, description: str, *segments: Segment, objects: str = "") -> Sample:
    target = Target(label, segments, texts={"description": description, "reasoning": ""})
    return Sample(name, f"{name}.mp4", name, target, {"key_object": objects} if objects else {})


FIRE = sample("f", "Fire", "A bin burns from 2 s to 6 s.", Segment(2, 6), objects="bin")
CALM = sample("n", NORMAL, "People walk by.")


def values(text: str, of: Sample) -> dict[str, float]:
    reading = KIND.read(text, of)
    return KIND.values(reading.answer if reading else None, of)


def test_the_reference_is_right_in_everything() -> None:
    assert KIND.values(KIND.truth(FIRE), FIRE) == {
        "anomalous": 1, "verdict_right": 1, "class_named": 1, "class_contradicted": 0, "key_objects": 1,
        "time_claimed": 1, "claimed_tiou": 1,
    }  # fmt: skip
    assert KIND.values(KIND.truth(CALM), CALM)["verdict_right"] == 1
    assert KIND.read(KIND.write(KIND.truth(FIRE)), FIRE).answer == KIND.truth(FIRE)


def test_no_answer_is_worth_the_least() -> None:
    got = values("  ", FIRE)
    assert math.isnan(got.pop("claimed_tiou"))
    assert got == {
        "anomalous": 1, "verdict_right": 0, "class_named": 0, "class_contradicted": 1, "key_objects": 0,
        "time_claimed": 0,
    }  # fmt: skip


def test_another_class_contradicts_and_a_second_one_beside_the_right_one_does_not() -> None:
    assert values("A fight between two men.", FIRE)["class_contradicted"] == 1
    assert values("A fight, then a fire.", FIRE)["class_contradicted"] == 0


def test_the_last_time_is_the_conclusion() -> None:
    assert values("A car passes from 0 s to 1 s. The fire lasts from 2 s to 6 s.", FIRE)[
        "claimed_tiou"
    ] == pytest.approx(1)


def test_an_anomaly_in_a_normal_video_is_invented() -> None:
    metric = KIND.metrics["hallucinated_anomaly_rate"]
    columns = {k: [v] for k, v in values("A fight breaks out.", CALM).items()}
    import numpy as np

    assert metric({k: np.array(v) for k, v in columns.items()}) == 1.0


def test_samples_without_class_or_reference_leave_the_task() -> None:
    assert KIND.exclusion(Sample("x", "x.mp4", "x", Target(None, ()))) == "unknown_class"
    assert KIND.exclusion(Sample("x", "x.mp4", "x", Target("Fire", ()))) == "no_reference"


def test_the_floor_is_the_reference_of_another_video_never_the_own_one() -> None:
    pool = (FIRE, CALM)
    answers = KIND.floor("other_reference", pool, FloorContext(pool))
    assert [a.text for a in answers if a] == [KIND.truth(CALM).text, KIND.truth(FIRE).text]
    assert KIND.floor("other_reference", [FIRE], FloorContext([FIRE])) == [None]


def test_a_reference_written_as_markup_or_as_a_dict_is_prose() -> None:
    written = sample("d", "Fire", "A bin.")
    texts = {"description": "A **bin**.", "reasoning": "{'Key Evidence': 'It burns.', 'Conclusion': 'A fire.'}"}
    told = reference(replace(written, target=replace(written.target, texts=texts)))
    assert told == "A bin.\n\nKey Evidence: It burns.\n\nConclusion: A fire."
