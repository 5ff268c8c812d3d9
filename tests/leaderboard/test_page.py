"""The page and the plots of `leaderboard build`: deterministic, inert, complete, and quick."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, RunError
from vau_bench.leaderboard.adding import add_entry
from vau_bench.leaderboard.board import Board, Finding, read_board
from vau_bench.leaderboard.entries import Entry, SampleRow
from vau_bench.leaderboard.exports import to_csv
from vau_bench.leaderboard.figures import drawings
from vau_bench.leaderboard.page import build_page
from vau_bench.leaderboard.pages import to_markdown
from vau_bench.leaderboard.published import read_published
from vau_bench.leaderboard.ranking import rank_all
from vau_bench.leaderboard.reflections import reflected
from vau_bench.leaderboard.standings import aggregate
from vau_bench.leaderboard.verify import computable, recompute, reflection_columns
from vau_bench.metrics.reflection import reflection_cells
from vau_bench.records import Outcome
from vau_bench.results import TaskResult
from vau_bench.runs import Manifest, TaskEntry, slug

PUBLISHED = Path(__file__).resolve().parents[2] / "leaderboards" / "published"
TASK = "vau_synth_grounding"
CLASSES = ("Arson", "Explosion", "Fighting", "Robbery", "Shooting")
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> ../../\u202egnp '\" javascript:alert(3)"


def entry(model: str, skill: float, *, seed: int = 0, n: int = 40, **more: Any) -> Entry:
    """An entry of made-up answers to a grounding task, with figures that are those of its samples."""
    return with_figures([bare_entry(model, skill, seed=seed, n=n, **more)])[0]


def bare_entry(model: str, skill: float, *, seed: int, n: int, **more: Any) -> Entry:
    rows = _rows(TASK, skill, np.random.default_rng(seed), n)
    manifest = Manifest(
        run_id=f"run-{slug(model)[:20]}-{seed}",
        model=model,
        model_identity={"adapter": "test", "checkpoint": model},
        tasks=[TaskEntry(TASK, 1, "grounding", "direct", "test", "fps(1)", {}, n)],
        options={},
        status="success",
        started=f"2026-01-01T00:00:{seed % 60:02d}Z",
        environment={"python": "3.11", "commit": "c" * 40, "packages": {"numpy": "2.4"}},
    )
    return Entry(None, model, manifest, [_result(rows, seed, more)], rows)


def with_figures(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, over the same samples, with their metrics."""
    found = recompute([computable(e.tasks[0], list(e.rows)) for e in entries])
    for one, metrics in zip(entries, found, strict=True):
        one.tasks[0]["metrics"] = {k: v for k, v in metrics.items() if "/" not in k}
    return list(entries)


def _rows(task: str, skill: float, rng: np.random.Generator, n: int) -> list[SampleRow]:
    tiou = np.clip(rng.normal(skill, 0.25, n), 0, 1)
    return [
        SampleRow(
            task=task,
            sample_id=f"s{i:05d}",
            group=f"v{i // 2}",
            outcome=Outcome.SCORED if i % 11 else Outcome.UNPARSED,
            values={
                "anomalous": float(i % 4 > 0),
                "alarm": 1.0,
                "tiou": float(tiou[i]) if i % 4 else None,
                "start_error": 1.0 if i % 4 else None,
                "end_error": 2.0 if i % 4 else None,
            },
            worth=float(tiou[i]),
            true=(5.0 + i % 7, 10.0 + i % 7) if i % 4 else None,
            predicted=(6.0 + i % 7, 12.0 + i % 7),
        )
        for i in range(n)
    ]


def _result(rows: list[SampleRow], seed: int, more: dict[str, Any]) -> TaskResult:
    n = len(rows)
    outcomes = {str(o): sum(r.outcome == o for r in rows) for o in Outcome}
    bare: dict[str, Any] = {
        "task": TASK,
        "version": 1,
        "kind": "grounding",
        "dataset": "VAU-Synth",
        "style": "direct",
        "split": "test",
        "frames": "fps(1)",
        "headline": "miou",
        "expected": n,
        "outcomes": outcomes,
        "excluded": {},
        "notes": {},
        "metrics": dict.fromkeys(("miou", "recall@0.5", "false_alarm_rate", "start_error")),
        "paper": {},
        "paper_n": 0,
        "floors": {"whole_video": {"answered": n, "metrics": {"miou": 0.31, "recall@0.5": 0.2}}},
        "classes": {c: {"n": 4 * k + 4, "value": (0.1 + 0.15 * k + 0.01 * seed) % 1} for k, c in enumerate(CLASSES)},
        "digests": {"data": "d" * 64, "prompts": "p" * 64, "parser": "q" * 64},
        "warnings": [],
        **more,
    }
    return cast("TaskResult", bare)


