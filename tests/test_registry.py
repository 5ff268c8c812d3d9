"""Names of one kind of thing: lazy, colliding loudly, with a hint for typos."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vau_bench import registry as module
from vau_bench.errors import NameCollisionError, UnknownNameError
from vau_bench.registry import Registry


class Point:
    """An entry point whose package does what it is told."""

    dist = None

    def __init__(self, name: str, value: str, thing: object) -> None:
        self.name, self.value, self._thing = name, value, thing

    def load(self) -> object:
        if isinstance(self._thing, Exception):
            raise self._thing
        return self._thing


@pytest.fixture
def registry() -> Registry[object]:
    return Registry("model")


def test_what_is_registered_is_found(registry: Registry[object]) -> None:
    @registry.register("one")
    class One:
        pass

    registry.add("two", 2)
    assert registry.get("one") is One
    assert registry.source("one") == One.__module__
    assert list(registry) == ["one", "two"]
    assert "two" in registry and "three" not in registry


def test_a_lazy_entry_is_imported_when_it_is_asked_for_and_only_then(
    registry: Registry[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lazy_model_for_a_test.py").write_text("class Model: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registry.add("lazy", "lazy_model_for_a_test:Model")
    assert "lazy" in registry and list(registry) == ["lazy"]
    assert "lazy_model_for_a_test" not in sys.modules
    loaded = registry.get("lazy")
    assert loaded is sys.modules["lazy_model_for_a_test"].Model
    assert registry.get("lazy") is loaded
    monkeypatch.delitem(sys.modules, "lazy_model_for_a_test")


def test_two_things_of_one_name_collide_and_both_sources_are_named(registry: Registry[object]) -> None:
    registry.add("x", 1, source="one_package")
    registry.add("x", 1, source="one_package")
    with pytest.raises(NameCollisionError, match="two models are named 'x': one from one_package, one from other"):
        registry.add("x", 2, source="other")
    assert registry.get("x") == 1


def test_a_typo_gets_a_hint(registry: Registry[object]) -> None:
    registry.add("always_normal", 1)
    registry.add("gold", 2)
    with pytest.raises(UnknownNameError, match="unknown model 'alway_normal'; did you mean always_normal"):
        registry.get("alway_normal")
    with pytest.raises(UnknownNameError, match="unknown model 'zzz'; known: always_normal, gold"):
        registry.get("zzz")


def test_an_empty_registry_says_that_nothing_is_known(registry: Registry[object]) -> None:
    with pytest.raises(UnknownNameError, match="none is known"):
        registry.get("x")


def test_other_packages_add_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Point("theirs", "their.module:Model", 7)]
    monkeypatch.setattr(module, "entry_points", lambda group: points if group == "vau_bench.models" else [])
    assert Registry[object]("model", group="vau_bench.models").get("theirs") == 7
    assert "theirs" not in Registry[object]("model")


def test_a_broken_package_warns_with_its_name_and_breaks_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [Point("broken", "bad.module:Model", ImportError("no module named x")), Point("fine", "good:Model", 7)]
    monkeypatch.setattr(module, "entry_points", lambda group: points)
    registry: Registry[object] = Registry("model", group="g")
    with pytest.warns(UserWarning, match="model 'broken' of bad.module:Model cannot be loaded: no module named x"):
        assert registry.get("fine") == 7
    assert "broken" not in registry


def test_a_package_cannot_take_the_name_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "entry_points", lambda group: [Point("ours", "their.module:Model", 7)])
    registry: Registry[object] = Registry("model", group="g")
    registry.add("ours", 1)
    with pytest.raises(NameCollisionError, match="two models are named 'ours'"):
        registry.get("ours")


def test_the_same_source_may_register_again_as_a_notebook_cell_does() -> None:
    registry: Registry[object] = Registry("model")
    registry.add("mine", 1, source="notebook")
    registry.add("mine", 2, source="notebook")
    assert registry.get("mine") == 2
    with pytest.raises(NameCollisionError):
        registry.add("mine", 3, source="elsewhere")
