"""The calls of linkdoctor that `deploy/` and `docs/` hold, tried on the command line itself."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from linkdoctor.cli import all_commands

_SHELL = re.compile(r"\|\|?|&&|;|>|<|\n")


def calls_in(text: str) -> list[list[str]]:
    """Every call of linkdoctor in lines of a shell, as words, `linkdoctor` itself left out."""
    found = []
    for part in _SHELL.split(text.replace("\\\n", " ")):
        words = shlex.split(part, comments=True)
        for position, word in enumerate(words):
            # Without a word after it, it is the name of a directory.
            if word.rpartition("/")[2] == "linkdoctor" and words[position + 1 :]:
                found.append(words[position + 1 :])
                break
    return found


def commands() -> dict[str, Any]:
    """The commands that there are."""
    return all_commands()


def accept(words: Sequence[str]) -> str:
    """Parse a call as the command line does, options and values, without running it.

    Gives the command's name; what the command line refuses is an error here too.
    """
    name, *rest = words
    assert name in commands(), f"no command {name}"
    commands()[name].make_context(name, rest)
    return name
