"""Other packages: one that is really installed adds one of each; a bad one never breaks the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vau_bench.scaffold import new_task

HERE = Path(__file__).parent
ROOT = HERE.parent


class Done:
    """What a process did."""

    def __init__(self, done: subprocess.CompletedProcess[str]) -> None:
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., Done]:
    """Run Python with packages installed in these folders."""

    def python(*arguments: str, packages: tuple[Path, ...]) -> Done:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("VAU_BENCH_")},
            "PYTHONPATH": os.pathsep.join(map(str, (*packages, ROOT))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "VAU_BENCH_CACHE": str(tmp_path / "cache"),
        }
        command = [sys.executable, *arguments]
        return Done(subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=env, check=False))

    return python


@pytest.fixture
def vau(python: Callable[..., Done]) -> Callable[..., Done]:
    def vau(*arguments: str, packages: tuple[Path, ...]) -> Done:
        return python("-m", "vau_bench", *arguments, packages=packages)

    return vau


@pytest.fixture(scope="session")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, installed by pip into a folder of its own."""
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*command, "--target", target, HERE / "plugin_package"], check=True, capture_output=True)
    return target


@pytest.fixture
def package(tmp_path: Path) -> Callable[..., Path]:
    """Make an installed package: its name, the code of its module, its entry points by group."""

    def package(name: str, code: str, **points: str) -> Path:
        site = tmp_path / name
        module = site / name.replace("-", "_")
        module.mkdir(parents=True)
        (module / "__init__.py").write_text(code)
        info = site / f"{module.name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        declared = "".join(f"[vau_bench.{group}]\n{point}\n" for group, point in points.items())
        (info / "entry_points.txt").write_text(declared)
        return site

    return package


# One that is in order.


def test_an_installed_package_adds_a_task_a_model_a_metric_and_a_reader(yard: Path, vau: Callable[..., Done]) -> None:
    tasks = vau("tasks", "list", "--json", packages=(yard,)).json
    (task,) = [task for task in tasks if task["name"] == "yard_grounding"]
    assert task["dataset"]["reader"] == "yard_log" and "alarm_f1" in task["metrics"]
    models = {model["name"]: model["summary"] for model in vau("models", "list", "--json", packages=(yard,)).json}
    assert models["middle"] == "the middle of the video" and "gold" in models
    shown = vau("models", "show", "middle", "--json", packages=(yard,)).json
    assert [argument["name"] for argument in shown["arguments"]] == ["share"]
    check = vau("tasks", "check", "yard_grounding", "--no-videos", "--json", packages=(yard,))
    assert check.code == 0 and check.json["ok"], check.out


def test_without_the_package_nothing_of_it_is_there(vau: Callable[..., Done]) -> None:
    assert "yard_grounding" not in vau("tasks", "list", packages=()).out
    assert "unknown model 'middle'" in vau("models", "show", "middle", packages=()).err


def test_its_task_is_evaluated_scored_again_and_compared_with_its_metric(yard: Path, vau: Callable[..., Done]) -> None:
    asked = ("--tasks", "yard", "--no-report", "--resamples", "200", "--json")
    gold = vau("evaluate", "--model", "gold", *asked, packages=(yard,))
    assert gold.code == 0, gold.err
    (task,) = gold.json["tasks"]
    assert {name: metric["value"] for name, metric in task["metrics"].items()} == {"miou": 1.0, "alarm_f1": 1.0}
    assert task["floors"]["prior_interval"]["metrics"]["alarm_f1"] == pytest.approx(2 / 3)
    assert vau("score", gold.json["path"], "--json", packages=(yard,)).json["tasks"][0]["metrics"].keys() == {
        "miou",
        "alarm_f1",
    }
    floor = vau("evaluate", "--model", "floors/always_normal", *asked, packages=(yard,))
    compared = vau("compare", gold.json["path"], floor.json["path"], packages=(yard,))
    assert compared.code == 0, compared.err
    assert "alarm_f1" in compared.out


def test_its_model_answers_about_real_videos(yard: Path, vau: Callable[..., Done], tmp_path: Path) -> None:
    new_task("drawn", "grounding", tmp_path / "mine")
    asked = ("--tasks", "drawn", "--tasks-dir", str(tmp_path / "mine"), "--no-report", "--json")
    done = vau("evaluate", "--model", "middle", "--model-args", "share=0.5", *asked, packages=(yard,))
    assert done.code == 0, done.err
    assert done.json["tasks"][0]["outcomes"]["scored"] == 3
    answers = tmp_path / done.json["path"] / "responses.jsonl"
    assert "<glue>[3.00, 9.00]</glue>" in answers.read_text()


def test_it_is_imported_when_it_is_used_and_only_then(yard: Path, python: Callable[..., Done]) -> None:
    code = """
import sys
from vau_bench.catalogue import Catalogue
from vau_bench.metrics import METRICS
from vau_bench.models import MODELS
from vau_bench.readers import READERS
catalogue = Catalogue()
assert "yard_grounding" in catalogue and catalogue.get("yard_grounding").version == 1
assert "middle" in MODELS and "alarm_f1" in METRICS and "yard_log" in READERS
MODELS.get("gold")
assert not [name for name in sys.modules if name.startswith("vau_yard")], "imported"
MODELS.get("middle")
assert "vau_yard.middle" in sys.modules and "vau_yard.log" not in sys.modules
assert MODELS.source("middle") == "vau-yard"
"""
    done = python("-c", code, packages=(yard,))
    assert done.code == 0, done.err


