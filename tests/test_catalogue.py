"""Tasks by name: shipped, from folders, from the environment, from packages."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vau_bench import plugins as module
from vau_bench.catalogue import Catalogue
from vau_bench.errors import DataError, NameCollisionError, PluginWarning, UnknownNameError, UsageError

SPEC = """
name: {name}
version: 1
kind: grounding
summary: when
groups: [{group}]
dataset: {{name: X, reader: vau_csv, args: {{annotations: {{test: a.csv}}}}}}
frames: uniform(8)
prompts: grounding
metrics: [miou]
floors: []
licence: none
citation: none
"""


@pytest.fixture
def add(tmp_path: Path):
    def add(root: str, name: str, group: str = "") -> Path:
        folder = tmp_path / root / name
        folder.mkdir(parents=True)
        (folder / "task.yaml").write_text(SPEC.format(name=name, group=group))
        return tmp_path / root

    return add


def names(catalogue: Catalogue, *asked: str) -> list[str]:
    return [task.name for task in catalogue.resolve(asked)]


def test_the_shipped_tasks_are_there() -> None:
    assert {"msad_mcq", "ucf_crime_grounding", "ecva_classification", "clips_mcq", "vau_synth_grounding"} <= set(
        Catalogue()
    )


def test_a_further_folder_adds_tasks(add) -> None:
    root = add("mine", "my_task")
    assert "my_task" not in Catalogue()
    assert set(Catalogue([root])) == {*Catalogue(), "my_task"}
    assert Catalogue([root]).get("my_task").folder == root / "my_task"


def test_the_environment_adds_several_folders(add, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [str(add("one", "task_one")), str(add("two", "task_two"))]
    monkeypatch.setenv("VAU_BENCH_TASKS", os.pathsep.join(folders))
    assert {"task_one", "task_two"} <= set(Catalogue())


def test_one_folder_named_twice_is_no_collision(add, monkeypatch: pytest.MonkeyPatch) -> None:
    root = add("mine", "my_task")
    monkeypatch.setenv("VAU_BENCH_TASKS", str(root))
    assert "my_task" in set(Catalogue([root, root / ".." / "mine"]))


def test_two_tasks_of_one_name_are_an_error(add) -> None:
    with pytest.raises(NameCollisionError, match=r"two tasks are named 'msad_mcq': .* and .*mine"):
        Catalogue([add("mine", "msad_mcq")])


def test_a_folder_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no tasks folder .*absent"):
        Catalogue([tmp_path / "absent"])


def test_what_holds_no_declaration_is_no_task(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    assert list(Catalogue([tmp_path])) == list(Catalogue())


def test_names_groups_and_patterns_are_resolved_in_order_and_once() -> None:
    catalogue = Catalogue()
    assert names(catalogue, "msad_mcq", "ecva_mcq") == ["msad_mcq", "ecva_mcq"]
    msad = [name for name in catalogue if name.startswith("msad_") and name != "msad_detection"]
    assert names(catalogue, "msad") == [n for n in names(catalogue, "msad_*") if n != "msad_detection"] == msad
    by_pattern = names(catalogue, "*_mcq")
    assert by_pattern == ["clips_mcq", "ecva_mcq", "msad_mcq", "ucf_crime_mcq", "vau_synth_mcq"]
    assert names(catalogue, "*_mcq", "msad") == by_pattern + [name for name in msad if name != "msad_mcq"]
    assert len(names(catalogue, "vau_bench")) == 3 * len(msad)
    assert names(catalogue) == []


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ("msad_mqc", "did you mean msad_mcq"),
        ("vau_bensh", "did you mean vau_bench"),
        ("zzz_*", "known: "),
        ("", "known: "),
    ],
)
def test_a_name_that_does_not_exist_gets_a_hint(asked: str, hint: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown task {asked!r}; {hint}".replace("*", r"\*")):
        Catalogue().resolve([asked])


def test_get_gives_the_same_task_each_time() -> None:
    catalogue = Catalogue()
    assert catalogue.get("msad_mcq") is catalogue.get("msad_mcq")
    with pytest.raises(UnknownNameError, match="did you mean msad_mcq"):
        catalogue.get("msad_mqc")


def test_a_group_may_not_have_the_name_of_a_task(add) -> None:
    with pytest.raises(NameCollisionError, match="'msad_mcq' is a task and a group of 'my_task'"):
        Catalogue([add("mine", "my_task", group="msad_mcq")]).groups()


class Point:
    dist = None
    name, value = "theirs", "their_tasks:folder"

    def __init__(self, thing: object) -> None:
        self._thing = thing

    def load(self) -> object:
        if isinstance(self._thing, Exception):
            raise self._thing
        return self._thing


def test_packages_offer_a_path_or_a_function(add, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = add("one", "task_one"), add("two", "task_two")
    monkeypatch.setattr(module, "entry_points", lambda group: [Point(str(one)), Point(lambda: two)])
    assert {"task_one", "task_two"} <= set(Catalogue())


def test_a_broken_package_warns_and_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "entry_points", lambda group: [Point(ImportError("no module"))])
    with pytest.warns(PluginWarning, match="the tasks 'theirs' of their_tasks:folder cannot be loaded: no module"):
        catalogue = Catalogue()
    assert "msad_mcq" in set(catalogue)


def test_a_package_may_name_a_folder_that_is_found_without_importing_it(
    add, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("folder_plugin/tasks", "task_one")
    (tmp_path / "folder_plugin" / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = Point(None)
    point.value = "folder_plugin.tasks"
    monkeypatch.setattr(module, "entry_points", lambda group: [point])
    assert "task_one" in Catalogue()


@pytest.mark.parametrize(
    ("value", "told"),
    [("absent_plugin.tasks", "lie in no package 'absent_plugin'"), ("email.tasks", "lie in no folder")],
)
def test_a_package_without_its_folder_warns_and_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch, value: str, told: str
) -> None:
    point = Point(None)
    point.value = value
    monkeypatch.setattr(module, "entry_points", lambda group: [point])
    with pytest.warns(PluginWarning, match=f"the tasks 'theirs' of {value} {told}"):
        assert "msad_mcq" in Catalogue()


def test_two_packages_with_a_task_of_one_name_are_both_named(add, monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Point(str(add("one", "twin"))), Point(str(add("two", "twin")))]
    points[1].value = "other_tasks:folder"
    monkeypatch.setattr(module, "entry_points", lambda group: points)
    with pytest.raises(
        NameCollisionError,
        match=r"named 'twin': .*one/twin of the package their_tasks:folder and .*two/twin of the package other_tasks",
    ):
        Catalogue()


@pytest.fixture
def with_broken(add, tmp_path: Path) -> Catalogue:
    add("mine", "fine", group="ours")
    (tmp_path / "mine" / "broken").mkdir()
    (tmp_path / "mine" / "broken" / "task.yaml").write_text("name: broken\nkind: [\n")
    return Catalogue([tmp_path / "mine"])


def test_one_broken_task_leaves_the_others_usable(with_broken: Catalogue) -> None:
    assert names(with_broken, "msad_mcq") == ["msad_mcq"]
    with pytest.warns(PluginWarning, match=r"the task 'broken' is left out: .*broken/task.yaml:3: ") as warned:
        assert names(with_broken, "ours") == ["fine"]
        assert "fine" in [task.name for task in with_broken.tasks()]
    assert len(warned) == 1
    with pytest.raises(UnknownNameError, match="did you mean msad_mcq"):
        with_broken.get("msad_mqc")


@pytest.mark.parametrize("asked", ["broken", "bro*"])
def test_a_broken_task_that_is_asked_for_is_an_error(with_broken: Catalogue, asked: str) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match=r"broken/task.yaml:3: "):
            with_broken.resolve([asked])
    assert with_broken.folder("broken").name == "broken"
