"""Measuring nano checkpoints on the test split: as they answer, and when a first answer is planted."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from srvau_train.batches import ExampleDataset, Features, input_builder, load_base
from srvau_train.checkpoints import FINAL
from srvau_train.examples import Example, request_of, truth_of
from srvau_train.nano.controls import MODELS as CONTROLS
from srvau_train.nano.recipe import Recipe
from srvau_train.nano.rows import GRID, KINDS, asked_of
from srvau_train.nano.speed import QuickInputs, speed_up
from srvau_train.nano.train import Training
from srvau_train.rocot.answers import Kind, is_right, read_answer, true_answer
from srvau_train.rocot.mistakes import ErrorModel
from srvau_train.rocot.plan import assign
from srvau_train.rocot.scene_teacher import SceneTeacher
from srvau_train.rocot.streams import stream_of
from srvau_train.rocot.synth_source import decoys, subject_of
from srvau_train.rocot.teacher import Manner
from vau_bench.errors import VauBenchError
from vau_bench.evaluation import Options, evaluate
from vau_bench.models import MODELS
from vau_bench.parsing import parse_grammar
from vau_bench.paths import builtin_tasks, cache_dir
from vau_bench.records import NORMAL
from vau_bench.results import Results
from vau_bench.runs import write_atomically
from vau_bench.synth import CLASSES, ensure_videos, sample_of, scene_at
from vau_bench.video import ClipLoader

PREFIX = "nano_"
"""Before the kinds' names in those of the test tasks."""
PLANTED: tuple[Kind, ...] = ("grounding", "classification", "mcq")
PLANTED_RIGHT = 0.4
"""The share of planted first answers that are right."""
RIVALS_MEASURED = "rivals measured"
RIVAL_STAGES = ("answers", "grpo-answers", RIVALS_MEASURED)
"""The stages that train and measure what the checkpoint is compared with; no part of the recipe."""
PLANTED_TALLY = "planted.json"
"""In a run's folder: what became of planted answers."""
_BATCH = 200
"""Answers that are written at once: a token more of each of these takes hardly longer than of a third of them."""
_AT_ONCE = 2
"""Measurements, whatever the cores, so that none depends on these."""


