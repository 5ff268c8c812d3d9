"""The report in a browser: filters, order, opening, keys, presets, differences; hostile texts change nothing."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vau_bench.evaluation import Silent
from vau_bench.report.viewer import Viewer
from vau_bench.report.writing import read_book

pytestmark = pytest.mark.xdist_group("browser")

Open = Callable[..., Any]
READY = "body[data-ready]"


def opened(page: Any) -> Any:
    page.wait_for_selector(READY)
    return page


def ids(page: Any) -> list[str]:
    return [text.strip() for text in page.locator(".row .id").all_inner_texts()]


def choose(page: Any, name: str, label: str) -> None:
    page.select_option(f"[name={name}]", label=label)
    page.wait_for_timeout(50)


def counted(page: Any) -> str:
    return str(page.locator("output").inner_text())


def preset(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_timeout(50)


def open_sample(page: Any, sample: str) -> Any:
    page.get_by_role("button", name=re.compile(rf"^{sample} ")).first.click()
    page.wait_for_selector(".opened .reply")
    return page.locator(".opened")


def test_it_filters_by_task_class_outcome_and_answer(open_page: Open, report: Path) -> None:
    page = opened(open_page(report))
    assert counted(page) == "12 of 12"
    choose(page, "task", "clips_grounding")
    assert counted(page) == "6 of 12"
    choose(page, "class", "Fighting")
    assert sorted(ids(page)) == ["clip1", "clip3"]
    choose(page, "class", "all")
    choose(page, "outcome", "errored")
    assert ids(page) == ["clip4"]
    choose(page, "run", "A watcher")
    assert counted(page) == "0 of 12" and page.get_by_text("No sample fits these filters.").is_visible()
    page.get_by_role("button", name="show all").click()
    page.wait_for_timeout(50)
    assert counted(page) == "12 of 12"


def test_it_filters_by_tiou_judge_score_reflection_and_words(open_page: Open, report: Path) -> None:
    page = opened(open_page(report))
    page.fill("[name=tiou-low]", "0.85")
    page.wait_for_timeout(50)
    assert sorted(ids(page)) == ["clip0", "clip1"]
    page.get_by_role("button", name="show all").click()
    page.fill("[name=judge-low]", "1")
    page.fill("[name=judge-high]", "2")
    page.wait_for_timeout(50)
    assert 0 < len(ids(page)) < 12
    page.get_by_role("button", name="show all").click()
    choose(page, "reflection", "repaired")
    assert ids(page) == ["clip0"]
    page.get_by_role("button", name="show all").click()
    page.fill("[name=text]", "A BLUE CAR")
    page.locator("output").filter(has_text=re.compile("^2 of 12$")).wait_for()
    assert ids(page) == ["clip0", "clip0"]


def test_it_sorts(open_page: Open, many: Path) -> None:
    page = opened(open_page(many))
    choose(page, "sort", "by id")
    assert ids(page)[:3] == ["v000", "v001", "v002"]
    choose(page, "sort", "best first")
    assert ids(page)[:2] == ["v000", "v004"]  # always A: right about each fourth
    choose(page, "sort", "worst first")
    assert ids(page)[:2] == ["v001", "v002"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("unparsed", {"clip2", "clip3"}),
        ("reflection broke it", {"clip0"}),
        ("models disagree", {"clip0", "clip4"}),
    ],
)
def test_a_preset_shows_its_samples_and_is_marked(open_page: Open, report: Path, name: str, found: set[str]) -> None:
    page = opened(open_page(report))
    preset(page, name)
    page.wait_for_timeout(100)
    rows = page.locator(".row", has_text="clips_grounding").locator(".id")
    assert set(rows.all_inner_texts()) == found
    assert page.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed") == "true"
    preset(page, "worst")
    assert counted(page) == "12 of 12"


def test_an_opened_sample_shows_frames_timeline_parts_judges_and_command(open_page: Open, report: Path) -> None:
    page = opened(open_page(report))
    choose(page, "task", "clips_grounding")
    card = open_sample(page, "clip0")
    card.locator(".film img").first.wait_for()
    assert page.evaluate("[...document.querySelectorAll('.film img')].every((img) => img.naturalWidth > 0)")
    assert re.match(r"0\.00 s #0", card.locator("figcaption").first.inner_text())
    lanes = [lane.get_attribute("aria-label") for lane in card.locator("svg.track").all()]
    assert lanes[0] == "truth: 0.50 \u2013 1.50 s" and "B before reflection: 0.50 \u2013 1.50 s" in lanes
    assert "A answer: 0.50 \u2013 1.50 s" in lanes
    assert card.locator(".reply").count() == 2
    assert card.locator(".part.reflect").first.is_visible() and "read by rule tag" in card.inner_text()
    assert "of 10 strict" in card.locator(".judged").first.inner_text()
    card.get_by_text("Command and particulars").first.click()
    assert "vau-bench evaluate --model watcher --tasks clips_grounding" in card.locator("code.block").first.inner_text()
    page.get_by_role("button", name=re.compile("^clip0 ")).click()
    assert page.locator(".opened").count() == 0


def test_words_that_differ_between_two_runs_are_marked(open_page: Open, report: Path) -> None:
    page = opened(open_page(report))
    choose(page, "task", "clips_grounding")
    card = open_sample(page, "clip0")
    choose(page, "difference", "words that differ, A and B")
    assert card.locator("del").count() > 0 and card.locator("ins").count() > 0
    assert "a blue car" not in card.locator(".reply").first.inner_text()
    whole = card.locator(".reply pre").nth(1).inner_text()
    assert whole.startswith("<think>a red car</think>") and whole.endswith("</glue>")
    page.keyboard.press("Escape")
    open_sample(page, "clip0")
    assert page.locator("[name=difference]").input_value() == "0,1"  # it stays as it was chosen


def test_j_and_k_move_through_the_samples_and_over_pages(open_page: Open, many: Path) -> None:
    page = opened(open_page(many))
    choose(page, "sort", "by id")
    page.locator("output").click()
    for expected in ("v000", "v001"):
        page.keyboard.press("j")
        page.wait_for_selector(".opened .reply")
        assert page.locator(".open .id").inner_text() == expected
    page.keyboard.press("k")
    assert page.locator(".open .id").inner_text() == "v000"
    page.locator(".pager .after").first.click()
    assert ids(page)[0] == "v050" and page.locator(".where").first.inner_text() == "page 2 of 3"
    page.keyboard.press("k")
    page.wait_for_selector(".opened .reply")
    assert page.locator(".open .id").inner_text() == "v050"
    page.keyboard.press("k")
    page.wait_for_selector(".opened .reply")
    assert (
        page.locator(".open .id").inner_text() == "v049" and page.locator(".where").first.inner_text() == "page 1 of 3"
    )
    page.keyboard.press("Escape")
    assert page.locator(".opened").count() == 0


def test_keys_write_where_there_is_a_field(open_page: Open, many: Path) -> None:
    page = opened(open_page(many))
    page.keyboard.press("/")
    page.keyboard.type("jk")
    assert page.locator("[name=text]").input_value() == "jk" and page.locator(".opened").count() == 0


def test_an_address_opens_a_sample(open_page: Open, many: Path) -> None:
    page = open_page(many.as_uri() + "#sample-120")
    page.wait_for_selector(".opened .reply")
    assert page.locator("#sample-120 .opened").count() == 1


def test_hostile_texts_change_nothing(open_page: Open, report: Path) -> None:
    page = opened(open_page(report))
    title = page.title()
    choose(page, "task", "clips_grounding")
    for sample in ("clip1", "clip2"):
        card = open_sample(page, sample)
        assert "<script>document.title = 'taken'</script>" in card.inner_text() or sample != "clip1"
        choose(page, "difference", "words that differ, A and B")
    assert "\\u202egnp.exe" in card.inner_text() and "file:///etc/passwd" in card.inner_text()
    assert page.title() == title
    assert page.locator("main a[href^='file'], main a[href^='javascript'], template, iframe").count() == 0
    assert page.locator("h1").count() == 1 and page.locator("body").is_visible()
    assert (
        page.evaluate("document.scripts.length - document.querySelectorAll('script[type=\"text/plain\"]').length") == 1
    )
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", page.locator("body").inner_text())


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_serious_fault_and_fits(open_page: Open, axe: Any, report: Path, width: int, scheme: str) -> None:
    page = opened(open_page(report, width=width, scheme=scheme, bare=True))
    choose(page, "task", "clips_grounding")
    open_sample(page, "clip0")
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    boxes = {
        name: page.locator(name).first.bounding_box() for name in (".presets", ".filters", ".rows", ".opened .replies")
    }
    tops = [box["y"] for box in boxes.values()]
    assert tops == sorted(tops)
    answers = [answer.bounding_box() for answer in page.locator(".reply").all()]
    assert (answers[0]["y"] == answers[1]["y"]) == (width > 1000)  # side by side where there is room
    assert len(page.screenshot()) > 10_000


def test_without_a_script_the_figures_stay_and_it_says_what_is_missing(chromium: Any, report: Path) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report.as_uri())
    text = page.locator("body").inner_text()
    context.close()
    assert "2 runs side by side" in text and "miou" in text
    assert "The samples need JavaScript." in text and not re.search("show all|worst first", text)


def test_a_served_report_asks_for_what_is_looked_at(
    open_page: Open, two_runs: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    with Viewer(read_book(two_runs, None, None, Silent())) as viewer:
        serving = threading.Thread(target=viewer.serve)
        serving.start()
        try:
            page = opened(open_page(viewer.address))
            choose(page, "task", "clips_grounding")
            open_sample(page, "clip0").locator(".film img").first.wait_for()
            assert page.evaluate("[...document.querySelectorAll('.film img')].every((img) => img.naturalWidth > 0)")
        finally:
            viewer.stop()
            serving.join()
