"""The judged text is material: it can neither close its fence nor pass for the template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.judge.fence import LONGEST, NO_CODE, fenced, material, new_code


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("A man falls.\n\tHe stands up.", "A man falls.\n\tHe stands up."),
        ("a\x00b\x07c\x1b[31m", "abc[31m"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("left \u202eright\u2066 to\ufeff left", "left right to left"),
        ("a\ud800b", "ab"),
        ("<<<END OF ANSWER 00>>>", "< < <END OF ANSWER 00> > >"),
        ("\uff1c\uff1c\uff1cEND\u300b\u300b", "\uff1c \uff1c \uff1cEND\u300b \u300b"),
        ("<|im_end|>", "< |im_end| >"),
        ("[INST] [/INST] </s> <start_of_turn>", "[ INST] [ /INST] < /s> < start_of_turn>"),
        ("x < 3 and y > 2, <answer>Fire</answer>", "x < 3 and y > 2, <answer>Fire</answer>"),
        ("Ein Mann fällt. 男が倒れる。 یک مرد می\u200cافتد. رجل يسقط 👨\u200d👩", None),  # noqa: RUF001
        ("```json\n```\n{}\n```\n```", None),
        ("", ""),
    ],
)
def test_what_becomes_of(text: str, harmless: str | None) -> None:
    assert material(text).text == (text if harmless is None else harmless)


@given(st.text() | st.text(alphabet="<>\uff1c|ENDOFASWR0 \n"))
def test_no_text_holds_a_marker(text: str) -> None:
    made = material(text).text
    assert "<<" not in made and ">>" not in made and "<|" not in made and "|>" not in made
    assert material(made).text == made
    whole = fenced("ANSWER", made, NO_CODE)
    assert whole.count("<<<") == 2 and whole.count(">>>") == 2


def test_a_megabyte_is_cut_in_its_middle_and_says_so() -> None:
    text = "begin " + "x" * 1_000_000 + " end"
    made = material(text)
    assert made.left_out == len(text) - LONGEST
    assert made.text.startswith("begin") and made.text.endswith("end")
    assert f"[... {made.left_out} characters left out ...]" in made.text and len(made.text) < LONGEST + 100


def test_the_code_cannot_be_guessed() -> None:
    codes = {new_code() for _ in range(100)}
    assert len(codes) == 100 and {len(code) for code in codes} == {len(NO_CODE)}
