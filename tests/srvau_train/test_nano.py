"""The nano model: what is made faster computes the same, its lessons resume, its rows say what the scenes show."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srvau_train.command import config_of
from srvau_train.nano.frames import Look, draw_frames, number_of
from srvau_train.nano.recipe import Recipe
from srvau_train.nano.rows import chains, direct, prompt, texts
from srvau_train.rocot import wording
from vau_bench.errors import DataError, ModelError, VideoMissingError
from vau_bench.parsing import parse_grammar
from vau_bench.synth import CLASSES, labels_at, scene_at

pytest.importorskip("trl")
torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]

LOOK = Look()


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return draw_frames(tmp_path_factory.mktemp("frames"), "train", 8, LOOK, workers=1)


@pytest.fixture(scope="module")
def made():
    """An empty model with its processor."""
    from srvau_train.nano.architecture import Size, build_model, build_processor, build_tokenizer

    size = Size(vocabulary=1500)
    tokenizer = build_tokenizer(texts([], 60, LOOK), size.vocabulary)
    return build_model(tokenizer, size, seed=0), build_processor(tokenizer, size)


@pytest.fixture
def model(made):
    """The same weights, in a model of its own."""
    import copy

    return copy.deepcopy(made[0])


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The chains of a few clips."""
    from srvau_train.nano.train import Training

    return chains(Training(tmp_path_factory.mktemp("chains"), replace(Recipe(), taught=16)).taught(), LOOK)


@pytest.fixture
def features(made, store):
    """Prepare rows for the model."""
    from srvau_train.batches import ExampleDataset, family_of_model, input_builder

    model, processor = made
    builder = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)

    def prepare(rows, source=store):
        dataset = ExampleDataset(rows, builder, processor.tokenizer, source)
        return [dataset[i] for i in range(len(rows))]

    return prepare


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
    def test_at_first_each_head_of_the_first_layer_looks_one_token_further_back(self, made):
        model, processor = made
        text = "Going through the clip again: 0 s nothing unusual; 1 s nothing unusual; 2 s nothing unusual."
        ids = torch.tensor([processor.tokenizer(text)["input_ids"]])
        attention = model.config._attn_implementation
        model.set_attn_implementation("eager")
        with torch.no_grad():
            seen = model.model.language_model(input_ids=ids, output_attentions=True).attentions[0][0]
        model.set_attn_implementation(attention)
        for head, weights in enumerate(seen):
            found = [int(row.argmax()) for row in weights[6:]]
            assert found == [place + 6 - (head + 1) for place in range(len(found))]


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

    def test_inputs_are_made_once_a_text_and_are_the_same(self, made, features, store, monkeypatch):
        from srvau_train.batches import ExampleDataset, family_of_model, input_builder
        from srvau_train.nano.speed import QuickInputs

        rows = [prompt(n, kind, "reflect", LOOK) for n in (0, 1) for kind in ("grounding", "mcq", "grounding")]
        model, processor = made
        plain = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)
        built = []
        build = plain.build
        monkeypatch.setattr(plain, "build", lambda *given: built.append(given) or build(*given))
        quick = QuickInputs(plain, processor, size=3)
        dataset = ExampleDataset(rows, quick, processor.tokenizer, store)
        for i, expected in enumerate(features(rows)):
            found = dataset[i].prompt
            assert found.seen == expected.prompt.seen and found.request == rows[i].request
            assert found.inputs.keys() == expected.prompt.inputs.keys()
            for name, value in expected.prompt.inputs.items():
                assert torch.allclose(value, found.inputs[name], atol=1e-5), name
        assert len(built) == 3  # one for the intervals, two for the questions
        assert not any("pixel_values_videos" in kept.inputs for kept in quick._made.values())

    def test_pictures_of_another_size_go_through_the_processor(self, made, tmp_path):
        from pathlib import Path

        from srvau_train.batches import family_of_model, input_builder
        from srvau_train.nano.speed import QuickInputs

        model, processor = made
        plain = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)
        quick = QuickInputs(plain, processor)
        large = replace(LOOK, width=224, height=168)
        store = draw_frames(tmp_path, "train", 2, large, workers=1)
        request = prompt(1, "grounding", "direct", LOOK).request
        for number in (0, 1):
            clip = store.load(Path(f"train-{number}.mp4"), LOOK.plan)
            expected, found = plain.build(request, clip), quick.build(request, clip)
            assert torch.equal(expected.inputs["pixel_values_videos"], found.inputs["pixel_values_videos"])
            assert (found.seen.width, found.seen.height) == (LOOK.width, LOOK.height)

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


