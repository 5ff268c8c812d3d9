"""The `hf_vlm` model with tiny random checkpoints of three architectures: what it is told, what fails how."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from vau_bench.cli.main import cli
from vau_bench.errors import ModelError
from vau_bench.models.hf_vlm import HfVlm, HfVlmConfig
from vau_bench.records import Outcome
from vau_bench.video import ClipLoader

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

FAMILIES = ("internvl", "llava_onevision", "smolvlm")
PRESETS = {"internvl": "internvl3_2b", "llava_onevision": "llava_onevision_7b", "smolvlm": "smolvlm2_2b"}
ANSWERED = {Outcome.SCORED, Outcome.TRUNCATED}


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """Build tiny checkpoints: `tiny("internvl")`."""
    load("tiny_qwen")
    built = load("tiny_images")

    @cache
    def build(family):
        if family == "smolvlm":
            pytest.importorskip("num2words")
        return built.build(tmp_path_factory.mktemp(family), family)

    return build


@pytest.fixture
def vlm(tiny, clips):
    """Make models: `vlm("internvl", batch_size=2)`."""

    def make(family="internvl", loader=None, **arguments):
        config = HfVlmConfig(checkpoint=str(tiny(family)), **{"dtype": "float32", **arguments})
        return HfVlm(config, loader or clips)

    return make


@pytest.fixture
def prompts():
    """Collect what goes into a model: `prompts(model)` gives a list of decoded prompts."""

    def watch(model):
        loaded, told = model._load(), []
        generate = loaded.model.generate

        def spy(**inputs):
            told.extend(loaded.tokenizer.batch_decode(inputs["input_ids"]))
            return generate(**inputs)

        loaded.model.generate = spy
        return told

    return watch


class TestTimes:
    @pytest.mark.parametrize(("family", "image"), [("internvl", "<img>"), ("smolvlm", "<fake_token_around_image>")])
    def test_each_frame_stands_behind_its_time(self, vlm, ask, footage, prompts, family, image):
        with ClipLoader() as loader:
            model = vlm(family, loader=loader)
            told = prompts(model)
            (response,) = model.generate([ask(str(footage / "uneven.mkv"), plan="uniform(5)", max_new_tokens=1)])
        labels = re.findall(rf"\[([\d.]+)s\]\s*{image}", told[0])
        assert [float(t) for t in labels] == pytest.approx(list(response.seen.times), abs=0.051)
        assert len(labels) == 5

    def test_where_the_template_puts_images_first_a_sentence_lists_the_times(self, vlm, ask, footage, prompts):
        with ClipLoader() as loader:
            model = vlm("llava_onevision", loader=loader)
            told = prompts(model)
            (response,) = model.generate([ask(str(footage / "uneven.mkv"), plan="uniform(5)", max_new_tokens=1)])
        behind = told[0].rpartition("<image>")[2]
        assert behind.startswith("The video is shown as 5 frames, taken at these times: [")
        labels = [float(t) for t in re.findall(r"\[([\d.]+)s\]", behind)]
        assert labels == pytest.approx(list(response.seen.times), abs=0.051)
        assert "What happens?" in behind

    def test_labels_within_the_question_are_not_taken_for_times(self, vlm, ask, prompts):
        model = vlm()
        told = prompts(model)
        (response,) = model.generate([ask(text="What happens at [9.9s]?", max_new_tokens=1)])
        assert response.outcome in ANSWERED and "[9.9s]" in told[0]


class TestAnswers:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_what_was_seen_and_used_is_told(self, vlm, ask, family):
        (response,) = vlm(family).generate([ask(max_new_tokens=3)])
        assert response.outcome in ANSWERED
        assert response.seen.times == (0.0, 1.0, 2.0, 3.0)
        side = 16 if family == "smolvlm" else 28
        assert (response.seen.width, response.seen.height) == (side, side), "as the model gets it"
        assert 0 < response.usage.completion_tokens <= 3

    @pytest.mark.parametrize("family", FAMILIES)
    def test_a_batch_changes_nothing(self, vlm, ask, clip, clips, family):
        clips.clips["long.mp4"] = clip((0.0, 0.5, 1.0), seed=3)
        asked = [
            ask(id="a", max_new_tokens=8),
            ask("long.mp4", id="b", text="Which of these many things happens in the video?", max_new_tokens=8),
            ask(None, id="c", sees=False, text="A question without a video?", max_new_tokens=8),
            ask(id="d", text="When?", max_new_tokens=8),
        ]
        alone = [response.text for response in vlm(family).generate(asked)]
        together = [response.text for response in vlm(family, batch_size=4).generate(asked)]
        assert together == alone

    @pytest.mark.parametrize("family", FAMILIES)
    def test_it_looks_at_the_pixels_and_reads_the_question(self, vlm, ask, clip, clips, family):
        clips.clips["other.mp4"] = clip((0.0, 1.0, 2.0, 3.0), seed=9)
        asked = [
            ask(id="a", max_new_tokens=1),
            ask("other.mp4", id="b", max_new_tokens=1),
            ask(id="c", text="Why is that so?", max_new_tokens=1),
        ]
        model = vlm(family)
        seen = []

        model._load().model.register_forward_hook(lambda *call: seen.append(call[-1].logits[0, -1].clone()))
        list(model.generate(asked))
        assert len(seen) == 3
        assert not torch.allclose(seen[0], seen[1]) and not torch.allclose(seen[0], seen[2])

    def test_half_precision(self, vlm, ask):
        (response,) = vlm("llava_onevision", dtype="bfloat16").generate([ask(max_new_tokens=2)])
        assert response.outcome in ANSWERED

    def test_sampling_depends_on_the_request_alone(self, vlm, ask):
        asked = [ask(id=name, temperature=1.0, seed=1, max_new_tokens=6) for name in "abc"]
        alone = [next(iter(vlm().generate([one]))).text for one in asked]
        together = [response.text for response in vlm(batch_size=3).generate(asked)]
        assert together == alone and len(set(alone)) > 1


class TestFailures:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_a_failure_costs_itself_alone(self, vlm, ask, family):
        pad = {"internvl": "<IMG_CONTEXT>"}.get(family, "<image>")
        asked = [
            ask(id="a", max_new_tokens=2),
            ask("absent.mp4", id="b"),
            ask("broken.mp4", id="c"),
            ask(id="d", text=f"What is {pad}?"),
            ask(id="e", max_new_tokens=2),
        ]
        found = sorted(vlm(family, batch_size=3).generate(asked), key=lambda response: response.sample_id)
        outcomes = [response.outcome for response in found]
        assert outcomes[1:4] == [Outcome.MISSING, Outcome.ERRORED, Outcome.ERRORED]
        assert {outcomes[0], outcomes[4]} <= ANSWERED
        assert "placeholder" in found[3].error

    def test_a_template_that_loses_frames(self, vlm, ask):
        model = vlm()
        processor = model._load().builder._processor
        processor.chat_template = processor.chat_template.replace("<IMG_CONTEXT>", "")
        (response,) = model.generate([ask()])
        assert response.outcome is Outcome.ERRORED
        assert "the chat template makes 0 places for 4 frames" in response.error
        processor.chat_template = None

    def test_no_checkpoint(self, clips, tmp_path):
        with pytest.raises(ModelError, match="no checkpoint"):
            HfVlm(HfVlmConfig(checkpoint=str(tmp_path / "none")), clips).identity()

    def test_a_checkpoint_that_is_no_image_text_model(self, vlm, tiny, clips, ask, tmp_path):
        import shutil

        folder = shutil.copytree(tiny("internvl"), tmp_path / "other")
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "bert"}))
        model = HfVlm(HfVlmConfig(checkpoint=str(folder)), clips)
        with pytest.raises(ModelError, match="cannot be loaded"):
            list(model.generate([ask()]))


@pytest.mark.parametrize("model", ["hf_vlm", "preset"])
@pytest.mark.parametrize("family", FAMILIES)
def test_from_the_command_line(tiny, tmp_path, monkeypatch, family, model):
    monkeypatch.setenv("VAU_BENCH_CACHE", str(tmp_path / "cache"))
    done = CliRunner().invoke(
        cli,
        [
            "evaluate", "--model", PRESETS[family] if model == "preset" else model, "--checkpoint", str(tiny(family)),
            "--model-args", "dtype=float32", "--tasks", "vau_synth_mcq", "--limit", "2", "--max-new-tokens", "4",
            "--no-report", "--out", str(tmp_path), "--run-id", "r",
        ],
    )  # fmt: skip
    assert done.exit_code in (0, 1), done.output
    results = json.loads((tmp_path / "r" / "results.json").read_text())
    (task,) = results["tasks"]
    assert task["expected"] == 2 and not task["outcomes"].get("errored")
    assert model == "hf_vlm" or task["frames"].startswith("uniform(16)")
