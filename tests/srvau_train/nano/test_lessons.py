"""The lessons before fine-tuning: they teach, they resume, their texts follow from the scenes."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from srvau_train.nano.frames import Look, number_of
from srvau_train.nano.recipe import Recipe
from srvau_train.rocot import wording
from srvau_train.rocot.timeline import placed
from vau_bench.errors import ModelError
from vau_bench.synth import labels_at, phrases, scene_at

pytest.importorskip("trl")
torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]

LOOK = Look()


class TestLessons:
    def watch(self, model, made, store, out, lesson, chained=()):
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
            chained=chained,
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

    def test_groups_of_tokens_count_alike_and_one_that_is_empty_adds_nothing(self):
        from srvau_train.nano.lesson import summed_means

        each, some = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([False, False, True])
        assert float(summed_means(each, some, ~some)) == 7.5
        none = torch.zeros(3, dtype=torch.bool)
        assert float(summed_means(each, none, ~none)) == 3.0

    def test_a_reading_lesson_of_few_chains_reads_them_again(self, model, made, taught, tmp_path):
        losses = self.read(model, made, taught[:3], tmp_path, replace(Recipe().reading, steps=10, batch=8))
        assert len(losses) == 1

    def test_shares_at_once_give_the_gradient_of_the_batch(self, model, made, store, tmp_path):
        from srvau_train.nano import lesson as lessons
        from srvau_train.nano import watching

        given = []
        lesson = replace(Recipe().watching, steps=1, batch=4)

        def keep(modules, optimizer, loss_of, steps, out, **rest):
            weights = [w for w in model.parameters() if w.requires_grad]
            one_by_one = [torch.autograd.grad(loss_of(0, s), weights, allow_unused=True) for s in (0, 1)]
            lessons.teach(modules, optimizer, loss_of, steps, out, **rest)
            given.extend((w.grad, (a + b) / 2) for w, a, b in zip(weights, *one_by_one, strict=True) if a is not None)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(watching, "teach", keep)
            patch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: None)
            threads = torch.get_num_threads()
            self.watch(model, made, store, tmp_path, lesson)
            assert torch.get_num_threads() == threads
        assert len(given) > 35
        assert all(torch.allclose(found, expected, atol=1e-5) for found, expected in given)

    def test_watching_is_learnt_and_leaves_the_tower_alone(self, model, made, store, tmp_path):
        tower = {name: p.clone() for name, p in model.model.visual.named_parameters()}
        lesson = replace(Recipe().watching, steps=20, batch=4)
        losses = self.watch(model, made, store, tmp_path, lesson)
        assert losses[1] < 0.7 * losses[0]
        assert all(torch.equal(tower[name], p) for name, p in model.model.visual.named_parameters())

    def test_watching_leaves_alone_where_the_first_layers_look(self, model, made, store, tmp_path):
        layers = model.model.language_model.layers
        kept = [layers[0].self_attn, layers[1].self_attn.q_proj, layers[1].self_attn.k_proj]
        before = [p.clone() for part in kept for p in part.parameters()]
        read = layers[1].self_attn.v_proj.weight.clone()
        self.watch(model, made, store, tmp_path, replace(Recipe().watching, steps=2, batch=2))
        after = [p for part in kept for p in part.parameters()]
        assert all(torch.equal(*pair) for pair in zip(before, after, strict=True))
        assert not torch.equal(read, layers[1].self_attn.v_proj.weight)

    def test_chains_about_options_are_read_beside_what_is_watched(
        self, model, made, store, taught, tmp_path, monkeypatch
    ):
        from srvau_train.nano import watching

        read = []

        class Losses(watching.ReadingLosses):
            def __call__(self, rows):
                read.append(len(rows))
                assert all(row.truth.option for row in rows)
                return super().__call__(rows)

        monkeypatch.setattr(watching, "ReadingLosses", Losses)
        near = [row for row in taught if number_of(row.request.sample.id) < len(store)]
        lesson = replace(Recipe().watching, steps=6, answers=0, batch=2, read=4)
        self.watch(model, made, store, tmp_path, lesson, near)
        assert read == [2] * 10, "two shares of five steps; the sixth has chains of its own"

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
    def test_a_chain_is_split_around_its_walk(self, taught):
        from srvau_train.nano.reading import parts

        for row in taught:
            given, walk, said = parts(row, LOOK)
            assert given + walk + said == row.request.messages[-1].text + row.response
            assert [float(t) for t in re.findall(r"(?:^|; )(\d+) s [a-z]", walk)] == list(LOOK.times)
            assert walk.endswith(". ") and said.count("</answer>") == 1

    def test_the_walk_says_when_it_begins_and_is_over_and_the_answer_repeats_that(self, taught):
        from srvau_train.nano.reading import parts

        asked = [row for row in taught if row.truth.segments]
        assert len(asked) >= 6
        for row in asked:
            _, walk, said = parts(row, LOOK)
            scene = scene_at("train", number_of(row.request.sample.id))
            labels = zip(LOOK.times, labels_at(scene, LOOK.times), strict=True)
            shown = [t for t, label in labels if label != "Normal"]
            start, end = f"{shown[0] - 0.5:g}", f"{shown[-1] + 0.5:g}"
            seen = wording.SEEN[scene.event.kind]
            assert re.search(rf"; {shown[0]:g} s {seen}[^;]*; so it begins at {start} s[;.]", walk)
            assert f"; so it is over at {end} s" in walk
            assert f"begins at {start} s and is over at {end} s." in said
            assert f"[{float(start):.1f}, {float(end):.1f}]" in said

    def test_in_a_normal_clip_nothing_begins(self, taught):
        from srvau_train.nano.reading import parts

        normal = [row for row in taught if row.truth.label == "Normal" and not row.truth.option]
        assert normal
        for row in normal:
            _, walk, said = parts(row, LOOK)
            assert "so it" not in walk
            assert said.startswith(wording.FOUND_NOTHING)

    JUDGED = re.compile(
        r"Option ([A-D])\. (.*?\.) Seen: (.*?) (on the left|on the right|passing|nowhere);"
        r"(?: in the (first|second) half\? about (\d+) s:)? (it is|not|beside something wrong: not) ([A-D])\."
    )

    def judged(self, row):
        return self.JUDGED.findall(row.response.partition("</reflect>")[0])

    def test_each_option_is_repeated_and_judged_and_the_one_that_holds_is_the_answer(self, taught):
        for row in (row for row in taught if row.truth.option):
            judged = self.judged(row)
            assert [text for _, text, *_ in judged] == list(row.request.sample.fields["options"])
            assert all(letter == again for letter, *_, again in judged)
            assert [letter for letter, *_, held, _ in judged if held == "it is"] == [row.truth.option]
            assert re.search(rf"option {row.truth.option}\.</think>", row.response)

    def test_what_was_seen_of_an_option_is_what_the_scene_holds(self, taught):
        told = set()
        for row in (row for row in taught if row.truth.option):
            scene = scene_at("train", number_of(row.request.sample.id))
            happened = {h.kind: h for h in [*scene.distractors, *([scene.event] if scene.event else [])]}
            for _, text, seen, place, half, at, held, _ in self.judged(row):
                kind = next(kind for kind, clauses in phrases.CLAUSES.items() if any(c in text for c in clauses))
                assert seen == wording.SEEN[kind]
                assert place == (placed(happened[kind]) if kind in happened else "nowhere")
                if at:
                    assert f"in the {half} half" in text
                    assert ((half == "first") == (float(at) < scene.seconds / 2)) == (held == "it is")
                    told.add("when")
                elif held.startswith("beside"):
                    assert kind in happened and scene.event and kind != scene.event.kind
                    told.add("beside")
                elif place == "nowhere":
                    assert held == "not"
                else:
                    asks = re.search(r"(left|right)(?: side| half of the picture)?\.", text)
                    assert (held == "it is") == (asks is None or place.endswith(asks[1]))
                    told.add("where" if asks else "what")
        assert told == {"what", "where", "when", "beside"}

    def test_only_the_verdicts_on_options_count_as_judging(self, tokenizer, taught):
        from srvau_train.nano.lesson import judging_tokens

        judging = set(judging_tokens(tokenizer))
        told = {tokenizer.decode([token]).strip() for token in judging}
        halves = {"in the first half", "in the second half"}
        assert told == {"it is", "not", "beside something wrong:", "nowhere;", *halves}
        for row in (row for row in taught if row.truth.option):
            walk = row.response.partition(": 0 s ")[2].partition(" Option A. ")[0]
            assert not judging & set(tokenizer(walk)["input_ids"])
            for *_, held, letter in self.judged(row):
                said = tokenizer(f"nowhere; {held} {letter}.")["input_ids"]
                assert [token in judging for token in said][-3:] == [True, False, False]

    def test_what_an_option_looks_like_begins_as_it_stands_in_a_walk(self, tokenizer):
        """So that it can be found there, whatever stands around it."""
        import torch

        from srvau_train.nano.architecture import Size, build_model

        weight = build_model(tokenizer, Size(), seed=0).get_input_embeddings().weight

        def embedded(text, seen):
            return weight[next(t for t in tokenizer(text)["input_ids"] if seen in tokenizer.decode([t]))]

        for seen in (wording.SEEN["Fire"], wording.SEEN["worker"]):
            walked, sought = embedded(f"7 s {seen} passing; ", seen), embedded(f"Seen: {seen} nowhere; ", seen)
            assert not torch.equal(walked, sought)
            assert torch.nn.functional.cosine_similarity(walked, sought, dim=0) > 0.75
        fire, worker = (embedded(f"7 s {seen} passing; ", seen) for seen in map(wording.SEEN.get, ("Fire", "worker")))
        assert abs(torch.nn.functional.cosine_similarity(fire, worker, dim=0)) < 0.5

    def test_of_two_ends_each_has_its_verdict_and_the_first_one_comes_first(self, taught):
        verdict = r"([\d.]+) s, is (right|too early|too late)"
        compared = re.compile(rf"the start, {verdict}[^;]*; the end, {verdict}")
        told = set()
        for row in (row for row in taught if row.truth.segments and "<glue>" in row.response):
            found = compared.search(row.response)
            first, last = re.findall(r"<glue>\[(.*?), (.*?)\]", row.response)
            if first == ("-1.0", "-1.0"):
                assert found is None
                continue
            start, began, end, ended = found.groups()
            assert (float(start), float(end)) == tuple(map(float, first))
            for said, was, is_now in zip((began, ended), map(float, first), map(float, last), strict=True):
                assert said == ("right" if was == is_now else "too late" if was > is_now else "too early")
                told.add(said)
        assert told == {"right", "too early", "too late"}

    def test_the_places_that_options_name_are_tokens_of_their_own(self, tokenizer):
        from srvau_train.nano.lesson import placing_tokens

        found = {tokenizer.decode([token]).strip() for token in placing_tokens(tokenizer)}
        assert {"on the left", "on the right side", "in the first half of the clip", "nowhere;", "passing;"} <= found
        assert all(re.match(r"(on|in) the (left|right|first|second)|passing|nowhere", text) for text in found)

    def test_what_bears_loss_in_a_text(self, made, taught):
        from srvau_train.nano.reading import parts, read_batch

        tokenizer = made[1].tokenizer
        rows = [parts(row, LOOK) for row in taught[:4]]
        ids, walked, follows = read_batch(tokenizer, rows)
        for i, (_, walk, said) in enumerate(rows):
            assert tokenizer.decode(ids[i][walked[i]]).strip() == walk.strip()
            assert tokenizer.decode(ids[i][follows[i]]) == f"{said}<|im_end|>"
        assert not (walked & follows).any()
