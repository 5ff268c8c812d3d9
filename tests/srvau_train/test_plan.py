"""`train plan`: exact parameters, estimates that move the right way, a refusal that says what helps."""

from __future__ import annotations

import json
import math

import pytest
from click.testing import CliRunner

from srvau_train import plan as plans
from srvau_train import plan_memory
from srvau_train.command import config_of
from srvau_train.command import plan as command
from srvau_train.plan import plan
from vau_bench.errors import RunError, UsageError

pytest.importorskip("transformers")

GIB = 2**30
TOKENS, VISUAL, PATCHES = 4540, 3840, 15360
"""Of a row of the shipped Qwen2.5-VL configurations: 15 pairs of frames of 256 tokens of 4 patches, and 700 of text."""


@pytest.mark.parametrize(
    ("name", "billions"), [("qwen2_5_vl_3b", 3.755), ("qwen2_5_vl_7b", 8.292), ("qwen3_vl_8b", 8.767)]
)
def test_the_parameters_are_those_of_the_published_checkpoints(name, billions):
    assert plan(config_of(name, []), "sft").parameters.total / 1e9 == pytest.approx(billions, abs=0.001)


def test_the_parameters_of_nano_are_those_of_the_shipped_checkpoint():
    from srvau_train.nano import CHECKPOINT

    with (CHECKPOINT / "model.safetensors").open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    stored = sum(math.prod(about["shape"]) for name, about in header.items() if name != "__metadata__")
    assert plan(config_of("nano", []), "sft").parameters.total == stored


class TestAdapters:
    def test_they_are_counted_by_their_rank(self):
        few, many = (plan(config_of("qwen3_vl_8b", [f"model.lora.r={r}"]), "sft").parameters for r in (8, 64))
        assert many.trained == 8 * few.trained

    @pytest.mark.parametrize("frozen", [True, False])
    @pytest.mark.parametrize("family", ["qwen2_5_vl", "qwen3_vl"])
    def test_they_are_as_many_as_the_training_makes(self, tiny_qwen, make_config, family, frozen):
        peft = pytest.importorskip("peft")
        pytest.importorskip("trl")
        from transformers import AutoModelForImageTextToText

        from srvau_train.sft import lora

        folder = str(tiny_qwen(family))
        config = make_config(model={"checkpoint": folder, "method": "lora", "freeze_vision": frozen})
        made = peft.get_peft_model(AutoModelForImageTextToText.from_pretrained(folder), lora(config))
        assert plan(config, "sft").parameters.trained == made.get_nb_trainable_parameters()[0]

    def test_they_are_float32_beside_the_models_own_weights(self):
        found = plan(config_of("qwen3_vl_8b", ["hardware.gpus=1", "hardware.strategy=single"]), "sft")
        memory, n = found.memory, found.parameters
        assert memory.weights * GIB == pytest.approx(2 * n.total + 4 * n.trained)
        assert memory.gradients * GIB == pytest.approx(4 * n.trained) and memory.optimizer == 2 * memory.gradients


class TestMemory:
    def of(self, *changes, name="qwen2_5_vl_7b", stage="grpo"):
        return plan(config_of(name, changes), stage).memory

    def test_spreading_more_takes_less(self):
        totals = [self.of(f"hardware.strategy={s}").total for s in ("ddp", "zero2", "zero3")]
        assert totals == sorted(totals, reverse=True)

    def test_ddp_holds_gradients_twice(self):
        alone = self.of("hardware.gpus=1", "hardware.strategy=single")
        shared = self.of("hardware.gpus=2", "hardware.strategy=ddp")
        assert shared.gradients == 2 * alone.gradients and shared.optimizer == alone.optimizer

    def test_a_frozen_tower_has_no_gradients(self):
        assert self.of().gradients < self.of("model.freeze_vision=false").gradients

    def test_checkpointing_saves_activations_and_no_reference_saves_weights(self):
        assert self.of().activations < self.of("model.gradient_checkpointing=false").activations / 5
        assert self.of("grpo.beta=0").reference == 0 < self.of().reference

    def test_more_frames_take_more(self):
        assert self.of("data.frames=uniform(8)").activations < self.of("data.frames=uniform(32)").activations

    def test_it_is_the_sum_of_its_parts(self):
        memory = self.of()
        parts = (memory.weights, memory.gradients, memory.optimizer, memory.activations, memory.logits,
                 memory.reference, memory.cache, memory.vllm, memory.spare)  # fmt: skip
        assert memory.total == pytest.approx(sum(parts)) and memory.spare == plan_memory.SPARE_GIB


