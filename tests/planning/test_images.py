"""The published rules for images, on their vendors' examples, and InternVL's tiles as transformers cuts them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.planning.images import canvas, crops, published_rules, rule_of, squares, tiles

SIDES = st.integers(1, 5000)


@pytest.mark.parametrize(("width", "height", "tokens"), [(1024, 1024, 765), (2048, 4096, 1105), (512, 512, 255)])
def test_tiles_of_gpt_4o(width: int, height: int, tokens: int) -> None:
    assert tiles(width, height, base=85, tile=170) == tokens


@pytest.mark.parametrize(("width", "height", "tokens"), [(1024, 1024, 1024), (1800, 2400, 1452)])
def test_patches_of_gpt_4_1(width: int, height: int, tokens: int) -> None:
    found = squares(width, height, side=32, most=1536)
    assert tokens <= found <= 1536, "the vendor rounds the scale down to whole patches of one side"


@pytest.mark.parametrize(("width", "height", "tokens"), [(256, 256, 100), (1280, 720, 1196), (1920, 1080, 1560)])
def test_squares_of_claude(width: int, height: int, tokens: int) -> None:
    assert squares(width, height, side=28, most=1568, longest=1568) == tokens


def test_crops_of_gemini() -> None:
    assert crops(384, 384, each=258, small=384, side=768) == 258
    assert crops(960, 540, each=258, small=384, side=768) == 2 * 258


@pytest.fixture(scope="module")
def theirs():
    return pytest.importorskip("transformers.models.got_ocr2.image_processing_got_ocr2").get_optimal_tiled_canvas


@settings(deadline=None)
@given(width=SIDES, height=SIDES, most=st.integers(1, 12))
def test_internvl_is_cut_as_transformers_cuts_it(theirs, width: int, height: int, most: int) -> None:
    columns, rows = theirs((height, width), (448, 448), 1, most)
    assert canvas(width, height, side=448, most=most, thumbnail=False) == columns * rows


@given(width=SIDES, height=SIDES, name=st.sampled_from(sorted(published_rules())))
def test_a_smaller_image_never_costs_more(width: int, height: int, name: str) -> None:
    rule = published_rules()[name].tokens
    whole, half = rule(width, height), rule(max(1, width // 2), max(1, height // 2))
    assert 0 < half <= whole


def test_the_longest_name_decides() -> None:
    assert "GPT" not in rule_of("claude-haiku-4-5").told and "as published" in rule_of("claude-haiku-4-5").told
    assert rule_of("gpt-4o-2024-08-06").tokens(512, 512) == 255
    assert rule_of("gpt-4o-mini").tokens(512, 512) == 2833 + 5667
    assert rule_of("gemini-3.8-flash").tokens(640, 360) == 1120
    assert rule_of("claude-opus-5-5").tokens(1920, 1080) == 2691
    assert rule_of("Qwen/Qwen2.5-VL-7B-Instruct") is None
