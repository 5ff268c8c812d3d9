"""The times that `qwen_vl` tells tiny random checkpoints are those of the frames that it shows."""

from __future__ import annotations

import re

import numpy as np
import pytest

from vau_bench.errors import ModelError
from vau_bench.records import Outcome
from vau_bench.video import ClipLoader

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")


@pytest.fixture
def prompts():
    """Collect what goes into a model: `prompts(model)` gives a list of decoded prompts."""

    def watch(model):
        loaded = model._load()
        told = []
        generate = loaded.model.generate

        def spy(**inputs):
            told.extend(loaded.tokenizer.batch_decode(inputs["input_ids"]))
            return generate(**inputs)

        loaded.model.generate = spy
        return told

    return watch


def video_positions(model):
    """Record the temporal positions of video tokens that reach the language model as an answer begins."""
    inner = model._load().model.model
    types, found = [], []

    def before(module, args, kwargs):
        types[:] = [kwargs.get("mm_token_type_ids")]

    def hook(module, args, kwargs):
        temporal = kwargs["position_ids"][-3]
        if temporal.shape == types[0].shape and (types[0] == 2).any():
            found.append(temporal[types[0] == 2])

    inner.register_forward_pre_hook(before, with_kwargs=True)
    inner.language_model.register_forward_pre_hook(hook, with_kwargs=True)
    return found