def reflecting(model: str, *, seed: int = 0, n: int = 40) -> Entry:
    """An entry in the style `reflect`; every fifth answer had no first one."""
    bare = bare_entry(model, 0.5, seed=seed, n=n, style="reflect")
    firsts = [(7 * i % 11) / 10 if i % 5 else None for i in range(n)]
    rows = [row.model_copy(update={"first_worth": first}) for row, first in zip(bare.rows, firsts, strict=True)]
    worth = reflection_columns(rows)
    cells = reflection_cells(worth["first"], worth["revised"])
    reflection = {"pairs": cells.pairs, "without_pair": n - cells.pairs, "cells": cells._asdict()}
    task = bare.tasks[0]
    task["reflection"] = cast("Any", reflection)
    (found,) = recompute([computable(task, rows)])
    task["metrics"] = {k: v for k, v in found.items() if "/" not in k}
    reflection["metrics"] = {k.removeprefix("reflection/"): v for k, v in found.items() if "/" in k}
    return Entry(None, bare.model, bare.manifest, [task], rows)


def board(*entries: Entry, published: Path | None = PUBLISHED) -> Board:
    placed = [Entry(Path("entries") / slug(e.model) / e.manifest.run_id, *_rest(e)) for e in entries]
    rankings = rank_all(placed, resamples=200)
    standings = aggregate(rankings, resamples=50)
    named = {("VAU-Synth", "test", "direct"): ([r.key.task for r in rankings], standings)} if standings else {}
    return Board(rankings, named, read_published(published) if published else [])


def _rest(e: Entry) -> tuple[str, Manifest, list[TaskResult], Sequence[SampleRow]]:
    return e.model, e.manifest, e.tasks, e.rows


def several() -> list[Entry]:
    named = {
        "Qwen2.5-VL-7B": 0.5,
        "SRVAU-R1": 0.55,
        "motion": 0.35,
        "floors/prior_interval": 0.42,
        "floors/random": 0.1,
    }
    return [entry(name, skill, seed=k) for k, (name, skill) in enumerate(named.items())]


class Page(HTMLParser):
    """What a page holds: tags with attributes, and its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def built(of: Board, folder: Path) -> str:
    build_page(of, folder)
    return (folder / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built leaderboard. Read it, do not write into it."""
    made = tmp_path_factory.mktemp("leaderboards")
    build_page(board(*several()), made)
    return made


@pytest.fixture(scope="module")
def text(folder: Path) -> str:
    return (folder / "index.html").read_text(encoding="utf-8")


def test_two_builds_give_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    again = {p.relative_to(tmp_path): p.read_bytes() for p in build_page(board(*several()), tmp_path)}
    assert again == {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert {p.suffix for p in again} == {".html", ".svg", ".png"}


def test_a_second_build_writes_nothing_and_removes_what_is_left_over(tmp_path: Path) -> None:
    once = board(entry("a", 0.4), published=None)
    build_page(once, tmp_path)
    left_over, kept = tmp_path / "plots" / "gone-forest.svg", tmp_path / "plots" / "notes.txt"
    left_over.write_text("old")
    kept.write_text("mine")
    before = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file() and p != left_over}
    build_page(once, tmp_path)
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*") if p.is_file()} == before


def test_measured_and_reported_rows_never_share_a_table(text: str) -> None:
    sections = re.findall(r'<section class="card board".*?</section>', text, re.DOTALL)
    assert len(sections) > 5
    for section in sections:
        said = {s for s in ("measured", "reported") if f'data-provenance="{s}"' in section}
        chips = {s for s in ("measured", "reported") if f">{s}</span>" in section}
        assert len(said) == 1 and said == chips and section.count("<table") == 1
    assert 'id="measured"' in text.partition('id="reported"')[0]


def test_each_row_tells_where_it_comes_from(text: str) -> None:
    for name in ("Qwen2.5-VL-7B", "motion"):
        assert f"run-{name}" in text and f"entries/{name}/run-{name}" in text
    assert "Stated by the results of the other rows" in text  # floors/whole_video
    assert "MDE" in text and "source videos" in text and "d" * 64 in text
    assert "arxiv.org/abs/2505.23504" in text and "third party" in text


def test_it_needs_neither_network_nor_script(text: str, folder: Path) -> None:
    page = Page(text)
    assert "default-src 'none'" in text and len(page.all("script")) == 1
    assert not any(a.get("src") for _, a in page.tags)
    assert not page.all("link") and not page.all("iframe") and "@import" not in text and "@font-face" not in text
    for link in page.all("a"):
        address = link["href"] or ""
        if not address.startswith(("#", "https://")):
            assert address.split("/")[0] in {"plots", "entries", "README.md", "leaderboard.csv"}
    for link in page.all("a"):
        if (link["href"] or "").startswith("plots/"):
            assert (folder / (link["href"] or "")).is_file()
    assert "hidden" in page.all("form")[0]  # filters appear with the script that serves them
    assert len(page.all("tr")) > 100


def test_ids_are_unique_and_links_lead_somewhere(text: str) -> None:
    page = Page(text)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.tags:
        for address in (attributes.get("href"), attributes.get("xlink:href")):
            if address and address.startswith("#"):
                assert address[1:] in ids


def test_hostile_names_are_inert(tmp_path: Path) -> None:
    hostile = entry(HOSTILE, 0.5, style=HOSTILE, dataset=HOSTILE, split=HOSTILE)
    hostile = Entry(Path(f"entries/{slug(HOSTILE)}/a b?#%<x>"), *_rest(hostile))
    made = Board(rank_all([hostile], resamples=50), {}, [])
    text = built(made, tmp_path)
    page = Page(text)
    assert len(page.all("script")) == 1 and not page.all("img")
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert "\u202e" not in text and "\\u202e" in text
    assert all(not (a["href"] or "").startswith("javascript") for a in page.all("a"))
    assert all(p.parent == tmp_path / "plots" for p in (tmp_path / "plots").rglob("*"))
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("plots", "index.html")] == []


def test_an_empty_leaderboard_says_so(tmp_path: Path) -> None:
    text = built(Board([], {}, []), tmp_path)
    assert "Nothing is entered yet" in text and "No published figure is listed" in text
    assert list((tmp_path / "plots").iterdir()) == []


def test_floors_alone_have_a_table_and_no_plot(tmp_path: Path) -> None:
    text = built(board(entry("floors/random", 0.1), published=None), tmp_path)
    assert "floors/random" in text and "<svg" not in text


def test_a_run_with_nothing_scored(tmp_path: Path) -> None:
    silent = entry("silent", 0.5, classes={})
    for row in range(len(silent.rows)):
        cast("list[SampleRow]", silent.rows)[row] = silent.rows[row].model_copy(update={"outcome": Outcome.MISSING})
    silent.tasks[0]["outcomes"] = {"missing": len(silent.rows)}
    assert "100.0" in built(board(silent, published=None), tmp_path)


def test_several_runs_of_one_model_are_told_apart() -> None:
    made = board(entry("twin", 0.5, seed=1), entry("twin", 0.4, seed=2), published=None)
    stems = [d.stem for d in drawings(made)]
    assert stems[0] == "vau_synth_grounding-direct-forest" and len(set(stems)) == len(stems)


def test_an_entry_that_holds_nonsense_to_draw_is_named() -> None:
    with pytest.raises(DataError, match=r"bad/run-bad-0.*classes"):
        drawings(board(entry("bad", 0.5, classes={"Arson": {"n": "many", "value": []}}), published=None))
    with pytest.raises(DataError, match="judge"):
        drawings(board(entry("bad", 0.5, judge={"judges": [{"judge": 3}]}), published=None))