def test_tasks(folder: Path, clips: int) -> list[str]:
    """Write the tasks of VAU-Synth with so many test clips, under names of their own, and return these."""
    names = []
    for kind in KINDS:
        shipped = builtin_tasks() / f"vau_synth_{kind}"
        spec = yaml.safe_load((shipped / "task.yaml").read_text("utf-8"))
        spec["name"] = f"{PREFIX}{kind}"
        spec["dataset"]["args"]["sizes"]["test"] = clips
        target = folder / spec["name"]
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(shipped, target)
        (target / "task.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
        names.append(spec["name"])
    return names


def run(
    checkpoint: Path, out: Path, recipe: Recipe, name: str, *, style: str = "reflect", clips: int | None = None,
    model: str = "nano/fast", kinds: Sequence[str] = KINDS,
) -> Results:  # fmt: skip
    """Evaluate a checkpoint on the test clips, or go on with it; the run lies in `out/runs/NAME`."""
    folder = _tasks_of(out, clips or recipe.test)
    if not folder.is_dir():
        test_tasks(folder, clips or recipe.test)
    for control, place in CONTROLS.items():
        if control not in MODELS:
            MODELS.add(control, place)
    options = Options(
        model=model, tasks=tuple(f"{PREFIX}{kind}" for kind in kinds), style=style, max_new_tokens=320,
        model_args={"checkpoint": str(checkpoint), "batch_size": _BATCH, "device": "cpu"}, tasks_dirs=(folder,),
    )  # fmt: skip
    return evaluate(options, out / "runs", run_id=name)


def _tasks_of(out: Path, clips: int) -> Path:
    return out / f"tasks-{clips}"


def measure(training: Training, *, ablations: bool = False) -> None:
    """Measure the finished checkpoint, its blind controls, and what it came from; with `ablations` also rivals.

    The rivals: fine-tuned on answers alone for as many steps as chains took (`answers`), and reinforced by the answers'
    reward alone (`grpo-answers`). Two measurements go on at once, each in a process of its own with one thread: what a
    nano model computes for a token is too little to be shared out.

    Args:
        training: of the checkpoint; all its stages are done.
        ablations: also train and measure the rivals.
    """
    out, recipe = training.out, training.recipe
    final, before, some = out / FINAL, out / "reflect" / FINAL, min(100, recipe.test)
    of = partial(run, out=out, recipe=recipe, kinds=PLANTED)
    jobs: dict[str, Callable[[], object]] = {
        "grpo": partial(run, final, out, recipe, "grpo"),
        "planted": partial(planted, final, out, recipe),
        "reflect": partial(of, before, name="reflect"),
        "black": partial(of, final, name="black", model="nano/black", clips=some),
        "shuffled": partial(of, final, name="shuffled", model="nano/shuffled", clips=some),
    }
    _measure_left(training, "measurements", jobs, {recipe.test, some})
    if ablations:
        rival = training.reinforce(before, "grpo-answers", **recipe.answers_alone)
        jobs = {
            "answers": partial(of, training.answers(), name="answers", style="direct"),
            "grpo-answers": partial(of, rival, name="grpo-answers"),
        }
        _measure_left(training, RIVALS_MEASURED, jobs, {recipe.test})


def _measure_left(training: Training, stage: str, jobs: Mapping[str, Callable[[], object]], sizes: set[int]) -> None:
    """Do the jobs that are not done, on test splits of so many clips."""
    out, count = training.out, training.recipe.test
    left = [job for name, job in jobs.items() if not _result_of(out, name).is_file()]
    if not left:
        return
    for clips in sizes:
        test_tasks(_tasks_of(out, clips), clips)
    with training.stage("test clips", count):
        ensure_videos(cache_dir() / "synth", "test", count, progress=lambda done, absent: training.advance())
    with (
        training.stage(stage, len(left)),
        ProcessPoolExecutor(_AT_ONCE, get_context("spawn"), initializer=_with_one_thread) as pool,
    ):
        for done in as_completed([pool.submit(_done, job) for job in left]):
            done.result()
            training.advance()


def _result_of(out: Path, name: str) -> Path:
    """Return the file that is there when a measurement is done."""
    return out / PLANTED_TALLY if name == "planted" else out / "runs" / name / "results.json"


def _with_one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _done(job: Callable[[], object]) -> None:
    """Do a job; its errors reach the process that waits for it as nothing but their words."""
    try:
        job()
    except VauBenchError as error:
        raise VauBenchError(str(error)) from None


def planted(checkpoint: Path, out: Path, recipe: Recipe, *, batch: int = _BATCH) -> dict[str, dict[str, int]]:
    """Plant first answers of the error model in all test clips, let the model go on, and count what becomes of them.

    Of the planted answers `PLANTED_RIGHT` are right. Returns per kind how many were `repaired` of the `wrong` ones and
    `damaged` of the `right` ones. Written to `PLANTED_TALLY` in `out`.
    """
    import torch

    path = out / PLANTED_TALLY
    if path.exists():
        found: dict[str, dict[str, int]] = json.loads(path.read_text())
        return found
    model, processor, family = load_base(recipe.base(str(checkpoint)).model)
    speed_up(model)
    model.eval()
    builder = QuickInputs(input_builder(processor, model, family, recipe.base(str(checkpoint)).data))
    clips = recipe.test
    videos = ensure_videos(cache_dir() / "synth", "test", clips)
    counts: dict[str, dict[str, int]] = {}
    loader = ClipLoader(cache_dir())
    for kind in PLANTED:
        rows, firsts = zip(*(_planted_row(number, kind, videos, recipe) for number in range(clips)), strict=True)
        dataset = ExampleDataset(rows, builder, processor.tokenizer, loader)
        tally = {"wrong": 0, "repaired": 0, "right": 0, "damaged": 0}
        for start in range(0, clips, batch):
            features = [dataset[i] for i in range(start, min(start + batch, clips))]
            texts = _go_on(model, processor.tokenizer, features, torch)
            for row, first, text in zip(rows[start : start + batch], firsts[start : start + batch], texts, strict=True):
                sample = row.request.sample
                grammar = parse_grammar((row.response or "") + text)
                last = read_answer(grammar_text(grammar, row, text), sample, kind, (NORMAL, *CLASSES))
                before = is_right(first, sample, kind)
                after = grammar.first is not None and last is not None and is_right(last, sample, kind)
                tally["right" if before else "wrong"] += 1
                tally["damaged"] += before and not after
                tally["repaired"] += after and not before
        counts[kind] = tally
    loader.close()
    write_atomically(path, json.dumps(counts, indent=2) + "\n")
    return counts


def grammar_text(grammar: Any, row: Example, text: str) -> str:
    """Return the part of a response that holds its last answer."""
    return ((row.response or "") + text)[slice(*grammar.last.span)]


def _planted_row(number: int, kind: Any, videos: Path, recipe: Recipe) -> tuple[Example, Any]:
    """Return the prompt with a planted first answer behind it, up to where the reflection begins."""
    scene = scene_at("test", number)
    sample = sample_of(scene)
    task, of = asked_of(kind)
    draw = stream_of("planted", number, kind)
    first = true_answer(sample, GRID)
    if draw.unit() >= PLANTED_RIGHT:
        made = ErrorModel().draw(sample, first, kind, CLASSES, decoys(scene), GRID, draw)
        first = made.answer if made else first
    assignment = assign(subject_of(scene, sample, kind, index=number), first, None, Manner("seconds", 1.0, GRID))
    response = SceneTeacher().write(assignment, draw).response
    asked = request_of(task, of, sample, "reflect", video=videos / sample.video, plan=recipe.look.plan)
    begin = response[: response.index("<reflect>")]
    return Example(asked, truth_of(sample, kind, of.classes), begin), first


def _go_on(model: Any, tokenizer: Any, features: Sequence[Any], torch: Any) -> list[str]:
    """Return what the model writes behind prompt and beginning."""
    from srvau_train.batches import visual_tensors

    assert all(isinstance(f, Features) for f in features)
    rows = [[*f.prompt.inputs["input_ids"][0].tolist(), *f.response[:-1]] for f in features]
    kinds = [f.prompt.inputs["mm_token_type_ids"][0].tolist() for f in features]
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), tokenizer.pad_token_id)
    mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
    for i, (row, kind) in enumerate(zip(rows, kinds, strict=True)):
        start = width - len(row)
        ids[i, start:], mask[i, start:] = torch.tensor(row), 1
        types[i, start : start + len(kind)] = torch.tensor(kind)
    from transformers import GenerationConfig

    greedy = GenerationConfig(
        do_sample=False, max_new_tokens=280, eos_token_id=model.generation_config.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids, attention_mask=mask, mm_token_type_ids=types, generation_config=greedy,
            **visual_tensors(features),
        )  # fmt: skip
    return [tokenizer.decode(row, skip_special_tokens=True) for row in out[:, width:]]