class TestVisionTower:
    """The tower of Qwen2.5-VL has 32 layers of 1280, their MLPs 3420; its language model of 3B 36 of 2048 and 11008."""

    def activations(self, *changes):
        return plan(config_of("qwen2_5_vl_3b", changes), "sft").memory.activations * GIB

    def test_a_frozen_one_leaves_nothing(self):
        text = 2 * TOKENS * (36 * 2048 + 14 * 2048 + 4 * 11008)
        assert self.activations() == pytest.approx(text)

    def test_a_trained_one_leaves_what_goes_into_its_layers(self):
        more = self.activations("model.freeze_vision=false") - self.activations()
        # one layer of the tower with all its patches is now more than one of the language model
        whole = 2 * (PATCHES * (14 * 1280 + 4 * 3420) - TOKENS * (14 * 2048 + 4 * 11008))
        assert more == pytest.approx(2 * PATCHES * 32 * 1280 + whole)

    def test_without_checkpointing_it_leaves_everything(self):
        changes = ("model.gradient_checkpointing=false", "model.freeze_vision=false")
        more = self.activations(*changes) - self.activations(changes[0])
        assert more == pytest.approx(2 * PATCHES * 32 * (14 * 1280 + 4 * 3420))

    def test_adapters_in_it_make_it_leave_as_much(self):
        lora = ("model.method=lora",)
        assert self.activations(*lora) == self.activations()
        changes = (*lora, "model.freeze_vision=false")
        assert self.activations(*changes) == self.activations("model.freeze_vision=false")

    def test_it_costs_operations_and_a_trained_one_the_way_back_too(self):
        frozen, trained = (plan(config_of("qwen2_5_vl_3b", [f"model.freeze_vision={f}"]), "sft") for f in (True, False))
        n = frozen.parameters
        of_text = 2 * (n.text + n.embeddings) * TOKENS
        # what merges four patches of 1280 sees tokens: two layers and their norm
        wide = 4 * 1280
        merger = wide * wide + wide + wide * 2048 + 2048 + 1280
        of_tower = 2 * ((n.vision - merger) * PATCHES + merger * VISUAL)
        speed = plans.PEAK_FLOPS * plans.UTILISATION * 2
        for found, back in ((frozen, 1), (trained, 4)):
            assert found.hours * 3600 == pytest.approx(200 * 16 * (4 * of_text + back * of_tower) / speed)
        assert n.merger == merger

    @pytest.mark.parametrize("family", ["qwen2_vl", "qwen2_5_vl", "qwen3_vl"])
    def test_its_sizes_are_read_in_each_family(self, tiny_qwen, make_config, family):
        from transformers import AutoConfig

        folder = str(tiny_qwen(family))
        vision = AutoConfig.from_pretrained(folder).vision_config
        config = make_config(model={"checkpoint": folder, "freeze_vision": False})
        stage = plan_memory.Stage("sft", config, plans.shape_of(folder), plan(config, "sft").parameters, 1, 1, 1)
        assert stage.tower[0] == vision.depth == 2 and stage.tower[1:] in ((32, 48), (32, 64))


class TestLogits:
    def test_tiles_are_as_large_as_those_of_trl(self):
        pytest.importorskip("trl")
        from trl.kernels.chunked_logprob import TOKEN_CHUNK_SIZE
        from trl.trainer.utils import _CHUNKED_LOGPROB_CHUNK_SIZE

        tile = (plan_memory.TILE_TOKENS, plan_memory.TILE_COLUMNS)
        assert tile == (TOKEN_CHUNK_SIZE, _CHUNKED_LOGPROB_CHUNK_SIZE)

    @pytest.mark.parametrize(("stage", "rows"), [("sft", 1), ("grpo", 4)])
    def test_a_tile_of_the_response_and_the_gradient_of_the_vocabulary(self, stage, rows):
        seen = rows * 400
        tile, states = seen * 32768 * 2, seen * 2048 * (2 + 4)
        gradient = 151936 * 2048 * (4 + 2)
        found = plan(config_of("qwen2_5_vl_3b", []), stage).memory.logits
        assert found * GIB == pytest.approx(tile + states + gradient)

    def test_more_tokens_than_a_tile_has_take_no_larger_one(self):
        one, two = (
            plan(config_of("qwen2_5_vl_3b", ["model.method=lora", f"sft.batch_size={rows}"]), "sft").memory.logits
            for rows in (11, 22)
        )
        assert (two - one) * GIB == pytest.approx(11 * 400 * 2048 * (2 + 4))

    def test_adapters_need_no_gradient_of_the_vocabulary(self):
        whole, lora = (
            plan(config_of("qwen2_5_vl_3b", [f"model.method={m}"]), "sft").memory.logits for m in ("full", "lora")
        )
        assert lora < 0.1 < whole

    def test_on_a_cpu_a_tile_holds_tokens_of_prompts_and_more_for_each_value(self):
        found = plan(config_of("nano", []), "sft").memory.logits
        rows, tokens = 16, 748
        tile, states = 4096 * 3608 * 33, rows * tokens * 128 * 8
        assert rows * tokens > 4096 and found * GIB == pytest.approx(tile + states + 3608 * 128 * 4)


