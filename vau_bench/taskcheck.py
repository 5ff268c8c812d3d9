"""Checking a task folder before others trust it: declarations, data, prompts, truth, floors, parsers."""

from __future__ import annotations

import json
import math
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vau_bench.adversarial import adversarial_answers
from vau_bench.datacheck import check_task
from vau_bench.errors import DataError, NoAnnotationError, VauBenchError
from vau_bench.evaluation import Silent
from vau_bench.kinds import FloorContext, Kind
from vau_bench.metrics.base import Metric
from vau_bench.readers import Dataset
from vau_bench.records import Outcome, Response, Sample
from vau_bench.results import SampleScore, TaskResult
from vau_bench.scoring import score_sample, score_task
from vau_bench.task import Selection, Task
from vau_bench.video import ClipLoader, parse_plan

MOST_VIDEOS = 20
"""Videos that are opened and decoded, spread over the dataset; that they are there is checked for all."""
MOST_ASKED = 5
"""Samples whose parsers meet the adversarial answers, spread over the dataset."""
SLOW_SECONDS = 5.0
"""A text of a few thousand characters that takes a parser longer would stop the scoring of a run."""


class Note(str):
    """What is told without being a failure."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: of the check.
        state: `ok`, `note` or `FAIL`.
        told: what was found, with file and line where they are known.
    """

    name: str
    state: str
    told: str


def check_folder(folder: Path, data: Path | None, clips: ClipLoader | None) -> Iterator[Check]:
    """Check a task folder, and yield each check as it is done.

    What needs a part that failed is not checked, and a note says so.

    Args:
        folder: the task's.
        data: the user's data root; default: the task's own `data` folder.
        clips: opens the videos; `None` leaves the videos out.
    """
    task: list[Task] = []
    yield _checked("declarations", lambda: _declarations(folder, task))
    if not task:
        yield Check("the rest", "note", "not checked: it needs the declarations")
        return
    yield from _static(task[0])
    yield from _with_data(task[0], data, clips)


def _checked(name: str, work: Callable[[], str]) -> Check:
    """Return what a check found; whatever it raises is a failure of the task, told in one line."""
    try:
        told = work()
    except VauBenchError as error:
        return Check(name, "FAIL", str(error))
    except Exception as error:  # code of a foreign reader, metric or kind may fail in any way
        frame = traceback.extract_tb(error.__traceback__)[-1]
        words = " ".join(str(error).split())
        return Check(name, "FAIL", f"{frame.filename}:{frame.lineno}: {type(error).__name__}: {words}")
    return Check(name, "note" if isinstance(told, Note) else "ok", told)


# Without data.


def _static(task: Task) -> Iterator[Check]:
    yield _checked("page", lambda: _page(task))
    yield _checked("licence", lambda: _said(task, "licence", task.spec.licence))
    yield _checked("citation", lambda: _said(task, "citation", task.spec.citation))


def _declarations(folder: Path, found: list[Task]) -> str:
    task = Task(folder)
    parse_plan(task.spec.frames)
    if not task.spec.metrics:
        raise DataError(f"{task.place('metrics')}: no metric is named")
    styles = task.prompts.styles
    found.append(task)
    return f"{task.spec.kind}, version {task.version}, styles {', '.join(styles)}"


def _page(task: Task) -> str:
    page = task.folder / "README.md"
    if not page.is_file():
        raise DataError(f"no {page}: it says what the task measures, where the data come from, which traps they hold")
    if not page.read_text(encoding="utf-8").startswith(f"# {task.name}\n"):
        raise DataError(f"{page}:1: the page begins with '# {task.name}'")
    return page.name


def _said(task: Task, key: str, text: str) -> str:
    if not text.strip() or text.strip().lower() in {"todo", "tbd", "?", "unknown", "..."}:
        raise DataError(f"{task.place(key)}: no {key}; write 'none: ' and why where there is none")
    return text.strip().splitlines()[0]


# With data.


def _with_data(task: Task, data: Path | None, clips: ClipLoader | None) -> Iterator[Check]:
    datasets: dict[str, Dataset] = {}
    yield _checked("annotation", lambda: _annotation(task, data, datasets))
    chosen: list[Selection] = []
    if datasets.keys() >= _needed(task):
        yield _checked("hash", lambda: _hashes(task, datasets))
        yield _checked("splits", lambda: _splits(task, datasets))
        yield _checked("samples", lambda: _samples(task, data, chosen))
    if not chosen:
        yield Check("the rest", "note", "not checked: it needs the data")
        return
    selection, tuning = chosen[0], datasets[task.spec.tuning_split].samples
    kind = task.kind(selection.dataset)
    yield _checked("prompts", lambda: _prompts(task, kind, selection.samples))
    yield _checked("floors", lambda: _floors(task, kind, selection, tuning, clips))
    yield _checked("gold", lambda: _gold(task, kind, selection, tuning))
    yield _checked("empty", lambda: _empty(task, kind, selection, tuning))
    yield _checked("parsers", lambda: _parsers(task, kind, selection.samples))
    if clips is None:
        yield Check("videos", "note", "not checked, as asked")
    else:
        yield _checked("videos", lambda: _videos(task, data, selection, clips))