def test_what_an_entry_tells_is_drawn() -> None:
    judged = {"judge": "j", "judged": 3, "expected": 4, "highest": 50, "total": {"value": 30.0}, "dimensions": {}}
    cells = {"repaired": 2, "broken": 1, "kept_right": 3, "kept_wrong": 4}
    told = entry("told", 0.5, judge={"judges": [judged]}, usage={"seconds": 1.5, "tokens": 900})
    told.tasks[0]["reflection"] = cast("Any", {"pairs": 10, "cells": cells, "metrics": {}})
    other = entry("other", 0.4, seed=1, usage={"seconds": 0.5})
    kinds = [d.stem.rpartition("-")[2] for d in drawings(board(told, other, published=None), radar=True)]
    assert kinds == ["forest", "recall", "classes", "radar", "outcomes", "starts", "reflection", "judge", "cost"]


def test_reflections_are_told_and_drawn(tmp_path: Path) -> None:
    made = board(reflecting("SRVAU-R1"), entry("motion", 0.4), published=None)
    direct, reflect = made.rankings
    assert reflected(direct) == []
    (row,) = reflected(reflect)
    cells = reflect.members[0].task["reflection"]["cells"]
    assert row.pairs == sum(cells.values()) == 32 and row.expected == 40
    assert row.first * 32 == cells["kept_right"] + cells["broken"]
    assert (row.revised - row.first) * 32 == pytest.approx(row.repaired - row.broken)
    kinds = [d.stem.rpartition("-")[2] for d in drawings(made) if d.ranking == 1]
    assert kinds == ["forest", "recall", "classes", "outcomes", "starts", "reflection"]
    text = built(made, tmp_path)
    assert text.count("First answer against the revised one</summary>") == 1
    assert f">{row.gain}</td>" in text and f">{row.graded}</td>" in text
    markdown = to_markdown(made)
    assert f"| SRVAU-R1 | 32 of 40 | {100 * row.first:.1f} | {100 * row.revised:.1f} | {row.gain} |" in markdown
    metrics = {line.split(",")[11] for line in to_csv(made).splitlines()}
    assert {"reflection/net_gain", "reflection/repair_rate"} <= metrics


def test_a_stale_row_says_so(tmp_path: Path) -> None:
    fresh = board(entry("old", 0.4), entry("new", 0.5, seed=1), published=None)
    stale = [Finding("old/run-old-0", "stale", f"{TASK}: the parser has changed since", TASK)]
    made = Board(fresh.rankings, {}, [], stale)
    text = built(made, tmp_path)
    assert text.count('<span class="chip fair">stale</span>') == 1 and text.count("the parser has changed since") == 2
    assert to_markdown(made).count("(stale)") == 1


def test_the_cost_of_an_answer_is_told(tmp_path: Path) -> None:
    text = built(board(entry("told", 0.5, usage={"seconds": 1.5, "tokens": 900}), published=None), tmp_path)
    assert "1.5 s, 900 tokens an answer, as the run recorded it" in text


def test_the_committed_page_is_that_of_the_committed_entries(tmp_path: Path) -> None:
    made = PUBLISHED.parent
    assert made.joinpath("index.html").is_file(), "run `vau-bench leaderboard build`"
    fresh = built(read_board(made, Catalogue()), tmp_path)
    committed = made.joinpath("index.html").read_text(encoding="utf-8")
    assert without_drawings(fresh) == without_drawings(committed)
    assert [p.name for p in sorted((made / "plots").iterdir())] == [
        p.name for p in sorted((tmp_path / "plots").iterdir())
    ]


def without_drawings(text: str) -> str:
    """The page but for the drawings: another version of matplotlib may draw with other digits."""
    return re.sub(r"<svg.*?</svg>", "", text, flags=re.DOTALL)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("a file is in the way")
    with pytest.raises(RunError, match="cannot write"):
        build_page(board(entry("a", 0.4), published=None), tmp_path)
    assert not (tmp_path / "index.html").exists()


def test_an_entry_keeps_what_its_answers_cost(tmp_path: Path, runs: dict[str, Path]) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs["mcq"], run)
    lines = [json.loads(line) for line in (run / "responses.jsonl").read_text().splitlines()]
    priced = [{**line, "usage": {"prompt_tokens": 90, "completion_tokens": 10, "seconds": 0.5}} for line in lines]
    (run / "responses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in priced))
    path = add_entry(run, tmp_path / "leaderboards")
    (task,) = json.loads((path / "results.json").read_text())["tasks"]
    assert task["usage"] == {"samples": len(lines), "seconds": 0.5, "tokens": 100.0}
    assert read_board(tmp_path / "leaderboards", Catalogue(), resamples=50).rankings