class TestVllm:
    def of(self, *changes):
        return plan(config_of("qwen2_5_vl_3b", ["data.mode=frames", *changes]), "grpo").memory

    def test_within_the_training_it_takes_its_share_and_no_other_cache_is_held(self):
        memory = self.of("grpo.vllm=true", "grpo.vllm_memory=0.25")
        assert (memory.vllm, memory.cache) == (20.0, 0.0)

    def test_on_a_server_it_takes_nothing_here(self):
        memory = self.of("grpo.vllm=true", "grpo.vllm_server=http://elsewhere:8000")
        assert (memory.vllm, memory.cache) == (0.0, 0.0)

    def test_without_it_there_is_a_cache(self):
        memory = self.of()
        assert memory.vllm == 0.0 < memory.cache

    def test_a_share_that_leaves_too_little_is_refused_and_told_so(self):
        changes = ["data.mode=frames", "grpo.vllm=true", "grpo.vllm_memory=0.8"]
        assert "a smaller grpo.vllm_memory" in plan(config_of("qwen2_5_vl_3b", changes), "grpo").problem

    def test_fine_tuning_writes_no_completions(self):
        memory = plan(config_of("qwen2_5_vl_3b", ["data.mode=frames", "grpo.vllm=true"]), "sft").memory
        assert (memory.vllm, memory.cache) == (0.0, 0.0)


class TestSteps:
    """Of fine-tuning, where `sft.max_steps` does not say how many."""

    @pytest.fixture
    def chains(self, tmp_path):
        def make(name, *kinds):
            folder = tmp_path / name
            folder.mkdir()
            (folder / "chains.jsonl").write_text("".join(json.dumps({"kind": kind}) + "\n" for kind in kinds))
            return folder

        return make

    def of(self, *folders, changes=()):
        changes = ["sft.max_steps=null", f"data.chains=[{','.join(map(str, folders))}]", *changes]
        return plan(config_of("qwen2_5_vl_3b", changes), "sft")

    def test_rows_of_all_chains_are_counted_but_for_reports(self, chains):
        folders = chains("one", *["mcq"] * 30, "report"), chains("two", *["grounding"] * 10)
        found = self.of(*folders, changes=["sft.epochs=2"])
        # two GPUs of one row at once, eight times: 16 a step
        assert (found.steps, found.steps_from) == (5, "rows counted in data.chains: 40")

    def test_a_limit_is_one_of_each_folder(self, chains):
        folders = chains("one", *["mcq"] * 30), chains("two", *["mcq"] * 3)
        assert self.of(*folders, changes=["data.limit=8"]).steps_from == "rows counted in data.chains: 11"

    def test_rows_of_tasks_are_said_to_be_left_out(self, chains):
        found = self.of(chains("one", "mcq"), changes=["data.answers=[msad_mcq]"])
        assert found.steps_from == "rows counted in data.chains: 1, data.answers left out" and found.steps == 1

    def test_without_chains_they_are_assumed(self, chains, tmp_path):
        for folders in ((), (tmp_path / "none",), (chains("one", "mcq"), tmp_path / "none")):
            found = self.of(*folders)
            assert (found.steps, found.steps_from) == (plans.SFT_ROWS / 16, "rows assumed: 3200")

    def test_more_steps_take_longer(self, chains):
        short, long = (self.of(chains(str(rows), *["mcq"] * rows)) for rows in (160, 1600))
        assert long.hours == pytest.approx(10 * short.hours)

    def test_a_damaged_line_is_named(self, chains):
        folder = chains("one", "mcq")
        (folder / "chains.jsonl").write_text("{}\n{\n{}\n")
        with pytest.raises(RunError, match=r"chains.jsonl:2"):
            self.of(folder)

    def test_a_number_in_the_configuration_comes_first(self):
        told = [plan(config_of("qwen2_5_vl_3b", []), stage) for stage in ("sft", "grpo")]
        assert [(p.steps, p.steps_from) for p in told] == [(200, "sft.max_steps"), (1500, "grpo.steps")]

    def test_the_printed_plan_says_which(self, chains):
        arguments = ["qwen2_5_vl_3b", "--set", "sft.max_steps=null", "--set", f"data.chains=[{chains('one', 'mcq')}]"]
        result = CliRunner().invoke(command, arguments, standalone_mode=False)
        assert "; 1 steps (rows counted in data.chains: 1); " in result.stdout
        assert "; 1500 steps (grpo.steps); " in result.stdout


