from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from linkdoctor import rulekit
from linkdoctor.model.topology import Topology
from linkdoctor.moved import MOVED, RELOCATED, RENAMED, OldNames, understand_old_names
from linkdoctor.rulekit import SECTIONS, page_of
from linkdoctor.rulekit.world import World


@pytest.fixture(autouse=True)
def nothing_imported_yet() -> Iterator[None]:
    for name in MOVED:
        sys.modules.pop(name, None)
    yield
    for name in MOVED:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_old_module_name_warns_and_gives_the_same_objects(old: str, new: str) -> None:
    with pytest.warns(FutureWarning, match=f"^{old} is now {new}; ") as caught:
        module = importlib.import_module(old)
    found = importlib.import_module(new)
    assert all(getattr(module, name) is getattr(found, name) for name in found.__all__)
    assert len(caught) == 1


def test_warning_points_at_the_line_that_imports() -> None:
    with pytest.warns(FutureWarning) as caught:
        from linkdoctor.model.fixes import start_source  # type: ignore[import-not-found] # noqa: F401
    assert caught[0].filename == __file__


def test_unknown_module_is_not_found() -> None:
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("linkdoctor.model.never_there")


def test_old_names_are_understood_once() -> None:
    understand_old_names()
    assert sum(isinstance(each, OldNames) for each in sys.meta_path) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [(old, new) for old, new in RENAMED.items() if new in vars(rulekit)],
)
def test_old_name_in_the_rulekit_warns_and_is_the_same(old: str, new: str) -> None:
    with pytest.warns(FutureWarning, match=rf"rulekit\.{old} is now .*rulekit\.{new}; ") as caught:
        assert getattr(rulekit, old) is getattr(rulekit, new)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("old", "home"), RELOCATED.items())
def test_name_that_went_to_another_module_warns_and_is_the_same(old: str, home: str) -> None:
    module, _, name = old.rpartition(".")
    with pytest.warns(FutureWarning, match=rf"^{old} is now {home}\.{name}; ") as caught:
        found = getattr(importlib.import_module(module), name)
    assert found is getattr(importlib.import_module(home), name)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("old", ["named", "looked_up", "source_shown", "likeness"])
def test_old_method_of_a_topology_warns_and_is_the_same(old: str) -> None:
    topology = Topology([World.tutorial().snapshot()])
    with pytest.warns(FutureWarning, match=rf"^Topology\.{old} is now Topology\.") as caught:
        assert getattr(topology, old) == getattr(topology, RENAMED[old])
    assert caught[0].filename == __file__


def test_name_that_never_was_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'never'"):
        _ = rulekit.never  # type: ignore[attr-defined]


def test_old_module_has_the_old_names_too() -> None:
    with pytest.warns(FutureWarning):
        ports = importlib.import_module("linkdoctor.model.ports")
    assert ports.Door is ports.PortState


def test_page_with_the_old_last_heading_is_accepted() -> None:
    text = "\n\n## ".join(["A title.", *(f"{each}\n\nText." for each in SECTIONS)])
    module = ModuleType("old", text.replace("How to fix it", "How to mend it"))
    assert page_of(module).sections[-1] == ("How to fix it", "Text.")
