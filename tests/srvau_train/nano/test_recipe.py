"""The nano recipe and its card."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from srvau_train.command import config_of
from srvau_train.nano.frames import Look
from srvau_train.nano.recipe import Recipe
from vau_bench.errors import UsageError
from vau_bench.evaluation import Options, evaluate
from vau_bench.saved import load_results

pytest.importorskip("trl")
torch = pytest.importorskip("torch")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore"), pytest.mark.xdist_group("training")]

LOOK = Look()


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
        assert (small.clips, small.fresh, small.vision.steps, small.reading.steps) == (160, 53, 30, 4)
        assert (small.watching.steps, small.watching.answers) == (12, 6) and small.size == Recipe().size

    @pytest.mark.parametrize("share", [1.0, 0.1, 0.0005])
    def test_what_it_answers_by_itself_no_lesson_has_shown_and_nothing_twice(self, share):
        recipe = Recipe().scaled(share)
        shown, answered, reinforced = map(set, (range(recipe.clips), recipe.answered, recipe.reinforced))
        assert len(answered) == recipe.own and len(reinforced) >= recipe.prompts
        assert shown.isdisjoint(answered | reinforced) and answered.isdisjoint(reinforced)
        assert shown | answered | reinforced == set(range(recipe.clips + recipe.fresh))

    def test_in_its_full_length_the_reinforcement_asks_about_each_clip_once(self):
        recipe = Recipe()
        assert recipe.grpo_steps * recipe.prompts <= len(recipe.reinforced)


def test_a_folder_keeps_to_the_recipe_that_has_begun_it(tmp_path):
    from srvau_train.nano.train import Training

    Training(tmp_path, Recipe())
    Training(tmp_path, Recipe())
    with pytest.raises(UsageError, match="begun with another seed, own; choose another --out"):
        Training(tmp_path, Recipe(seed=1, own=7))


@pytest.mark.parametrize("share", [0.0, 0.45, 1.0])
def test_so_many_taught_first_answers_are_right(tmp_path, share):
    from srvau_train.nano.train import Training

    folder = Training(tmp_path, Recipe(taught=20, right_share=share)).taught
    first = [json.loads(line)["first_right"] for line in (folder / "chains.jsonl").read_text().splitlines()]
    assert sum(first) / len(first) == pytest.approx(share, abs=0.1)


@pytest.mark.parametrize(("own", "others"), [(40, 40), (0, 16), (200, 100)])
def test_reflections_are_learnt_from_as_many_taught_chains_as_own_ones(tmp_path, monkeypatch, own, others):
    from srvau_train.nano import train

    training = train.Training(tmp_path, Recipe())
    monkeypatch.setattr(train, "chains", lambda folder, look: [folder.name] * {"own": own, "taught": 100}[folder.name])
    monkeypatch.setattr(training, "own", lambda base: tmp_path / "own")
    monkeypatch.setitem(training.__dict__, "taught", tmp_path / "taught")
    monkeypatch.setattr(training, "_sft", lambda name, start, config, rows: rows())
    rows = training.reflect(tmp_path)
    assert (rows.count("own"), rows.count("taught")) == (own, others)


@pytest.mark.parametrize("ablations", [False, True])
def test_rivals_are_trained_and_measured_on_demand_and_after_the_checkpoint(tmp_path, monkeypatch, ablations):
    from srvau_train.nano import measure
    from srvau_train.nano.train import Training

    done, rewards = [], {}
    training = Training(tmp_path, Recipe())
    monkeypatch.setattr(training, "answers", lambda: done.append("answers") or tmp_path)
    monkeypatch.setattr(
        training, "reinforce", lambda start, name, **reward: rewards.update(reward) or done.append(name) or tmp_path
    )
    monkeypatch.setattr(
        measure, "_measure_left", lambda training, stage, jobs, sizes: done.append((stage, sorted(jobs), sizes))
    )
    measure.measure(training, ablations=ablations)
    own = ("measurements", ["black", "grpo", "planted", "reflect", "shuffled"], {600, 100})
    rivals = ["grpo-answers", "answers", ("rivals measured", ["answers", "grpo-answers"], {600})]
    assert done == [own, *(rivals if ablations else [])]
    assert rewards == (training.recipe.answers_alone if ablations else {})
    stages = {entry if isinstance(entry, str) else entry[0] for entry in done}
    assert stages - {"measurements"} == (set(measure.RIVAL_STAGES) if ablations else set())


class TestCard:
    @pytest.mark.parametrize(("count", "n"), [(0, 10), (10, 10), (18, 85), (1, 3)])
    def test_the_ends_of_a_shares_interval_are_where_it_lies_196_deviations_off(self, count, n):
        from srvau_train.nano.card import wilson

        low, high = wilson(count, n)
        assert low < high
        for end in (low, high):
            assert (count / n - end) ** 2 == pytest.approx(1.959964**2 * end * (1 - end) / n, abs=1e-12)

    def test_seeds_stand_side_by_side(self, tmp_path):
        from srvau_train.nano.card import _others
        from srvau_train.nano.train import Training

        lesson = replace(Recipe().vision, steps=2000)
        recipes = Recipe(), Recipe(seed=1, grpo_steps=430, vision=lesson)
        for seed, value, recipe in ((0, 0.6, recipes[0]), (1, 0.5, recipes[1])):
            run = Training(tmp_path / str(seed), recipe).out / "runs" / "grpo"
            run.mkdir(parents=True)
            metrics = {"accuracy": {"value": value, "low": value - 0.1, "high": value + 0.1}}
            task = {"kind": "mcq", "metrics": metrics, "reflection": {"metrics": {"graded_gain": metrics["accuracy"]}}}
            (run / "results.json").write_text(json.dumps({"tasks": [task]}))
        assert list(_others(tmp_path / "0", [tmp_path / "1"])) == [
            "| task | metric | seed 0 | seed 1, grpo_steps 430, vision.steps 2000 |",
            "|---|---|---|---|",
            "| mcq | accuracy | 60.0 [50.0, 70.0] | 50.0 [40.0, 60.0] |",
            "| mcq | reflection: graded_gain | 60.0 [50.0, 70.0] | 50.0 [40.0, 60.0] |",
        ]
        assert not list(_others(tmp_path / "0", []))

    def test_what_the_checkpoint_came_from_is_compared_on_the_same_clips(self, tmp_path):
        from srvau_train.nano.card import _compared
        from srvau_train.nano.measure import test_tasks as write_tasks

        assert not list(_compared(tmp_path))
        write_tasks(tmp_path / "tasks", 8)
        for name, model in (("grpo", "floors/always_normal"), ("reflect", "floors/random")):
            options = Options(model=model, tasks=("nano_classification",), tasks_dirs=(tmp_path / "tasks",))
            evaluate(options, tmp_path / "runs", run_id=name)
        lines = [line for line in _compared(tmp_path) if line.startswith("| reflect | classification | accuracy")]
        right = [
            {row.sample_id: row.worth for row in load_results(tmp_path / "runs" / name).scores}
            for name in ("grpo", "reflect")
        ]
        gain = sum(right[0][key] - right[1][key] for key in right[0]) / len(right[0])
        assert len(lines) == 1 and f"| {100 * gain:.1f} |" in lines[0]


def test_a_curve_is_smoothed_by_the_mean_around_each_point():
    from srvau_train.nano.card import _smoothed

    values = np.random.default_rng(0).random(100)
    means = [values[max(0, i - 10) : i + 11].mean() for i in range(100)]
    np.testing.assert_allclose(_smoothed(values), means)
    assert _smoothed(values[:50]) is None


def test_a_resumed_training_tells_the_steps_of_before_as_done():
    from types import SimpleNamespace

    from srvau_train.nano.train import _counting

    told = []
    counting = _counting(lambda: told.append(1))
    counting.on_train_begin(None, SimpleNamespace(global_step=25), None)
    counting.on_step_end(None, None, None)
    assert len(told) == 26


def test_the_card_tells_what_was_measured_and_no_more(tmp_path):
    from safetensors.torch import save_file

    from srvau_train.nano.card import write_card
    from srvau_train.nano.train import Training

    training = Training(tmp_path, Recipe())
    final = tmp_path / "final"
    final.mkdir(parents=True)
    save_file({"w": torch.zeros(500_000, dtype=torch.bfloat16)}, final / "model.safetensors")
    stages = [
        {"stage": "vision", "seconds": 61.0, "on": "2 threads with kernels for AVX2"},
        {"stage": "grpo", "seconds": 9.0, "on": "4 threads with kernels for AVX512"},
        {"stage": "measurements", "seconds": 7.0},
        {"stage": "answers", "seconds": 30.0},
        {"stage": "rivals measured", "seconds": 12.0},
    ]
    (tmp_path / "stages.jsonl").write_text("".join(json.dumps(line) + "\n" for line in stages))
    (tmp_path / "planted.json").write_text(
        json.dumps(
            {
                "mcq": {"wrong": 60, "repaired": 45, "right": 40, "damaged": 4},
                "grounding": {"wrong": 40, "repaired": 35, "right": 10, "damaged": 0},
            }
        )
    )
    card = write_card(training).read_text()
    assert "0.5 M parameters" in card and "| mcq | 45 of 60 (75 % [63, 84]) | 4 of 40 (10 % [4, 23]) |" in card
    assert "| all | 80 of 100 (80 % [71, 87]) | 4 of 50 (8 % [3, 19]) |" in card
    assert "on 2 threads with kernels for AVX2, then 4 threads with kernels for AVX512.\n" in card
    assert "| vision | 61 |" in card and "| all | 77 |" in card and "| all for the comparison | 42 |" in card
    assert "miou" not in card and "Curves" not in card