class TestLessons:
    def watch(self, model, made, store, out, lesson):
        from srvau_train.batches import family_of_model, input_builder
        from srvau_train.nano.watching import teach_watching

        builder = input_builder(made[1], model, family_of_model(model), Recipe().base("x").data)
        losses = []
        teach_watching(
            model,
            made[1].tokenizer,
            builder,
            store,
            lesson,
            out,
            chained=[],
            seed=0,
            log=lambda line: losses.append(line["loss"]),
        )
        return losses

    def read(self, model, made, rows, out, lesson):
        from srvau_train.nano.reading import teach_reading

        losses = []
        teach_reading(
            model, made[1].tokenizer, rows, LOOK, lesson, out, seed=0, log=lambda line: losses.append(line["loss"])
        )
        return losses

    def test_reading_is_learnt_without_a_picture(self, model, made, taught, tmp_path):
        tower = {name: p.clone() for name, p in model.model.visual.named_parameters()}
        losses = self.read(model, made, taught, tmp_path, replace(Recipe().reading, steps=30, batch=4))
        assert losses[-1] < 0.7 * losses[0]
        assert all(torch.equal(tower[name], p) for name, p in model.model.visual.named_parameters())

    def test_a_reading_lesson_of_few_chains_reads_them_again(self, model, made, taught, tmp_path):
        losses = self.read(model, made, taught[:3], tmp_path, replace(Recipe().reading, steps=10, batch=8))
        assert len(losses) == 1

    def test_shares_at_once_give_the_gradient_of_the_batch(self, model, made, store, tmp_path):
        from srvau_train.nano import watching

        given = []
        lesson = replace(Recipe().watching, steps=1, batch=4)

        def keep(modules, optimizer, loss_of, steps, out, **rest):
            weights = [w for w in model.parameters() if w.requires_grad]
            one_by_one = [torch.autograd.grad(loss_of(0, s), weights, allow_unused=True) for s in (0, 1)]
            lessons.teach(modules, optimizer, loss_of, steps, out, **rest)
            given.extend((w.grad, (a + b) / 2) for w, a, b in zip(weights, *one_by_one, strict=True) if a is not None)

        from srvau_train.nano import lesson as lessons

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(watching, "teach", keep)
            patch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: None)
            self.watch(model, made, store, tmp_path, lesson)
        assert len(given) > 40
        assert all(torch.allclose(found, expected, atol=1e-5) for found, expected in given)

    def test_watching_is_learnt_and_leaves_the_tower_alone(self, model, made, store, tmp_path):
        tower = {name: p.clone() for name, p in model.model.visual.named_parameters()}
        lesson = replace(Recipe().watching, steps=20, batch=4)
        losses = self.watch(model, made, store, tmp_path, lesson)
        assert losses[1] < 0.7 * losses[0]
        assert all(torch.equal(tower[name], p) for name, p in model.model.visual.named_parameters())

    def test_cut_off_it_ends_with_the_same_weights(self, made, store, tmp_path, monkeypatch):
        import copy

        from srvau_train.nano import lesson as lessons

        lesson = replace(Recipe().watching, steps=4, batch=2)
        whole, cut, resumed = (copy.deepcopy(made[0]) for _ in range(3))
        self.watch(whole, made, store, tmp_path / "whole", lesson)
        save = lessons._save

        def stop(out, step, *rest):
            save(out, step, *rest)
            if step == 2:
                raise KeyboardInterrupt

        monkeypatch.setattr(lessons, "_save", stop)
        monkeypatch.setattr(lessons.teach, "__kwdefaults__", {**lessons.teach.__kwdefaults__, "save_every": 2})
        with pytest.raises(KeyboardInterrupt):
            self.watch(cut, made, store, tmp_path / "cut", lesson)
        monkeypatch.setattr(lessons, "_save", save)
        self.watch(resumed, made, store, tmp_path / "cut", lesson)
        after = resumed.state_dict()
        assert all(torch.equal(value, after[name]) for name, value in whole.state_dict().items())

    def test_a_loss_that_is_no_number(self, tmp_path):
        from srvau_train.muon import Muon
        from srvau_train.nano.lesson import teach

        layer = torch.nn.Linear(2, 2)
        optimizer = Muon(layer, lr=1, muon_lr=1)
        with pytest.raises(ModelError, match=r"the loss of seeing is nan at step 1"):
            teach(
                {"layer": layer},
                optimizer,
                lambda step, share: layer.weight.sum() * float("nan"),
                3,
                tmp_path / "seeing",
            )