def _annotation(task: Task, data: Path | None, found: dict[str, Dataset]) -> str:
    absent = []
    for split in task.spec.splits:
        try:
            found[split] = task.read(data, split)
        except NoAnnotationError:
            if split in _needed(task):
                raise
            absent.append(split)
    told = ", ".join(f"{split} {len(dataset.samples)}" for split, dataset in found.items())
    return Note(f"{told}; no file of {', '.join(absent)}") if absent else told


def _needed(task: Task) -> set[str]:
    """Return the splits without which the task cannot be evaluated."""
    return {task.spec.split, task.spec.tuning_split}


def _hashes(task: Task, datasets: Mapping[str, Dataset]) -> str:
    """A declared hash was compared when the split was read."""
    declared = task.spec.dataset.sha256
    if set(declared) == set(datasets):
        return f"sha256 of {', '.join(declared)}"
    line = ", ".join(f"{split}: {dataset.digest}" for split, dataset in datasets.items())
    return Note(f"none; when the data are final, add this to the dataset in {task.file}: sha256: {{{line}}}")


def _splits(task: Task, datasets: Mapping[str, Dataset]) -> str:
    seen: dict[str, str] = {}
    shared: list[tuple[str, str, str]] = []
    for split, dataset in datasets.items():
        for group in sorted({s.group for s in dataset.samples}):
            if group in seen:
                shared.append((group, seen[group], split))
            seen.setdefault(group, split)
    if shared:
        video, one, other = shared[0]
        raise DataError(
            f"{task.place('splits')}: {_count(len(shared), 'source video')} in two splits (first: {video!r} in {one} "
            f"and {other}): what is fitted to one knows the other"
        )
    return f"{', '.join(datasets)}: {_count(len(seen), 'source video')}, none in two"


def _samples(task: Task, data: Path | None, found: list[Selection]) -> str:
    selection = task.select(data)
    left_out = ", ".join(f"{n} {reason}" for reason, n in sorted(selection.excluded.items()))
    if not selection.samples:
        raise DataError(f"no sample of the split {task.spec.split!r} can take part: {left_out or 'it is empty'}")
    found.append(selection)
    taking_part = f"{len(selection.samples)} take part"
    return Note(f"{taking_part}; left out: {left_out}") if left_out else taking_part


def _prompts(task: Task, kind: Kind[Any], samples: Sequence[Sample]) -> str:
    for style in task.prompts.styles:
        said = ["an answer"] * (len(task.prompts.turns(style)) - 1)
        for sample in samples:
            text = "\n".join(m.text for m in task.messages(kind, sample, style, said) if m.role == "user")
            needed = [*kind.choices(sample), *([sample.fields["question"]] if "question" in kind.placeholders else [])]
            absent = [part for part in needed if part not in text]
            if absent or not text.strip():
                what = f"the prompt does not hold {absent[0]!r}" if absent else "the prompt is empty"
                raise DataError(f"style {style!r}, sample {sample.id!r}: {what}")
    return f"{', '.join(task.prompts.styles)} of {_count(len(samples), 'sample')}"


def _floors(
    task: Task, kind: Kind[Any], selection: Selection, tuning: Sequence[Sample], clips: ClipLoader | None
) -> str:
    samples = selection.samples
    if not task.spec.floors:
        return Note(f"{task.place('floors')}: none is named, so nobody sees what a blind guess reaches")
    context = FloorContext(tuning, _durations(selection, clips))
    silent = []
    for name in task.spec.floors:
        answers = kind.floor(name, samples, context)
        if len(answers) != len(samples):
            raise DataError(f"the floor {name!r} answers {len(answers)} of {len(samples)} samples")
        if all(answer is None for answer in answers):
            silent.append(name)
    if silent:
        answering = ", ".join(name for name in task.spec.floors if name not in silent) or "none"
        return Note(f"{answering}; knows too little (lengths of videos, anomalies to fit): {', '.join(silent)}")
    return ", ".join(task.spec.floors)


def _durations(selection: Selection, clips: ClipLoader | None) -> dict[str, float]:
    """Return the lengths that the dataset tells, else those of some of the videos that are there."""
    told = {s.id: float(s.fields["duration"]) for s in selection.samples if "duration" in s.fields}
    if told or clips is None:
        return told
    for sample in _spread(selection.samples, MOST_VIDEOS):
        with suppress(VauBenchError):  # the check of the videos tells what is wrong with one
            path = selection.dataset.find_video(sample)
            if path is not None:
                told[sample.id] = clips.probe(path).duration
    return told


