"""However a command ends, it ends with a sentence and the right code: a closed pipe, a full disk, a signal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from vau_bench.cli.main import main

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
COMMAND = [sys.executable, "-m", "vau_bench"]


@needs_full
@pytest.mark.parametrize("arguments", [["--help"], ["tasks", "list"], ["models", "list", "--json"]])
def test_output_that_cannot_be_written_is_told_in_one_sentence(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        told = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True)
    assert (told.returncode, told.stderr) == (1, "error: No space left on device\n")


def test_a_reader_that_leaves_early_is_no_reason_for_a_word() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = subprocess.run([*COMMAND, "tasks", "list"], stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert told.stderr == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_any_command(monkeypatch: pytest.MonkeyPatch, capsys, number: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr("vau_bench.cli.doctor._system", lambda: os.kill(os.getpid(), number))
    monkeypatch.setattr(sys, "argv", ["vau-bench", "doctor"])
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (ended.value.code, capsys.readouterr().err.strip()) == (130, "interrupted")


def test_a_warning_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["vau-bench", "--version"])
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        with pytest.raises(SystemExit):
            main()
        warnings.warn("decoded frames are not cached any more", stacklevel=1)
    assert capsys.readouterr().err == "warning: decoded frames are not cached any more\n"
