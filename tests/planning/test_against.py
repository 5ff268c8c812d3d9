"""A plan beside what a real run measured: tiny checkpoints with random weights, and `motion`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vau_bench.evaluation import evaluate
from vau_bench.models import MODELS
from vau_bench.models.base import Model, ModelConfig
from vau_bench.options import Options
from vau_bench.paths import cache_dir
from vau_bench.planning.against import (
    Compared,
    compared_cache,
    compared_seconds,
    compared_tokens,
    last_responses,
)
from vau_bench.planning.compute import Asked
from vau_bench.planning.planner import Circumstances, planned
from vau_bench.records import Outcome, Request, Response, Usage
from vau_bench.runs import RunFolder
from vau_bench.video import ClipLoader

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")
SMALL = {"min_pixels": 4 * 28 * 28, "max_pixels": 9 * 28 * 28, "dtype": "float32"}


def compared(options: Options, run: Path) -> list[Compared]:
    """Return what was reckoned of a run beside what it measured."""
    with ClipLoader(cache_dir()) as clips:
        _, workload = planned(options, Circumstances(most=10**9), clips)
        responses = last_responses(RunFolder.existing(run).responses())
        return [
            *compared_tokens(workload.asked, responses),
            compared_seconds(responses, None),
            compared_cache(workload.viewed, clips),
        ]


@pytest.mark.parametrize("mode", ["video", "frames"])
@pytest.mark.parametrize("family", FAMILIES)
def test_prompts_and_cache_of_qwen_are_reckoned_exactly(tiny_qwen, data: Path, tmp_path: Path, family, mode) -> None:
    options = Options(
        "qwen_vl",
        ("clips_mcq", "clips_grounding"),
        model_args={"checkpoint": str(tiny_qwen(family)), "mode": mode, **SMALL},
        data=data,
        max_new_tokens=2,
        resamples=0,
    )
    run = evaluate(options, tmp_path / "runs").path
    rows = {(row.name, row.task): row for row in compared(options, run)}
    for task in options.tasks:
        prompts = rows["prompt tokens", task]
        assert prompts.n == 3 and prompts.reckoned == prompts.measured > 0 and prompts.ratio == 1
        assert rows["output tokens", task].measured == 6
    cache = rows["cache bytes", ""]
    assert cache.n == 3 and cache.reckoned == cache.measured > 3000, "one plan, so each clip is kept once"
    assert rows["seconds", ""].n == 6 and rows["seconds", ""].ratio is None


def test_motion_fills_the_cache_as_reckoned_and_uses_no_tokens(data: Path, tmp_path: Path) -> None:
    options = Options("motion", ("clips_grounding",), data=data, resamples=0)
    run = evaluate(options, tmp_path / "runs").path
    seconds, cache = compared(options, run)
    assert (seconds.name, seconds.n) == ("seconds", 3) and seconds.measured > 0
    assert cache.n == 3 and cache.ratio == 1


class Partial(Model[ModelConfig]):
    """Answers a, and fails at the rest."""

    reads_video = False

    def generate(self, requests: Iterable[Request]) -> Iterator[Response]:
        for request in requests:
            if request.sample.video == "a.mp4":
                yield request.answer("<answer>A</answer>", usage=Usage(100, 5, 0.5))
            else:
                yield request.failure(Outcome.ERRORED, "because the test says so")


def test_only_what_was_answered_is_compared(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MODELS._entries, "partial", Partial)
    options = Options("partial", ("clips_mcq",), data=data, resamples=0)
    run = evaluate(options, tmp_path / "runs").path
    responses = last_responses(RunFolder.existing(run).responses())
    assert len(responses) == 1
    ((_, sample, turn),) = responses
    asked = [Asked("clips_mcq", name, turn, 110, 0, 0, 10) for name in (sample, "other")]
    prompts, outputs = compared_tokens(asked, responses)
    assert prompts == Compared("prompt tokens", "clips_mcq", 1, 110, 100) and prompts.ratio == 1.1
    assert outputs.ratio == 2
    assert compared_seconds(responses, 2.0) == Compared("seconds", "", 1, 2.0, 0.5)
    with ClipLoader() as clips:
        assert compared_cache([], clips).ratio is None


def test_a_run_that_tells_nothing_compares_nothing() -> None:
    silent = Response("k", "t", "s", "direct", 0, "x", Outcome.SCORED)
    assert compared_tokens([Asked("t", "s", 0, 10, 0, 0, 1)], {("t", "s", 0): silent}) == []
    assert compared_seconds({("t", "s", 0): silent}, None) == Compared("seconds", "", 0, None, None)


class TestTheCommand:
    @pytest.fixture
    def run(self, data: Path, tmp_path: Path) -> Path:
        options = Options("motion", ("clips_grounding",), data=data, resamples=0)
        return evaluate(options, tmp_path / "runs").path

    @pytest.fixture
    def vau(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
        from vau_bench.cli.main import main

        def call(*typed: str) -> tuple[int, str, str]:
            monkeypatch.setattr(sys, "argv", ["vau-bench", "plan", *typed])
            with pytest.raises(SystemExit) as end:
                main()
            told = capsys.readouterr()
            return end.value.code, told.out, told.err

        return call

    def test_it_takes_everything_from_the_run(self, vau, run: Path) -> None:
        code, out, _ = vau("--against", str(run))
        assert code == 0 and "motion: clips_grounding, 3 requests" in out
        row = next(line for line in out.splitlines() if line.startswith("cache bytes"))
        assert row.split()[-1] == "1.0000"

    def test_what_the_run_holds_cannot_be_changed(self, vau, run: Path) -> None:
        code, _, err = vau("--against", str(run), "--frames", "uniform(3)")
        assert code == 2 and "--against takes --frames from the run; leave it out" in err

    def test_lengths_like_a_run_that_tells_none_are_assumed(self, vau, run: Path) -> None:
        code, out, _ = vau("--model", "gpt_4o", "--tasks", "vau_synth_mcq", "--hours", "1", "--like", str(run))
        assert code == 0 and "assumed: 10 tokens an answer of mcq" in out and f"the mean of {run.name}" in out

    def test_a_folder_without_a_run(self, vau, tmp_path: Path) -> None:
        code, _, err = vau("--against", str(tmp_path))
        assert code == 1 and "no run in" in err


def test_options_of_a_run_give_the_same_plan(tiny_qwen, data: Path, tmp_path: Path) -> None:
    arguments = {"checkpoint": str(tiny_qwen("qwen2_5_vl")), **SMALL}
    options = Options("qwen_vl", ("clips_mcq",), model_args=arguments, data=data, max_new_tokens=2, resamples=0)
    run = evaluate(replace(options, limit=2), tmp_path / "runs").path
    again = Options.from_json(RunFolder.existing(run).read_manifest().options)
    prompts, *_ = compared(again, run)
    assert prompts.n == 2 and prompts.ratio == 1
