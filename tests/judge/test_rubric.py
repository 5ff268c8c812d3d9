"""A rubric is checked before anything is paid for."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from vau_bench.errors import DataError
from vau_bench.judge.rubric import BUILTIN, Rubric, read_rubric


def changed(tmp_path: Path, **changes: object) -> Path:
    record = yaml.safe_load(BUILTIN.read_text(encoding="utf-8"))
    record |= changes
    path = tmp_path / "rubric.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in record.items() if v is not None}, sort_keys=False))
    return path


def test_the_one_that_ships_has_the_five_dimensions_of_the_protocol(rubric: Rubric) -> None:
    assert list(rubric.dimensions) == [
        "classification_correctness",
        "key_object_action_matching",
        "fluency",
        "informativeness",
        "factual_consistency",
    ]
    assert rubric.highest_total == 50
    for dimension in rubric.dimensions.values():
        assert {0, 10} <= dimension.anchors.keys()


def test_everything_stands_in_the_prompts(rubric: Rubric) -> None:
    system, question = rubric.instructions(), rubric.question("Fire", "REF {label}", "TEXT {x}")
    for name, dimension in rubric.dimensions.items():
        assert f"{name}: {dimension.asks}" in system and dimension.anchors[10] in system
    assert "Fire" in question and "REF {label}" in question and "TEXT {x}" in question
    assert "it is {empty}" in rubric.complaint("it is {empty}")


def test_the_schema_asks_for_the_reason_and_every_dimension(rubric: Rubric) -> None:
    schema = rubric.verdict_schema()
    assert schema["required"] == ["reason", *rubric.dimensions] and list(schema["properties"]) == schema["required"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"dimension": {}}, "unknown key 'dimension'; did you mean dimensions"),
        ({"name": None}, "the key 'name' is missing"),
        ({"version": 0}, "version: "),
        ({"dimensions": {}}, "dimensions: "),
        ({"dimensions": {"Fluency": {"asks": "?", "anchors": {0: "a", 10: "b"}}}}, "dimensions.Fluency"),
        ({"dimensions": {"reason": {"asks": "?", "anchors": {0: "a", 10: "b"}}}}, "cannot be called 'reason'"),
        ({"dimensions": {"a": {"asks": "?", "anchors": {0: "a", 11: "b"}}}}, "dimensions.a.anchors.11"),
        ({"dimensions": {"a": {"ask": "?", "anchors": {0: "a", 10: "b"}}}}, "unknown key 'dimensions.a.ask'"),
        ({"user": "{response} {refernce}"}, "unknown placeholder {refernce}"),
        ({"user": "{response}"}, "user: the placeholder {reference} is missing"),
        ({"system": "{rubric} {form} {"}, "system: "),
        ({"system": "{rubric} {form} {0}"}, "unknown placeholder {0}"),
        ({"system": 'form {form} {rubric} {"a": 1}'}, "system: "),
        ({"repair": "again"}, "repair: the placeholder {problem} is missing"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_sentence(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    path = changed(tmp_path, **changes)
    with pytest.raises(DataError) as caught:
        read_rubric(path)
    assert sentence in str(caught.value) and str(caught.value).startswith(str(path))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file"):
        read_rubric(tmp_path / "absent.yaml")


def test_any_change_is_another_rubric(tmp_path: Path, rubric: Rubric) -> None:
    assert read_rubric(changed(tmp_path)).digest == rubric.digest
    for changes in ({"version": 2}, {"system": rubric.system + "!"}, {"repair": "{problem}"}):
        assert read_rubric(changed(tmp_path, **changes)).digest != rubric.digest
