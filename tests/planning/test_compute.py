"""Operations, memory and hours: closed forms on shapes small enough for pencil and paper, and how they grow."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau_bench.planning.accelerators import Hardware, parse_hardware
from vau_bench.planning.arrangement import arranged, served_uses
from vau_bench.planning.compute import (
    BANDWIDTH_SHARE,
    GIB,
    UTILISATION,
    Asked,
    Use,
    decode_flops,
    hours,
    largest_batch,
    memory,
    prefill_flops,
)
from vau_bench.planning.shapes import Shape, TextShape, VisionShape, known_shapes, shape_named

SMALL = Shape(
    family="qwen2_5_vl",
    text=TextShape(hidden=8, intermediate=16, layers=2, heads=2, kv_heads=1, vocab=100, tied=True),
    vision=VisionShape(hidden=4, intermediate=8, layers=3, full=1, patch=2, merged=4, projector=(16, 8)),
)
H100 = parse_hardware("h100")
SEVEN, GIANT = shape_named("Qwen2.5-VL-7B-Instruct"), shape_named("Qwen2.5-VL-72B-Instruct")


def asked(text: float = 100, visual: int = 0, pictures: int = 0, output: float = 10, weight: float = 1.0) -> Asked:
    return Asked("t", "s", 0, text, visual, pictures, output, weight)


def test_the_parameters_of_a_small_shape() -> None:
    layer = 8 * 8 + 2 * 8 * 4 + 8 * 8 + 3 * 8 * 16  # queries, keys and values of one head, output, MLP
    assert SMALL.text.layer_parameters == 2 * layer
    assert SMALL.vision.layer_parameters == 3 * (4 * 16 + 2 * 32) + 3 * 4 * 4
    assert SMALL.parameters == 2 * layer + 800 + SMALL.vision.layer_parameters + 128
    assert SMALL.text.cache_values == 2 * 2 * 1 * 4


def test_the_operations_of_a_text() -> None:
    prefill = 2 * SMALL.text.layer_parameters * 100 + 2 * 2 * 8 * 100**2 + 2 * 800
    assert prefill_flops(SMALL, asked()) == prefill
    each = 2 * (SMALL.text.layer_parameters + 800)
    assert decode_flops(SMALL, asked()) == 10 * each + 4 * 2 * 8 * (10 * 100 + 50)


def test_the_operations_of_pictures() -> None:
    seen = prefill_flops(SMALL, asked(text=80, visual=20, pictures=2)) - prefill_flops(SMALL, asked())
    patches, of_picture = 80, 40
    attention = 4 * 4 * patches * (1 * of_picture + 2 * of_picture)
    assert seen == 2 * SMALL.vision.layer_parameters * patches + attention + 2 * 128 * 20


def test_layers_with_windows_see_sixty_four_patches_at_most() -> None:
    def attention(visual: int) -> float:
        one = asked(text=0, visual=visual, pictures=1)
        linear = 2 * SMALL.text.layer_parameters * visual + 2 * 2 * 8 * visual**2 + 2 * 800 + 2 * 128 * visual
        return prefill_flops(SMALL, one) - linear - 2 * SMALL.vision.layer_parameters * visual * 4

    assert attention(100) == 4 * 4 * 400 * (400 + 2 * 64)


@given(
    name=st.sampled_from(sorted(known_shapes())),
    text=st.integers(1, 5000),
    pictures=st.integers(1, 64),
    each=st.integers(1, 600),
    output=st.integers(1, 2000),
)
def test_more_of_anything_never_costs_less(name: str, text: int, pictures: int, each: int, output: int) -> None:
    shape = known_shapes()[name]
    one = asked(text, pictures * each, pictures, output)
    use = Use(1, True, 1, 4)
    base = hours(shape, [one], use, H100)
    assert base.prefill > 0 and base.decode > 0
    for more in (
        replace(one, text=text + 1),
        replace(one, visual=(pictures + 1) * each, pictures=pictures + 1),
        replace(one, output=output + 1),
    ):
        assert prefill_flops(shape, more) >= prefill_flops(shape, one)
        assert decode_flops(shape, more) >= decode_flops(shape, one)
        assert hours(shape, [more], use, H100).total >= base.total
    assert hours(shape, [replace(one, weight=3.0)], use, H100).total == pytest.approx(3 * base.total)
    assert hours(shape, [one], replace(use, batch=8), H100).total <= base.total
    assert hours(shape, [one], replace(use, together=2), H100).total <= base.total
    assert hours(shape, [one], Use(2, False, 1, 4), H100).total == base.total, "layers one after another win no time"


def test_decoding_alone_reads_all_weights_for_each_token() -> None:
    spent = hours(SEVEN, [asked(text=1, output=1000)], Use(1, True, 1, 1), H100)
    reading = 1000 * SEVEN.parameters * 2 / (3350e9 * BANDWIDTH_SHARE)
    assert spent.bound == "memory" and spent.decode == pytest.approx(reading, rel=0.01)


def test_a_long_prompt_is_bound_by_operations() -> None:
    one = asked(text=10_000, output=0)
    spent = hours(SEVEN, [one], Use(1, True, 1, 1), H100)
    assert spent.prefill == pytest.approx(prefill_flops(SEVEN, one) / (989e12 * UTILISATION))
    assert 0.3 < spent.prefill < 0.6, "two operations a parameter and token: 7e9 x 2 x 1e4 / 4e14, and attention"


def test_the_memory_of_the_published_sizes() -> None:
    need = memory(SEVEN, 10_000, 1, 1, H100)
    assert need.weights == pytest.approx(16.6e9 / GIB, rel=0.01)
    assert need.cache == pytest.approx(10_000 * 57_344 / GIB), "28 layers x 2 x 4 heads x 128 x 2 bytes a token"
    assert [use.together for use in served_uses(SEVEN, parse_hardware("h100:8"), 10_000, None)] == [1, 2, 4, 8]
    giant = served_uses(GIANT, parse_hardware("h100:8"), 10_000, None)
    assert [(use.together, use.copies) for use in giant] == [(2, 4), (4, 2), (8, 1)], "147 GB need two of 80"
    assert [use.batch for use in giant] == [1, 47, 64], "two have room for a single request more"
    assert served_uses(GIANT, parse_hardware("rtx4090:4"), 10_000, None) == []


@given(longest=st.integers(100, 200_000), gpus=st.sampled_from([1, 2, 4, 8]))
def test_the_largest_batch_fits_and_one_more_does_not(longest: int, gpus: int) -> None:
    hardware = parse_hardware(f"h200:{gpus}")
    batch = largest_batch(SEVEN, longest, gpus, hardware)
    need = memory(SEVEN, longest, batch, gpus, hardware)
    assert need.total <= need.limit
    over = memory(SEVEN, longest, batch + 1, gpus, hardware)
    assert over.total > over.limit


class TestArrangement:
    @pytest.fixture
    def local(self):
        from vau_bench.models.qwen_config import QwenVLConfig

        return lambda **given: QwenVLConfig(checkpoint="x", **given)

    def arranged(self, shape: Shape, config: object, hardware: str, longest: float = 10_000, concurrency=None):
        return arranged(shape, config, parse_hardware(hardware), [asked(longest - 100, output=100)], concurrency)

    def test_a_local_model_is_copied_to_each_gpu(self, local) -> None:
        found = self.arranged(SEVEN, local(batch_size=4), "h100:8")
        assert found.use == Use(1, False, 8, 4) and found.problem is None
        assert "one process each" in found.told

    def test_one_that_is_too_large_is_refused_with_what_helps(self, local) -> None:
        found = self.arranged(GIANT, local(), "h100:8")
        assert found.problem.startswith("it takes 144 GiB") and "of a GPU that has 75" in found.problem
        for way in ("device=split", "a smaller model", "larger GPUs (b200, mi300x)"):
            assert way in found.problem

    def test_split_over_all_gpus_it_fits_and_gains_no_speed(self, local) -> None:
        found = self.arranged(GIANT, local(device="split"), "h100:4")
        assert found.problem is None and found.use == Use(4, False, 1, 1)
        assert "work one after another" in found.told

    def test_float32_and_large_batches_are_told(self, local) -> None:
        found = self.arranged(SEVEN, local(dtype="float32", batch_size=64), "a100", longest=30_000)
        for way in ("dtype=bfloat16", "a smaller batch_size", "fewer frames"):
            assert way in found.problem

    def test_a_server_takes_the_gpus_that_are_done_first(self) -> None:
        giant = self.arranged(GIANT, object(), "h100:8", concurrency=256)
        assert giant.use.together > 2 and "tensor parallel" in giant.told
        assert giant.use.batch > 8 and giant.memory.total <= giant.memory.limit, "two GPUs have room for one request"
        small = self.arranged(SEVEN, object(), "h100:8", concurrency=512)
        assert (small.use.together, small.use.copies, small.use.batch) == (1, 8, 64), "nothing is gained by sharing it"
        assert self.arranged(SEVEN, object(), "h100:8", concurrency=8).use.batch < 64

    def test_a_server_that_cannot_hold_it_is_refused(self) -> None:
        found = self.arranged(GIANT, object(), "l4:4")
        assert "of 4 GPUs that have 22 each" in found.problem


def test_hardware_of_ones_own_counts() -> None:
    slow = Hardware(name="x", count=1, each=H100.each.model_copy(update={"tflops": H100.each.tflops / 10}))
    one = [asked(text=10_000, output=0)]
    use = Use(1, True, 1, 1)
    assert hours(SEVEN, one, use, slow).prefill == pytest.approx(10 * hours(SEVEN, one, use, H100).prefill)
