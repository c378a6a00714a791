"""``linkdoctor demo``: the report on recorded hosts."""

from __future__ import annotations

import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import (
    Format,
    FormatOption,
    VerboseOption,
    examples,
    rules_of,
)
from linkdoctor.cli.formats import render
from linkdoctor.cli.writing import write_text
from linkdoctor.config import Config
from linkdoctor.render.formats import CheckFormat

__all__ = ["demo", "register"]

_NOTE = "This is a recording of two hosts, included with linkdoctor. No engine was asked."


def demo(format_: FormatOption = Format.TEXT, verbose: VerboseOption = False) -> None:
    """Report on two recorded hosts; no engine is asked, and the exit code is 0."""
    loaded = rules_of(None, Config())

    from linkdoctor.api import Examination, demo_snapshots, diagnose, join
    from linkdoctor.render.renderer import RenderRequest

    diagnosis = diagnose(join(Examination(snapshots=demo_snapshots())), loaded)
    request = RenderRequest(verbose=verbose, note=_NOTE)
    if format_ is Format.JSON:
        output.complain(_NOTE)
    text = render(CheckFormat(format_), diagnosis, request, loaded)
    write_text(text, None, laid_out=format_ is Format.TEXT)


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command(
        "demo",
        short_help="Report on recorded hosts; needs no engine.",
        epilog=examples("linkdoctor demo", "linkdoctor demo --format json"),
    )(demo)
