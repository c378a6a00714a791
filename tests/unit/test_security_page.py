"""docs/security.md: every threat names the tests that hold against it, and they exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text()
NAMED = re.compile(r"^- `(tests/\S+\.py)::(test_\w+)`$", re.MULTILINE)
THREATS = {
    part.partition("\n")[0]: part
    for part in PAGE.partition("## Threats")[2].partition("\n## ")[0].split("\n### ")[1:]
}


@cache
def names_of_tests(file: str) -> frozenset[str]:
    tree = ast.parse((ROOT / file).read_text())
    return frozenset(each.name for each in tree.body if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize("threat", THREATS)
def test_every_threat_names_tests_that_exist(threat: str) -> None:
    named = NAMED.findall(THREATS[threat])
    assert named
    assert len(named) == THREATS[threat].count("- `")
    assert [f"{file}::{test}" for file, test in named if test not in names_of_tests(file)] == []


def test_there_are_threats() -> None:
    assert len(THREATS) >= 10
