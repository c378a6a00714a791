"""Where a result goes, and in which format: the options, and what carries them out."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from linkdoctor.cli import output
from linkdoctor.cli.common import Format

if TYPE_CHECKING:
    from linkdoctor.render.layout import TextStyle

__all__ = ["emit_result", "format_option", "output_option", "place_to_write", "write_text"]


def format_option(what: str, formats: type[StrEnum]) -> Any:
    """Return the option that chooses the format of a report or a picture."""
    return typer.Option(
        "--format",
        metavar="FORMAT",
        help=f"How to write the {what}: {', '.join(formats)}.",
        case_sensitive=False,
    )


def output_option(what: str) -> Any:
    """Return the option that names the file of a report or a picture."""
    return typer.Option(
        "--output", "-o", metavar="FILE", help=f"Write the {what} there, whole or not at all."
    )


def emit_result(
    result: msgspec.Struct, format_: Format, lay_out: Callable[[TextStyle], str]
) -> None:
    """Write a result to standard output: as JSON, or laid out as text."""
    if format_ is Format.JSON:
        from linkdoctor.render.as_json import render_json

        output.emit_bytes(render_json(result).encode())
    else:
        output.emit(lay_out(output.output_style()))


def place_to_write(given: Path | None) -> Path | None:
    """Return the file of ``--output``; None for standard output. Raises CliError."""
    if given is None or str(given) == "-":
        return None
    output.refuse_unwritable(given)
    return given


def write_text(text: str, file: Path | None, *, laid_out: bool, mode: int = 0o600) -> None:
    """Write what a renderer made to a file or to standard output.

    Args:
        text: what is written.
        file: where; None for standard output.
        laid_out: for a terminal: what its encoding cannot show may be replaced.
        mode: who may read the file.
    """
    if file is not None:
        output.write_atomically(file, text.encode("utf-8", "backslashreplace"), mode=mode)
    elif laid_out:
        output.emit(text)
    else:
        output.emit_bytes(text.encode())
