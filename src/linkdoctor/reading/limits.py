"""How much of what others wrote is read, and how much of what it names is kept.

Hostile text costs no more than these limits, and what one of them cut off is not known.
"""

from __future__ import annotations

from collections.abc import Sequence

from linkdoctor.model.references import HostReference, VariableRead

__all__ = [
    "LONGEST_NAME",
    "LONGEST_SCRIPT",
    "LONGEST_SHELL_TEXT",
    "LONGEST_VALUE",
    "MOST_ARGUMENTS",
    "MOST_IN_A_VALUE",
    "MOST_READS",
    "MOST_REFERENCES",
    "is_cut",
    "is_script_cut",
]

LONGEST_NAME = 256
LONGEST_VALUE = 64 * 1024
"""Of a setting or an argument."""
LONGEST_SCRIPT = 1024 * 1024
LONGEST_SHELL_TEXT = 16 * 1024
"""Of shell text in an argument, or of a line of a script."""
MOST_ARGUMENTS = 1024
MOST_IN_A_VALUE = 32
"""Hosts in one value."""
MOST_REFERENCES = 128
"""For each of environment, arguments and script."""
MOST_READS = 64
"""Link variables that one script reads."""


def is_cut(values: Sequence[str], found: Sequence[HostReference]) -> bool:
    """Whether settings or arguments may name more hosts than were found: a limit was reached.

    The limit to the number of arguments holds for variables as well here; nobody has as many.
    """
    return (
        len(found) >= MOST_REFERENCES
        or len(values) > MOST_ARGUMENTS
        or any(len(value) > LONGEST_VALUE for value in values)
    )


def is_script_cut(reads: Sequence[VariableRead], hosts: Sequence[HostReference]) -> bool:
    """Whether a script may read or name more than was found: a limit was reached."""
    return len(reads) >= MOST_READS or len(hosts) >= MOST_REFERENCES
