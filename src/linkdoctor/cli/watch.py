"""``check --watch``: look again and again, and tell what changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NoReturn

import typer

from linkdoctor.cli import output
from linkdoctor.model.report import Report

__all__ = ["watch"]


def watch(seconds: float, first: Report, look: Callable[[], Report]) -> NoReturn:
    """Look every so many seconds until Ctrl-C; what did not change is not told again.

    It ends, too, when whoever read the output has gone.

    Args:
        seconds: from the end of one look to the beginning of the next.
        first: the report that was shown whole.
        look: examines and diagnoses once more.
    """
    from linkdoctor.model.changes import changes_between
    from linkdoctor.render.watching import render_look

    before = first
    while True:
        time.sleep(seconds)
        after = look()
        changes, clock = changes_between(before, after), time.strftime("%H:%M:%S")
        output.emit(render_look(after, changes, output.output_style(), clock=clock))
        if output.reader_has_gone():
            raise typer.Exit
        before = after
