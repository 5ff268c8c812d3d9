"""`vau-bench plan`: what is printed, what is JSON, what is refused in one sentence."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from vau_bench.cli.main import main


@pytest.fixture
def vau(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path) -> Any:
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))

    def call(*typed: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vau-bench", "plan", *typed])
        with pytest.raises(SystemExit) as end:
            main()
        told = capsys.readouterr()
        return end.value.code, told.out, told.err

    return call


SEVEN = ("--model", "qwen2_5_vl_7b", "--tasks", "vau_synth_grounding", "--hours", "10")


def test_every_line_of_a_plan_has_its_reason(vau) -> None:
    code, out, err = vau(*SEVEN, "--hardware", "h100:8", "--frame-size", "640x360", "--clip-seconds", "30")
    assert code == 0 and err == ""
    header, _, *lines = out.splitlines()
    assert header == "qwen2_5_vl_7b: vau_synth_grounding, 10 hours of footage on 8 x h100"
    figures = [line for line in lines if line.startswith("  ") and line.strip()]
    assert len(figures) > 15
    assert all(len(line.split("  ", 2)) >= 2 and len(line.strip()) > 30 for line in figures)
    for told in ("30 s of 640x360", "NVIDIA H100 SXM data sheet", "assumed: 30 tokens an answer of grounding"):
        assert told in out
    assert "\x1b" not in out


def test_json_holds_numbers_units_and_reasons(vau) -> None:
    code, out, _ = vau(*SEVEN, "--hardware", "h100:8", "--json")
    told = json.loads(out)
    assert code == 0 and told["problem"] is None and told["circumstances"]["hardware"]["count"] == 8
    hours = next(f for f in told["figures"] if f["name"] == "GPU hours")
    assert hours["unit"] == "GPU hours" and hours["value"] > 0 and hours["basis"]


def test_what_does_not_fit_ends_with_code_1_and_what_helps(vau) -> None:
    code, out, err = vau(*SEVEN, "--hardware", "l4:1", "--model-args", "dtype=float32")
    assert code == 1 and "GPU hours" not in out.replace("wall time", "")
    assert err.startswith("error: it takes ") and "of a GPU that has 22; what helps:" in err
    assert "dtype=bfloat16" in err


def test_costs_of_an_endpoint(vau) -> None:
    asked = ("--model", "gpt_4o", "--tasks", "vau_synth_mcq", "--hours", "1", "--concurrency", "32")
    code, out, _ = vau(*asked, "--price-in", "2.5", "--price-out", "10")
    assert code == 0 and "2.5 a million prompt tokens, 10 a million of output, as given" in out
    assert "32 in flight" in out and "as published: OpenAI" in out


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ([], "missing option --model"),
        (["--model", "motion"], "missing option --tasks"),
        ([*SEVEN, "--hardware", "h10"], "unknown accelerator 'h10'; did you mean h100"),
        ([*SEVEN, "--hours", "0"], "Invalid value for '--hours'"),
        ([*SEVEN, "--frame-size", "big"], "--frame-size 'big' is no size; write 1280x720"),
        ([*SEVEN, "--frame-size", "0x9"], "is no size"),
        ([*SEVEN, "--windows", "32"], "not windows: '32'"),
        ([*SEVEN, "--frames", "unform(3)"], "uniform"),
        ([*SEVEN, "--style", "poetic"], "unknown style"),
        (["--model", "qwen_vl", "--checkpoint", "acme/x", "--tasks", "vau_synth_mcq"], "how large 'acme/x' is"),
        (["--model", "motion", "--tasks", "vau_synth_mcq", "--like", "nowhere"], "'nowhere' does not exist"),
    ],
)
def test_wrong_usage_is_told_in_one_sentence_with_code_2(vau, typed: list[str], sentence: str) -> None:
    code, out, err = vau(*typed)
    assert code == 2, err
    assert sentence in err and "Traceback" not in err and out == ""
