"""Writes the generated part of docs/: a page for each rule, their index, and the JSON Schemas.

python docs/generate.py            write them
python docs/generate.py --check    exit with 1 if one of them is not as it would be written
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from linkdoctor.config import Config
from linkdoctor.fix.use_cases import APPLIED_SCHEMA, Applied
from linkdoctor.model.baseline import BASELINE_SCHEMA, Baseline
from linkdoctor.model.differences import SCHEMA as DIFF_SCHEMA
from linkdoctor.model.differences import Comparison
from linkdoctor.model.inventory import SCHEMA as CONTENTS_SCHEMA
from linkdoctor.model.inventory import Inventory
from linkdoctor.model.plan import SCHEMA as PLAN_SCHEMA
from linkdoctor.model.plan import Plan
from linkdoctor.model.report import SCHEMA as REPORT_SCHEMA
from linkdoctor.model.report import UNPRINTED, Report
from linkdoctor.model.sight import SELF_CHECK_SCHEMA, SelfCheck
from linkdoctor.model.snapshot import SCHEMA as SNAPSHOT_SCHEMA
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.registry import LoadedRule, load_rules
from linkdoctor.render.picture import SCHEMA as GRAPH_SCHEMA
from linkdoctor.render.picture import Picture
from linkdoctor.rulekit import Case

HERE = Path(__file__).resolve().parent
GENERATED = ("rules/*.md", "schema/*.json")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, str]:
    """Every generated document: its path below docs/ and its text."""
    rules = load_rules()
    pages = {f"rules/{loaded.rule.code}.md": page(loaded, rules) for loaded in rules}
    return {
        **pages,
        "rules/README.md": index(rules),
        "schema/graph.schema.json": schema(Picture, GRAPH_SCHEMA),
        "schema/report.schema.json": schema(Report, REPORT_SCHEMA),
        "schema/snapshot.schema.json": schema(Snapshot, SNAPSHOT_SCHEMA),
        "schema/plan.schema.json": schema(Plan, PLAN_SCHEMA),
        "schema/self-check.schema.json": schema(SelfCheck, SELF_CHECK_SCHEMA),
        "schema/applied.schema.json": schema(Applied, APPLIED_SCHEMA),
        "schema/baseline.schema.json": schema(Baseline, BASELINE_SCHEMA),
        "schema/config.schema.json": schema(Config, "linkdoctor configuration"),
        "schema/diff.schema.json": schema(Comparison, DIFF_SCHEMA),
        "schema/contents.schema.json": schema(Inventory, CONTENTS_SCHEMA),
    }


def page(loaded: LoadedRule, rules: Sequence[LoadedRule]) -> str:
    """The page of one rule."""
    rule = loaded.rule
    causes = {each.rule.code for each in rules if rule.code in each.rule.explains}
    facts = [
        ("Severity", rule.severity.value),
        ("Since", rule.since),
        ("Reads", "; ".join(sorted(need.value for need in rule.needs))),
        ("Explains", links(rule.explains, rules)),
        ("Explained by", links(causes, rules)),
    ]
    parts = [
        f"# {rule.code} {rule.name}",
        loaded.page.title,
        "\n".join(
            ["| | |", "|---|---|", *(f"| {what} | {value} |" for what, value in facts if value)]
        ),
    ]
    for heading, text in loaded.page.sections:
        parts += [f"## {heading}", text]
    parts += ["## Situations that it is tested on", "\n".join(map(situation, rule.cases))]
    return "\n\n".join(parts) + "\n"


def links(codes: frozenset[str] | set[str], rules: Sequence[LoadedRule]) -> str:
    """Codes, with a link where there is a page to lead to."""
    pages = {each.rule.code for each in rules}
    return ", ".join(f"[{code}]({code}.md)" if code in pages else code for code in sorted(codes))


def situation(case: Case) -> str:
    """One case of a rule, as an item of a list."""
    return f"- {case.title}: **{'found' if case.expect else 'nothing to report'}**"


def index(rules: Sequence[LoadedRule]) -> str:
    """The list of all rules."""
    rows = [
        f"| [{rule.code}]({rule.code}.md) | {rule.name} | {rule.severity.value} "
        f"| {rule.summary.replace('|', '&#124;')} |"
        for rule in (loaded.rule for loaded in rules)
    ]
    parts = [
        "# Rules",
        "One page for each diagnosis, made from the rule itself by `make docs`; "
        "`linkdoctor explain CODE` prints the same. Two codes stand for the examination and not "
        "for a rule: [LD001 and LD002](../decisions/0001-codes-of-the-examination.md).",
        "\n".join(["| Code | Name | Severity | Finds |", "|---|---|---|---|", *rows]),
    ]
    return "\n\n".join(parts) + "\n"


def schema(kind: type[msgspec.Struct], name: str) -> str:
    """The JSON Schema of one of the file formats."""
    content: dict[str, Any] = {"$schema": DIALECT, "title": name, **msgspec.json.schema(kind)}
    if kind in (Report, Comparison):
        for field in UNPRINTED:
            del content["$defs"]["Fix"]["properties"][field]
    content["$defs"] = referenced(content)
    for each in content["$defs"].values():
        # Before Python 3.13 a docstring still holds the indentation of its source.
        if "description" in each:
            each["description"] = inspect.cleandoc(each["description"])
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def referenced(content: dict[str, Any]) -> dict[str, Any]:
    """The definitions of a schema that something in it still refers to, in their order."""
    found: set[str] = set()
    waiting = [content["$ref"]]
    while waiting:
        name = waiting.pop().removeprefix("#/$defs/")
        if name not in found:
            found.add(name)
            text = json.dumps(content["$defs"][name])
            waiting += re.findall(r'"(#/\$defs/[^"]+)"', text)
    return {name: each for name, each in content["$defs"].items() if name in found}


def write(wanted: dict[str, str]) -> None:
    """Write every document, and remove those that are no longer generated."""
    for path in present() - wanted.keys():
        (HERE / path).unlink()
    for path, text in wanted.items():
        (HERE / path).parent.mkdir(exist_ok=True)
        (HERE / path).write_text(text, encoding="utf-8")


def differences(wanted: dict[str, str]) -> Iterator[str]:
    """What is not as it would be written."""
    there = present()
    for path in sorted(there | wanted.keys()):
        if path not in there:
            yield f"docs/{path} is missing"
        elif path not in wanted:
            yield f"docs/{path} is left over"
        elif (HERE / path).read_text(encoding="utf-8") != wanted[path]:
            yield f"docs/{path} is out of date"


def present() -> set[str]:
    """The generated documents that are there, as paths below docs/."""
    return {
        path.relative_to(HERE).as_posix() for pattern in GENERATED for path in HERE.glob(pattern)
    }


def main(arguments: Sequence[str]) -> int:
    """Write, or check."""
    wanted = documents()
    if list(arguments) != ["--check"]:
        write(wanted)
        print(f"wrote {len(wanted)} documents")
        return 0
    found = list(differences(wanted))
    print("\n".join([*found, "`make docs` writes them"] if found else ["docs/ is up to date"]))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
