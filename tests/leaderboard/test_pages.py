"""Pages and exports: deterministic, complete, and text stays text."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from vau_bench.cli.main import cli
from vau_bench.errors import DataError, RunError, UsageError
from vau_bench.leaderboard import escaping
from vau_bench.leaderboard.board import Board, read_board
from vau_bench.leaderboard.entries import Entry
from vau_bench.leaderboard.exports import to_csv, to_latex, to_model_index
from vau_bench.leaderboard.pages import PAGES, build, to_markdown
from vau_bench.leaderboard.published import read_published

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = ROOT / "leaderboards" / "published"
HOSTILE = '=HYPERLINK("http://evil")|<script>alert(1)</script>*_x_*\\input{x}$%&#\u202e\n| a |'


@pytest.fixture
def few(tmp_path: Path, draw: Callable[..., Entry], write: Callable[..., None]) -> Path:
    rng = np.random.default_rng(0)
    stated = {"random": {"answered": 80, "metrics": {"accuracy": 0.25, "position_balanced_accuracy": 0.25}}}
    write(
        tmp_path,
        draw("good", rng.uniform(size=80) < 0.9, floors=stated),
        draw("floors/always_a", rng.uniform(size=80) < 0.3, floors=stated),
    )
    (tmp_path / "published").symlink_to(PUBLISHED)
    return tmp_path


def board_of(folder: Path) -> Board:
    return read_board(folder, resamples=500)


# Published figures.


def test_all_published_figures_are_there_each_with_its_source() -> None:
    files = read_published(PUBLISHED)
    rows = {table.name: len(table.rows) for file in files for table in file.tables}
    assert rows == {
        "srvau_r1_qa": 3,
        "srvau_r1_judge": 3,
        "srvau_r1_grounding": 2,
        "vad_reasoning": 12,
        "vau_r1_qa": 60,
        "vau_r1_judge": 30,
        "vau_r1_grounding": 30,
        "vau_r1_classification": 14,
    }
    for file in files:
        assert file.source.url.startswith("https://arxiv.org/abs/") and file.source.where and file.source.date
        assert all(table.protocol for table in file.tables)
        assert {row.provenance for table in file.tables for row in table.rows} == {"reported"}


def test_judged_totals_are_the_sum_of_their_parts_but_for_rounding() -> None:
    (table,) = (t for file in read_published(PUBLISHED) for t in file.tables if t.name == "vau_r1_judge")
    off = []
    for row in table.rows:
        parts = [v for name, v in row.values.items() if name != "judge_total"]
        total = row.values["judge_total"]
        if None not in parts and total is not None and abs(sum(v for v in parts if v) - total) > 0.03:
            off.append((row.model, row.dataset))
    assert off == [("Qwen2-VL-2B", "MSAD")]  # as the source has it


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("miou: 42", "miou: 142", "miou is 142, not within 0 to 100"),
        ("miou: 42", "iou: 42", "no column 'iou'"),
        ("style: direct", "style: loud", "style"),
        ("schema: 1", "schema: 2", "schema"),
        ("date: '2025'", "date: soon", "source.date"),
        ("url: https://a.b/c", "url: javascript:x", "source.url"),
        ("rows:", "rows: []\n    rows_:", "unknown key"),
        ("miou: 42", "miou: .nan", "finite number"),
        ("model: A", "model: B", "two rows of B on D"),
    ],
)
def test_a_published_file_that_breaks_the_schema_is_told(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    text = """
schema: 1
source: {title: T, url: https://a.b/c, date: '2025', where: table 1}
tables:
  - name: t
    title: T
    kind: grounding
    protocol: p
    columns: {miou: {scale: percent, summary: s}}
    rows:
      - {model: A, dataset: D, style: direct, values: {miou: 42}}
      - {model: B, dataset: D, style: direct, values: {miou: 41}}
"""
    (tmp_path / "a.yaml").write_text(text)
    assert len(read_published(tmp_path)) == 1
    (tmp_path / "a.yaml").write_text(text.replace(old, new))
    with pytest.raises(DataError, match=rf"a\.yaml(:\d+)?: .*{sentence}"):
        read_published(tmp_path)


def test_two_tables_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text((PUBLISHED / "vad_r1.yaml").read_text())
    with pytest.raises(DataError, match=r"b\.yaml: the table 'vad_reasoning' stands in a\.yaml, too"):
        read_published(tmp_path)


# Pages.


def test_building_twice_gives_the_same_bytes_and_writes_nothing_anew(few: Path) -> None:
    first = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in build(board_of(few), few)}
    time.sleep(0.01)
    second = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in build(board_of(few), few)}
    assert first == second and set(first) == set(PAGES)


def test_the_order_in_which_entries_lie_on_disk_changes_nothing(
    few: Path, tmp_path_factory: pytest.TempPathFactory, draw: Callable[..., Entry], write: Callable[..., None]
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "published").symlink_to(PUBLISHED)
    for path in sorted((few / "entries").iterdir(), reverse=True):
        (other / "entries").mkdir(exist_ok=True)
        path.rename(other / "entries" / path.name)
    moved = to_markdown(board_of(other)), to_csv(board_of(other))
    for path in (other / "entries").iterdir():
        path.rename(few / "entries" / path.name)
    assert moved == (to_markdown(board_of(few)), to_csv(board_of(few)))


def test_the_page_tells_what_is_needed_to_believe_a_table(few: Path) -> None:
    page = to_markdown(board_of(few))
    measured, _, reported = page.partition("## Reported")
    assert "n = 80 of 80 source videos, MDE " in measured
    assert "Version 1, split test, strict scoring; data `dddddddddddd`, prompts `" in measured
    assert "| *floors/always_a* (floor) | 2 |" in measured
    assert "| *floors/random* (floor) |  | 25.0 |" in measured
    assert "| good | 1 | **" in measured
    assert "VAU-R1" not in measured and "(reported)" in reported
    assert "Qwen2.5-VL-3B + RFT" in reported and "a third party's listing" in reported


def test_every_table_row_has_as_many_cells_as_its_header(few: Path) -> None:
    width = None
    for line in to_markdown(board_of(few)).splitlines():
        if line.startswith("|"):
            cells = line.replace("\\|", "").count("|")
            width = width or cells
            assert cells == width, line
        else:
            width = None


def test_an_empty_leaderboard_is_a_page(tmp_path: Path) -> None:
    paths = build(read_board(tmp_path), tmp_path)
    assert "Nothing is entered yet." in paths[0].read_text()


def test_a_folder_that_cannot_be_written_is_told(few: Path) -> None:
    (few / "README.md").mkdir()
    with pytest.raises(RunError, match=r"cannot read .*README\.md"):
        build(board_of(few), few)


# Exports, and names that come from anywhere.


def test_csv_holds_measured_and_reported_figures_apart(few: Path) -> None:
    rows = list(csv.DictReader(StringIO(to_csv(board_of(few)))))
    measured = [r for r in rows if r["provenance"] == "measured"]
    assert {r["model"] for r in measured} == {"good", "floors/always_a", "floors/random"}
    assert len(rows) - len(measured) == sum(
        len(r.values) for f in read_published(PUBLISHED) for t in f.tables for r in t.rows
    )
    good = next(r for r in measured if r["model"] == "good" and r["metric"] == "accuracy")
    assert float(good["low"]) < float(good["value"]) < float(good["high"]) and good["unit"] == "fraction"
    reported = next(r for r in rows if r["model"] == "SRVAU-R1" and r["metric"] == "miou" and r["dataset"] == "ECVA")
    assert reported["value"] == "44.42" and "2602.01004" in reported["source"] and "third party" in reported["where"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", " =1", "＝1"])  # noqa: RUF001
def test_no_cell_of_a_csv_is_a_formula(text: str) -> None:
    assert escaping.csv_cell(text) == f"'{text}"


def test_numbers_and_other_text_stay_what_they_are_in_a_csv() -> None:
    assert [escaping.csv_cell(x) for x in (-1.5, None, True, "a=1", "Qwen-3B", "")] == [
        -1.5,
        None,
        True,
        "a=1",
        "Qwen-3B",
        "",
    ]


def test_a_hostile_model_name_is_text_in_every_format(
    tmp_path: Path, draw: Callable[..., Entry], write: Callable[..., None]
) -> None:
    entry = replace(draw("x", np.arange(40) % 2 == 0), model=HOSTILE)
    write(tmp_path, entry)
    board = read_board(tmp_path, resamples=100)
    page = to_markdown(board)
    assert "<script>" not in page and "http://evil" not in page and "\u202e" not in page
    (line,) = (x for x in page.splitlines() if "alert(1)" in x)
    assert line.replace("\\|", "").count("|") == 7
    (row, _) = csv.DictReader(StringIO(to_csv(board)))
    assert row["model"] == f"'{HOSTILE}"
    tex = to_latex(board)
    assert r"\input{" not in tex and r"\textbackslash{}input\{x\}\$\%\&\#" in tex
    assert yaml.safe_load(to_model_index(board))["model-index"][0]["name"] == HOSTILE


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("snake_case", "snake_case"),
        ("_it_", r"\_it\_"),
        ("a|b", r"a\|b"),
        ("<b>&", "&lt;b&gt;&amp;"),
        ("[x](y)", r"\[x\](y)"),
        ("www.a.b http://c", "www&#46;a.b http&#58;//c"),
        ("a\nb", r"a\\nb"),
    ],
)
def test_markdown_text_is_no_markup(text: str, told: str) -> None:
    assert escaping.markdown(text) == told


def test_latex_is_bold_only_where_the_best_is_better_beyond_noise(
    tmp_path: Path, draw: Callable[..., Entry], write: Callable[..., None]
) -> None:
    best = np.arange(60) < 50
    write(tmp_path, draw("best", best), draw("close", np.arange(60) < 49))
    tex = to_latex(read_board(tmp_path, resamples=500))
    assert r"\toprule" in tex and r"\bottomrule" in tex and r"\textbf" not in tex
    write(tmp_path, draw("good", best, task="other"), draw("bad", np.arange(60) < 5, task="other", run_id="2"))
    tex = to_latex(read_board(tmp_path, resamples=500))
    assert tex.count(r"\textbf") == 1 and r"good & \textbf{83.3} [" in tex
    assert tex.count(r"\begin{table}") == tex.count(r"\end{table}") == 2


def test_the_model_index_is_what_a_model_card_takes(few: Path) -> None:
    record = yaml.safe_load(to_model_index(board_of(few), "good"))
    (model,) = record["model-index"]
    assert model["name"] == "good"
    (result,) = model["results"]
    assert result["task"] == {"type": "visual-question-answering", "name": "vau_synth_mcq"}
    assert result["dataset"]["name"] == "VAU-Synth" and result["dataset"]["split"] == "test"
    metric = result["metrics"][0]
    assert metric["type"] == "accuracy" and 75 < metric["args"]["low"] < metric["value"] < metric["args"]["high"] <= 100
    with pytest.raises(UsageError, match="no entry of the model 'god'; did you mean good"):
        to_model_index(board_of(few), "god")


def test_latex_labels_and_code_spans_hold_no_markup_of_others(
    tmp_path: Path, draw: Callable[..., Entry], write: Callable[..., None]
) -> None:
    digests = dict.fromkeys(("data", "prompts", "parser"), "`<b>{x}`|z")
    write(
        tmp_path,
        draw("a", np.arange(40) % 2 == 0, task="t}\\input{x", digests=digests),
        draw("b", np.arange(40) % 3 == 0, task="twice", digests=digests),
        draw("c", np.arange(40) % 3 == 0, task="twice", version=2, digests=digests),
    )
    board = read_board(tmp_path, resamples=100)
    labels = re.findall(r"\\label\{(.*)\}", to_latex(board))
    assert labels == ["tab:twice-direct-v1-1", "tab:twice-direct-v2-2", "tab:t-input-x-direct"]
    assert "data `bxz`, prompts `bxz`, parser `bxz`" in to_markdown(board)


def test_the_hub_reads_the_model_index(few: Path) -> None:
    cards = pytest.importorskip("huggingface_hub.repocard_data")
    record = yaml.safe_load(to_model_index(board_of(few), "good"))
    name, results = cards.model_index_to_eval_results(record["model-index"])
    assert name == "good" and [r.metric_type for r in results] == ["accuracy", "position_balanced_accuracy"]
    assert results[0].metric_args["n"] == 80 and results[0].source_name is None


@pytest.mark.parametrize("form", ["csv", "markdown", "latex", "model-index"])
def test_the_command_exports_to_stdout_or_a_file(
    few: Path, tmp_path_factory: pytest.TempPathFactory, form: str
) -> None:
    command = ["leaderboard", "export", "--dir", str(few), "--format", form]
    told = CliRunner().invoke(cli, command)
    assert told.exit_code == 0 and "good" in told.output
    out = tmp_path_factory.mktemp("out") / "board"
    assert CliRunner().invoke(cli, [*command, "--out", str(out)]).output == ""
    assert out.read_bytes() == told.output.encode()


def test_the_committed_pages_are_those_of_the_committed_entries() -> None:
    folder = ROOT / "leaderboards"
    board = read_board(folder)
    assert board.rankings and board.published
    if board.stale:
        pytest.skip(f"stale: {board.stale[0].entry}: {board.stale[0].told}; measure it again")
    for name in ("README.md", "leaderboard.csv"):
        assert (folder / name).read_text(encoding="utf-8") == PAGES[name](board), (
            f"{name}: `vau-bench leaderboard build`"
        )
