"""The checkpoint that is installed with the package is what the card says, and answers better than a blind guess."""

from __future__ import annotations

from pathlib import Path

import pytest

from srvau_train.nano import CHECKPOINT
from vau_bench.evaluation import Options, evaluate
from vau_bench.results import Results, best_floor

LIMIT = 40


def test_it_is_small_enough_to_ship_and_saved_in_half_precision() -> None:
    from safetensors import safe_open

    assert sum(path.stat().st_size for path in CHECKPOINT.rglob("*")) <= 12_000_000
    with safe_open(CHECKPOINT / "model.safetensors", "pt") as weights:
        assert {weights.get_slice(name).get_dtype() for name in weights.keys()} == {"BF16"}  # noqa: SIM118


def test_plain_transformers_loads_it() -> None:
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(CHECKPOINT)
    processor = AutoProcessor.from_pretrained(CHECKPOINT)
    assert type(model).__name__ == "Qwen2_5_VLForConditionalGeneration"
    asked = [{"role": "user", "content": [{"type": "text", "text": "What is shown?"}]}]
    inputs = processor.apply_chat_template(asked, tokenize=True, return_dict=True, return_tensors="pt")
    assert model(**inputs).logits.shape[-1] == len(processor.tokenizer)


def test_its_card_tells_command_figures_and_what_reflection_does() -> None:
    card = (CHECKPOINT / "README.md").read_text("utf-8")
    for told in ("vau-bench train nano", "## Measured on the test split", "## What reflection does", "| all |"):
        assert told in card
    assert (CHECKPOINT / "curves.svg").is_file()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    options = Options(
        model="srvau_r1", tasks=("vau_synth",), model_args={"batch_size": LIMIT, "device": "cpu"}, limit=LIMIT
    )
    return evaluate(options, tmp_path_factory.mktemp("runs"), run_id="nano")


@pytest.mark.xdist_group("nano")
def test_it_reflects_and_what_it_says_can_be_read(results: Results) -> None:
    assert {task["style"] for task in results.tasks} == {"reflect"}
    for task in results.tasks:
        assert task["outcomes"]["scored"] >= 0.97 * task["expected"], task["task"]


@pytest.mark.xdist_group("nano")
@pytest.mark.parametrize(("kind", "least"), [("grounding", 0.5), ("classification", 0.8), ("mcq", 0.7)])
def test_it_is_better_than_every_blind_floor(kind: str, least: float, results: Results) -> None:
    (task,) = [task for task in results.tasks if task["kind"] == kind]
    value, (_, floor) = task["metrics"][task["headline"]]["value"], best_floor(task, task["headline"])
    assert value is not None and floor is not None
    assert value > max(least, floor)


def test_it_looks(tmp_path: Path) -> None:
    """With a black picture it falls back to what a blind guess reaches."""
    from srvau_train.nano.controls import MODELS as CONTROLS
    from vau_bench.models import MODELS

    if "nano/black" not in MODELS:
        MODELS.add("nano/black", CONTROLS["nano/black"])
    options = Options(
        model="nano/black", tasks=("vau_synth_grounding",), limit=LIMIT,
        model_args={"checkpoint": str(CHECKPOINT), "batch_size": LIMIT, "device": "cpu"},
    )  # fmt: skip
    (task,) = evaluate(options, tmp_path, run_id="black").tasks
    value = task["metrics"]["miou"]["value"]
    assert value is not None and value < 0.45
