"""What even the smallest command needs, and what imports nothing: errors and examples."""

from __future__ import annotations

from typing import Any

__all__ = ["CliError", "examples", "what_is_wrong"]

_USAGE = 2
"""``ExitCode.USAGE``: the model is not imported for ``--version``."""


class CliError(Exception):
    """An error that was to be expected: one line, and the exit code."""

    def __init__(self, message: str, code: int = _USAGE) -> None:
        super().__init__(message)
        self.code = code


def examples(*lines: str, more: str = "") -> str:
    """Make the end of a help text: examples, whose lines stay as they are."""
    shown = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExamples:\n{shown}" + (f"\n\n{more}" if more else "")


_EXPECTED = {"int": "a whole number", "float": "a number", "bool": "true or false"}
"""By the beginning of the kind of an error of pydantic, which typer converts values with."""

_SAID_BY_CLICK = {
    "is not a valid integer": "is not a whole number",
    "is not a valid float": "is not a number",
}
"""Older versions of typer convert values without pydantic."""


def what_is_wrong(error: Any) -> str:
    """Say what is wrong with the value of an option, not in the words of a library.

    Args:
        error: a ``typer.BadParameter``; its cause tells what kind of error it is.
    """
    cause = error.__cause__
    if not hasattr(cause, "errors"):
        words = str(error.message).removesuffix(".")
        for said, plain in _SAID_BY_CLICK.items():
            words = words.replace(said, plain)
        return words
    found = cause.errors()[0]
    if found["type"] == "value_error":
        from linkdoctor.render.sanitize import sanitize

        return sanitize(str(found["ctx"]["error"])).removesuffix(".")
    expected = _EXPECTED.get(found["type"].partition("_")[0], "a valid value")
    return f"{str(found['input'])[:80]!r} is not {expected}"
