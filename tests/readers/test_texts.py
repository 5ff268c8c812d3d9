"""Reference texts come out as prose, whatever they were written as, and nothing in them is ever run."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.readers.texts import normalised

DICT = "{'Location': 'Road', 'Key Evidence': ['A car turns', 'It hits a man.'], 'Conclusion': \"The driver's fault\"}"
PROSE = "Location: Road\n\nKey Evidence: A car turns. It hits a man.\n\nConclusion: The driver's fault"


def test_a_dict_becomes_a_paragraph_per_key() -> None:
    assert normalised(DICT) == PROSE


def test_markdown_in_one_line_becomes_a_paragraph_per_heading() -> None:
    text = (
        "### Specific Anomaly Type: Assault  ### Location The road.  ### Key Evidence - **Fight**: Two men. "
        "- **Fall**: One falls."
    )
    assert normalised(text) == (
        "Specific Anomaly Type: Assault\n\nLocation: The road.\n\nKey Evidence: Fight: Two men.\nFall: One falls."
    )


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        ("  A man falls. ", "A man falls."),
        ("# Head\n* one\n* two\n1. three", "Head\none\ntwo\nthree"),
        ("**bold** and *slanted* and `code`", "bold and slanted and code"),
        ("```\nA fence\n```", "A fence"),
        ("3 * 4 * 5 at 5 - 6 pm, snake_case_name", "3 * 4 * 5 at 5 - 6 pm, snake_case_name"),
        ("a\r\nb\r\n\r\n\r\n\r\nc", "a\nb\n\nc"),
        ("---\ntext", "text"),
        ("['one', 'two']", "one. two."),
        ("[5.2, 10.4] is when", "[5.2, 10.4] is when"),
        ("{'a': {'b': 'c'}}", "a: b: c."),
        ("{'a': None, 'b': ''}", "a: None\n\nb"),
        ("{}", ""),
        ("", ""),
        ("{the crowd} gathers", "{the crowd} gathers"),
        ("Ein Mann fällt; 男が倒れる", "Ein Mann fällt; 男が倒れる"),
    ],
)
def test_what_becomes_of(text: str, prose: str) -> None:
    assert normalised(text) == prose


@pytest.mark.parametrize(
    "text",
    [
        DICT[:-1],
        DICT[:-4],
        "{'Location': 'Road', 'Key Evidence': ['A car turns', 'It hits a man.'], 'Conclusion': 'The driver's fault'}",
        '{"Location": "Road", "Key Evidence": ["A car turns", "It hits a man."], "Conclusion": "The driver\'s fault"',
    ],
    ids=["no brace", "cut", "misquoted", "cut json"],
)
def test_a_dict_that_is_no_python_loses_no_word(text: str) -> None:
    said = normalised(text)
    for words in ("Location: Road", "A car turns", "It hits a man.", "Conclusion: The driver's fau"):
        assert words in said
    assert "{" not in said and "[" not in said


def test_code_is_text(tmp_path: Path) -> None:
    target = tmp_path / "made"
    code = f"{{'a': __import__('pathlib').Path({str(target)!r}).touch()}}"
    assert "pathlib" in normalised(code)
    assert not target.exists()


@given(st.text(alphabet="ab*_#-`.{}[]'\":, \n1", max_size=60) | st.text(max_size=60))
@settings(max_examples=300)
def test_any_text_comes_back_as_a_text_without_space_around_it(text: str) -> None:
    prose = normalised(text)
    assert prose == prose.strip() and "\n\n\n" not in prose


@pytest.mark.parametrize(
    "text",
    [
        *("{" + "'a': " * 200_000, "* " * 500_000, "#" * 1_000_000, "**a" * 300_000, "[" * 150_000),
        *("[" * 1_000_000, "_a " * 300_000, " # " * 300_000, " \n" * 300_000, "{'a':'" + "\"'," * 300_000),
    ],
    ids=lambda text: text[:6] + f"*{len(text)}",
)
def test_a_megabyte_of_anything_takes_no_more_than_seconds(text: str) -> None:
    begin = time.process_time()
    normalised(text)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize("dataset", ["msad", "ecva", "ucf_crime"])
def test_the_released_texts(shared: Path, dataset: str) -> None:
    with (shared / "vau_bench" / f"test_{dataset}.csv").open(encoding="utf-8-sig", newline="") as file:
        texts = [row[column] for row in csv.DictReader(file) for column in ("Description", "Reasoning")]
    for text in texts:
        prose = normalised(text)
        assert "##" not in prose and "**" not in prose and not prose.startswith(("{", "["))
        assert normalised(prose) == prose, "prose stays as it is"
        assert len(prose) > 0.75 * len(text)
