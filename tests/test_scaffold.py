"""A new task folder: complete or not there, runs at once, never over something that exists."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest

from vau_bench import scaffold
from vau_bench.catalogue import Catalogue
from vau_bench.errors import NameCollisionError, UnknownNameError, UsageError, VauBenchError
from vau_bench.evaluation import Options, evaluate
from vau_bench.kinds import KINDS
from vau_bench.records import Sample
from vau_bench.scaffold import COLUMNS, new_task
from vau_bench.synth import SynthParams, samples
from vau_bench.taskcheck import check_folder
from vau_bench.video import ClipLoader

KIND_NAMES = list(COLUMNS)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One new task of each kind; read it, do not write into it."""
    root = tmp_path_factory.mktemp("tasks")
    for kind in KIND_NAMES:
        new_task(f"my_{kind}", kind, root)
    return root


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, made: Path) -> None:
    """Do not draw again."""

    def draw(folder: Path) -> dict[str, Sample]:
        clips = made / "my_mcq" / "data" / "videos"
        for clip in clips.iterdir():
            shutil.copy(clip, folder)
        return dict(zip(sorted(p.name for p in clips.iterdir()), truths, strict=True))

    truths = samples("val", 3, params=SynthParams(12.0, "easy"))
    monkeypatch.setattr(scaffold, "_draw", draw)


def test_every_kind_of_task_can_be_made() -> None:
    assert set(COLUMNS) == set(KINDS)


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_new_task_holds_what_a_task_needs_and_three_videos_in_its_own_folder(made: Path, kind: str) -> None:
    folder = made / f"my_{kind}"
    files = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    videos = [f"data/videos/clip_{i}.mp4" for i in (1, 2, 3)]
    assert files == ["README.md", "data/clips.csv", *videos, "task.yaml"]
    assert sum((folder / video).stat().st_size for video in videos) < 1_000_000
    with (folder / "data" / "clips.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["Video Name", *COLUMNS[kind]] and len(rows) == 3


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_new_task_passes_its_check(made: Path, kind: str) -> None:
    with ClipLoader() as clips:
        checks = {check.name: check for check in check_folder(made / f"my_{kind}", None, clips)}
    assert [check.name for check in checks.values() if check.state == "FAIL"] == []
    assert [check.name for check in checks.values() if check.state == "note"] == ["hash"]
    assert checks["videos"].told == "3 there, 3 decoded"


@pytest.mark.parametrize("kind", KIND_NAMES)
def test_a_new_task_runs_at_once(made: Path, tmp_path: Path, kind: str) -> None:
    results = evaluate(Options("gold", (f"my_{kind}",), tasks_dirs=(made,), resamples=0), tmp_path)
    (task,) = results.tasks
    assert task["expected"] == task["outcomes"]["scored"] == 3
    assert task["metrics"][task["headline"]]["value"] == 1.0
    assert set(task["metrics"]) == set(KINDS.get(kind)(("Normal",)).metrics)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", KIND_NAMES)
def test_prompts_of_its_own_are_those_of_the_kind_until_they_are_changed(tmp_path: Path, kind: str) -> None:
    new_task("shared", kind, tmp_path)
    new_task("own", kind, tmp_path, own_prompts=True)
    tasks = Catalogue([tmp_path])
    assert (tmp_path / "own" / "prompts.yaml").is_file()
    assert tasks.get("own").spec.prompts is None
    assert tasks.get("own").prompts == tasks.get("shared").prompts


@pytest.mark.parametrize(
    "name", ["", "Mine", "my task", "my-task", "1st", "../up", "a/b", "é", "mine\n", ".", "my_tâche"]
)
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a task: it has small letters"):
        new_task(name, "mcq", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_kind_that_does_not_exist_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown kind 'grunding'; did you mean grounding"):
        new_task("mine", "grunding", tmp_path)


@pytest.mark.parametrize("there", ["folder", "file"])
def test_nothing_is_ever_overwritten(tmp_path: Path, there: str) -> None:
    if there == "folder":
        (tmp_path / "mine").mkdir()
        (tmp_path / "mine" / "notes.txt").write_text("precious")
    else:
        (tmp_path / "mine").write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="mine is there already; choose another name"):
        new_task("mine", "mcq", tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("name", "told"), [("msad_mcq", "is a task of the name 'msad_mcq' already"), ("msad", "name of a group of tasks")]
)
def test_a_name_that_is_taken_elsewhere_is_refused(tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(NameCollisionError, match=told):
        new_task(name, "mcq", tmp_path)


def test_a_folder_appears_complete_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scaffold, "_draw", full)
    with pytest.raises(VauBenchError, match=r"cannot write .*mine: No space left on device"):
        new_task("mine", "mcq", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_tasks_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "tasks").write_text("")
    with pytest.raises(VauBenchError, match="cannot write"):
        new_task("mine", "mcq", tmp_path / "tasks")
