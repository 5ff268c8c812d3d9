"""`docs/add-a-task.md`, followed command by command: what it says happens."""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "add-a-task.md"
MARK = "--- step "


class Block(NamedTuple):
    language: str
    file: str
    text: str


def blocks() -> list[Block]:
    found = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [Block(*block) for block in found]


def film(path: Path, start: float, end: float) -> None:
    """Write ten seconds of an empty room that somebody hurries through between two times."""
    rng = np.random.default_rng(0)
    room = rng.integers(60, 120, (96, 128, 3), dtype=np.uint8)
    with av.open(path, "w") as file:
        stream = file.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        for i in range(50):
            image = room.copy()
            if start <= i / 5 < end:
                left = int(100 * (i / 5 - start) / (end - start))
                image[40:80, left : left + 20] = 250
            file.mux(stream.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        file.mux(stream.encode(None))


def written(block: Block, folder: Path) -> None:
    path = folder / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)


def script(folder: Path) -> tuple[str, list[list[str]]]:
    """Return one script of all commands and files in order, and the output that the page shows after each command."""
    lines, expected = ["set -euo pipefail"], []
    for number, block in enumerate(blocks()):
        if block.language == "bash":
            lines += [f"echo '{MARK}'", block.text]
            expected.append([])
        elif block.language == "text":
            expected[-1] = block.text.splitlines()
        elif block.file and block.language != "csv":
            source = Block(block.language, f".page/{number}", block.text)
            written(source, folder)
            lines.append(f"cp {source.file} {block.file}")
    return "\n".join(lines), expected


def matches(shown: list[str], printed: str) -> bool:
    """Tell whether a text is what the page shows, where `...` stands for anything."""
    pattern = "\n".join(".*" if line == "..." else re.escape(line).replace(r"\.\.\.", ".*") for line in shown)
    return re.fullmatch(pattern, printed.strip("\n"), re.DOTALL) is not None


def test_the_page_leads_from_a_table_and_videos_to_a_row(tmp_path: Path) -> None:
    annotation = next(block for block in blocks() if block.language == "csv")
    written(annotation, tmp_path)
    (tmp_path / "footage" / "videos").mkdir()
    for row in csv.DictReader(annotation.text.splitlines()):
        film(tmp_path / "footage" / "videos" / row["file"], float(row["from"] or 99), float(row["to"] or 99))
    commands, expected = script(tmp_path)
    program = tmp_path / "bin" / "vau-bench"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m vau_bench "$@"\n')
    program.chmod(0o755)
    env = {
        **{k: v for k, v in os.environ.items() if not k.startswith("VAU_BENCH_")},
        "PATH": f"{program.parent}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "VAU_BENCH_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run(["bash", "-c", commands], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    outputs = done.stdout.split(f"{MARK}\n")[1:]
    assert len(outputs) == len(expected) >= 7
    for shown, printed in zip(expected, outputs, strict=True):
        assert not shown or matches(shown, printed), printed
    assert "Motion" in outputs[-1] and "shop_incidents" in outputs[-1]
    assert (tmp_path / "runs" / "motion-on-shop" / "report.html").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        (["a", "...", "d"], "a\nb\nc\nd\n", True),
        (["a 1... z"], "a 123 z", True),
        (["a", "c"], "a\nb\nc", False),
        (["a"], "a\nb", False),
    ],
)
def test_three_dots_stand_for_anything(shown: list[str], printed: str, same: bool) -> None:
    assert matches(shown, printed) == same
