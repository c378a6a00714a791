"""The rule that CONTRIBUTING.md shows, as a pack of an installed linkdoctor."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

from linkdoctor.diagnosis import evaluate
from linkdoctor.model.topology import Topology
from linkdoctor.registry import load_rules

from .conftest import ROOT, Installed

BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    found = BLOCK.search((ROOT / "CONTRIBUTING.md").read_text())
    assert found
    (tmp_path / "upper_case_alias.py").write_text(textwrap.dedent(found[2]))
    return tmp_path


def test_its_cases_hold(pack: Path) -> None:
    (rule,) = (each.rule for each in load_rules([pack]) if each.rule.code == "OUR101")
    for case in rule.cases:
        findings = evaluate(Topology(case.given(), case.knowledge), [rule]).findings
        assert [(each.code, each.target, each.alias) for each in findings] == [
            (rule.code, each.target, each.alias) for each in case.expect
        ]


def test_an_installed_linkdoctor_takes_it(installed: Installed, pack: Path) -> None:
    assert "upper-case-alias" in installed.linkdoctor("explain", "OUR101", "--rules", str(pack))
