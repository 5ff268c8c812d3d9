"""The nano recipe and its card."""

from __future__ import annotations

import json

import pytest

from srvau_train.command import config_of
from srvau_train.nano.frames import Look
from srvau_train.nano.recipe import Recipe

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
