"""The light core: what runs no model imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    *("torch", "transformers", "pandas", "matplotlib", "av", "datasets", "lmms_eval", "cv2", "decord"),
    *("ray", "pyarrow"),
)

PROBE = """
import json, sys
sys.argv = ["vau-bench", *{arguments!r}]
code = 0
try:
    {run}
except SystemExit as done:
    code = done.code
heavy = sorted({heavy!r} & {{name.partition(".")[0] for name in sys.modules}})
sys.stderr.write("\\n" + json.dumps([code, heavy]))
"""


def imported(run: str, *arguments: str) -> tuple[int, list[str], str]:
    """Return the exit code, the heavy packages that were imported, and what was printed, of a new process."""
    code = PROBE.format(arguments=list(arguments), run=run, heavy=set(HEAVY))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status, heavy = json.loads(done.stderr.splitlines()[-1])
    return status or 0, heavy, done.stdout


COMMAND = "from vau_bench.cli.main import main; main()"


def test_the_package() -> None:
    assert imported("import vau_bench; assert vau_bench.__version__")[:2] == (0, [])


def test_the_public_names() -> None:
    assert imported("import vau_bench; [getattr(vau_bench, name) for name in vau_bench.__all__]")[:2] == (0, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("tasks", "list"),
        ("tasks", "show", "msad_mcq"),
        ("tasks", "list", "--json"),
        ("models", "list"),
        ("models", "show", "gold"),
        ("evaluate", "--help"),
        ("plan", "--help"),
        ("plan", "-m", "qwen2_5_vl_7b", "-t", "vau_synth_mcq", "--hours", "1", "--hardware", "h100"),
        ("score", "--help"),
    ],
    ids=" ".join,
)
def test_listing_commands(arguments: tuple[str, ...]) -> None:
    code, heavy, printed = imported(COMMAND, *arguments)
    assert (code, heavy) == (0, [])
    assert printed.strip()


def test_a_blind_floor_and_scoring(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("Video Name,Start Time,End Time\na.mp4,1,5\nb.mp4,0,0\n")
    asked = ("--model", "floors/always_normal", "--tasks", "clips_grounding", "--data", str(tmp_path))
    code, heavy, printed = imported(
        COMMAND, "evaluate", *asked, "--out", str(tmp_path), "--run-id", "run", "--no-report"
    )
    assert (code, heavy) == (0, [])
    assert "2 expected = 2 scored" in printed
    code, heavy, again = imported(COMMAND, "score", str(tmp_path / "run"))
    assert (code, heavy) == (0, [])
    assert "miou" in again


def test_the_package_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "vau_bench", "--help"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "Usage: vau-bench" in done.stdout and done.stderr == ""
