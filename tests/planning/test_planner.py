"""A plan from the options of an evaluation: what is counted, what is assumed, what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from vau_bench.errors import DataError, UnknownNameError, UsageError
from vau_bench.options import Options
from vau_bench.planning.accelerators import parse_hardware
from vau_bench.planning.estimate import Prices
from vau_bench.planning.figures import Plan
from vau_bench.planning.planner import Circumstances, plan
from vau_bench.planning.workload import Footage
from vau_bench.records import Outcome, Response, Usage

SEVEN = Options("qwen2_5_vl_7b", ("clips_mcq",))
HOURS = Circumstances(hours=100.0)


def based_on(made: Plan, section: str, name: str) -> str:
    return next(f.basis for f in made.figures if (f.section, f.name) == (section, name))


class TestAPublishedCheckpointThatIsNotHere:
    @pytest.fixture
    def made(self, data: Path) -> Plan:
        return plan(replace(SEVEN, data=data), Circumstances(hardware=parse_hardware("h100:2")))

    def test_visual_tokens_follow_the_rule_of_its_family(self, made: Plan) -> None:
        # fps(1): 6, 3 and 5 frames, so 3, 2 and 3 patches; each small frame is enlarged to at least 128 tokens
        least = 128 * (3 + 2 + 3)
        assert least <= made.value("tokens", "visual in all") <= 1.2 * least
        assert based_on(made, "tokens", "visual a request") == "exact: the smart resize of qwen2_5_vl in mode=video"

    def test_text_is_said_to_be_assumed(self, made: Plan) -> None:
        assert "4 characters a token" in based_on(made, "tokens", "text a request")
        assert 60 < made.value("tokens", "text a request") < 300

    def test_every_figure_says_what_it_rests_on(self, made: Plan) -> None:
        assert made.problem is None and made.figures
        for figure in made.figures:
            assert figure.basis, figure.name
        assert "40% of 989 TFLOPS" in based_on(made, "compute", "prefill")
        assert "100% measured from the files" in based_on(made, "requests", "clips")

    def test_the_sections_are_complete(self, made: Plan) -> None:
        sections = list(dict.fromkeys(f.section for f in made.figures))
        assert sections == ["requests", "tokens", "model", "compute", "memory of a copy", "decoding", "disk", "time"]
        assert made.value("requests", "requests") == 3 and made.value("model", "parameters") == pytest.approx(
            8.29, rel=0.01
        )
        assert made.value("memory of a copy", "in all") > made.value("memory of a copy", "weights") > 15


def test_without_hardware_operations_alone_are_told(data: Path) -> None:
    made = plan(replace(SEVEN, data=data), Circumstances())
    assert made.value("compute", "GPU hours") == "not reckoned"
    assert made.value("compute", "prefill operations") > 1e12
    with pytest.raises(KeyError):
        made.value("memory of a copy", "in all")


def test_a_model_that_does_not_fit_has_a_problem_and_no_hours(data: Path) -> None:
    asked = replace(SEVEN, model="qwen2_5_vl_72b", data=data)
    made = plan(asked, Circumstances(hardware=parse_hardware("rtx4090:4")))
    assert "of 4 GPUs that have 22 each" in made.problem
    with pytest.raises(KeyError):
        made.value("compute", "GPU hours")


class TestFootage:
    def test_hours_become_clips_of_assumed_length(self, data: Path) -> None:
        made = plan(replace(SEVEN, data=data), HOURS)
        assert made.value("requests", "requests") == pytest.approx(100 * 60)
        assert "0% measured" in based_on(made, "requests", "clips") and "60 s of 1280x720" in based_on(
            made, "requests", "clips"
        )
        assert made.value("requests", "frames a clip") == 60
        assert made.value("tokens", "visual a request") == 30 * 20 * 36, "fps(1) of a minute, 602,112 pixels a frame"

    def test_twice_the_hours_cost_twice_as_much(self, data: Path) -> None:
        options = replace(SEVEN, tasks=("clips_mcq", "clips_grounding"), data=data)
        around = Circumstances(hours=10.0, hardware=parse_hardware("h100"))
        once, twice = plan(options, around), plan(options, replace(around, hours=20.0))
        for section, name in (("tokens", "visual in all"), ("compute", "GPU hours"), ("disk", "frame cache")):
            assert twice.value(section, name) == pytest.approx(2 * once.value(section, name))
        assert twice.value("tokens", "text a request") == pytest.approx(once.value("tokens", "text a request"))

    def test_two_tasks_about_one_video_decode_it_once(self, data: Path) -> None:
        one = plan(replace(SEVEN, data=data), HOURS)
        two = plan(replace(SEVEN, tasks=("clips_mcq", "clips_grounding"), data=data), HOURS)
        assert two.value("requests", "requests") == 2 * one.value("requests", "requests")
        assert two.value("disk", "frame cache") == one.value("disk", "frame cache")

    def test_windows_ask_more_often_about_less(self, data: Path) -> None:
        options = replace(SEVEN, tasks=("clips_grounding",), data=data)
        around = Circumstances(hours=1.0, footage=Footage(seconds=3600))
        whole, cut = plan(options, around), plan(replace(options, windows="32s/16s"), around)
        assert whole.value("requests", "requests") == 1
        assert cut.value("requests", "requests") == 224, "one every 16 s, the last ends with the hour"
        assert cut.value("requests", "frames a clip") == 32

    def test_videos_that_are_not_there_are_as_their_annotation_says(self) -> None:
        made = plan(replace(SEVEN, tasks=("vau_synth_mcq",), limit=5), Circumstances())
        assert made.value("requests", "requests") == 5
        assert made.value("requests", "frames a clip") == 16, "16 s each, one frame a second"


def test_a_part_of_the_samples_stands_for_all() -> None:
    options = replace(SEVEN, tasks=("vau_synth_mcq",))
    whole, part = plan(options, Circumstances()), plan(options, Circumstances(most=20))
    assert part.value("requests", "requests") == whole.value("requests", "requests") == 200
    assert part.value("tokens", "text in all") == pytest.approx(whole.value("tokens", "text in all"), rel=0.1)


def test_a_conversation_quotes_what_was_said(data: Path) -> None:
    made = plan(replace(SEVEN, tasks=("vau_synth_reasoning",)), HOURS)
    assert made.value("requests", "requests") == pytest.approx(2 * 100 * 60), "two turns"
    said = made.value("tokens", "output a request")
    once = plan(replace(SEVEN, tasks=("vau_synth_reasoning",), max_new_tokens=1), HOURS)
    more = made.value("tokens", "text a request") - once.value("tokens", "text a request")
    assert more == pytest.approx((said - 1) / 2), "the second prompt holds the first answer"


class TestEndpoints:
    @pytest.mark.parametrize(
        ("preset", "each", "source"),
        [("gpt_4o", 85 + 170 * 6, "OpenAI"), ("gemini", 1120, "Google"), ("claude", 46 * 26, "Anthropic")],
    )
    def test_hosted_models_count_images_as_their_vendors_publish(self, preset: str, each: int, source: str) -> None:
        made = plan(Options(preset, ("vau_synth_mcq",)), HOURS)
        assert made.value("tokens", "visual a request") == 50 * each, "50 frames of 1280x720"
        basis = based_on(made, "tokens", "visual a request")
        assert basis.startswith(f"as published: {source}") and "read 2026-11-29" in basis
        with pytest.raises(KeyError):
            made.value("compute", "prefill operations")

    def test_cost_is_tokens_times_price_and_time_is_shared(self, data: Path) -> None:
        around = replace(HOURS, prices=Prices(2.5, 10.0), concurrency=16)
        options = Options("gpt_4o", ("clips_mcq",), data=data)
        made = plan(options, around)
        prompt = made.value("tokens", "visual in all") + made.value("tokens", "text in all")
        assert made.value("cost", "endpoint") == pytest.approx(
            (2.5 * prompt + 10 * made.value("tokens", "output in all")) / 1e6
        )
        wall = made.value("time", "wall time of the endpoint")
        half = plan(options, replace(around, concurrency=32))
        assert half.value("time", "wall time of the endpoint") == pytest.approx(wall / 2)
        assert "16 in flight" in based_on(made, "time", "wall time of the endpoint")
        two = {"base_url": "http://127.0.0.1:1/v1,http://127.0.0.1:2/v1", "concurrency": 5}
        spread = plan(replace(options, model_args=two), replace(around, concurrency=None))
        assert "10 in flight" in based_on(spread, "time", "wall time of the endpoint"), "five at each server"

    def test_low_detail_costs_the_base_alone(self) -> None:
        low = plan(Options("gpt_4o", ("vau_synth_mcq",), model_args={"image_detail": "low"}), HOURS)
        assert low.value("tokens", "visual a request") == 50 * 85

    def test_a_served_checkpoint_has_compute_and_memory(self) -> None:
        served = {"model": "Qwen/Qwen2.5-VL-72B-Instruct", "base_url": "http://127.0.0.1:8000/v1", "concurrency": 64}
        options = Options("openai", ("vau_synth_mcq",), model_args=served, frames="uniform(16) short_side=360")
        made = plan(options, replace(HOURS, hardware=parse_hardware("h100:8")))
        assert made.problem is None and "tensor parallel" in based_on(made, "memory of a copy", "in all")
        assert made.value("tokens", "visual a request") == 16 * 13 * 23, "364x644 a frame of 640x360"
        assert "keeps the published settings" in based_on(made, "tokens", "visual a request")
        assert made.value("compute", "GPU hours") > 0
        assert made.value("time", "wall time of the GPUs") > 0
        with pytest.raises(KeyError):
            made.value("time", "wall time of the endpoint")

    def test_a_run_tells_lengths_and_seconds(self) -> None:
        like = [
            Response("k", "x", f"s{n}", "direct", 0, "t", Outcome.SCORED, usage=Usage(9, 40, 3.0)) for n in range(4)
        ]
        made = plan(Options("gpt_4o", ("vau_synth_mcq",)), replace(HOURS, like=like, like_name="run-7"))
        assert made.value("tokens", "output a request") == 40
        assert "3 s an answer, the mean of run-7" in based_on(made, "time", "wall time of the endpoint")
        assert made.value("time", "wall time of the endpoint") == pytest.approx(6000 * 3.0 / 8 / 3600)


class TestOtherModels:
    def test_motion_decodes_and_has_no_tokens(self, data: Path) -> None:
        made = plan(Options("motion", ("clips_grounding",), data=data), Circumstances())
        assert 105 < made.value("decoding", "frames to decode a clip") <= (150 + 75 + 113) / 3, (
            "eight a second: nearly all"
        )
        assert made.value("decoding", "CPU hours") > 0
        assert not {"tokens", "compute", "cost"} & {f.section for f in made.figures}

    def test_a_floor_costs_nothing(self, data: Path) -> None:
        made = plan(Options("floors/always_a", ("clips_mcq",), data=data), Circumstances())
        assert [f.name for f in made.figures] == ["requests"] and made.value("requests", "requests") == 3

    def test_a_measurement_replaces_what_is_assumed(self, data: Path) -> None:
        made = plan(Options("motion", ("clips_grounding",), data=data), Circumstances(measure=True))
        assert "measured: 6 decodings on this machine" in based_on(made, "decoding", "CPU hours")
        with pytest.raises(UsageError, match="--measure decodes some of the videos, and there is none"):
            plan(Options("motion", ("vau_synth_grounding",)), Circumstances(measure=True))


class TestRefusals:
    def test_an_unknown_size_is_told_with_those_that_are_known(self, data: Path) -> None:
        options = Options("qwen_vl", ("clips_mcq",), model_args={"checkpoint": "acme/giant"}, data=data)
        with pytest.raises(UsageError, match=r"how large 'acme/giant' is, is not known.*Qwen/Qwen3-VL-8B-Instruct"):
            plan(options, Circumstances())
        with pytest.raises(UsageError, match="how large 'acme-9' is, is not known"):
            plan(Options("openai", ("clips_mcq",), model_args={"model": "acme-9"}, data=data), Circumstances())

    def test_names_that_do_not_exist(self, data: Path) -> None:
        with pytest.raises(UnknownNameError, match="unknown model 'qwen25'"):
            plan(Options("qwen25", ("clips_mcq",), data=data), Circumstances())
        with pytest.raises(UnknownNameError, match="unknown task 'clip_mcq'"):
            plan(Options("motion", ("clip_mcq",), data=data), Circumstances())

    def test_frames_that_a_server_chooses(self) -> None:
        options = Options("gpt_4o", ("vau_synth_mcq",), model_args={"frames": "video"})
        with pytest.raises(UsageError, match="use frames=jpeg"):
            plan(options, HOURS)

    def test_data_that_are_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(DataError):
            plan(replace(SEVEN, data=tmp_path), Circumstances())


def test_damaged_and_absent_videos_cost_themselves(data: Path, tmp_path: Path) -> None:
    for file in data.rglob("*.*"):
        target = tmp_path / "broken" / file.relative_to(data)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    (tmp_path / "broken/videos/a.mp4").write_bytes(b"\0" * 5000)
    (tmp_path / "broken/videos/b.mp4").unlink()
    made = plan(replace(SEVEN, data=tmp_path / "broken"), Circumstances())
    assert made.value("requests", "requests") == 2 and made.value("requests", "not asked") == 1
    assert based_on(made, "requests", "not asked") == "VideoUnreadableError"
    assert "50% measured" in based_on(made, "requests", "clips")
