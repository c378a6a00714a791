"""Writes docs/man/linkdoctor.1 from the command line itself.

python docs/manpage.py            write it
python docs/manpage.py --check    exit with 1 if it is not as it would be written
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from typer.core import TyperGroup
from typer.main import get_command

from linkdoctor import __version__
from linkdoctor.cli import all_commands, app
from linkdoctor.config import CONFIG_VARIABLE

PAGE = Path(__file__).resolve().parent / "man" / "linkdoctor.1"
SUMMARY = "find broken Docker links, prove each fault, and tell you how to fix it"
ENVIRONMENT = (
    (CONFIG_VARIABLE, "The configuration file, if --config does not name one."),
    ("DOCKER_HOST, DOCKER_CONTEXT", "The engine to ask if none is named, as for docker(1)."),
    ("DOCKER_CERT_PATH, DOCKER_TLS_VERIFY", "TLS towards that engine, as for docker(1)."),
    ("NO_COLOR, FORCE_COLOR", "Never colours, or always."),
    ("LINKDOCTOR_DEBUG", "Show where an internal error happened, for a report of it."),
)
FILES = (
    ("~/.config/linkdoctor/config.toml", "The configuration; $XDG_CONFIG_HOME is honoured."),
    ("/etc/linkdoctor/config.toml", "The configuration of the whole machine."),
    ("~/.local/state/linkdoctor", "The journals of fix --apply."),
)
LABELS = (
    (
        "linkdoctor.ignore",
        "Codes or names of rules, separated by commas or blanks. Findings with this "
        "container as the target are suppressed.",
    ),
    ("linkdoctor.expects", "Names that the container must be able to reach."),
    ("linkdoctor.publish", "Ports that must be reachable from outside the host."),
)
EXIT_STATUS = (
    ("0", "Nothing was found at or above the level of --fail-on."),
    ("1", "Something was found at or above it."),
    ("2", "Wrong usage, wrong configuration, or an internal error."),
    ("3", "Incomplete: an engine could not be asked, or evidence is missing that a rule needed."),
)


def page() -> str:
    """The whole page."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)  # noqa: S101 - the app is made of commands
    lines = [
        f'.TH LINKDOCTOR 1 "" "linkdoctor {__version__}" "User Commands"',
        ".nh",
        ".ad l",
        ".SH NAME",
        rf"linkdoctor \- {text(SUMMARY)}",
        ".SH SYNOPSIS",
        r".B linkdoctor",
        r"[\fB\-h\fR] [\fB\-\-version\fR] \fICOMMAND\fR [\fIARGUMENTS\fR]",
        ".SH DESCRIPTION",
        text(f"{group.help}"),
        *described(f"{group.epilog}"),
        ".SH COMMANDS",
    ]
    root = group.make_context("linkdoctor", [], resilient_parsing=True)
    lines[-1:-1] = [".SH OPTIONS", *parameters(group, root)]
    for name, command in all_commands().items():
        lines += about(name, command, root)
    for heading, pairs in (
        ("EXIT STATUS", EXIT_STATUS),
        ("ENVIRONMENT", ENVIRONMENT),
        ("FILES", FILES),
        ("LABELS OF CONTAINERS", LABELS),
    ):
        lines.append(f".SH {heading}")
        for word, meaning in pairs:
            lines += [".TP", rf"\fB{text(word)}\fR", text(meaning)]
    lines += [".SH SEE ALSO", r"\fBdocker\fR(1)"]
    return "\n".join(lines) + "\n"


def about(name: str, command: Any, root: Any) -> Iterator[str]:
    """One command: its usage, what it does, its arguments, options and examples."""
    context = command.make_context(name, [], parent=root, resilient_parsing=True)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f".SS linkdoctor {text(name)} {text(usage)}"
    for number, paragraph in enumerate(inspect.cleandoc(command.help).split("\n\n")):
        yield from [".PP"] * bool(number)
        yield text(" ".join(paragraph.split()))
    yield from parameters(command, context)
    yield from described(command.epilog or "")


def parameters(command: Any, context: Any) -> Iterator[str]:
    """The arguments and options of a command."""
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record:
            word, meaning = record
            word = re.sub(r" <(?:list\[)?\w+\]?>$", "", word)  # the type of an argument
            yield from (".TP", rf"\fB{text(word)}\fR", text(" ".join(meaning.split())))


def described(epilog: str) -> Iterator[str]:
    """The end of a help text: examples, whose lines stay as they are, and a paragraph."""
    for block in epilog.removeprefix("\b\n").split("\n\n"):
        heading, *examples = block.split("\n")
        if examples:
            yield from (".PP", text(heading), ".RS", ".nf", *map(text, examples), ".fi", ".RE")
        elif heading:
            yield from (".PP", text(heading))


def text(words: str) -> str:
    """Words as roff takes them: nothing in them is a request or an escape."""
    escaped = words.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped)


def main(arguments: Sequence[str]) -> int:
    """Write, or check."""
    wanted = page()
    if list(arguments) != ["--check"]:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(wanted, encoding="utf-8")
        return 0
    there = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    print(f"docs/man is {'up to date' if there == wanted else 'out of date'}")
    return int(there != wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