class TestTimes:
    @pytest.mark.parametrize(
        ("plan", "step"), [("fps(1)", 4), ("fps(2)", 2), ("fps(4)", 1), ("fps(8)", 0.5), ("fps(0.5)", 8)]
    )
    def test_positions_in_qwen25_are_the_times_of_a_real_video(self, qwen, ask, footage, plan, step):
        with ClipLoader() as loader:
            model = qwen(loader=loader)
            positions = video_positions(model)
            (response,) = model.generate([ask(str(footage / "even.mp4"), plan=plan, max_new_tokens=1)])
        shown = response.seen.times[::2]
        at = positions[0].reshape(len(shown), -1)[:, 0]
        at = (at - at[0]).tolist()
        assert at == [int(step * k) for k in range(len(shown))]
        assert np.abs(np.array(at) / 2 - shown).max() <= 0.5, "two positions a second"

    @pytest.mark.parametrize("plan", ["fps(1)", "fps(3)", "uniform(7)", "window(2, 5, 4)"])
    def test_stamps_in_qwen3_are_the_times_of_a_real_video(self, qwen, ask, footage, prompts, plan):
        requests = [ask(str(footage / name), plan=plan, max_new_tokens=1) for name in ("even.mp4", "uneven.mkv")]
        with ClipLoader() as loader:
            model = qwen("qwen3_vl", loader=loader)
            told = prompts(model)
            responses = list(model.generate(requests))
        for prompt, response in zip(told, responses, strict=True):
            stamps = [float(t) for t in re.findall(r"<([\d.]+) seconds>", prompt)]
            times = response.seen.times
            pairs = [times[i : i + 2] for i in range(0, len(times), 2)]
            assert stamps == pytest.approx([sum(pair) / len(pair) for pair in pairs], abs=0.051)
            assert prompt.count("<|vision_start|>") == prompt.count("<|vision_end|>") == len(pairs)
            assert "<|vision_start|><" + f"{stamps[0]:.1f}" not in prompt, "no second pair around all patches"

    @pytest.mark.parametrize("family", FAMILIES)
    def test_times_between_images(self, qwen, ask, footage, prompts, family):
        with ClipLoader() as loader:
            model = qwen(family, loader=loader, mode="frames")
            told = prompts(model)
            request = ask(str(footage / "uneven.mkv"), plan="uniform(5)", max_new_tokens=1)
            (response,) = model.generate([request])
        labels = re.findall(r"\[([\d.]+)s\]<\|vision_start\|>", told[0])
        assert [float(t) for t in labels] == pytest.approx(list(response.seen.times), abs=0.051)
        assert len(labels) == 5 and "<|video_pad|>" not in told[0]

    @pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl"])
    def test_times_before_each_pair_of_frames(self, qwen, ask, footage, prompts, family):
        with ClipLoader() as loader:
            model = qwen(family, loader=loader, mode="patches")
            told = prompts(model)
            (response,) = model.generate([ask(str(footage / "uneven.mkv"), plan="uniform(5)", max_new_tokens=1)])
        blocks = re.findall(r"((?:\[[\d.]+s\])+)<\|vision_start\|>", told[0])
        assert [len(re.findall(r"\[", block)) for block in blocks] == [2, 2, 1], "the last pair is one frame, twice"
        times = [float(t) for t in re.findall(r"\[([\d.]+)s\]", "".join(blocks))]
        assert times == pytest.approx(list(response.seen.times), abs=0.051)

    def test_qwen3_stamps_its_patches_itself(self, qwen, ask):
        (response,) = qwen("qwen3_vl", mode="patches").generate([ask(max_new_tokens=1)])
        assert response.outcome is Outcome.ERRORED and "mode=video" in response.error

    def test_qwen2_is_told_in_words(self, qwen, ask, prompts):
        told = prompts(model := qwen("qwen2_vl"))
        list(model.generate([ask(max_new_tokens=1, text="When?")]))
        assert (
            "<|vision_end|>The video is shown as 4 frames, taken at these times: "
            "[0.0s], [1.0s], [2.0s], [3.0s].\nWhen?" in told[0]
        )

    def test_qwen25_is_told_in_words_only_what_its_clock_cannot_tell(self, qwen, ask, clips, clip, prompts):
        clips.clips = {"window.mp4": clip((5.0, 6.0, 7.0, 8.0))}
        told = prompts(model := qwen())
        list(model.generate([ask("a.mp4", max_new_tokens=1), ask("window.mp4", max_new_tokens=1)]))
        assert "taken at" not in told[0]
        assert "[5.0s], [6.0s], [7.0s], [8.0s]" in told[1]

    @pytest.mark.parametrize(("tell", "written"), [("always", True), ("never", False)])
    def test_words_can_be_asked_for_and_left_out(self, qwen, ask, prompts, tell, written):
        for family in FAMILIES:
            told = prompts(model := qwen(family, tell_times=tell))
            list(model.generate([ask(max_new_tokens=1)]))
            assert ("taken at these times" in told[0]) is written

    def test_frames_too_uneven_for_the_clock_cost_their_sample(self, qwen, ask, clips, clip):
        clips.clips = {"b.mp4": clip((0.0, 1.0, 2.0, 9.0))}
        requests = [ask("b.mp4", id="b", max_new_tokens=1), ask(id="a", max_new_tokens=1)]
        uneven, even = qwen().generate(requests)
        assert uneven.outcome is Outcome.ERRORED and "use mode=frames" in uneven.error
        assert uneven.seen.times == (0.0, 1.0, 2.0, 9.0) and even.outcome is Outcome.TRUNCATED
        (framed,) = qwen(mode="frames").generate(requests[:1])
        assert framed.outcome is Outcome.TRUNCATED

    def test_a_library_that_tells_wrong_times_stops_the_run(self, qwen, ask, monkeypatch):
        model = qwen()
        inner = model._load().model.model
        honest = inner.get_rope_index

        def old(*args, **kwargs):
            return honest(*args, **{**kwargs, "second_per_grid_ts": kwargs["second_per_grid_ts"].int() * 0})

        monkeypatch.setattr(inner, "get_rope_index", old)
        with pytest.raises(ModelError, match="temporal positions are"):
            list(model.generate([ask(max_new_tokens=1)]))

    @pytest.mark.parametrize("family", FAMILIES)
    @pytest.mark.parametrize("count", [1, 2, 5])
    def test_odd_numbers_of_frames_and_a_single_one(self, qwen, ask, clips, clip, family, count):
        clips.clips = {"a.mp4": clip(tuple(float(i) for i in range(count)))}
        (response,) = qwen(family).generate([ask(max_new_tokens=2)])
        assert response.error is None and len(response.seen.times) == count

    @pytest.mark.parametrize("family", FAMILIES)
    def test_half_precision_keeps_the_times(self, qwen, ask, clips, clip, family):
        clips.clips = {"a.mp4": clip(tuple(i / 3 for i in range(12)))}
        (response,) = qwen(family, dtype="bfloat16").generate([ask(max_new_tokens=2)])
        assert response.error is None
