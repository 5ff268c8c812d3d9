"""What a leaderboard costs: fifty entries of a thousand samples, read, verified, ranked and drawn."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shutil
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from vau_bench.catalogue import Catalogue
from vau_bench.leaderboard.board import read_board
from vau_bench.leaderboard.entries import pack
from vau_bench.leaderboard.page import build_page
from vau_bench.leaderboard.pages import build
from vau_bench.runs import slug

pytestmark = pytest.mark.benchmark

ENTRIES, SAMPLES, TARGET = 50, 1000, 15


def made_up() -> Any:
    path = Path(__file__).parents[1] / "leaderboard" / "test_page.py"
    spec = importlib.util.spec_from_file_location("made_up", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A leaderboards folder with the entries, of which every tenth is blind, and the published figures."""
    made = made_up()
    names = [f"{'floors/' if k % 10 == 9 else ''}model-{k:02d}" for k in range(ENTRIES)]
    bare = [made.bare_entry(name, 0.1 + 0.01 * k, seed=k, n=SAMPLES) for k, name in enumerate(names)]
    for entry in made.with_figures(bare):
        path = tmp_path / "entries" / slug(entry.model) / entry.manifest.run_id
        path.mkdir(parents=True)
        for name, content in pack(entry).items():
            (path / name).write_bytes(content)
    shutil.copytree(made.PUBLISHED, tmp_path / "published")
    return tmp_path


def test_building_a_leaderboard(folder: Path) -> None:
    times = [time.process_time()]
    for path in folder.glob("entries/*/*/scores.jsonl.gz"):
        [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    times.append(time.process_time())
    begun = time.perf_counter()
    board = read_board(folder, Catalogue())
    times.append(time.process_time())
    paths = [*build_page(board, folder), *build(board, folder)]
    times.append(time.process_time())
    wall = time.perf_counter() - begun
    parsed, read, drawn = (later - earlier for earlier, later in pairwise(times))
    size = sum(path.stat().st_size for path in paths) / 1e6
    print(
        f"\nleaderboard build, {ENTRIES} entries of {SAMPLES:,} samples: {wall:.1f} s (target {TARGET} s), "
        f"{read + drawn:.1f} s of processor: {read:.1f} s to read, verify and rank ({read / parsed:.0f} times as long "
        f"as parsing the samples alone), {drawn:.1f} s to draw and write {len(paths)} files of {size:.1f} MB",
        end="",
    )
    assert "model-49" in (folder / "index.html").read_text()