class TestConclusions:
    def test_a_chain_is_split_at_the_end_of_its_walk(self, taught):
        from srvau_train.nano.reading import concluded

        for row in taught:
            given, said = concluded(row, LOOK)
            assert given + said == row.request.messages[-1].text + row.response
            assert re.search(r"\b15 s [^.]*\. $", given) and said.count("</answer>") == 1
            assert "15 s" not in said.partition("</reflect>")[0].replace("and 15 s", "")

    def test_the_times_follow_from_the_walk(self, taught):
        from srvau_train.nano.reading import concluded

        asked = [row for row in taught if row.truth.segments]
        assert len(asked) >= 6
        for row in asked:
            given, said = concluded(row, LOOK)
            scene = scene_at("train", number_of(row.request.sample.id))
            labels = zip(LOOK.times, labels_at(scene, LOOK.times), strict=True)
            shown = [t for t, label in labels if label != "Normal"]
            first, last = shown[0], shown[-1]
            assert re.search(rf"\b{first:g} s\b.*\b{last:g} s\b", said.partition("</reflect>")[0]), said
            assert f"[{first - 0.5:.1f}, {last + 0.5:.1f}]" in said
            assert any(f"{first:g} s {seen}" in given for seen in wording.SEEN[scene.event.kind])

    def test_each_option_is_weighed_behind_its_text_and_the_one_that_fits_is_taken(self, taught):
        for row in (row for row in taught if row.truth.option):
            last = row.response.rpartition("<think>")[2]
            options = row.request.sample.fields["options"]
            for letter, text in zip("ABCD", options, strict=False):
                fits = "fits." if letter == row.truth.option else "does not fit."
                assert f"{letter}. {text} {letter} {fits}" in last
            assert re.search(rf"option {row.truth.option}\.</think>", last)


class TestRows:
    @pytest.mark.parametrize("number", range(6))
    def test_a_walk_answers_and_says_at_each_time_what_the_scene_shows(self, number):
        from srvau_train.nano.watching import walk

        response = walk(number, LOOK).response
        assert response.startswith(direct(number, "classification", LOOK).response)
        assert direct(number, "grounding", LOOK).response in response
        response = response.rpartition(">")[2]
        parts = response[response.index(":") + 2 : -1].split("; ")
        scene = scene_at("train", number)
        times = [float(part.split(" s ")[0]) for part in parts]
        assert sorted(times) == [float(t) for t in range(16)] and times != sorted(times)
        for label, part in zip(labels_at(scene, times), parts, strict=True):
            seen = part.split(" s ", 1)[1]
            named = {kind for kind in CLASSES if seen.startswith(wording.SEEN[kind])}
            assert named == ({label} - {"Normal"}), part

    def test_answers_lie_half_way_between_the_frames_that_show_it_and_those_that_do_not(self):
        for number in range(40):
            scene = scene_at("train", number)
            shown = [t for t, label in zip(LOOK.times, labels_at(scene, LOOK.times), strict=True) if label != "Normal"]
            if shown:
                row = direct(number, "grounding", LOOK)
                assert row.response.endswith(f"[{shown[0] - 0.5:.1f}, {shown[-1] + 0.5:.1f}]</glue>"), scene.event

    def test_chains_of_a_folder_become_rows_that_mask_wrong_first_answers(self, tmp_path):
        from srvau_train.nano.train import Training

        training = Training(tmp_path, replace(Recipe(), taught=4))
        rows = chains(training.taught(), LOOK)
        assert len(rows) == 12 and all(parse_grammar(row.response).last is not None for row in rows)
        lines = [json.loads(line) for line in (tmp_path / "rocot-taught" / "chains.jsonl").read_text().splitlines()]
        assert all((row.loss_from > 0) == (not line["first_right"]) for row, line in zip(rows, lines, strict=True))


