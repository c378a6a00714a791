"""One fix for many targets: what the findings of one cause ask for, in as few commands as can be.

Fixes are merged where they differ by the name of the target only.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Sequence
from typing import TypeAlias

import msgspec

from linkdoctor.model.report import Finding, Fix
from linkdoctor.render.layout import listed

__all__ = ["also_needed", "merged_fixes"]

_Fixes: TypeAlias = dict[tuple[str, str], list[tuple[str, Fix]]]
"""Fixes and their targets, by what they do."""

_NAME = "\0"
"""Where the name of a target was."""

_MANY_AT_ONCE = frozenset({"restart", "start", "stop", "unpause", "rm"})
"""The subcommands of docker that take several containers."""


def merged_fixes(cause: tuple[Finding, ...]) -> list[Fix]:
    """Return the fixes of findings that have one cause, those alike for many targets as one."""
    if len(cause) == 1:
        return list(cause[0].fixes)
    targets = {each.target for each in cause}
    return [_for_whom(group, targets) for group in _grouped_fixes(cause).values()]


def also_needed(cause: tuple[Finding, ...]) -> frozenset[int]:
    """Return the places of merged fixes that other findings need beside the first: no choice."""
    if len(cause) == 1:
        return frozenset()
    first = {_kind_of_fix(each, each.fixes[0]) for each in cause if each.fixes}
    return frozenset(n for n, key in enumerate(_grouped_fixes(cause)) if n and key in first)


def _grouped_fixes(cause: tuple[Finding, ...]) -> _Fixes:
    """Put together what differs only by the name of the target."""
    groups: _Fixes = {}
    for finding in cause:
        for fix in finding.fixes:
            groups.setdefault(_kind_of_fix(finding, fix), []).append((finding.target, fix))
    return groups


def _kind_of_fix(finding: Finding, fix: Fix) -> tuple[str, str]:
    return _without_name(fix.title, finding.target, ""), fix.safety.value


def _for_whom(group: Sequence[tuple[str, Fix]], targets: Collection[str]) -> Fix:
    """Merge fixes; say for which targets they are where that is some only, and not in the title."""
    fix = _merged_fix(group)
    served = list(dict.fromkeys(each for each, _ in group))
    if len(served) == len(targets) or all(
        re.search(rf"\b{re.escape(each)}\b", fix.title) for each in served
    ):
        return fix
    return msgspec.structs.replace(fix, title=f"for {listed(served)}: {fix.title}")


def _without_name(title: str, name: str, joiner: str) -> str:
    """Blank out a name wherever it is a word; the joiner, if any, makes longer words of it."""
    pattern = rf"(?<![\w.-]){re.escape(name)}(?![\w{joiner}])"
    return re.sub(pattern, _NAME, title) if name else title


def _merged_fix(group: Sequence[tuple[str, Fix]]) -> Fix:
    target, first = group[0]
    targets = list(dict.fromkeys(each for each, _ in group))
    title = _without_name(first.title, target, "-")
    if len(targets) == 1:
        title = first.title
    elif title == _without_name(first.title, target, ""):
        title = title.replace(_NAME, listed(targets))
    else:  # web is also part of another word, as in web-before
        title = f"{first.title}; likewise {listed(targets[1:])}"
    commands = _merged_commands([fix.commands for _, fix in group])
    return msgspec.structs.replace(first, title=title, commands=commands)


def _merged_commands(sequences: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Join step by step what can be joined; otherwise one sequence follows the other."""
    if len({len(sequence) for sequence in sequences}) == 1:
        steps = [_merged_step(step) for step in zip(*sequences, strict=True)]
        if all(step is not None for step in steps):
            return tuple(step for step in steps if step is not None)
    commands = [command for sequence in dict.fromkeys(sequences) for command in sequence]
    return tuple(commands)


def _merged_step(commands: Sequence[str]) -> str | None:
    distinct = list(dict.fromkeys(commands))
    if len(distinct) == 1:
        return distinct[0]
    words = [_words(command) for command in distinct]
    verb = words[0][1] if len(words[0]) == 3 else ""
    if verb in _MANY_AT_ONCE and all(
        len(each) == 3 and each[:2] == ["docker", verb] for each in words
    ):
        return shlex.join(["docker", verb, *(each[2] for each in words)])
    return None


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []
