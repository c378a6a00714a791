"""Writes the generated part of docs/.

A page for each rule, their index, the JSON Schemas, and the pages on the command line, the
configuration and the file formats.

python docs/generate.py            write them
python docs/generate.py --check    exit with 1 if one of them is not as it would be written
"""

from __future__ import annotations

import ast
import html
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, get_origin

import msgspec
import msgspec.inspect as kinds

from linkdoctor.cli import all_commands
from linkdoctor.config import Config
from linkdoctor.fix.use_cases import APPLIED_SCHEMA, Applied
from linkdoctor.model.baseline import BASELINE_SCHEMA, Baseline
from linkdoctor.model.coverage import SELF_CHECK_SCHEMA, SelfCheck
from linkdoctor.model.differences import SCHEMA as DIFF_SCHEMA
from linkdoctor.model.differences import Comparison
from linkdoctor.model.plan import SCHEMA as PLAN_SCHEMA
from linkdoctor.model.plan import Plan
from linkdoctor.model.report import SCHEMA as REPORT_SCHEMA
from linkdoctor.model.report import Fix, Report
from linkdoctor.model.snapshot import SCHEMA as SNAPSHOT_SCHEMA
from linkdoctor.model.snapshot import Snapshot
from linkdoctor.privacy.inventory import SCHEMA as CONTENTS_SCHEMA
from linkdoctor.privacy.inventory import Inventory
from linkdoctor.registry import LoadedRule, load_rules
from linkdoctor.render.documents import UNPRINTED
from linkdoctor.render.graph import SCHEMA as GRAPH_SCHEMA
from linkdoctor.render.graph import Picture
from linkdoctor.rulekit import Case