class TestFrames:
    def test_they_are_drawn_once_and_told_apart_by_their_look(self, store, tmp_path):
        first = draw_frames(tmp_path, "train", 2, LOOK, workers=1)
        stamp = first.path.stat().st_mtime_ns
        assert draw_frames(tmp_path, "train", 2, LOOK, workers=1).path.stat().st_mtime_ns == stamp
        assert np.array_equal(first.frames, store.frames[:2])
        other = draw_frames(tmp_path, "train", 2, Look(64, 48), workers=1)
        assert other.frames.shape == (2, 16, 48, 64, 3)

    def test_a_video_is_shown_in_evaluation_as_clips_are_in_training(self, made, tmp_path):
        from srvau_train.batches import family_of_model, input_builder
        from vau_bench.synth import ensure_videos
        from vau_bench.video import decode

        model, processor = made
        builder = input_builder(processor, model, family_of_model(model), Recipe().base("x").data)
        (video,) = ensure_videos(tmp_path / "videos", "test", 1, workers=1).glob("*.mp4")
        drawn = draw_frames(tmp_path / "drawn", "test", 1, LOOK, workers=1)
        request = prompt(0, "grounding", "direct", LOOK).request
        shown, learnt = (
            builder.build(request, clip) for clip in (decode(video, LOOK.plan), drawn.load(video, LOOK.plan))
        )
        assert (shown.seen.width, shown.seen.height, shown.seen.times) == (96, 96, LOOK.times)
        assert torch.equal(shown.inputs["input_ids"], learnt.inputs["input_ids"])
        apart = shown.inputs["pixel_values_videos"] - learnt.inputs["pixel_values_videos"]
        assert apart.abs().mean() < 0.1  # the codec loses a little

    def test_what_was_not_drawn(self, store):
        from pathlib import Path

        with pytest.raises(VideoMissingError):
            store.load(Path("train-0099.mp4"), LOOK.plan)
        with pytest.raises(DataError, match="not for uniform"):
            store.load(Path("train-0001.mp4"), "uniform(4)")


class TestRecipe:
    def test_the_shipped_configuration_is_the_recipes(self):
        recipe, shipped = Recipe(), config_of("nano", [])
        assert recipe.grpo("runs/nano/watching/final").grpo == shipped.grpo
        assert recipe.base("x").sft == shipped.sft
        assert recipe.base("x").data == shipped.data.model_copy(update={"chains": []})
        assert recipe.grpo("x").reward == shipped.reward

    def test_the_plan_knows_its_size(self, made):
        from srvau_train.nano.architecture import Size, build_model
        from srvau_train.plan import plan

        found = plan(config_of("nano", []), "sft")
        model = build_model(made[1].tokenizer, Size(), seed=0)
        vision = sum(p.numel() for p in model.model.visual.parameters())
        words = model.get_input_embeddings().weight.numel()
        assert (found.parameters.vision, found.visual_tokens) == (vision, 48)  # at most; a 4:3 picture has 32
        assert found.parameters.text == sum(p.numel() for p in model.parameters()) - vision - words
        assert found.problem is None

    def test_a_smaller_recipe_keeps_its_shape(self):
        small = Recipe().scaled(0.01)
        assert (small.clips, small.vision.steps, small.reading.steps) == (100, 10, 4)
        assert (small.watching.steps, small.watching.answers) == (10, 4) and small.size == Recipe().size


def test_the_card_tells_what_was_measured_and_no_more(tmp_path):
    from safetensors.torch import save_file

    from srvau_train.nano.card import write_card
    from srvau_train.nano.train import Training

    training = Training(tmp_path, Recipe())
    final = tmp_path / "final"
    final.mkdir(parents=True)
    save_file({"w": torch.zeros(500_000, dtype=torch.bfloat16)}, final / "model.safetensors")
    (tmp_path / "stages.jsonl").write_text('{"stage": "vision", "seconds": 61.0}\n')
    (tmp_path / "planted.json").write_text(
        json.dumps({"mcq": {"wrong": 60, "repaired": 45, "right": 40, "damaged": 4}})
    )
    card = write_card(training).read_text()
    assert "0.5 M parameters" in card and "| mcq | 45 of 60 (75 %) | 4 of 40 (10 %) |" in card
    assert "| vision | 61 |" in card and "miou" not in card and "Curves" not in card
