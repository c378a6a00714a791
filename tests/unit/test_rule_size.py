"""How little a rule needs to say beside its page and its cases, when the rulekit does the rest."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

RULES = Path(__file__).resolve().parents[2] / "rules"
MOST_LINES_OF_A_RULE = 500


def own_lines(source: str) -> list[str]:
    """Return the lines of a rule that are neither blank nor part of its page, cases or imports.

    What only the cases use belongs to the cases.
    """
    page, *body = ast.parse(source).body
    call = next(each.value for each in body if isinstance(each, ast.Assign) and is_rule(each))
    assert isinstance(call, ast.Call)
    (cases,) = [each for each in call.keywords if each.arg == "cases"]
    wanted = {"RULE"}.union(*(names_in(each) for each in call.keywords if each is not cases))
    for _ in body:  # a helper of a helper is wanted, too
        wanted.update(*(names_in(each) for each in body if name_of(each) in wanted - {"RULE"}))
    left_out: list[ast.stmt | ast.keyword] = [page, cases]
    left_out += [each for each in body if name_of(each) not in wanted]
    dropped = {number for each in left_out for number in span(each)}
    lines = enumerate(source.splitlines(), 1)
    return [line for number, line in lines if line and number not in dropped]


def is_rule(node: ast.stmt) -> bool:
    return name_of(node) == "RULE"


def span(node: ast.stmt | ast.keyword) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def name_of(node: ast.stmt) -> str:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return node.name
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
        return node.targets[0].id
    return ""


def names_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def test_ld113_takes_at_most_40_lines_besides_its_page_and_its_cases() -> None:
    lines = own_lines((RULES / "orphaned_namespace.py").read_text())
    assert any("def check(" in line for line in lines)
    assert 'code="LD113"' in "".join(lines)
    assert len(lines) <= 40


@pytest.mark.parametrize("path", sorted(RULES.glob("*.py")), ids=lambda path: path.stem)
def test_no_rule_is_longer_than_500_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES_OF_A_RULE


def test_what_only_the_cases_use_is_not_counted() -> None:
    source = '''"""Page."""

from linkdoctor.rulekit import Rule

_LIMIT = 3


def check(link, topology):
    return helper(link, _LIMIT)


def helper(link, limit):
    yield link


def _world():
    return World()


RULE = Rule(
    check=check,
    cases=(
        Case(given=_world),
    ),
)
'''
    assert [line.strip() for line in own_lines(source)] == [
        "_LIMIT = 3",
        "def check(link, topology):",
        "return helper(link, _LIMIT)",
        "def helper(link, limit):",
        "yield link",
        "RULE = Rule(",
        "check=check,",
        ")",
    ]
