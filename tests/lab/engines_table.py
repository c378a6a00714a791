"""Writes `docs/engines.md`: which behaviour of Docker holds on which engine.

The rows are the tests of `test_engine_facts*.py`, which `make test` runs on each engine. Where one
is marked as different from some engine on, it is expected to fail there, strictly: the table
cannot say more than the lab has seen. `python -m tests.lab.engines_table [--check]`
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
TABLE = HERE.parents[1] / "docs" / "engines.md"
FILES = (
    "test_engine_facts.py",
    "test_engine_facts_life.py",
    "test_engine_facts_ports.py",
    "test_engine_facts_refusals.py",
)
RECORDED = HERE.parent / "unit" / "test_engine_29_facts.py"
ENGINES = ("20.10", "26.1", "28.5")
NEWEST = 29

HEAD = """\
# Which behaviour holds on which engine

Each row is a test of the engine lab, which runs on real engines of the series 20.10, 26.1 and
28.5; `make lab` and `make engines` run them. If a cell does not say *yes*, the test is expected to
fail on that engine; if it passes, the test run fails. Engine 29 was recorded in five situations:
the last column has what the recording shows, or a dash.

This page is written by `python -m tests.lab.engines_table`; CI compares it with the tests.
"""


class Fact(NamedTuple):
    """One behaviour, and from which engine on it is another."""

    section: str
    name: str
    sentence: str
    differs_since: int | None
    how: str


def facts(file: Path) -> Iterator[Fact]:
    """Read the facts of one file of tests, in its order."""
    text = file.read_text()
    sections = [
        (number, line.removeprefix("# "))
        for number, line in enumerate(text.splitlines(), start=1)
        if line.startswith("# ")
    ]
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            before = [title for number, title in sections if number < node.lineno]
            since, how = _difference(node)
            yield Fact(before[-1] if before else "", node.name, _sentence(node), since, how)


def _sentence(node: ast.FunctionDef) -> str:
    said = (ast.get_docstring(node) or "").partition("\n\n")[0]  # a table has room for no more
    words = " ".join(said.split()) or node.name.removeprefix("test_").replace("_", " ")
    return words[0].upper() + words[1:].rstrip(".")


def _difference(node: ast.FunctionDef) -> tuple[int | None, str]:
    for each in node.decorator_list:
        if isinstance(each, ast.Call) and ast.unparse(each.func) == "pytest.mark.differs":
            given = {key.arg: ast.literal_eval(key.value) for key in each.keywords}
            return int(given["since"]), str(given["how"])
    return None, ""


def table() -> str:
    """The whole page."""
    recorded = {each.name: each for each in facts(RECORDED)}
    lines = [HEAD]
    section = ""
    for file in FILES:
        for fact in facts(HERE / file):
            if fact.section != section:
                section = fact.section
                lines.append(f"\n## {section}\n")
                lines.append(f"| behaviour | {' | '.join(ENGINES)} | 29 (recorded) |")
                lines.append("|---" * (len(ENGINES) + 2) + "|")
            cells = [_cell(fact, int(engine.partition(".")[0])) for engine in ENGINES]
            newest = recorded.get(fact.name)
            cells.append(_cell(newest, NEWEST) if newest else "–")
            lines.append(f"| {fact.sentence} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(fact: Fact, engine: int) -> str:
    differs = fact.differs_since is not None and engine >= fact.differs_since
    return f"no: {fact.how}" if differs else "yes"


def main() -> int:
    """Write the page, or with `--check` compare it."""
    page = table()
    if "--check" not in sys.argv:
        TABLE.write_text(page)
        return 0
    if TABLE.exists() and TABLE.read_text() == page:
        return 0
    sys.stderr.write("docs/engines.md is not what the lab says: run `make docs`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
