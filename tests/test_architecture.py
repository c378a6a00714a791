"""How the parts may know each other, and what a tracked file may not hold."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
MODULES = sorted((SOURCE / "linkdoctor").rglob("*.py"))
RULES = sorted((ROOT / "rules").rglob("*.py"))
UNFINISHED = re.compile("TO" + "DO|FIX" + "ME")
HOMES = re.compile(r"/(?:home|Users)/\w")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tracked() -> list[Path]:
    """The files that git knows or would add; without git, all but what is hidden or built."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listing, capture_output=True, cwd=ROOT, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return [*MODULES, *RULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "docs").rglob("*.md")]
    paths = (ROOT / name for name in names.decode().split("\0") if name)
    return [path for path in paths if path.is_file()]


def texts() -> Iterator[tuple[Path, str]]:
    for path in tracked():
        content = path.read_bytes()
        if b"\0" not in content:
            yield path, content.decode()


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("linkdoctor", include_external_packages=True, cache_dir=None)


# --- imports --------------------------------------------------------------------------------------


def test_the_import_contracts_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename="pyproject.toml", no_cache=True, no_logo=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


@pytest.mark.parametrize(
    ("library", "room"),
    [
        ("docker", "linkdoctor.collect.sdk"),
        ("requests", "linkdoctor.collect.sdk"),
        ("urllib3", "linkdoctor.collect.sdk"),
        ("psutil", "linkdoctor.collect.process"),
        ("dns", "linkdoctor.collect.resolver"),
        ("socket", "linkdoctor.collect.sockets"),
    ],
)
def test_one_module_knows_each_library_of_the_world(
    graph: grimp.ImportGraph, library: str, room: str
) -> None:
    assert graph.find_modules_that_directly_import(library) == {room}


def test_the_core_does_not_import_the_rules(graph: grimp.ImportGraph) -> None:
    assert "linkdoctor_rules" not in graph.modules


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{named(path)}:{node.lineno}: a relative import"
            module = str(node.module)
            parents = ("linkdoctor", "linkdoctor.model")  # what is imported from them is a module
            names = [alias.name for alias in node.names]
            yield from (f"{module}.{name}" for name in names) if module in parents else (module,)


@pytest.mark.parametrize("path", RULES, ids=named)
def test_a_rule_imports_the_rulekit_and_the_standard_library_only(path: Path) -> None:
    strangers = [
        module
        for module in imports_of(path)
        if module.partition(".")[0] not in sys.stdlib_module_names
        and not f"{module}.".startswith("linkdoctor.rulekit.")
    ]
    assert strangers == []


# --- names ----------------------------------------------------------------------------------------


def defined_names(body: list[ast.stmt]) -> Iterator[str]:
    """What a module defines at its top: functions, classes, constants and aliases of types."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Assign) and not is_type_variable(node.value):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def is_type_variable(value: ast.expr) -> bool:
    call = value.func if isinstance(value, ast.Call) else None
    return isinstance(call, ast.Name) and call.id in ("TypeVar", "ParamSpec")


def imported_names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.If):  # for type checkers alone
            yield from imported_names(node.body)


@pytest.mark.parametrize("path", [each for each in MODULES if each.stem != "__main__"], ids=named)
def test_all_lists_the_public_names(path: Path) -> None:
    body = ast.parse(path.read_text()).body
    public = {name for name in defined_names(body) if not name.startswith("_")}
    dotted = path.relative_to(SOURCE).with_suffix("").parts
    module = importlib.import_module(".".join(part for part in dotted if part != "__init__"))
    listed = set(getattr(module, "__all__", ()))
    own = listed - set(imported_names(body)) - {"__version__"}
    assert sorted(public - own) == [], "public, but not in __all__"
    assert sorted(own - public) == [], "in __all__, but not defined here"


# --- texts ----------------------------------------------------------------------------------------


def test_nothing_is_left_unfinished() -> None:
    assert [named(path) for path, text in texts() if UNFINISHED.search(text)] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    here = str(ROOT)
    assert [named(path) for path, text in texts() if here in text or HOMES.search(text)] == []
