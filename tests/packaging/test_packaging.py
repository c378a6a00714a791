"""However it is installed, linkdoctor is whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor import __version__
from linkdoctor.api import demo_snapshots
from linkdoctor.registry import load_rules

from .conftest import ROOT, Built, Installed

PACKAGE = ROOT / "src" / "linkdoctor"


def files(directory: Path, inside: str) -> set[str]:
    """The files of a package of the checkout, as a wheel names them."""
    return {
        f"{inside}/{path.relative_to(directory).as_posix()}"
        for path in directory.rglob("*")
        if path.is_file() and path.suffix != ".pyc" and not in_hidden(path.relative_to(directory))
    }


def in_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def test_the_wheel_holds_every_file_of_the_checkout_and_no_more(built: Built) -> None:
    manual = f"linkdoctor-{__version__}.data/data/share/man/man1/linkdoctor.1"
    wanted = files(PACKAGE, "linkdoctor") | files(ROOT / "rules", "linkdoctor_rules") | {manual}
    assert {"linkdoctor/py.typed", "linkdoctor/data/images.toml"} <= wanted
    found = {name for name in built.wheel_names() if ".dist-info/" not in name}
    assert sorted(wanted - found) == []
    assert sorted(found - wanted) == []


def test_the_wheel_brings_its_licence(built: Built) -> None:
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in built.wheel_names())


def test_the_sdist_holds_what_the_wheel_is_made_of(built: Built) -> None:
    wanted = files(PACKAGE, "src/linkdoctor") | files(ROOT / "rules", "rules")
    assert sorted(wanted - built.sdist_names()) == []
    further = {"pyproject.toml", "README.md", "LICENSE", "docs/man/linkdoctor.1"}
    assert further <= built.sdist_names()


def test_its_requirements_agree(installed: Installed) -> None:
    assert "No broken requirements" in installed.pip("check")


def test_it_has_every_rule_of_the_checkout(installed: Installed) -> None:
    modules = list((ROOT / "rules").glob("[!_]*.py"))
    codes = [loaded.rule.code for loaded in load_rules()]
    assert len(codes) == len(modules)
    assert installed.codes() == codes


def test_it_tells_its_version(installed: Installed) -> None:
    assert installed.linkdoctor("--version") == f"linkdoctor {__version__}\n"


def test_its_demo_reports(installed: Installed) -> None:
    try:
        demo_snapshots()
    except FileNotFoundError:
        pytest.skip("the recorded hosts are not there yet")
    assert "LD" in installed.linkdoctor("demo")


def test_the_manual_page_is_where_man_looks(installed: Installed) -> None:
    page = installed.home / "share" / "man" / "man1" / "linkdoctor.1"
    # An editable install leaves it where it is, in the checkout.
    assert page.exists() is not installed.directory.name.startswith("editable")
    if page.exists():
        assert page.read_text() == (ROOT / "docs" / "man" / "linkdoctor.1").read_text()
