"""Two builds give the same bytes, whatever the machine's order of files, hashes, time zone, language, home or fonts."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vau_bench.leaderboard.entries import Entry

BUILD = """
import os, sys
os.umask(int(sys.argv[2], 8))
if sys.argv[3] == "bare":
    from matplotlib.font_manager import fontManager
    fontManager.ttflist.clear()
from vau_bench.cli.main import cli
cli(["leaderboard", "build", "--radar", "--dir", sys.argv[1]])
"""

NASTY = (
    "font.size: 30\nfont.family: serif\nsvg.fonttype: none\naxes.grid: True\nsavefig.bbox: tight\nsvg.hashsalt: mine\n"
)


@pytest.fixture(scope="session")
def entries() -> list[Entry]:
    """Seeing and blind models, one that reflects, two of odd names: every plot of entries but the judges is drawn."""
    path = Path(__file__).with_name("test_page.py")
    spec = importlib.util.spec_from_file_location("board_of_tests", path)
    assert spec is not None and spec.loader is not None
    made: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    priced = [made.entry(name, 0.4, seed=9 + k, usage={"seconds": 2.5**k}) for k, name in enumerate(("模型", "Ä<b>"))]
    return [*made.several(), made.reflecting("SRVAU-R1"), *priced]


def built(folder: Path, *, umask: str, fonts: str, **environment: str) -> dict[str, bytes]:
    """Build in a process of its own, in which nothing of this one's environment is left but where Python lies."""
    home = folder.parent / "home"
    (home / ".config" / "matplotlib").mkdir(parents=True)
    (home / ".config" / "matplotlib" / "matplotlibrc").write_text(NASTY)
    (home / "matplotlibrc").write_text(NASTY)
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "PYTHONPATH") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, os.path.relpath(folder, home), umask, fonts],
        cwd=home,
        env={**kept, "HOME": str(home), **environment},
        capture_output=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    made = [path for path in folder.rglob("*") if path.is_file() and "entries" not in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in made}


@pytest.mark.slow
def test_two_machines_build_the_same_bytes(entries: list[Entry], tmp_path: Path, write: Callable[..., None]) -> None:
    one, other = tmp_path / "one" / "leaderboards", tmp_path / "other" / "deeper" / "board"
    write(one, *entries)
    write(other, *reversed(entries))
    first = built(one, umask="022", fonts="usual", PYTHONHASHSEED="1", TZ="UTC", LANG="C.UTF-8", OMP_NUM_THREADS="1")
    second = built(
        other,
        umask="077",
        fonts="bare",
        PYTHONHASHSEED="2",
        TZ="Pacific/Kiritimati",
        LANG="de_DE.UTF-8",
        LC_ALL="tr_TR.UTF-8",
        MPLBACKEND="pdf",
        SOURCE_DATE_EPOCH="1",
        OMP_NUM_THREADS="2",
        PYTHONUTF8="0",
    )
    assert sorted(first) == sorted(second)
    assert [name for name in first if first[name] != second[name]] == []
    kinds = {name.rpartition("-")[2] for name in first if name.endswith(".svg")}
    assert {"forest.svg", "recall.svg", "classes.svg", "radar.svg", "outcomes.svg", "starts.svg"} <= kinds
    assert {"reflection.svg", "cost.svg"} <= kinds and {"index.html", "README.md", "leaderboard.csv"} <= first.keys()
