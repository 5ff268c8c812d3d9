"""The command line with a model in a package of its own, as processes of an engine find it, and what it leaves."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
MARK = "VAU_TEST_MARK"


class Bench:
    """`vau-bench` in a folder, with the stub among its models.

    Attributes:
        log: that the stub writes.
        env: of the commands.
    """

    def __init__(self, folder: Path, site: Path, cache: Path) -> None:
        self.folder, self.log, self._mark = folder, folder / "asked.log", uuid.uuid4().hex
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("VAU_BENCH_", "RAY_"))},
            "PYTHONPATH": os.pathsep.join(map(str, (site, ROOT))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "VAU_BENCH_CACHE": str(cache),
            MARK: self._mark,
        }
        self._started: list[subprocess.Popen[str]] = []

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start an evaluation in a session of its own, as a terminal does."""
        command = [sys.executable, "-m", "vau_bench", "evaluate", "--no-report", "--resamples", "0", *arguments]
        process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._started.append(process)
        return process

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an evaluation to its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=240)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    @staticmethod
    def wait(holds: Callable[[], Any], seconds: float = 60.0) -> Any:
        """Return what the function returns as soon as it is true."""
        end = time.monotonic() + seconds
        while not (found := holds()):
            assert time.monotonic() < end, "waited in vain"
            time.sleep(0.1)
        return found

    def stub(self, rows: int, *more: str, **config: object) -> list[str]:
        """Return the arguments to ask the stub about so many samples, in the run `run`."""
        write_clips(self.folder / "data", rows)
        given = ",".join(f"{name}={value}" for name, value in {"log": self.log, **config}.items())
        return [
            *("--model", "stub", "--model-args", given, "--tasks", "clips_mcq", "--data", "data", "--run-id", "run"),
            *more,
        ]

    def asked(self) -> list[tuple[int, str]]:
        """Return the processes that asked, and about which samples."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [(int(line.split()[0]), line.split()[1]) for line in lines if len(line.split()) == 2]

    def outcomes(self, run: str = "runs/run") -> dict[str, int]:
        """Return how many samples have which outcome."""
        task = json.loads((self.folder / run / "results.json").read_text())["tasks"][0]
        return {outcome: count for outcome, count in task["outcomes"].items() if count}

    def answers(self, run: str = "runs/run") -> Counter[str]:
        """Return how many lines of the journal there are about each sample."""
        lines = (self.folder / run / "responses.jsonl").read_text().splitlines()
        return Counter(json.loads(line)["sample_id"] for line in lines)

    def processes(self) -> list[str]:
        """Return the command lines of all processes that came from here and still run."""
        return self._of_each(lambda process: [" ".join(process.cmdline())[:120]])

    def listening(self) -> set[str]:
        """Return the addresses at which they listen."""
        return {
            connection.laddr.ip.removeprefix("::ffff:")
            for connection in self._of_each(lambda process: process.net_connections())
            if connection.status == "LISTEN"
        }

    def _of_each(self, told: Callable[[Any], list[Any]]) -> list[Any]:
        psutil = pytest.importorskip("psutil")
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE:
                    found += told(process)
            except psutil.Error:
                continue
        return found

    def end(self) -> None:
        """End what a failed test has left."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            for stream in (process.stdout, process.stderr):
                if stream:
                    stream.close()


def write_clips(folder: Path, rows: int) -> Path:
    """Write a dataset of multiple-choice questions, without videos."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Video Name", "Question", "Option 1", "Option 2", "Option 3", "Option 4", "Correct Option"])
        for i in range(rows):
            writer.writerow([f"clip{i:03d}.mp4", f"What happens in {i}?", "one", "two", "three", "four", "ABCD"[i % 4]])
    return folder


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the package with the stub is installed."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "vau_stub").mkdir()
    shutil.copy(HERE / "stub.py", folder / "vau_stub" / "__init__.py")
    info = folder / "vau_stub-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vau-stub\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[vau_bench.models]\nstub = vau_stub:Stub\n")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where generated clips are kept for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def bench(tmp_path: Path, site: Path, cache: Path) -> Iterator[Bench]:
    """`vau-bench` in an empty folder."""
    bench = Bench(tmp_path, site, cache)
    yield bench
    bench.end()
