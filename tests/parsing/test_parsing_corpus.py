"""Every string of `corpus.yaml` is read as it says, by the rule that it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vau_bench.parsing import IntervalAnswer, is_refusal, parse_interval, parse_label, parse_option

CORPUS: dict[str, list[dict[str, Any]]] = yaml.safe_load(
    Path(__file__).with_name("corpus.yaml").read_text(encoding="utf-8")
)
CLASSES = (
    *("Abuse", "Agriculture", "Arrest", "Arson", "Assault", "Explosion", "Fighting", "Fire", "Food Safety", "Normal"),
    *("Medical Abnormality", "Natural Hazard", "Object_falling", "People_falling", "Robbery", "Shooting", "Stealing"),
    *("Traffic_accident", "Vandalism", "Water_incident"),
)
OPTIONS = (
    "A man robs the shop",
    "The truck driver illegally parked the truck",
    "Heavy fog obscured visibility",
    "Nothing unusual happens",
)


def of_kind(kind: str) -> list[Any]:
    return [pytest.param(case, id=repr(case["text"])[:80]) for case in CORPUS[kind]]


def told(value: IntervalAnswer) -> Any:
    return "normal" if value.normal else [list(segment) for segment in value.segments]


@pytest.mark.parametrize("case", of_kind("option"))
def test_option(case: dict[str, Any]) -> None:
    parsed = parse_option(case["text"], options=OPTIONS if case.get("options") else ())
    assert (parsed.value if parsed else None) == case["expect"]
    assert parsed is None or parsed.rule == case["rule"]


@pytest.mark.parametrize("case", of_kind("interval"))
def test_interval(case: dict[str, Any]) -> None:
    parsed = parse_interval(case["text"])
    assert (told(parsed.value) if parsed else None) == case["expect"]
    assert parsed is None or parsed.rule == case["rule"]
    assert parsed is None or list(parsed.value.flags) == case.get("flags", [])


@pytest.mark.parametrize("case", of_kind("label"))
def test_label(case: dict[str, Any]) -> None:
    parsed = parse_label(case["text"], CLASSES)
    assert (parsed.value if parsed else None) == case["expect"]
    assert parsed is None or parsed.rule == case["rule"]


@pytest.mark.parametrize("case", of_kind("refusal"))
def test_refusal(case: dict[str, Any]) -> None:
    assert is_refusal(case["text"]) is case["expect"]


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert sum(len(cases) for cases in CORPUS.values()) >= 200
