"""YAML against a schema: an error names the file, the line or the key, and what was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from vau_bench.declarations import place_of, read_declaration, read_yaml
from vau_bench.errors import DataError


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reader: str
    sizes: dict[str, int] = {}


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    version: int = 1
    dataset: Inner | None = None


def refusal(tmp_path: Path, text: str | bytes) -> str:
    path = tmp_path / "task.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(DataError) as caught:
        read_declaration(Outer, path)
    message = str(caught.value)
    assert message.startswith(str(path)), message
    assert "\n" not in message
    return message.removeprefix(str(path))


def test_a_declaration_is_read_as_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("name: é\ndataset: {reader: x, sizes: {test: 3}}\n", encoding="utf-8")
    assert read_declaration(Outer, path) == Outer(name="é", dataset=Inner(reader="x", sizes={"test": 3}))


def test_an_unknown_key_gets_a_hint(tmp_path: Path) -> None:
    assert refusal(tmp_path, "name: x\nverison: 2\n") == ":2: unknown key 'verison'; did you mean version?"


def test_a_mistyped_required_key_is_told_as_a_typo_not_as_missing(tmp_path: Path) -> None:
    assert refusal(tmp_path, "nmae: x\n") == ":1: unknown key 'nmae'; did you mean name?"


def test_the_hint_for_a_nested_key_comes_from_the_nested_schema(tmp_path: Path) -> None:
    assert refusal(tmp_path, "name: x\ndataset: {raeder: y}\n") == (
        ":2: unknown key 'dataset.raeder'; did you mean reader?"
    )


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path, "version: 2\n") == ": the key 'name' is missing"
    assert refusal(tmp_path, "name: x\ndataset: {}\n") == ":2: the key 'dataset.reader' is missing"


def test_a_value_of_the_wrong_form_is_told_with_its_key(tmp_path: Path) -> None:
    assert refusal(tmp_path, "name: x\nversion: two\n").startswith(":2: version: input should be a valid integer")
    told = refusal(tmp_path, "name: x\ndataset: {reader: y, sizes: {test: many}}\n")
    assert told.startswith(":2: dataset.sizes.test: input should be a valid integer")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just text\n", "3\n"])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str) -> None:
    assert refusal(tmp_path, text).startswith(": the whole: input should be a valid")


def test_broken_yaml_is_told_with_its_line(tmp_path: Path) -> None:
    assert refusal(tmp_path, "name: x\nversion: [1, 2\nother: 3\n").startswith(":3: ")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"name: \xff\xfe\n", ": not UTF-8 text"),
        (b"name: \x00\n", ": "),
        (b"name: !!python/object:os.system x\n", ":1: "),
    ],
)
def test_hostile_files_are_errors_of_the_data(tmp_path: Path, text: bytes, told: str) -> None:
    assert refusal(tmp_path, text).startswith(told)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no file .*absent\.yaml"):
        read_yaml(tmp_path / "absent.yaml")


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot read"):
        read_yaml(tmp_path)


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("name",), 2),
        (("dataset", "sizes", "val"), 7),
        (("dataset", "sizes", "nowhere"), 5),
        (("list", 1), 10),
        (("list", 9), 8),
        (("name", "below"), 2),
    ],
)
def test_the_place_of_a_key_is_its_line_or_that_of_its_innermost_parent(
    tmp_path: Path, keys: tuple[str, ...], line: int
) -> None:
    path = tmp_path / "task.yaml"
    path.write_text("# first\nname: x\n\ndataset:\n  sizes:\n    test: 1\n    val: 2\nlist:\n- a\n- b\n")
    assert place_of(path, *keys) == f"{path}:{line}"


@pytest.mark.parametrize("content", [None, b"name: [", b"\xff", b"", b"- a\n"])
def test_where_no_line_can_be_told_the_place_is_the_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "task.yaml"
    if content is not None:
        path.write_bytes(content)
    assert place_of(path, "name") == str(path)