class TestWithoutGpu:
    def test_a_plan_that_cannot_fit_into_the_machine_is_refused(self):
        changes = ["--set", "hardware.gpu_memory_gib=1"]
        result = CliRunner().invoke(command, ["nano", *changes], standalone_mode=False)
        assert result.return_value == 1 and "GiB of the 1 of the machine: " in result.stdout
        assert "GiB of a machine that has 1; what helps: model.method: lora; " in result.stderr
        assert "fewer rows at once" in result.stderr and "more memory" in result.stderr
        assert "GPU" not in result.stderr and "hardware.strategy" not in result.stderr

    def test_nano_fits_as_it_is_shipped(self):
        assert [plan(config_of("nano", []), stage).problem for stage in ("sft", "grpo")] == [None, None]

    def test_what_is_spared_is_no_gpus(self):
        assert plan(config_of("nano", []), "sft").memory.spare == plan_memory.CPU_SPARE_GIB < plan_memory.SPARE_GIB

    def test_values_are_as_wide_as_weights(self):
        text = 16 * 748 * 4 * 4 * (14 * 128 + 4 * 352)
        assert plan(config_of("nano", []), "sft").memory.activations * GIB == pytest.approx(text)

    def test_decoding_reads_float32_weights_from_the_machines_memory(self):
        one, ten = (plan(config_of("nano", [f"grpo.rollouts={n}", "grpo.steps=3600"]), "grpo") for n in (2, 20))
        # what does not grow with the rows
        decode = (10 * one.hours - ten.hours) / 9
        assert decode == pytest.approx(400 * one.parameters.total * 4 / (51.2e9 / 2))


def test_a_plan_that_cannot_fit_is_refused_and_told_what_helps():
    result = CliRunner().invoke(command, ["qwen2_5_vl_7b", "--set", "hardware.strategy=ddp"], standalone_mode=False)
    assert result.return_value == 1
    assert "what helps: model.method: lora; hardware.strategy: zero3" in result.stderr
    assert "of a GPU that has 80" in result.stderr


def test_json():
    result = CliRunner().invoke(command, ["qwen2_5_vl_3b", "--json"], standalone_mode=False)
    sft, grpo = json.loads(result.stdout)
    assert result.return_value == 0 and (sft["stage"], grpo["stage"]) == ("sft", "grpo")
    assert grpo["memory"]["total"] > sft["memory"]["total"] and grpo["hours"] > sft["hours"]


def test_a_checkpoint_of_unknown_shape():
    with pytest.raises(UsageError, match="name its folder"):
        plan(config_of("qwen2_5_vl_3b", ["model.checkpoint=nobody/knows"]), "sft")


def test_a_folder_tells_its_own_shape(tiny_qwen25_checkpoint):
    found = plan(config_of("qwen2_5_vl_3b", [f"model.checkpoint={tiny_qwen25_checkpoint}"]), "sft")
    assert 100_000 < found.parameters.total < 1_000_000


def test_a_folder_from_the_hub_tells_its_shape_at_the_top(tmp_path):
    shape = plans.shape_of("Qwen/Qwen2.5-VL-3B-Instruct")
    flat = {**shape.pop("text_config"), **shape}
    (tmp_path / "config.json").write_text(json.dumps(flat))
    known, found = (plan(config_of("qwen2_5_vl_3b", [f"model.checkpoint={name}"]), "grpo")
                    for name in ("Qwen/Qwen2.5-VL-3B-Instruct", tmp_path))  # fmt: skip
    assert found == known