def _gold(task: Task, kind: Kind[Any], selection: Selection, tuning: Sequence[Sample]) -> str:
    texts = {s.id: kind.write(kind.truth(s)) for s in selection.samples}
    result, scores = _score(task, selection, texts, tuning)
    wrong = [s for s in scores if s.outcome != Outcome.SCORED or s.worth != 1.0]
    if wrong:
        first = wrong[0]
        raise DataError(
            f"{len(wrong)} of {len(scores)} truths are not read back as what they are (first: {first.sample_id!r}, "
            f"written {_cut(texts[first.sample_id])!r}, {first.outcome}, read as {first.prediction!r})"
        )
    name, value = _headline(result)
    if name not in result["metrics"]:
        place = task.place("metrics")
        return Note(f"{place}: the headline {name} is not among the metrics; name another one under `headline`")
    _, best = _worst_and_best(task.headline_metric(kind))
    if value not in (best, None):
        raise DataError(f"the truth reaches {name} {value}, not {best:g}")
    return f"{len(scores)} of {len(scores)} right"


def _empty(task: Task, kind: Kind[Any], selection: Selection, tuning: Sequence[Sample]) -> str:
    result, scores = _score(task, selection, {s.id: "" for s in selection.samples}, tuning)
    if result["outcomes"][Outcome.UNPARSED] != len(scores):
        outcomes = ", ".join(f"{n} {outcome}" for outcome, n in result["outcomes"].items() if n)
        raise DataError(f"of {len(scores)} empty answers, {outcomes}; all are unparsed")
    worth = [s for s in scores if s.worth != 0.0]
    if worth:
        raise DataError(f"the empty answer to {worth[0].sample_id!r} is worth {worth[0].worth}")
    name, value = _headline(result)
    worst, _ = _worst_and_best(task.headline_metric(kind))
    if value not in (worst, None):
        raise DataError(f"empty answers reach {name} {value}, not {worst:g}")
    return f"{len(scores)} unparsed, worth 0"


def _headline(result: TaskResult) -> tuple[str, float | None]:
    name = result["headline"]
    return name, result["metrics"][name]["value"] if name in result["metrics"] else None


def _worst_and_best(metric: Metric) -> tuple[float, float]:
    low, high = metric.bounds
    return (high, low) if metric.higher_is_better is False else (low, high)


def _score(
    task: Task, selection: Selection, texts: Mapping[str, str], tuning: Sequence[Sample]
) -> tuple[TaskResult, list[SampleScore]]:
    responses = {sample_id: _response(task, sample_id, text) for sample_id, text in texts.items()}
    style, split = task.spec.style, task.spec.split
    return score_task(task, selection, responses, style=style, split=split, frames="", tuning=tuning, resamples=0)


def _response(task: Task, sample_id: str, text: str) -> Response:
    return Response("", task.name, sample_id, task.spec.style, 0, text, Outcome.SCORED)


def _parsers(task: Task, kind: Kind[Any], samples: Sequence[Sample]) -> str:
    met = 0
    for sample in _spread(samples, MOST_ASKED):
        for text in adversarial_answers(kind.choices(sample), sample.fields.get("options", ())):
            begun = time.monotonic()
            try:
                problem = _unsound(task, kind, sample, text)
            except Exception as error:
                problem = f"raises {type(error).__name__}: {error}"
            if time.monotonic() - begun > SLOW_SECONDS:
                problem = problem or f"takes over {SLOW_SECONDS:g} s"
            if problem:
                raise DataError(f"sample {sample.id!r}: the parser {problem}, for the answer {_cut(text)!r}")
            met += 1
    return f"{met} adversarial answers"


def _unsound(task: Task, kind: Kind[Any], sample: Sample, text: str) -> str | None:
    """Return what is wrong with the reading of a text, if anything."""
    score = score_sample(task.name, kind, sample, _response(task, sample.id, text), task.spec.style)
    kind.read_as_paper(text, sample)
    if score.span is not None and not 0 <= score.span[0] <= score.span[1] <= len(text):
        return f"finds an answer at {score.span}, outside of the text"
    if not 0.0 <= score.worth <= 1.0:
        return f"makes an answer that is worth {score.worth}"
    if any(value is not None and not math.isfinite(value) for value in score.values.values()):
        return f"makes an answer with the values {score.values}"
    json.dumps([score.prediction, score.values], allow_nan=False)
    return None


def _videos(task: Task, data: Path | None, selection: Selection, clips: ClipLoader) -> str:
    dataset, samples = selection.dataset, selection.samples
    if dataset.prepare is None:
        absent = [s.video for s in samples if dataset.find_video(s) is None]
        if absent:
            raise DataError(f"{len(absent)} of {_count(len(samples), 'video')} are absent (first: {absent[0]})")
    report = check_task(task, data, None, clips, decode=True, progress=Silent(), limit=MOST_VIDEOS)
    if report.absent or report.faults:
        faults = [*report.faults, *(f"{video} is absent" for video in report.absent)]
        raise DataError(f"{len(faults)} of {_count(report.samples, 'video')} (first: {faults[0]})")
    return f"{len(samples)} there, {report.videos} decoded"


def _spread(samples: Sequence[Sample], most: int) -> Sequence[Sample]:
    step = max(1, math.ceil(len(samples) / most))
    return samples[::step]


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _cut(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60]}..."
