"""Links to the reports of runs: https or a file below the folder, shown in every format, and nothing else."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from vau_bench.catalogue import Catalogue
from vau_bench.cli.main import cli
from vau_bench.errors import DataError, UsageError
from vau_bench.leaderboard.adding import add_entry
from vau_bench.leaderboard.board import check_entries, read_board
from vau_bench.leaderboard.entries import INDEX, read_entry
from vau_bench.leaderboard.exports import to_csv, to_model_index
from vau_bench.leaderboard.links import href, is_there, named, problem_of
from vau_bench.leaderboard.page import render
from vau_bench.leaderboard.pages import to_markdown

ADDRESS = "https://example.org/reports/mcq.html?a=1&b=(2)#s"

Edit = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A leaderboards folder with a report in it, and one beside it."""
    made = tmp_path / "leaderboards"
    (made / "reports").mkdir(parents=True)
    (made / "reports" / "mcq (1) & more.html").write_text("<!doctype html>")
    (tmp_path / "outside.html").write_text("<!doctype html>")
    return made


# What may be linked.


@pytest.mark.parametrize("link", [ADDRESS, "https://a.b", "reports/mcq.html", "a/b/c d.html", "Ä.html"])
def test_https_and_plain_paths_may_be_linked(link: str) -> None:
    assert problem_of(link) is None


@pytest.mark.parametrize(
    "link",
    [
        "http://example.org/a.html",
        "javascript:alert(1)//a.html",
        "data:text/html,<script>alert(1)</script>.html",
        "file:///etc/passwd.html",
        "//example.org/a.html",
        "/etc/a.html",
        "../a.html",
        "reports/../../a.html",
        "./a.html",
        "a//b.html",
        "a\\b.html",
        "C:/a.html",
        "a.pdf",
        "",
        "a\nb.html",
        "\u202ea.html",
        "https://",
        "https:///a.html",
        "https://user:password@example.org/a.html",
        "https://token@example.org/a.html",
        "https://example.org/a b",
        'https://example.org/"><script>',
        "https://example.org/a|b",
        "https://[::1/a",
        "https://exämple.org",
        "https://example.org/" + "a" * 500,
        "HTTPS://example.org/a",
    ],
)
def test_nothing_else_may(link: str) -> None:
    assert problem_of(link)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40).flatmap(lambda t: st.sampled_from([t, f"https://{t}", f"{t}.html", f"a/{t}/b.html"])))
def test_whatever_may_be_linked_leads_to_https_or_below_the_folder(link: str) -> None:
    if problem_of(link) is None:
        address = href(link)
        parts = urlsplit(address)
        if parts.scheme:
            assert parts.scheme == "https" and parts.netloc
        else:
            assert not parts.netloc and not address.startswith(("/", "\\")) and ".." not in address.split("/")
        assert not set(address) & set("<>\"'`|() \t\r\n\\")
        assert address.isascii()


# What a user names.


def test_a_file_is_named_by_its_path_from_anywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "reports/mcq (1) & more.html"
    monkeypatch.chdir(folder.parent)
    for text in (name, f"leaderboards/{name}", str(folder / name), f"./leaderboards/./{name}"):
        assert named(text, Path("leaderboards")) == name
    assert is_there(name, folder) and not is_there("reports/other.html", folder)
    assert named(ADDRESS, folder) == ADDRESS and is_there(ADDRESS, folder)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("outside.html", "there is no file outside.html below"),
        ("../outside.html", "there is no file ../outside.html below"),
        ("reports/absent.html", "put the report there, or pass its https address"),
        ("reports", "there is no file reports below"),
        ("http://a.b/c.html", "neither an https address nor a plain path"),
        ("https://me:secret@a.b/c", "must not hold a user name or a password"),
        ("a\0b", "there is no file"),
        ("a" * 600, "one line of at most 500 characters"),
    ],
)
def test_what_cannot_be_linked_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str, sentence: str) -> None:
    monkeypatch.chdir(folder.parent)
    with pytest.raises(UsageError) as refused:
        named(text, folder)
    assert sentence in str(refused.value)


def test_a_link_that_leads_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder / "reports" / "out.html").symlink_to(folder.parent / "outside.html")
    assert not is_there("reports/out.html", folder)
    with pytest.raises(UsageError, match="there is no file"):
        named("reports/out.html", folder)


# In an entry, and where it is shown.


def test_the_command_links_a_report_and_copies_nothing(runs: dict[str, Path], folder: Path) -> None:
    name = "reports/mcq (1) & more.html"
    command = ["leaderboard", "add", str(runs["mcq"]), "--dir", str(folder), "--report"]
    refused = CliRunner().invoke(cli, [*command, "https://me:secret@a.b"])
    assert refused.exit_code != 0 and not (folder / "entries").exists()
    assert CliRunner().invoke(cli, [*command, name]).exit_code == 0
    (path,) = (folder / "entries").glob("*/*")
    assert read_entry(path).report == name
    assert len(list(path.iterdir())) == 4 and len(list(folder.rglob("*.html"))) == 1


def test_a_report_is_shown_in_every_format(runs: dict[str, Path], folder: Path) -> None:
    name = "reports/mcq (1) & more.html"
    add_entry(runs["mcq"], folder, report=name)
    add_entry(runs["random"], folder, report=ADDRESS)
    board = read_board(folder, resamples=50)
    quoted, escaped = "reports/mcq%20%281%29%20%26%20more.html", ADDRESS.replace("(", "%28").replace(")", "%29")
    page = render(board, [])
    assert f'href="{quoted}"' in page and f'href="{escaped.replace("&", "&amp;")}"' in page
    text = to_markdown(board)
    assert f"| [report]({quoted}) |" in text and text.count(f"[report]({escaped})") == 2
    rows = list(csv.DictReader(StringIO(to_csv(board))))
    assert {row["report"] for row in rows} == {"", name, ADDRESS}
    index = yaml.safe_load(to_model_index(board))["model-index"]
    assert {result.get("source", {}).get("url") for model in index for result in model["results"]} == {None, ADDRESS}


def test_a_ranking_without_reports_has_no_column_for_them(runs: dict[str, Path], folder: Path) -> None:
    add_entry(runs["mcq"], folder)
    board = read_board(folder, resamples=50)
    assert "report |" not in to_markdown(board) and ">report<" not in render(board, [])
    assert "report" not in json.loads(next(folder.glob("entries/*/*/entry.json")).read_text())


def test_a_report_that_is_gone_is_told_and_costs_nothing(runs: dict[str, Path], folder: Path) -> None:
    name = "reports/mcq (1) & more.html"
    add_entry(runs["mcq"], folder, report=name)
    (folder / name).unlink()
    entries, (finding,) = check_entries(folder, Catalogue())
    assert len(entries) == 1 and (finding.level, finding.told) == ("absent", f"its report {name} is not there")
    check = ["leaderboard", "check", "--dir", str(folder)]
    told = CliRunner().invoke(cli, check)
    assert told.exit_code == 0 and "absent: floors-always_a/mcq: its report" in told.output
    assert CliRunner().invoke(cli, [*check, "--strict"]).exit_code == 1
    assert read_board(folder, resamples=50).rankings


@pytest.mark.parametrize("link", ["javascript:alert(1)", "../../x.html", "http://a.b", 'x"onclick="y.html', 3])
def test_a_link_that_was_written_by_hand_is_refused(board: Path, edit: Edit, link: object) -> None:
    edit(board / "entries" / "floors-random" / "random" / INDEX, lambda r: r.update(report=link))
    with pytest.raises(DataError, match=r"entry\.json: report: "):
        read_board(board, resamples=50)