# Bad ones.


def test_a_package_that_cannot_be_imported_warns_once_and_breaks_nothing(
    yard: Path, vau: Callable[..., Done], package: Callable[..., Path]
) -> None:
    bad = package("bad-one", "import a_module_that_nobody_has", models="bad = bad_one:Model")
    listed = vau("models", "list", "--json", packages=(yard, bad))
    assert listed.code == 0
    assert {"gold", "middle"} <= {model["name"] for model in listed.json}
    assert listed.err == (
        "warning: the model 'bad' of bad-one cannot be loaded: No module named 'a_module_that_nobody_has'\n"
    )
    asked = vau("models", "show", "bad", packages=(bad,))
    assert (asked.code, asked.out) == (1, "")
    assert asked.err.startswith("error: the model 'bad' of bad-one cannot be loaded: No module named")
    assert vau("models", "show", "gold", packages=(bad,)).err == ""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("def f(:\n", "invalid syntax"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("", "AttributeError: module 'bad_one' has no attribute 'Model'"),
        ("class Model: pass", "is no model"),
    ],
)
def test_a_package_may_be_bad_in_any_way(
    vau: Callable[..., Done], package: Callable[..., Path], code: str, told: str
) -> None:
    listed = vau("models", "list", "--json", packages=(package("bad-one", code, models="bad = bad_one:Model"),))
    assert listed.code == 0 and "gold" in {model["name"] for model in listed.json}
    assert listed.err.startswith("warning: the model 'bad' of bad-one ") and told in listed.err
    assert listed.err.count("\n") == 1


def test_what_a_package_prints_when_it_is_imported_is_no_result(
    vau: Callable[..., Done], package: Callable[..., Path]
) -> None:
    code = "print('welcome!')\nfrom vau_bench.models.gold import Gold as Model\nfolder = __path__[0]\n"
    loud = package("loud-one", code, models="loud = loud_one:Model", tasks="loud = loud_one:folder")
    for command in ("models", "tasks"):
        listed = vau(command, "list", "--json", packages=(loud,))
        assert listed.code == 0 and len(listed.json) > 5
        assert listed.err == "welcome!\n"


@pytest.mark.parametrize(
    ("group", "point", "command"),
    [
        ("models", "twin = {}:Model", ("models", "list")),
        ("readers", "twin = {}:Model", ("evaluate", "-m", "gold", "-t", "vau_synth_mcq", "--limit", "1")),
        ("metrics", "twin = {}:Model", ("evaluate", "-m", "gold", "-t", "vau_synth_mcq", "--limit", "1")),
    ],
)
def test_two_packages_with_one_name_are_both_named(
    vau: Callable[..., Done], package: Callable[..., Path], group: str, point: str, command: tuple[str, ...]
) -> None:
    sites = tuple(package(name, "", **{group: point.format(name.replace("-", "_"))}) for name in ("one-a", "two-b"))
    done = vau(*command, packages=sites)
    assert (done.code, done.out) == (1, "")
    assert f"error: two {group} are named 'twin': one from one-a, one from two-b" in done.err


def test_two_packages_with_a_task_of_one_name_are_both_named(
    yard: Path, vau: Callable[..., Done], package: Callable[..., Path]
) -> None:
    copy = package("copy-cat", "", tasks="copied = copy_cat.tasks")
    (copy / "copy_cat" / "tasks").mkdir()
    original = yard / "vau_yard" / "tasks" / "yard_grounding"
    (copy / "copy_cat" / "tasks" / "yard_grounding").mkdir()
    (copy / "copy_cat" / "tasks" / "yard_grounding" / "task.yaml").write_text((original / "task.yaml").read_text())
    done = vau("tasks", "list", packages=(yard, copy))
    assert done.code == 1
    assert "two tasks are named 'yard_grounding': " in done.err
    assert "of the package vau-yard" in done.err and "of the package copy-cat" in done.err


def test_a_broken_task_of_a_package_is_told_and_breaks_nothing(
    yard: Path, vau: Callable[..., Done], package: Callable[..., Path]
) -> None:
    bad = package("bad-tasks", "", tasks="bad = bad_tasks.tasks")
    folder = bad / "bad_tasks" / "tasks" / "half_done"
    folder.mkdir(parents=True)
    (folder / "task.yaml").write_text("name: half_done\nkind: magic\n")
    listed = vau("tasks", "list", "--json", packages=(yard, bad))
    assert listed.code == 0 and "yard_grounding" in {task["name"] for task in listed.json}
    assert (
        listed.err.startswith(f"warning: the task 'half_done' is left out: {folder}/task.yaml")
        and listed.err.count("\n") == 1
    )
    typo = vau("tasks", "show", "yard_groundin", packages=(yard, bad))
    assert typo.code == 2 and "did you mean yard_grounding" in typo.err
    asked = vau("tasks", "show", "half_done", packages=(yard, bad))
    assert asked.code == 1 and "half_done/task.yaml" in asked.err


def test_a_task_whose_package_is_gone_is_told(yard: Path, vau: Callable[..., Done], tmp_path: Path) -> None:
    done = vau("tasks", "check", "yard_grounding", "--no-videos", "--tasks-dir", f"{yard}/vau_yard/tasks", packages=())
    assert done.code == 1
    assert "FAIL  annotation    unknown reader in " in done.out and "task.yaml:8 'yard_log'; known: " in done.out
