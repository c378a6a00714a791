"""``linkdoctor demo``: the report on recorded hosts."""

from __future__ import annotations

import typer

from linkdoctor.cli import output
from linkdoctor.cli.check import report_text
from linkdoctor.cli.common import Format, FormatOption, VerboseOption, examples, rules_of
from linkdoctor.config import Config

__all__ = ["demo", "register"]

_NOTE = "This is a recording of two hosts, included with linkdoctor. No engine was asked."


def demo(format_: FormatOption = Format.TEXT, verbose: VerboseOption = False) -> None:
    """Report on two recorded hosts; no engine is asked, and the exit code is 0."""
    loaded = rules_of(None, Config())

    from linkdoctor.api import Examination, demo_snapshots, report_on
    from linkdoctor.render.as_json import render_json

    examination = Examination(snapshots=demo_snapshots())
    report = report_on(examination, loaded)
    if format_ is Format.JSON:
        output.complain(_NOTE)
        output.emit_bytes(render_json(report).encode())
    else:
        output.emit(report_text(report, loaded, examination, verbose=verbose, note=_NOTE))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "demo",
        short_help="Report on recorded hosts; needs no engine.",
        epilog=examples("linkdoctor demo", "linkdoctor demo --format json"),
    )(demo)
