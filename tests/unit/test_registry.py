"""Rule packs: what is loaded, and what is fatal."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkdoctor.registry import PackError, load_rules

GOOD = '''"""A made-up rule.

## What it means

x

## Why it matters

x

## How it is proved

x

## What it is not

x

## How to fix it

x
"""

from linkdoctor.model.report import Severity
from linkdoctor.rulekit import EachLink, Rule


def check(link, topology):
    return ()


RULE = Rule(code="{code}", name="made-up", severity=Severity.INFO, since="0", summary="",
            needs=frozenset(), check=EachLink(check), cases=())
'''


def pack(directory: Path, text: str, name: str = "made_up.py") -> Path:
    (directory / name).write_text(text)
    return directory


def test_the_built_in_pack_is_found_by_its_entry_point() -> None:
    assert len(load_rules()) >= 14


def test_a_directory_of_rules_is_loaded_beside_it(tmp_path: Path) -> None:
    rules = load_rules([pack(tmp_path, GOOD.replace("{code}", "XY001"))])
    assert "XY001" in [each.rule.code for each in rules]


def test_a_file_called_dns_does_not_take_the_place_of_dnspython(tmp_path: Path) -> None:
    load_rules([pack(tmp_path, GOOD.replace("{code}", "XY001"), "dns.py")])
    import dns.resolver

    assert str(tmp_path) not in str(dns.__file__)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("{code}", "LD101"), "code LD101 is used twice"),
        (GOOD.replace("{code}", "LD001"), "reserved for linkdoctor"),
        (GOOD.replace("{code}", "no code"), "is not a code"),
        (GOOD.replace("{code}", "XY001").replace("## Why it matters", ""), "the page needs"),
        ("def (", "SyntaxError"),
        ("raise RuntimeError('broken')", "RuntimeError: broken"),
        ("x = 1", "must define RULE"),
    ],
)
def test_a_pack_that_cannot_be_used_is_fatal_and_named(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(PackError, match=r"(?s).*") as caught:
        load_rules([pack(tmp_path, text)])
    assert message in str(caught.value)
    assert "made_up.py" in str(caught.value)


def test_a_directory_that_is_none_is_fatal(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="no such directory"):
        load_rules([tmp_path / "nowhere"])