HERE = Path(__file__).resolve().parent
GENERATED = ("rules/*.md", "schema/*", "cli.md", "configuration.md")
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def documents() -> dict[str, str]:
    """Every generated document: its path below docs/ and its text."""
    rules = load_rules()
    pages = {f"rules/{loaded.rule.code}.md": page(loaded, rules) for loaded in rules}
    return {
        **pages,
        "rules/README.md": index(rules),
        "schema/graph.schema.json": schema(Picture, GRAPH_SCHEMA),
        "cli.md": command_line(),
        "configuration.md": configuration(),
        "schema/README.md": formats(),
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


# --- the command line -----------------------------------------------------------------------------


def command_line() -> str:
    """The page on the command line."""
    parts = [
        "# Command line",
        "What `linkdoctor COMMAND --help` says, for each command.",
    ]
    for name, command in all_commands().items():
        parts += of_command(f"linkdoctor {name}", command)
    return "\n\n".join(parts) + "\n"


def of_command(path: str, command: Any) -> Iterator[str]:
    """What a command does, what it takes, and its examples; then its own commands."""
    context = command.make_context(path, [], resilient_parsing=True)
    yield f"## {path}"
    yield from wrapped(command.help or "")
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    yield f"```text\n{usage}\n```"
    records = [
        record for each in command.get_params(context) if (record := each.get_help_record(context))
    ]
    yield table(("argument or option", "meaning"), ((code(what), says) for what, says in records))
    # Both lines of a paragraph that begins with a backspace stay as they are.
    for paragraph in (command.epilog or "").split("\n\n"):
        if paragraph.startswith("\b"):
            title, _, lines = paragraph.removeprefix("\b\n").partition("\n")
            yield f"{title}\n\n```sh\n{textwrap.dedent(lines)}\n```"
        else:
            yield from wrapped(paragraph)
    for name, nested in getattr(command, "commands", {}).items():
        yield from of_command(f"{path} {name}", nested)


def wrapped(text: str) -> Iterator[str]:
    """The paragraphs of a text, each in lines of a page's width; a docstring's code as Markdown."""
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        yield textwrap.fill(paragraph.replace("``", "`"), 100)


def code(text: str) -> str:
    """A piece of code in a cell of a table; how a bar is written between backticks is disputed."""
    return f"<code>{html.escape(text)}</code>" if "|" in text else f"`{text}`"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar within a cell does not end it."""
    lines = [heads, ["---"] * len(heads), *rows]
    escaped = ([each.replace("|", "&#124;") for each in row] for row in lines)
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


# --- the configuration and the file formats, from their structs -----------------------------------


def configuration() -> str:
    """The page on the configuration file."""
    text = inspect.cleandoc(
        """
        # Configuration

        A file in TOML: `--config FILE`, else `$LINKDOCTOR_CONFIG`, else
        `$XDG_CONFIG_HOME/linkdoctor/config.toml` (`~/.config/linkdoctor/config.toml`), else
        `/etc/linkdoctor/config.toml`. Only the first that exists is read; never one from the
        working directory. Options on the command line win. An unknown key is an error, and exits
        with 2.

        ```toml
        ignore = ["LD605"]
        accept-missing = ["root"]
        fail-on = "warning"
        timeout = 60
        hosts = ["unix:///var/run/docker.sock", "tcp://10.0.0.2:2376"]

        [[container]]
        container = "web-*"
        expects = ["helloapp"]
        publishes = [8080]
        ```
        """
    )
    tables = "\n\n".join(struct_tables(Config, "Keys"))
    # TOML has no null: what may be null may be left out.
    return f"{text}\n\n{tables.replace(' or null', '')}\n"


def formats() -> str:
    """The page on the file formats."""
    files = (
        (REPORT_SCHEMA, "report", Report, "`check --format json`, `demo --format json`"),
        (SNAPSHOT_SCHEMA, "snapshot", Snapshot, "`snapshot -o FILE`, compressed with gzip"),
        (PLAN_SCHEMA, "plan", Plan, "`fix --format json`, `fix --plan-out FILE`"),
    )
    rows = [
        (f"`{name}`", f"[{stem}.schema.json]({stem}.schema.json)", by)
        for name, stem, _, by in files
    ]
    parts = [
        "# File formats",
        *wrapped(
            "Each file names its format in the field `schema`. A format changes in a way that "
            "breaks its readers only under another number; fields may be added at any time."
        ),
        table(("format", "JSON Schema", "written by"), rows),
    ]
    for name, _, kind, _ in files:
        parts += struct_tables(kind, name)
    return "\n\n".join(parts) + "\n"


def struct_tables(kind: type[msgspec.Struct], title: str) -> Iterator[str]:
    """A table of the fields of a struct, then of each struct that is among them."""
    waiting, seen = [kind], {kind}
    while waiting:
        struct = waiting.pop(0)
        info: Any = kinds.type_info(struct)
        yield f"## {title}" if struct is kind else f"### {title}: {struct.__name__}"
        if struct is not kind and struct.__doc__:
            yield next(wrapped(struct.__doc__))
        fields = [each for each in info.fields if (struct, each.name) not in UNPRINTED_FIELDS]
        yield table(
            ("field", "value", "meaning"),
            ((f"`{each.encode_name}`", value(each), meaning(struct, each)) for each in fields),
        )
        for each in fields:
            found = [part for part in structs_in(each.type) if part not in seen]
            waiting += found
            seen.update(found)


UNPRINTED_FIELDS = {(Fix, field) for field in UNPRINTED}


def bare(kind: kinds.Type) -> kinds.Type:
    """A type without its description."""
    return bare(kind.type) if isinstance(kind, kinds.Metadata) else kind


def structs_in(kind: kinds.Type) -> Iterator[type[msgspec.Struct]]:
    """The structs that a field may hold."""
    kind = bare(kind)
    if isinstance(kind, kinds.StructType):
        yield plain(kind)
    for part in parts_of(kind):
        yield from structs_in(part)


def plain(kind: kinds.StructType) -> type[msgspec.Struct]:
    """The class of a struct, without what a generic one is made of here."""
    return get_origin(kind.cls) or kind.cls


def parts_of(kind: kinds.Type) -> tuple[kinds.Type, ...]:
    """What a type is made of: the items of a list, the members of a choice."""
    if isinstance(kind, kinds.UnionType):
        return kind.types
    if isinstance(kind, kinds.VarTupleType):
        return (kind.item_type,)
    if isinstance(kind, kinds.TupleType):
        return kind.item_types
    if isinstance(kind, kinds.StructType) and get_origin(kind.cls):
        return tuple(each.type for each in kind.fields)
    return ()


def value(field: kinds.Field) -> str:
    """What a field holds, and whether it must be there."""
    default = field.default.value if isinstance(field.default, Enum) else field.default
    shown = isinstance(default, bool | int | float) or (isinstance(default, str) and default)
    said = f"; default: `{json.dumps(default)}`" if shown else ""
    return in_words(field.type) + ("; required" if field.required else said)


WORDS = {
    kinds.StrType: "text",
    kinds.IntType: "whole number",
    kinds.FloatType: "number",
    kinds.BoolType: "true or false",
    kinds.AnyType: "anything",
}


def in_words(kind: kinds.Type) -> str:
    """A type, for people who do not write Python."""
    kind = bare(kind)
    if isinstance(kind, kinds.UnionType):
        rest = [each for each in kind.types if not isinstance(each, kinds.NoneType)]
        null = " or null" if len(rest) < len(kind.types) else ""
        return " or ".join(map(in_words, rest)) + null
    if isinstance(kind, kinds.EnumType):
        return ", ".join(f"`{each.value}`" for each in kind.cls)
    if isinstance(kind, kinds.StructType):
        return plain(kind).__name__
    if isinstance(kind, kinds.VarTupleType):
        return f"list of {in_words(kind.item_type)}"
    if isinstance(kind, kinds.TupleType):
        return f"list of {', '.join(map(in_words, kind.item_types))}"
    if isinstance(kind, kinds.DictType):
        return f"table: {in_words(kind.value_type)}"
    return WORDS.get(type(kind), type(kind).__name__.removesuffix("Type").lower())


def meaning(struct: type[msgspec.Struct], field: kinds.Field) -> str:
    """What is said of a field: its description, else its docstring, else the help of `check`."""
    if isinstance(field.type, kinds.Metadata) and field.type.extra_json_schema:
        return str(field.type.extra_json_schema.get("description", ""))
    said = next((text for each in struct.__mro__ if (text := said_in(each).get(field.name))), "")
    if said or struct is not Config:
        return " ".join(said.replace("``", "`").split())
    return options_of_check().get(field.encode_name, "")


@cache
def said_in(kind: type) -> dict[str, str]:
    """The docstrings of a class's fields: what stands below each in the source."""
    if not kind.__module__.startswith("linkdoctor"):
        return {}
    source = textwrap.dedent(inspect.getsource(kind))
    body = next(each for each in ast.walk(ast.parse(source)) if isinstance(each, ast.ClassDef)).body
    return {
        field.target.id: text.value.value
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


@cache
def options_of_check() -> dict[str, str]:
    """What the help of `check` says of each option, by its long name without the dashes."""
    command = all_commands()["check"]
    return {
        name.removeprefix("--"): f"`{name}`: {each.help}"
        for each in command.params
        for name in each.opts
        if getattr(each, "help", None)
    }


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
