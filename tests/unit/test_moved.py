from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator

import pytest

from linkdoctor.moved import MOVED, OldNames, understand_old_names


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
