"""The leaderboard in a browser: it filters and sorts, is accessible, and hostile names change nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("browser")

Open = Callable[..., Any]


def models(page: Any) -> list[str]:
    rows = page.locator("#measured table.ranking").first.locator("tbody tr:not([hidden]) th")
    return [str(row.get_attribute("data-v")) for row in rows.all()]


def test_it_sorts_by_name_and_by_value(open_page: Open, leaderboard: Path) -> None:
    page = open_page(leaderboard)
    table = page.locator("#measured table.ranking").first
    table.locator("thead button").first.click()
    assert models(page) == sorted(models(page), key=str.casefold)
    table.locator("thead button").nth(2).click()
    assert models(page)[0] == "SRVAU-R1"
    assert table.locator("thead th").nth(2).get_attribute("aria-sort") == "descending"


def test_it_filters(open_page: Open, leaderboard: Path) -> None:
    page = open_page(leaderboard)
    page.uncheck("[name=floors]")
    assert not [name for name in models(page) if name.startswith("floors/")]
    page.fill("[name=text]", "motion")
    assert models(page) == ["motion"]
    page.select_option("[name=provenance]", "reported")
    assert page.locator("p.empty").is_visible()


def test_hostile_names_change_nothing(open_page: Open, leaderboard: Path) -> None:
    page = open_page(leaderboard)
    assert page.title() == "vau-bench leaderboard"
    assert "<script>document.title" in page.locator("#measured").inner_text()
    assert page.locator("a[href^='file'], a[href^='javascript'], img").count() == 0
    assert page.evaluate("document.scripts.length") == 1


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_has_no_serious_fault_and_fits(
    open_page: Open, axe: Any, leaderboard: Path, width: int, scheme: str
) -> None:
    page = open_page(leaderboard, width=width, scheme=scheme, bare=True)
    page.locator("details.provenance summary").first.click()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width


def test_it_works_from_the_keyboard(open_page: Open, leaderboard: Path) -> None:
    page = open_page(leaderboard)
    table = page.locator("#measured table.ranking").first
    row = table.locator("tbody tr", has_text="SRVAU-R1").first
    row.locator("summary").focus()
    page.keyboard.press("Enter")
    assert row.locator(".facts").is_visible() and "run-SRVAU-R1" in row.locator(".facts").inner_text()
    table.locator("thead button").first.focus()
    page.keyboard.press("Space")
    assert table.locator("thead th").first.get_attribute("aria-sort") == "ascending"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "rank"


@pytest.mark.parametrize("width", [1280, 390])
def test_without_scripts_everything_can_be_read(open_page: Open, leaderboard: Path, width: int) -> None:
    page = open_page(leaderboard, width=width, scripts=False)
    assert page.locator("form.filters").is_hidden()
    tables = page.locator("table.ranking")
    assert tables.count() > 8 and all(table.is_visible() for table in tables.all())
    assert page.locator("table.reflections").is_visible()
    row = page.locator("#measured table.ranking tbody tr", has_text="SRVAU-R1").first
    row.locator("summary").click()
    assert row.locator(".facts").is_visible()
