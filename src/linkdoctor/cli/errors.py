"""What even the smallest command needs, and what imports nothing: errors and examples."""

from __future__ import annotations

__all__ = ["CliError", "examples"]

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
