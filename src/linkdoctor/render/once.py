"""Commands that several findings share are printed with the first of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from linkdoctor.model.report import Finding, Fix
from linkdoctor.rulekit.fixes import KEPT

__all__ = ["ALL_IN_ORDER", "Printed", "once"]

ALL_IN_ORDER = "what linkdoctor fix would do, in an order in which it can be pasted:"
"""Above the commands of a whole report: not all of its findings can be fixed by commands."""


class Printed:
    """What was printed so far, and where."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._where: dict[tuple[str, ...], tuple[str, str]] = {}
        self._recreations: list[tuple[tuple[str, ...], str]] = []

    def fresh(self, finding: Finding, fixes: Iterable[Fix]) -> tuple[Fix, ...]:
        """Return the fixes of a finding, without commands that stand above it already."""
        here = (finding.fingerprint, f"{finding.code} {finding.target or finding.host}")
        fixes = tuple(fixes)
        return tuple(self._fresh(here, each, fixes[at + 1 :]) for at, each in enumerate(fixes))

    def _fresh(self, here: tuple[str, str], fix: Fix, later: Sequence[Fix]) -> Fix:
        if not fix.commands:
            return fix
        if any(_is_part(fix.commands, each.commands) for each in later):
            return _without_commands(fix, "below")
        for longer, where in self._recreations:
            if _is_part(fix.commands, longer):
                return _without_commands(fix, f"above, at {where}")
        first = self._where.setdefault(fix.commands, here)
        if first != here:
            return _without_commands(fix, f"above, at {first[1]}")
        self._recreations.append((fix.commands, here[1]))
        return fix


def _without_commands(fix: Fix, where: str) -> Fix:
    title = f"{fix.title} (see the commands {where})"
    return msgspec.structs.replace(fix, title=title, commands=())


def _is_part(commands: Sequence[str], longer: Sequence[str]) -> bool:
    """Whether a recreation by hand is a part of another: it can be typed but once."""
    if not any(each.startswith("docker rename ") and each.endswith(KEPT) for each in commands):
        return False
    size = len(commands)
    starts = range(len(longer) - size + 1) if len(longer) > size else ()
    return any(longer[at : at + size] == commands for at in starts)


def once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings in which the same commands stand once."""
    printed = Printed()
    return tuple(
        msgspec.structs.replace(each, fixes=printed.fresh(each, each.fixes)) for each in findings
    )
