"""The nano model: its tokenizer, how it begins; what is made faster computes the same."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srvau_train.nano.frames import Look, draw_frames
from srvau_train.nano.recipe import Recipe
from srvau_train.nano.rows import direct, prompt

pytest.importorskip("trl")
torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]

LOOK = Look()


class TestTokenizer:
    @settings(max_examples=100, deadline=None)
    @given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
    def test_any_text_is_read_back_as_it_was(self, made, text):
        tokenizer = made[1].tokenizer
        assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text

    def test_times_are_the_same_token_in_prompt_and_answer(self, made):
        tokenizer = made[1].tokenizer
        for time in ("3.0", "12.0", "15.0"):
            token = tokenizer.convert_tokens_to_ids(time)
            assert token != tokenizer.unk_token_id
            for text in (f"[{time}s][1.0s]", f"<glue>[{time}, 15.0]</glue>", f"It begins at {time} s."):
                assert token in tokenizer(text)["input_ids"], text

    def test_tags_outlive_decoding(self, made):
        tokenizer = made[1].tokenizer
        text = "<think>a</think><answer>Anomaly</answer><glue>[1.0, 2.0]</glue>"
        assert tokenizer.decode(tokenizer(text)["input_ids"], skip_special_tokens=True) == text

    def test_numbers_begin_near_their_neighbours(self, made):
        model, processor = made
        weight = model.get_input_embeddings().weight.detach()
        near, same, far = (
            float(weight[processor.tokenizer.convert_tokens_to_ids(a)] @ weight[
                processor.tokenizer.convert_tokens_to_ids(b)])
            for a, b in (("7", "8"), ("7", "7.0"), ("7", "1"))
        )  # fmt: skip
        assert same > near > far


class TestLooking:
    def test_at_first_the_heads_of_the_first_layer_look_back_one_to_four_tokens(self, made):
        model, processor = made
        text = "Going through the clip again: 0 s nothing unusual; 1 s nothing unusual; 2 s nothing unusual."
        ids = torch.tensor([processor.tokenizer(text)["input_ids"]])
        attention = model.config._attn_implementation
        model.set_attn_implementation("eager")
        with torch.no_grad():
            seen = model.model.language_model(input_ids=ids, output_attentions=True).attentions[0][0]
        model.set_attn_implementation(attention)
        for distance, weights in zip((1, 3, 2, 4), seen, strict=True):
            found = [int(row.argmax()) for row in weights[6:]]
            assert found == [place + 6 - distance for place in range(len(found))]

    def test_at_first_the_second_layer_finds_what_was_repeated(self, made):
        model, processor = made
        tokenizer = processor.tokenizer
        texts = ["nothing unusual; ", "on the left", "only passers-by; ", "on the right"]
        pieces = [tokenizer(text)["input_ids"][0] for text in texts]
        assert len(set(pieces)) == 4
        one, left, other, right = pieces
        filler = tokenizer("Going through the clip again: 1 2 3 5 8 9 10 11 12")["input_ids"]
        said = [filler[0], one, left, filler[1], one, right, filler[2], other, left, filler[3], other, right]
        for begin in (1, 4, 7, 10):
            ids = torch.tensor([[*said, *filler[4:8], *said[begin : begin + 2], *filler[8:10]]])
            attention = model.config._attn_implementation
            model.set_attn_implementation("eager")
            with torch.no_grad():
                seen = model.model.language_model(input_ids=ids, output_attentions=True).attentions[1][0]
            model.set_attn_implementation(attention)
            assert int(seen[2, -1, : len(said)].argmax()) == begin + 1
            # where a token has stood before, the next one is found behind it
            assert int(seen[0, -3, : len(said)].argmax()) in (2, 3, 5, 6, 8, 9, 11)


class TestSpeed:
    def test_it_computes_what_transformers_computes(self, made, model, features):
        from srvau_train.batches import sft_batch
        from srvau_train.nano.speed import speed_up

        batch = sft_batch(features([direct(0, "grounding", LOOK), direct(1, "mcq", LOOK)]), 0)
        labels = batch.pop("labels")
        plain = made[0](**batch).logits
        speed_up(model)
        fast = model(**batch).logits
        assert torch.allclose(plain[labels != -100], fast[labels != -100], atol=1e-4)

    def test_it_learns_what_transformers_learns(self, made, model, features):
        from srvau_train.batches import sft_batch
        from srvau_train.nano.speed import speed_up

        batch = sft_batch(features([direct(0, "grounding", LOOK), direct(1, "mcq", LOOK)]), 0)
        speed_up(model)
        for one in (made[0], model):
            one.zero_grad()
            one(**batch).loss.backward()
        fast = dict(model.named_parameters())
        for name, weight in made[0].named_parameters():
            assert torch.allclose(weight.grad, fast[name].grad, atol=1e-5, rtol=1e-3), name

    def test_a_frozen_tower_sees_each_input_once_and_all_the_same(self, model, features):
        from srvau_train.batches import visual_tensors
        from srvau_train.nano.speed import speed_up

        shown = visual_tensors(features([prompt(n, "mcq", "direct", LOOK) for n in (0, 1, 0)]))
        plain = model.model.visual(shown["pixel_values_videos"], grid_thw=shown["video_grid_thw"]).pooler_output
        speed_up(model)
        tower = model.model.visual
        calls = []
        tower.blocks[0].register_forward_hook(lambda *a: calls.append(len(a[1][0])))
        tower.requires_grad_(False)
        for _ in range(2):
            again = tower(shown["pixel_values_videos"], grid_thw=shown["video_grid_thw"]).pooler_output
            assert torch.allclose(plain, again, atol=1e-4)
        assert len(calls) == 1 and calls[0] * 3 == 2 * len(shown["pixel_values_videos"])

    def test_two_threads_may_look_at_once_though_little_is_remembered(self, model, features, monkeypatch):
        from concurrent.futures import ThreadPoolExecutor

        from srvau_train.batches import visual_tensors
        from srvau_train.nano import speed

        shown = [visual_tensors(features([prompt(n, "mcq", "direct", LOOK)])) for n in (0, 1)]
        tower = model.model.visual.requires_grad_(False)

        def see(which):
            given = shown[which]
            return tower(given["pixel_values_videos"], grid_thw=given["video_grid_thw"]).pooler_output

        plain = [torch.as_tensor(see(n)) for n in (0, 1)]
        monkeypatch.setattr(speed, "REMEMBERED", 2)
        speed.speed_up(model)
        with ThreadPoolExecutor(2) as pool:
            for n, seen in zip([0, 1] * 20, pool.map(see, [0, 1] * 20), strict=True):
                assert torch.allclose(plain[n], seen, atol=1e-4)

    def test_inputs_are_made_once_a_text_and_are_the_same(self, made, features, store, monkeypatch):
        from srvau_train.batches import ExampleDataset, family_of_model, input_builder
        from srvau_train.nano.speed import QuickInputs

        rows = [prompt(n, kind, "reflect", LOOK) for n in (0, 1) for kind in ("grounding", "mcq", "grounding")]
        model, processor = made
        plain = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)
        built = []
        build = plain.build
        monkeypatch.setattr(plain, "build", lambda *given: built.append(given) or build(*given))
        quick = QuickInputs(plain, size=3)
        dataset = ExampleDataset(rows, quick, processor.tokenizer, store)
        for i, expected in enumerate(features(rows)):
            found = dataset[i].prompt
            assert found.seen == expected.prompt.seen and found.request == rows[i].request
            assert found.inputs.keys() == expected.prompt.inputs.keys()
            for name, value in expected.prompt.inputs.items():
                assert torch.allclose(value, found.inputs[name], atol=1e-5), name
        assert len(built) == 3  # one for the intervals, two for the questions
        assert not any("pixel_values_videos" in kept.inputs for kept in quick._made.values())

    def test_pictures_of_another_size_become_what_the_processor_makes_of_them(self, made, tmp_path):
        from pathlib import Path

        from srvau_train.batches import family_of_model, input_builder
        from srvau_train.nano.speed import QuickInputs

        model, processor = made
        plain = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)
        quick = QuickInputs(plain)
        large = replace(LOOK, width=224, height=168)
        store = draw_frames(tmp_path, "train", 3, large, workers=1)
        for number, kind in product(range(3), ("grounding", "mcq")):
            request = prompt(number, kind, "direct", LOOK).request
            clip = store.load(Path(f"train-{number}.mp4"), LOOK.plan)
            expected, found = plain.build(request, clip), quick.build(request, clip)
            assert found.seen == expected.seen and (found.seen.width, found.seen.height) == (LOOK.width, LOOK.height)
            assert found.inputs.keys() == expected.inputs.keys()
            for name, value in expected.inputs.items():
                assert torch.allclose(value, found.inputs[name], atol=1e-5), name

    def test_a_tower_that_has_answered_can_still_learn(self, model, features):
        from srvau_train.batches import visual_tensors
        from srvau_train.nano import speed

        speed._order.cache_clear()
        speed.speed_up(model)
        tower, shown = model.model.visual, visual_tensors(features([prompt(0, "mcq", "direct", LOOK)]))
        with torch.inference_mode():
            seen = tower(shown["pixel_values_videos"], grid_thw=shown["video_grid_thw"]).pooler_output
        again = tower(shown["pixel_values_videos"], grid_thw=shown["video_grid_thw"]).pooler_output
        again.sum().backward()
        assert torch.allclose(seen, again, atol=1e-5)
        assert all(weight.grad is not None for weight in tower.parameters())

    def test_a_tower_that_has_learnt_sees_anew(self, model, features):
        from srvau_train.batches import visual_tensors
        from srvau_train.nano.speed import speed_up

        speed_up(model)
        shown = visual_tensors(features([prompt(0, "mcq", "direct", LOOK)]))
        tower = model.model.visual

        def see():
            return tower(shown["pixel_values_videos"], grid_thw=shown["video_grid_thw"]).pooler_output

        with torch.no_grad():
            before = see()
        with torch.no_grad():
            tower.merger.mlp[-1].weight.mul_(2)
            assert not torch.allclose(before, see())
