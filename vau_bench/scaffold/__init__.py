"""A new task folder that runs at once, on three generated clips which the author replaces by their own."""

from __future__ import annotations

import csv
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from string import Template

from vau_bench.catalogue import Catalogue
from vau_bench.errors import NameCollisionError, UnknownNameError, UsageError, VauBenchError
from vau_bench.kinds import KINDS
from vau_bench.records import Sample
from vau_bench.task import NAME, OWN_DATA, PROMPTS

ANNOTATION = "clips.csv"
VIDEOS = "videos"
_OPTIONS = ("Option 1", "Option 2", "Option 3", "Option 4")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "mcq": ("Question", *_OPTIONS, "Correct Option"),
    "grounding": ("Anomaly Class", "Start Time", "End Time"),
    "classification": ("Anomaly Class",),
    "detection": ("Anomaly Class", "Start Time", "End Time", "Duration"),
    "verdict": ("Anomaly Class",),
    "reasoning": ("Anomaly Class", "Key Object", "Description", "Reasoning", "Start Time", "End Time"),
    "text": ("Description",),
}
"""The columns of the annotation by kind of task, beside `Video Name`; its keys are the kinds that can be made."""
_OPTIONAL = {
    "grounding": {"Anomaly Class"},
    "detection": {"Anomaly Class"},
    "reasoning": {"Key Object", "Start Time", "End Time"},
}
_ASKS = {
    "mcq": "which of four statements about the video is right",
    "grounding": "when the anomaly happens, in seconds",
    "classification": "which class the video shows, or Normal",
    "detection": "which parts of the video are anomalous",
    "verdict": "whether anything in the video is anomalous",
    "reasoning": "what happens, whether and why it is anomalous, in prose",
    "text": "what happens, in the words of a reference",
}


def new_task(name: str, kind: str, root: Path, *, own_prompts: bool = False) -> Path:
    """Write the folder of a new task and return it; it appears complete or not at all.

    Args:
        name: of the task and of its folder.
        kind: a key of `COLUMNS`.
        root: the folder of task folders, made if need be.
        own_prompts: put a copy of the kind's prompts into the folder, to be changed.

    Raises:
        UsageError: if the name cannot be one, or the folder is there already.
        UnknownNameError: if there is no such kind.
        NameCollisionError: if a task or a group has the name already.
    """
    folder = root / name
    _check(name, kind, root, folder)
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as temporary:
            made = Path(temporary, name)
            _write(made, name, kind, own_prompts)
            made.rename(folder)
    except OSError as error:
        raise VauBenchError(f"cannot write {folder}: {error.strerror or error}") from error
    return folder


def _check(name: str, kind: str, root: Path, folder: Path) -> None:
    if not re.fullmatch(NAME, name):
        raise UsageError(
            f"{name!r} cannot be the name of a task: it has small letters, digits and _, and begins with a letter"
        )
    if kind not in COLUMNS:
        raise UnknownNameError("kind", kind, COLUMNS)
    if folder.exists():
        raise UsageError(f"{folder} is there already; choose another name, or remove it")
    catalogue = Catalogue([root] if root.is_dir() else [])
    if name in catalogue:
        raise NameCollisionError(f"{catalogue.folder(name)} is a task of the name {name!r} already")
    if name in catalogue.groups():
        raise NameCollisionError(f"{name!r} is the name of a group of tasks already")


def _write(folder: Path, name: str, kind: str, own_prompts: bool) -> None:
    data = folder / OWN_DATA
    (data / VIDEOS).mkdir(parents=True)
    samples = _draw(data / VIDEOS)
    columns = COLUMNS[kind]
    with (data / ANNOTATION).open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("Video Name", *columns))
        for video, sample in samples.items():
            cells = _cells(sample)
            rows.writerow((video, *(cells[column] for column in columns)))
    if own_prompts:
        shutil.copyfile(PROMPTS / f"{kind}.yaml", folder / "prompts.yaml")
    words = _words(name, kind, own_prompts, list(samples.values()))
    for file_name in ("task.yaml", "README.md"):
        template = Template((Path(__file__).parent / file_name).read_text(encoding="utf-8"))
        (folder / file_name).write_text(template.substitute(words), encoding="utf-8")


def _draw(folder: Path) -> dict[str, Sample]:
    """Draw an anomalous, a normal and another anomalous clip, and return their truths by file name."""
    from vau_bench.synth import SynthParams, ensure_videos, samples

    params = SynthParams(12.0, "easy")
    truths = samples("val", 3, params=params)
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        drawn = ensure_videos(Path(temporary), "val", 3, params=params, size=(224, 168), fps=5, workers=1)
        named = {f"clip_{i}.mp4": truth for i, truth in enumerate(truths, 1)}
        for video, truth in named.items():
            (drawn / truth.video).rename(folder / video)
    return named


def _cells(sample: Sample) -> dict[str, str]:
    """Return a truth as the cells of the VAU-Bench schema."""
    target, fields = sample.target, sample.fields
    start, end = target.segments[0] if target.segments else (0, 0)
    return {
        "Anomaly Class": str(target.label),
        "Start Time": f"{start:g}",
        "End Time": f"{end:g}",
        "Duration": f"{fields['duration']:g}",
        "Question": fields["question"],
        **dict(zip(_OPTIONS, fields["options"], strict=True)),
        "Correct Option": str(target.option),
        "Key Object": fields["key_object"],
        "Description": target.texts["description"],
        "Reasoning": target.texts["reasoning"],
    }


def _words(name: str, kind: str, own_prompts: bool, samples: list[Sample]) -> dict[str, str]:
    """Return what fills the templates."""
    title = name.replace("_", " ").capitalize()
    classes = list(dict.fromkeys(str(s.target.label) for s in samples))
    classes.sort(key=lambda label: label != "Normal")
    known = KINDS.get(kind)(classes)
    prompts = "# prompts: those of prompts.yaml in this folder" if own_prompts else f"prompts: {kind}"
    needed = [column for column in COLUMNS[kind] if column not in _OPTIONAL.get(kind, ())]
    return {
        "name": name,
        "kind": kind,
        "title": title,
        "asks": _ASKS[kind],
        "columns": ", ".join(needed),
        "all_columns": ", ".join(("Video Name", *COLUMNS[kind])),
        "classes": f"classes: [{', '.join(classes)}]\n" if "classes" in known.placeholders else "",
        "prompts": prompts,
        "metrics": ", ".join(known.metrics),
        "floors": ", ".join(known.floors),
    }
