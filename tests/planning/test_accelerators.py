"""Hardware by name or from a file; what is not known is told with what is."""

from __future__ import annotations

from pathlib import Path

import pytest

from vau_bench.errors import UnknownNameError, UsageError
from vau_bench.planning.accelerators import accelerators, parse_hardware


def test_each_accelerator_has_a_source_and_a_date() -> None:
    assert {"a100", "h100", "h200", "l40s", "rtx4090"} <= set(accelerators())
    for name, one in accelerators().items():
        assert one.source and one.read == "2026-11-29", name
        assert 50 < one.tflops / one.bandwidth * 1000 < 1000, f"{name}: operations a byte of memory traffic"


@pytest.mark.parametrize(
    ("text", "name", "count"), [("h100:8", "h100", 8), ("H200", "h200", 1), ("l40s x 4", "l40s", 4)]
)
def test_a_name_and_a_count(text: str, name: str, count: int) -> None:
    hardware = parse_hardware(text)
    assert (hardware.name, hardware.count, hardware.each) == (name, count, accelerators()[name])
    assert str(hardware) == f"{count} x {name}"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("h10:8", "unknown accelerator 'h10'; did you mean h100"),
        ("v100:8", "unknown accelerator 'v100'"),
        ("8 GPUs", "write name:count, such as h100:8"),
        ("h100:0", "the count must be above 0"),
        ("", "write name:count"),
        ("absent.yaml", "--hardware: no file absent.yaml"),
    ],
)
def test_anything_else_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence.replace("(", r"\(")):
        parse_hardware(text)


def test_an_accelerator_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "machine.yaml"
    file.write_text("name: cpu\ncount: 2\ntflops: 0.1\nbandwidth: 40\nmemory: 16\n")
    hardware = parse_hardware(str(file))
    assert (str(hardware), hardware.each.tflops, hardware.each.source) == ("2 x cpu", 0.1, "as given")
    file.write_text("tflops: 1\nbandwith: 40\nmemory: 16\n")
    with pytest.raises(UsageError, match=r"machine.yaml:2: unknown key 'bandwith'; did you mean bandwidth"):
        parse_hardware(str(file))
    with pytest.raises(UnknownNameError, match="known: a100"):
        parse_hardware("zzz")
