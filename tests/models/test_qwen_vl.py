"""The `qwen_vl` model with tiny random checkpoints: what it sees, what batches change, what fails how."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vau_bench.errors import ModelError
from vau_bench.models.batching import AHEAD
from vau_bench.models.sampling import SeededSampling
from vau_bench.records import Outcome

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

FAMILIES = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl")


class TestWhatIsSeen:
    @pytest.mark.parametrize("mode", ["video", "frames"])
    @pytest.mark.parametrize("family", FAMILIES)
    def test_the_answer_depends_on_pixels(self, qwen, ask, clips, clip, family, mode):
        for seed in range(2):
            clips.clips[f"{seed}.mp4"] = clip((0.0, 1.0), seed=seed)
            clips.clips[f"{seed}.mp4"].frames[:] = 255 * seed
        model = qwen(family, mode=mode, option_scores=True)
        requests = [ask(f"{i}.mp4", choices=("A", "B"), max_new_tokens=1) for i in range(2)]
        black, white = (r.option_scores["A"] for r in model.generate(requests))
        assert abs(black - white) > 1e-4

    @pytest.mark.parametrize(("family", "unit"), [("qwen2_5_vl", 28), ("qwen3_vl", 32)])
    def test_the_size_recorded_is_the_size_handed_over(self, qwen, ask, clips, clip, family, unit):
        clips.clips = {"a.mp4": clip((0.0, 1.0, 2.0), height=300, width=500)}
        (response,) = qwen(family, max_pixels=100_000).generate([ask(max_new_tokens=1)])
        width, height = response.seen.width, response.seen.height
        assert width % unit == height % unit == 0
        assert 70_000 < width * height <= 100_000

    def test_long_clips_get_smaller_frames(self, qwen, ask, clips, clip):
        clips.clips = {
            "short.mp4": clip((0.0, 1.0), height=280, width=280),
            "long.mp4": clip(tuple(map(float, range(20))), height=280, width=280),
        }
        model = qwen(max_pixels=78_400, total_pixels=200_000)
        short, long = model.generate([ask(v, max_new_tokens=1) for v in ("short.mp4", "long.mp4")])
        assert short.seen.width == 280 and long.seen.width * long.seen.height <= 20_000

    def test_text_without_video(self, qwen, ask):
        (response,) = qwen(option_scores=True).generate([ask(None, sees=False, max_new_tokens=3, choices=("A", "B"))])
        assert response.seen is None and response.usage.completion_tokens == 3
        assert sum(response.option_scores.values()) == pytest.approx(1)


def in_order(responses):
    """Return responses by sample: rows are batched by their length."""
    return sorted(responses, key=lambda response: response.sample_id)


class TestBatches:
    def requests(self, ask, **generation):
        texts = ["When?", "Which anomaly does the video show?", "A", "Was that right? " * 5, "B or C?"]
        videos = ["a.mp4", "long.mp4", "large.mp4", None, "a.mp4"]
        return [
            ask(video, id=str(i), text=text, sees=video is not None, choices=("A", "B"), **generation)
            for i, (video, text) in enumerate(zip(videos, texts, strict=True))
        ]

    @pytest.fixture
    def mixed(self, clips, clip):
        clips.clips = {
            "long.mp4": clip(tuple(map(float, range(9))), seed=1),
            "large.mp4": clip((0.0, 0.5, 1.0), height=84, width=84, seed=2),
        }

    @pytest.mark.usefixtures("mixed")
    @pytest.mark.parametrize("mode", ["video", "frames"])
    @pytest.mark.parametrize("family", FAMILIES)
    def test_a_batch_answers_as_one_by_one(self, qwen, ask, family, mode):
        arguments = {"mode": mode, "option_scores": True, "repetition_penalty": 1.3}
        requests = self.requests(ask, max_new_tokens=8)
        alone = list(qwen(family, **arguments).generate(requests))
        together = list(qwen(family, batch_size=5, **arguments).generate(requests))
        assert [r.sample_id for r in together] == ["0", "1", "2", "3", "4"]
        assert [r.text for r in together] == [r.text for r in alone]
        assert len({r.text for r in alone}) > 1
        assert [r.seen for r in together] == [r.seen for r in alone]
        for one, many in zip(alone, together, strict=True):
            assert many.option_scores == pytest.approx(one.option_scores, abs=1e-4)
            assert many.usage.prompt_tokens == one.usage.prompt_tokens

    @pytest.mark.usefixtures("mixed")
    def test_samples_do_not_depend_on_their_neighbours(self, qwen, ask):
        requests = self.requests(ask, max_new_tokens=6, temperature=1.0, top_p=0.9, seed=4)
        alone = [r.text for r in qwen().generate(requests)]
        assert [r.text for r in qwen(batch_size=5).generate(requests)] == alone
        assert [r.text for r in in_order(qwen(batch_size=2).generate(requests[::-1]))] == alone
        other = self.requests(ask, max_new_tokens=6, temperature=1.0, top_p=0.9, seed=5)
        assert [r.text for r in qwen().generate(other)] != alone
        greedy = self.requests(ask, max_new_tokens=6)
        assert [r.text for r in qwen().generate(greedy)] != alone

    def test_requests_with_other_settings_are_not_batched_together(self, qwen, ask):
        limits = [3, 3, 5, 5, 5, 2]
        model = qwen(batch_size=4)
        responses = in_order(model.generate(ask(id=str(i), max_new_tokens=n) for i, n in enumerate(limits)))
        assert [r.usage.completion_tokens for r in responses] == limits

    def test_requests_are_taken_lazily(self, qwen, ask):
        taken = []

        def requests():
            for i in range(100):
                taken.append(i)
                yield ask(id=str(i), max_new_tokens=1)

        stream = qwen(batch_size=2).generate(requests())
        next(stream)
        assert len(taken) <= AHEAD * 2 + 4
        stream.close()


class TestSampling:
    def draws(self, ask, logits, count, **settings):
        requests = [ask(id=str(i), **settings) for i in range(count)]
        rows = SeededSampling(requests, "cpu")(None, torch.tensor([logits] * count))
        return np.bincount(rows.argmax(dim=-1).numpy(), minlength=len(logits)) / count

    def test_draws_follow_the_distribution(self, ask):
        share = self.draws(ask, [0.0, 1.0, 2.0], 4000, temperature=2.0)
        expected = np.exp([0.0, 0.5, 1.0]) / np.exp([0.0, 0.5, 1.0]).sum()
        assert share == pytest.approx(expected, abs=0.03)

    def test_top_p_keeps_the_smallest_set(self, ask):
        logits = np.log([0.05, 0.6, 0.25, 0.1]).tolist()
        assert self.draws(ask, logits, 1000, temperature=1.0, top_p=0.8) == pytest.approx(
            [0, 0.6 / 0.85, 0.25 / 0.85, 0], abs=0.05
        )
        assert self.draws(ask, logits, 50, temperature=1.0, top_p=0.01).tolist() == [0, 1, 0, 0]


class TestOptionScores:
    @pytest.mark.parametrize("family", FAMILIES)
    def test_equal_the_plain_likelihood_of_each_whole_sequence(self, qwen, ask, family):
        choices = ("A", "AB", "Normal", "Road accident")
        model = qwen(family, option_scores=True)
        request = ask(choices=choices, max_new_tokens=4)
        (response,) = model.generate([request])
        loaded = model._load()
        inputs = loaded.builder.build(request, model.clips.load(Path("a.mp4"), "fps(1)")).inputs
        scores = []
        for choice in choices:
            ids = loaded.tokenizer(f"<answer>{choice}</answer>")["input_ids"]
            full = {
                **inputs,
                "input_ids": torch.cat([inputs["input_ids"], torch.tensor([ids])], dim=1),
                "attention_mask": torch.nn.functional.pad(inputs["attention_mask"], (0, len(ids)), value=1),
                "mm_token_type_ids": torch.nn.functional.pad(inputs["mm_token_type_ids"], (0, len(ids))),
            }
            with torch.no_grad():
                steps = torch.log_softmax(loaded.model(**full, use_cache=False).logits[0], dim=-1)
            at = range(len(steps) - len(ids) - 1, len(steps) - 1)
            scores.append(sum(float(steps[i, token]) for i, token in zip(at, ids, strict=True)))
        weights = np.exp(np.array(scores) - max(scores))
        expected = dict(zip(choices, weights / weights.sum(), strict=True))
        assert response.option_scores == pytest.approx(expected, abs=1e-5)

    def test_follow_what_the_model_wrote_before_its_last_answer(self, qwen, ask):
        from vau_bench.models.qwen_options import context_of, option_scores

        assert context_of("<think>x</think><answer>A</answer>") == "<think>x</think>"
        assert context_of("<answer>A</answer> no: <answer>B</answer>") == "<answer>A</answer> no: "
        assert context_of("no tags") == ""
        model = qwen()
        loaded = model._load()
        inputs = loaded.builder.build(ask(), model.clips.load(Path("a.mp4"), "fps(1)")).inputs
        arguments = (loaded.model, loaded.tokenizer, inputs)
        plain = option_scores(*arguments, "<answer>A</answer>", ("A", "B"))
        assert option_scores(*arguments, "", ("A", "B")) == pytest.approx(plain)
        assert option_scores(*arguments, "It is so. <answer>A", ("A", "B")) != pytest.approx(plain, abs=1e-6)

    def test_only_when_asked_and_with_choices(self, qwen, ask):
        assert [r.option_scores for r in qwen().generate([ask(choices=("A", "B"), max_new_tokens=1)])] == [None]
        assert [r.option_scores for r in qwen(option_scores=True).generate([ask(max_new_tokens=1)])] == [None]


class TestFailures:
    def break_generate(self, model, trouble):
        """Let `trouble(rows)` raise before each call of generate; return the sizes of all calls."""
        loaded = model._load()
        generate = loaded.model.generate
        sizes = []

        def broken(**inputs):
            prompts = loaded.tokenizer.batch_decode(inputs["input_ids"])
            sizes.append(len(prompts))
            trouble(prompts)
            return generate(**inputs)

        loaded.model.generate = broken
        return sizes

    def test_videos_that_fail_cost_themselves_alone(self, qwen, ask):
        videos = ["a.mp4", "absent.mp4", "broken.mp4", None, "b.mp4"]
        requests = [ask(v, id=str(i), max_new_tokens=1) for i, v in enumerate(videos)]
        responses = in_order(qwen(batch_size=3).generate(requests))
        assert [r.sample_id for r in responses] == ["0", "1", "2", "3", "4"]
        kinds = [Outcome.TRUNCATED, Outcome.MISSING, Outcome.ERRORED, Outcome.MISSING, Outcome.TRUNCATED]
        assert [r.outcome for r in responses] == kinds
        assert all(r.error for r in responses[1:4])

    def test_a_text_with_the_models_placeholders_costs_itself_alone(self, qwen, ask):
        texts = ["When?", "<|video_pad|> " * 3, "Who?"]
        requests = [ask(id=str(i), text=t, max_new_tokens=1) for i, t in enumerate(texts)]
        outcomes = [r.outcome for r in in_order(qwen(batch_size=3).generate(requests))]
        assert outcomes == [Outcome.TRUNCATED, Outcome.ERRORED, Outcome.TRUNCATED]

    def test_a_sample_that_breaks_its_batch_costs_itself_alone(self, qwen, ask):
        def trouble(prompts):
            if any("POISON" in p for p in prompts):
                raise RuntimeError("shape mismatch\nat line 7")

        texts = ["a", "POISON", "c", "d"]
        model = qwen(batch_size=4)
        sizes = self.break_generate(model, trouble)
        responses = list(model.generate(ask(id=t, text=t, max_new_tokens=1) for t in texts))
        assert [r.outcome for r in responses] == [Outcome.TRUNCATED, Outcome.ERRORED, *[Outcome.TRUNCATED] * 2]
        assert responses[1].error == "RuntimeError: shape mismatch" and responses[1].seen is not None
        assert sizes == [4, 1, 1, 1, 1]

    @pytest.mark.parametrize(
        "error",
        [
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"),
            RuntimeError("CUDA error: out of memory"),
            RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        ],
        ids=["allocator", "driver", "cpu"],
    )
    def test_out_of_memory_halves_the_batch(self, qwen, ask, error):
        def trouble(prompts):
            if len(prompts) > 2:
                raise error

        model = qwen(batch_size=8)
        sizes = self.break_generate(model, trouble)
        responses = list(model.generate(ask(id=str(i), max_new_tokens=1) for i in range(8)))
        assert [r.sample_id for r in responses] == [str(i) for i in range(8)]
        assert {r.outcome for r in responses} == {Outcome.TRUNCATED}
        assert sizes == [8, 4, 2, 2, 4, 2, 2]

    def test_one_request_too_large_for_the_memory_is_an_error(self, qwen, ask):
        def trouble(prompts):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

        model = qwen()
        self.break_generate(model, trouble)
        (response,) = model.generate([ask(max_new_tokens=1)])
        assert response.outcome is Outcome.ERRORED and "Tried to allocate 20 GiB" in response.error

    def test_a_lost_device_stops_the_run(self, qwen, ask):
        def trouble(prompts):
            raise RuntimeError("CUDA error: device-side assert triggered")

        model = qwen(batch_size=2)
        self.break_generate(model, trouble)
        with pytest.raises(ModelError, match="resume the run"):
            list(model.generate(ask(id=str(i)) for i in range(4)))

    def test_closing_frees_the_weights(self, qwen, ask):
        model = qwen()
        list(model.generate([ask(max_new_tokens=1)]))
        model.close()
        assert model._loaded is None
