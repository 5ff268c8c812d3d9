"""Names of one kind of thing: lazy, colliding loudly, with a hint for typos."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vau_bench import plugins as module
from vau_bench.errors import NameCollisionError, PluginError, PluginWarning, UnknownNameError
from vau_bench.registry import Registry


class Point:
    """An entry point whose package does what it is told."""

    dist = None

    def __init__(self, name: str, value: str, thing: object) -> None:
        self.name, self.value, self._thing = name, value, thing
        self.loaded = False

    def load(self) -> object:
        self.loaded = True
        if isinstance(self._thing, BaseException):
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


def offering(monkeypatch: pytest.MonkeyPatch, *points: Point, accepts=lambda thing: True) -> Registry[object]:
    monkeypatch.setattr(module, "entry_points", lambda group: points)
    return Registry("model", group="g", accepts=accepts)


def test_another_package_is_imported_when_its_entry_is_asked_for_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = Point("one", "a:One", 1), Point("two", "b:Two", 2)
    registry = offering(monkeypatch, one, two)
    assert list(registry) == ["one", "two"] and "one" in registry
    assert not one.loaded
    assert registry.get("one") == 1
    assert one.loaded and not two.loaded


def test_a_broken_package_warns_once_with_its_name_and_breaks_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = offering(
        monkeypatch,
        Point("broken", "bad.module:Model", ImportError("no module named x")),
        Point("fine", "good:Model", 7),
    )
    assert registry.get("fine") == 7
    with pytest.warns(PluginWarning, match="model 'broken' of bad.module:Model cannot be loaded: no module named x"):
        assert list(registry.items()) == [("fine", 7)]
    assert list(registry.items()) == [("fine", 7)]
    with pytest.raises(PluginError, match=r"model 'broken' of bad.module:Model cannot be loaded: no module named x"):
        registry.get("broken")


@pytest.mark.parametrize(
    ("failure", "told"),
    [(SystemExit("bye"), "SystemExit: bye"), (KeyError("k"), "KeyError: 'k'"), (ValueError(), "ValueError: ")],
)
def test_a_package_may_fail_in_any_way(monkeypatch: pytest.MonkeyPatch, failure: BaseException, told: str) -> None:
    with pytest.raises(PluginError, match=f"cannot be loaded: {told}"):
        offering(monkeypatch, Point("broken", "bad:Model", failure)).get("broken")


def test_what_another_package_offers_must_be_of_the_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = offering(monkeypatch, Point("odd", "odd:Model", 7), accepts=lambda thing: isinstance(thing, str))
    with pytest.raises(PluginError, match=r"the model 'odd' of odd:Model is no model"):
        registry.get("odd")


def test_what_an_import_prints_is_no_result(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Loud(Point):
        def load(self) -> object:
            print("welcome")
            return 1

    assert offering(monkeypatch, Loud("loud", "loud:Model", 1)).get("loud") == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "welcome\n")


def test_a_package_cannot_take_the_name_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = offering(monkeypatch, Point("ours", "their.module:Model", 7))
    registry.add("ours", 1)
    for _ in range(2):
        with pytest.raises(NameCollisionError, match="two models are named 'ours': one from vau_bench, one from their"):
            registry.get("ours")


def test_the_same_source_may_register_again_as_a_notebook_cell_does() -> None:
    registry: Registry[object] = Registry("model")
    registry.add("mine", 1, source="notebook")
    registry.add("mine", 2, source="notebook")
    assert registry.get("mine") == 2
    with pytest.raises(NameCollisionError):
        registry.add("mine", 3, source="elsewhere")
