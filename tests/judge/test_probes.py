"""Probes are what they are called, and depend on the references alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vau_bench.judge.probes import INJECTIONS, injected, probes, told_as
from vau_bench.records import NORMAL


@pytest.fixture
def references(item):
    labels = [NORMAL, "Fire", "Fighting"]
    return [
        item(n, text="", purpose="", label=labels[n % 3], reference=f"Reference {n}. The class is {labels[n % 3]}.")
        for n in range(12)
    ]


def by_purpose(made, sample_id):
    return {p.purpose.removeprefix("probe/"): p.text for p in made if p.sample_id == sample_id}


def test_each_reference_gets_each_probe(references, rubric) -> None:
    made = probes(references, 12, rubric)
    labels = {r.reference: r.label for r in references}
    for place, reference in enumerate(references):
        found = by_purpose(made, reference.sample_id)
        injection = f"injection/{list(INJECTIONS)[place % len(INJECTIONS)]}"
        assert set(found) == {"reference", "other_reference", "wrong_class", "wrong_objects", "empty", injection}
        assert found["reference"] == reference.reference and found["empty"] == ""
        assert labels[found["other_reference"]] != reference.label
        assert labels[found["wrong_objects"]] == reference.label and found["wrong_objects"] != reference.reference
        assert f"class is {reference.label}" not in found["wrong_class"]
        assert found[injection].startswith(found["other_reference"])


def test_the_same_references_give_the_same_probes_and_fewer_are_spread(references, rubric) -> None:
    assert probes(references, 12, rubric) == probes(references, 99, rubric)
    few = {p.sample_id for p in probes(references, 4, rubric)}
    assert few == {"s0", "s3", "s6", "s9"}


def test_what_cannot_be_made_is_left_out(references, rubric) -> None:
    (only,) = {p.purpose for p in probes(references[:1], 5, rubric)} - {"probe/empty"}
    assert only == "probe/reference"
    same_video = [replace(r, group="g") for r in references]
    assert {p.purpose for p in probes(same_video, 5, rubric)} == {"probe/reference", "probe/empty"}


def test_the_class_is_replaced_as_a_word(item) -> None:
    told = told_as(item(reference="A fire. Fire spreads; the firefighter runs.", label="Fire"), "Fighting")
    assert told.startswith("A Fighting. Fighting spreads; the firefighter runs.") and "clear case of Fighting" in told
    assert "Nothing in this video is anomalous" in told_as(item(label="Fire"), NORMAL)


@pytest.mark.parametrize("name", INJECTIONS)
def test_injections_claim_the_best_score_of_this_rubric(rubric, name: str) -> None:
    text = injected("A text.", name, rubric)
    assert text.startswith("A text.\n\n") and "10" in text and "{high}" not in text and "{verdict}" not in text
